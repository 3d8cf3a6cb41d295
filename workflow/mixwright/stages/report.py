"""Stages of workflow/rules/report.smk: the summary, and the same for people."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from mixwright.corpus.shards import read_counts
from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json
from mixwright.report import layout, proposals_summary
from mixwright.report.brief import print_brief
from mixwright.report.by_task import TaskRow, by_task, sentences_of
from mixwright.report.caveats import serious_first
from mixwright.report.cost import FINALS, Spent, recorded, spent, trained_on
from mixwright.report.explorer.building import (
    explorer_of,
    exports_of,
    propose_line,
    read_surfaces,
)
from mixwright.report.explorer.explorer import Explorer
from mixwright.report.exported import read_exports
from mixwright.report.judging import learner_of
from mixwright.report.origin import commands, configuration
from mixwright.report.outputs import provenance, write_report
from mixwright.report.proposals_page import write_page
from mixwright.report.results import NO_TABLE, Records, load
from mixwright.report.speed import Speed, goal_on_the_way, speeds
from mixwright.report.summary import ArmSummary, Summary
from mixwright.report.summary import summarise as compare_finals
from mixwright.report.terminal import print_summary
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE

# What `show` prints of a summary; one of the last two.
SHOWN = ("headline", "detail")
ANSWERS = ("arms", "proposals")


def summarise(study: Path, html: Path, json: Path, table: Path) -> None:
    """Write which mixture won, by how much, and what to distrust: a page, a JSON and a table.

    Example:
        mixwright summarise --study results/demo/study.json --html summary.html
            --json summary.json --table finals.parquet
    """
    plan = Study.read(study)
    folder = study.parent
    results = load(layout.result_paths(plan, folder))
    task_scores = results.pop("task_scores", NO_TABLE)
    answers = results.pop("task_answers", NO_TABLE)
    # drawn, and no part of the comparison
    results.pop("curves", None)
    merged = results.pop("merged", {})
    surfaces = _surfaces(plan, folder)
    copies = results.pop("snapshot_scores", NO_TABLE)
    summary = compare_finals(
        plan,
        **results,
        reads={mixer: plan.roles_of(mixer) for mixer in plan.mixers},
        surfaces=list(surfaces.values()),
        **_of_text(plan, folder),
    )
    written = read_exports(layout.export_files(plan, folder))
    beats = recorded(plan, folder)
    caveats = serious_first([*summary.caveats, *written.caveats])
    files = {"html": html, "json": json, "table": table}
    summary = replace(
        summary,
        exports=written.lines,
        caveats=caveats,
        merged=merged,
        spent=spent(plan, beats, results.get("finals")),
        machines=trained_on(plan, beats),
        explorer=_explorer(plan, surfaces, summary.chosen, results["mixtures"], summary.arms),
        settings=configuration(plan),
        commands=commands(plan, "summarise", files),
    )
    if not copies.empty:
        summary = replace(summary, speeds=_speeds(plan, copies, results))
    if not answers.empty:
        summary = _with_tasks(summary, by_task(task_scores, answers))
    drawn = layout.figure_files(plan, folder)
    write_report(summary, html, json=json, table=table, figures=drawn)


def summarise_proposals(study: Path, html: Path, json: Path) -> None:
    """Write what a study proposes and how sure that is, before final models: a page and a JSON.

    Example:
        mixwright summarise-proposals --study results/demo/study.json --html proposals.html
            --json proposals.json
    """
    plan = Study.read(study)
    folder = study.parent
    results = load(layout.proposal_paths(plan, folder))
    surfaces = _surfaces(plan, folder)
    summary = proposals_summary.summarise(
        plan,
        **results,
        fits=[Path(path) for path in layout.fit_paths(plan, folder)],
        surfaces=list(surfaces.values()),
        **_of_text(plan, folder),
    )
    written = read_exports(layout.export_files(plan, folder))
    beats = recorded(plan, folder)
    caveats = serious_first([*summary.caveats, *written.caveats])
    summary = replace(
        summary,
        exports=written.lines,
        caveats=caveats,
        spent=_without_finals(spent(plan, beats, None)),
        machines=trained_on(plan, beats),
        explorer=_explorer(plan, surfaces, summary.chosen, results["mixtures"]),
        settings=configuration(plan),
        commands=commands(plan, "summarise-proposals", {"html": html, "json": json}),
    )
    write_json(json, summary.as_json())
    write_page(summary, html, layout.figure_files(plan, folder, finals=False))


def _with_tasks(summary: Summary, tasks: Sequence[TaskRow]) -> Summary:
    """The summary with what tasks say of the chosen mixture, or of the best where none is."""
    named = summary.chosen
    if named == REFERENCE:
        named = summary.arms[0].mixer
    detail = (*summary.detail, *sentences_of(tasks, named))
    return replace(summary, tasks=tuple(tasks), detail=detail)


def _speeds(plan: Study, copies: pd.DataFrame, results: Mapping[str, Any]) -> tuple[Speed, ...]:
    """How soon each mixture reaches natural's final value, by copies of the finals on the way."""
    targets, learner = plan.target_weights, learner_of(plan)
    scores, finals = results["scores"], results["finals"]
    return tuple(speeds(*goal_on_the_way(copies, scores, finals, targets, learner)))


