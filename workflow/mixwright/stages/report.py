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
    from mixwright.report.figures import draw_figure

    given = {
        "design": design,
        "losses": losses,
        "validation": validation,
        "mixtures": mixtures,
        "scores": scores,
        "documents": documents,
    }
    given |= {
        "tests": tests,
        "subsets": subsets,
        "regions": regions,
        "predictions": predictions,
        "ladder": ladder,
    }
    draw_figure(
        figure,
        {name: paths for name, paths in given.items() if paths}
        | ({"study": study[0]} if study else {}),
        to,
        table,
    )


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
    backtest: Paths = NONE,
    transfer: Paths = NONE,
) -> None:
    """Say which mixture won, by how much, and what to distrust: a page, a JSON and a table."""
    from mixwright.report.outputs import provenance, write_report
    from mixwright.report.results import load
    from mixwright.report.summary import summarise
    from mixwright.study.study import Study

    asked = Study.read(study)
    paths: dict[str, Any] = {
        "design": design,
        "losses": losses,
        "validation": validation,
        "mixtures": mixtures,
        "scores": scores,
    }
    read = load(
        paths
        | {"documents": documents, "manifests": [folder / "manifest.json" for folder in shards]}
    )
    facts = provenance(asked, read.pop("manifests"))
    reads = {mixer: asked.roles_of(mixer) for mixer in asked.mixers}
    scales = {
        name: read_json(path[0])
        for name, path in (("backtest", backtest), ("transfer", transfer))
        if path
    }
    write_report(
        summarise(asked, **read, reads=reads, provenance=facts, **scales),
        html,
        json=json,
        table=table,
        figures=figures,
    )


def show(summary: Path) -> None:
    """Print a study's summary at the terminal."""
    from mixwright.report.outputs import print_summary

    print_summary(read_json(summary))
