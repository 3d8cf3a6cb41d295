"""Stages of workflow/rules/report.smk: figures, summary, and what is shown at the terminal."""

import logging
from pathlib import Path
from typing import Any

from mixwright.files import read_json

Paths = list[Path]
NONE: Paths = []
log = logging.getLogger(__name__)


def draw(
    figure: str,
    to: Path,
    study: Paths = NONE,
    design: Paths = NONE,
    losses: Paths = NONE,
    validation: Paths = NONE,
    mixtures: Paths = NONE,
    scores: Paths = NONE,
    documents: Paths = NONE,
    tests: Paths = NONE,
    subsets: Paths = NONE,
    regions: Paths = NONE,
    predictions: Paths = NONE,
    ladder: Paths = NONE,
    table: Path | None = None,
) -> None:
    """Draw a figure from the study's tables."""
    from mixwright.figures import draw_figure

    given = {"design": design, "losses": losses, "validation": validation, "mixtures": mixtures, "scores": scores, "documents": documents}
    given |= {"tests": tests, "subsets": subsets, "regions": regions, "predictions": predictions, "ladder": ladder}
    draw_figure(figure, {name: paths for name, paths in given.items() if paths} | ({"study": study[0]} if study else {}), to, table)


def summarise(
    study: Path,
    design: Paths,
    losses: Paths,
    validation: Paths,
    mixtures: Paths,
    scores: Paths,
    documents: Paths,
    shards: Paths,
    figures: Paths,
    html: Path,
    json: Path,
    table: Path,
) -> None:
    """Say which mixture won, by how much, and what to distrust: a page, a JSON and a table."""
    from mixwright.outputs import provenance, write_report
    from mixwright.report import summarise
    from mixwright.results import load
    from mixwright.study import Study

    asked = Study.read(study)
    paths: dict[str, Any] = {"design": design, "losses": losses, "validation": validation, "mixtures": mixtures, "scores": scores}
    read = load(paths | {"documents": documents, "manifests": [folder / "manifest.json" for folder in shards]})
    facts = provenance(asked.config, read.pop("manifests"))
    reads = {mixer: asked.roles_of(mixer) for mixer in asked.mixers}
    write_report(summarise(asked.config, **read, reads=reads, provenance=facts), html, json=json, table=table, figures=figures)


def show(summary: Path) -> None:
    """Print a study's summary at the terminal."""
    from mixwright.outputs import print_summary

    print_summary(read_json(summary))


def link_profiles(to: Paths = NONE) -> None:
    """Link the repository's profiles where `snakemake --profile slurm` looks for them; yours are never overwritten."""
    from mixwright.profiles import link_profiles

    link_profiles(*to)