def _without_finals(rows: Sequence[Spent]) -> tuple[Spent, ...]:
    """What was spent before any final model was trained."""
    return tuple(row for row in rows if row.stage != FINALS)


def _surfaces(plan: Study, folder: Path) -> dict[str, dict[str, Any]]:
    """Mixer -> what the file of its response surface holds."""
    paths = [path for path in layout.surface_paths(plan, folder) if Path(path).exists()]
    return read_surfaces(paths)


def _explorer(
    plan: Study,
    surfaces: Mapping[str, Mapping[str, Any]],
    chosen: str,
    mixtures: Records,
    arms: Sequence[ArmSummary] = (),
) -> Explorer | None:
    """The explorer of the page; None where a study has no surface, or a goal for each target."""
    if not surfaces or plan.goals != ("",):
        return None
    order = sorted(surfaces, key=lambda mixer: mixer != chosen)
    # the file of the law that is shown: the page puts its name for MIXER
    surface = f"results/{plan.name}/surfaces/MIXER.json"
    proposals = {str(mixture["mixer"]): mixture for mixture in mixtures}
    natural = proposals.get(REFERENCE, {}).get("weights")
    domains = f"results/{plan.name}/domains.parquet"
    return explorer_of(
        plan.name,
        {mixer: surfaces[mixer] for mixer in order},
        mixtures,
        natural=natural,
        start=chosen,
        exports=exports_of(f"--domains {domains}"),
        propose=propose_line(surface),
        max_epochs=plan.config["goal"].get("max_epochs"),
        runs="the proxies",
        measured={arm.mixer: arm.measured for arm in arms},
        gains={arm.mixer: arm.gain for arm in arms},
    )


def _of_text(plan: Study, folder: Path) -> dict[str, Any]:
    """Returns what summaries say of what was learned from: its counts, and where it is from."""
    manifests = load({"manifests": layout.manifest_paths(plan, folder)})["manifests"]
    texts = {path.stem: read_counts(path) for path in layout.target_paths(plan, folder)}
    return {
        "provenance": provenance(plan, manifests),
        "manifests": manifests,
        "texts": texts,
    }


def show(summary: Path, full: bool = False) -> None:
    """Print the summary of a study in ten lines: the answer, how sure, its cost, the worst caveats.

    With --full it prints all mixtures, what is known of each target by target, and all caveats.

    Example:
        mixwright show --summary results/demo/report/summary.json
    """
    content = read_json(summary)
    known = content if isinstance(content, dict) else {}
    missing = [key for key in SHOWN if key not in known]
    if not missing and not any(key in known for key in ANSWERS):
        missing = list(ANSWERS)
    if missing:
        raise MixwrightError(
            f"{summary}: no summary of a study ({missing[0]} is missing);"
            " give results/NAME/report/summary.json"
        )
    if not full:
        print_brief(known, summary)
        return
    print_summary(known)
    page = summary.with_suffix(".html")
    if page.exists():
        print(f"\npage: {page}")
