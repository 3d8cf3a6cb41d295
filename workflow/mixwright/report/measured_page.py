"""Lays out what measured runs teach as one HTML page, in the look of the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mixwright.learners import Metric
from mixwright.report import measured_tables as tables
from mixwright.report.answer import answer_section, caveat_list
from mixwright.report.drawings import Drawn, with_figures
from mixwright.report.explorer.explorer import explorer_section
from mixwright.report.exported import exports_section
from mixwright.report.frame import bullets, document, folded, note, part, text
from mixwright.report.measured_summary import Measured
from mixwright.report.origin import origin_section
from mixwright.report.perturbed_summary import Perturbed
from mixwright.report.predictions import predicted_by_each, weights_table
from mixwright.report.proposed import Proposed
from mixwright.report.room import write_with_room
from mixwright.report.sections import in_order
from mixwright.study.study import Study

NO_SURFACE = (
    "There is nothing to try out here: runs around one mixture, with more and with less of one"
    " domain each, give laws of single amounts there, and say nothing of mixtures far from it."
)
NO_MIXER = "There is nothing to try out here: no mixer of this study predicts mixtures by a law."


def write_page(
    summary: Measured | Perturbed,
    provenance: dict[str, Any],
    figures: Sequence[Path],
    html: Path,
    settings: str = "",
    commands: tuple[str, ...] = (),
) -> None:
    """Writes the page.

    Args:
        summary: what it says.
        provenance: study, data and software behind it.
        figures: SVG files, named as in MEASURED, with their numbers beside them.
        html: file of the page.
        settings: what `mixwright.report.origin.configuration` returns.
        commands: what `mixwright.report.origin.commands` returns.
    """
    contents = _of_swarm(summary) if isinstance(summary, Measured) else _perturbed(summary)
    file = (
        summary.answer.file or f"results/{summary.study}/mixtures/{summary.proposals[0].name}.json"
    )
    contents["export"] = exports_section(summary.exports, file)
    contents["caveats"] = _caveats(summary)
    contents["provenance"] = origin_section(provenance, settings, commands)
    steps = _next(summary) if isinstance(summary, Measured) else []
    answer = answer_section(f"study {summary.study}", summary.answer, summary.caveats, steps)
    leads = _leads(summary)

    def page(drawn: Sequence[Drawn]) -> str:
        body = answer + in_order(with_figures(contents, drawn), leads)
        return document(summary.study, body)

    write_with_room(page, figures, html)


def _leads(summary: Measured | Perturbed) -> dict[str, str]:
    """What the sections of evidence mean for the decision, a sentence each."""
    if isinstance(summary, Perturbed):
        return {"mechanism": summary.ladder_sentence}
    return {"evidence": f"{summary.ranking} {summary.told_apart}"}


def _caveats(summary: Measured | Perturbed) -> str:
    """What to keep in mind; notes of mixers that were not chosen are folded below it."""
    chosen = summary.chosen if isinstance(summary, Measured) else ""
    others = tuple(f"{proposal.name}: " for proposal in summary.proposals)
    shown = []
    notes = []
    for caveat in summary.caveats:
        of_other = caveat.text.startswith(others) and not caveat.text.startswith(f"{chosen}: ")
        if of_other and not caveat.serious:
            notes.append(text(caveat.text))
        else:
            shown.append(caveat)
    title = "Notes of the other methods" if chosen else "Notes of the methods"
    return caveat_list(shown) + folded(title, bullets(notes) if notes else "")


def public_files(study: Study) -> dict[str, str]:
    """Returns where each public file of the study comes from, by its name in the study."""
    files = {}
    for name, entry in study.config["public"].items():
        address = entry["address"] or entry["mirror"]
        files[name] = f"{address}, SHA-256 {entry['sha256'][:16]}"
    return files


def _of_swarm(summary: Measured) -> dict[str, str]:
    """The sections of a swarm, by their keys."""
    explore = note(text(NO_MIXER))
    if summary.explorer is not None:
        explore = explorer_section(summary.explorer)
    limits = [*summary.limits, tables.region_sentence(summary)]
    return {
        "explore": explore,
        "data": tables.data(summary),
        "targets": tables.targets(summary) + _proposals(summary.proposals, summary.metric),
        "next": bullets(map(text, _next(summary))),
        "limits": bullets(map(text, filter(None, limits))),
        "trade-offs": tables.published(summary),
        "evidence": tables.ranks(summary),
    }


def _perturbed(summary: Perturbed) -> dict[str, str]:
    """The sections of perturbation runs, by their keys."""
    sentences = bullets(map(text, summary.detail))
    return {
        "explore": note(text(NO_SURFACE)),
        "targets": _proposals(summary.proposals, summary.metric),
        "trade-offs": part("The best budget", tables.optimum(summary), summary.movement)
        + sentences,
        "mechanism": tables.ladder(summary),
    }


def _proposals(proposals: Sequence[Proposed], metric: Metric) -> str:
    """Every weight of every proposal, and what is predicted of each."""
    if not proposals:
        return ""
    sentences = [text(proposal.sentence) for proposal in proposals]
    content = weights_table(proposals) + bullets(sentences)
    content += predicted_by_each(proposals, metric)
    return part("The proposals", content)


def _next(summary: Measured) -> list[str]:
    """What to do with the answer."""
    steps = [
        "To test the proposal, train the same model on it and on the natural mixture, with the same"
        " tokens and seeds, and compare their losses on the targets."
    ]
    if summary.runs_needed:
        steps.append(summary.runs_needed)
    return steps
