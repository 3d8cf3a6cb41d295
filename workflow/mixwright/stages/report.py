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
    backtest: Paths = NONE,
    transfer: Paths = NONE,
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
    scales = {name: read_json(path[0]) for name, path in (("backtest", backtest), ("transfer", transfer)) if path}
    write_report(summarise(asked.config, **read, reads=reads, provenance=facts, **scales), html, json=json, table=table, figures=figures)


def show(summary: Path) -> None:
    """Print a study's summary at the terminal."""
    from mixwright.outputs import print_summary

    print_summary(read_json(summary))


def status(study: Path | None = None) -> None:
    """Say how far a study's training is: runs done, running, waiting and stopped, tokens/s, time to go; at any time, from any terminal."""
    from rich.console import Console
    from rich.text import Text

    from mixwright import status_lines
    from mixwright.status import find_study, swarms
    from mixwright.study import Study

    found = study or find_study(list(Path("results").glob("*/study.json")))
    asked, out = Study.read(found), Console(highlight=False, soft_wrap=True)
    seen, unit = swarms(asked, found.parent), "tokens" if asked.learner.sized else "runs"
    out.print(Text("\n".join([found.parent.name, *(status_lines.sentence(swarm, unit) for swarm in seen)]), style="bold"))
    out.print(status_lines.roles(seen))
    for line in status_lines.jobs(seen, unit):
        out.print(Text(line))
    for line in status_lines.troubles(seen):
        out.print(Text(line, style="red"))


def doctor(results: Path = Path("results")) -> None:
    """Look at this machine and its cluster: what of a study works, what does not, which lines the profiles need."""
    import yaml
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mixwright.doctor import examine, profiles
    from mixwright.errors import MixwrightError

    signs = {"ok": Text("works", style="green"), "note": Text("note", style="yellow"), "fails": Text("fails", style="bold red")}
    out, found = Console(highlight=False), list(examine(results))
    table = Table(box=None, show_header=False, padding=(0, 1))
    for finding in found:
        table.add_row(finding.what, signs[finding.state], Text(finding.says))
    out.print(table)
    for profile, settings in profiles(found).items():
        out.print(Text(f"\nlines of profiles/{profile}/config.yaml here:", style="bold"))
        out.print(Text(yaml.safe_dump(settings, sort_keys=False).rstrip()))
    failing = [finding.what for finding in found if finding.needed and finding.state == "fails"]
    if failing:
        raise MixwrightError(f"the default study cannot run here: {', '.join(failing)}; see above")


def link_profiles(to: Paths = NONE) -> None:
    """Link the repository's profiles where `snakemake --profile slurm` looks for them; yours are never overwritten."""
    from mixwright.profiles import link_profiles

    link_profiles(*to)
