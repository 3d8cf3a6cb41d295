"""Whole pages of made-up results, one a kind of result, as the stages write them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import explored_surfaces
import figure_results
import made_pages
import own_tables
import perturbed_runs
import published_runs
import study_tables
from mixwright.__main__ import main
from mixwright.report import figures
from mixwright.report.by_task import by_task
from mixwright.report.caveats import Caveat
from mixwright.report.cost import Spent
from mixwright.report.explorer.explorer import Explorer
from mixwright.report.outputs import provenance, write_report
from mixwright.report.page import summary_page
from mixwright.report.proposals_page import write_page
from mixwright.report.proposals_summary import summarise as summarise_proposals
from mixwright.report.summary import summarise
from mixwright.study.study import Study
from planted_tasks import answers, scores
from workshop import Workshop

SERIOUS = Caveat("Of a target only a part was scored: raise the limit to score more of it.", True)
LINES = ("snakemake --cores all --configfile results/demo/study.json",)


def written(kind: str, folder: Path) -> Path:
    """Writes the page of a kind of result into a folder, with its figures, and returns it."""
    page = folder / f"{kind}.html"
    MAKERS[kind](page)
    return page


@cache
def explorer() -> Explorer:
    """An explorer over planted surfaces, whose domains have names that are hard to write."""
    return explored_surfaces.explorer()


def drawn(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draws the figures that these results suffice for, each with its numbers."""
    folder.mkdir(parents=True)
    places = folder / "results"
    places.mkdir()
    paths = figure_results.write(results, places)
    made = []
    registry = figures.MEASURED if results["study"].measured else figures.FIGURES
    for name, registered in registry.items():
        if not {*registered.inputs} <= {*paths}:
            continue
        wanted = {
            one: paths[one] for one in (*registered.inputs, *registered.optional) if one in paths
        }
        files = [folder / f"{name}.svg", folder / f"{name}.csv"]
        figures.draw_figure(name, wanted, files)
        made.append(files[0])
    return made


def _summary(page: Path) -> None:
    results = figure_results.trained()
    study = results["study"]
    summary = summarise(
        study,
        study_tables.scores(noise=0.003),
        results["design"],
        results["losses"],
        results["mixtures"],
        validation=results["validation"],
        documents=results["documents"],
        reads=study_tables.READS,
        provenance=provenance(study),
        transfer=results["transfer"],
    )
    rows = by_task(scores("arc"), answers())
    summary = replace(
        summary,
        caveats=(SERIOUS, *summary.caveats),
        tasks=rows,
        explorer=explorer(),
        spent=(Spent("swarm", 32, 3_200_000, 1.5e12, 600.0), Spent("finals", 16, 32, None, None)),
        commands=LINES,
        settings="study: demo\n",
    )
    svgs = drawn(results, page.parent / "summary")
    beside = page.with_suffix(".json"), page.with_suffix(".parquet")
    write_report(summary, page, json=beside[0], table=beside[1], figures=svgs)


def _proposals(page: Path) -> None:
    results = figure_results.trained()
    for name in ("scores", "curves", "documents"):
        del results[name]
    study = Study(study_tables.study() | {"finals": "none"})
    summary = summarise_proposals(
        study,
        results["design"],
        results["losses"],
        results["mixtures"],
        validation=results["validation"],
        transfer=results["transfer"],
        provenance=provenance(study),
    )
    summary = replace(summary, explorer=explorer(), commands=LINES, settings="study: demo\n")
    write_page(summary, page, drawn(results, page.parent / "proposals"))


def _measured(page: Path) -> None:
    _of_others(page, published_runs.write)


def _perturbed(page: Path) -> None:
    _of_others(page, perturbed_runs.write)


def _of_others(page: Path, write: Callable[[Path], dict[str, Any]]) -> None:
    """Runs the commands of all jobs of a study of measured runs in this process."""
    folder = page.parent / page.stem
    mirror = folder / "mirror"
    mirror.mkdir(parents=True)
    written = write(mirror)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIXWRIGHT_MIRROR", str(mirror))
        patch.chdir(folder)
        for words in Workshop(folder, warm=False).commands(written):
            assert main(words) == 0, words
    shutil.copy(folder / "results" / written["study"] / "report" / "summary.html", page)


def _many(page: Path) -> None:
    """Twenty-five domains with long names, and no figures."""
    page.write_text(summary_page(made_pages.SUMMARIES["many domains"]()), encoding="utf-8")


def _own(page: Path) -> None:
    folder = page.parent / "own"
    mixtures, losses = own_tables.write(folder)
    fit = folder / "fit"
    fitting = ["fit", "--mixtures", mixtures, "--losses", losses, "--mixer", "effective-data"]
    showing = ["page", "--fit", fit, "--cap", "web=0.5", "--to", page]
    for words in ([*fitting, "--to", fit], showing):
        assert main([str(word) for word in words]) == 0


MAKERS: dict[str, Callable[[Path], None]] = {
    "summary": _summary,
    "proposals": _proposals,
    "many": _many,
    "measured": _measured,
    "perturbed": _perturbed,
    "own": _own,
}
