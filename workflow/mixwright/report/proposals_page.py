"""Lays out what a study proposes, before any final model tested it, as one HTML page."""

from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path

from mixwright.report.answer import answer_section, caveat_list
from mixwright.report.answered import answers_section
from mixwright.report.cost import cost_section
from mixwright.report.drawings import Drawn, with_figures
from mixwright.report.evidence import (
    backtest_part,
    merged_part,
    noise_part,
    ranks_part,
    transfer_part,
)
from mixwright.report.explorer.explorer import explorer_section
from mixwright.report.exported import exports_section
from mixwright.report.frame import bullets, document, in_percent, note, part, table, text
from mixwright.report.leads import moved_words, noise_words, order_words
from mixwright.report.origin import origin_section
from mixwright.report.predictions import predicted_by_each, weights_table
from mixwright.report.proposals_summary import Proposals
from mixwright.report.room import write_with_room
from mixwright.report.sections import in_order
from mixwright.report.your_data import data_section


def write_page(summary: Proposals, html: Path, figures: Sequence[str] = ()) -> None:
    """Writes the page.

    Args:
        summary: what it says.
        html: file of the page; it needs no other file.
        figures: SVG files, named as in FIGURES, with their tables beside them.
    """
    write_with_room(partial(page, summary), figures, html)


def page(summary: Proposals, figures: Sequence[Drawn] = ()) -> str:
    """Returns the page.

    Args:
        summary: what it says.
        figures: what `mixwright.report.drawings.embedded` returns.
    """
    unit = "tokens" if summary.learner.sized else "rows"
    contents = {
        "explore": explorer_section(summary.explorer) if summary.explorer else "",
        "data": data_section(summary.data, summary.chosen, summary.lost_targets, unit),
        "targets": _proposals(summary) + _judged(summary),
        "next": bullets(map(text, summary.next)),
        "limits": bullets(map(text, summary.limits)) if summary.limits else "",
        "export": exports_section(summary.exports, summary.answer.file),
        "evidence": (
            ranks_part(summary.ranks)
            + _predicted(summary)
            + backtest_part(summary.backtest)
            + transfer_part(summary.transfer)
            + merged_part(summary.merged, summary.targets)
            + noise_part(summary.signals, summary.learner.reference)
        ),
        "tasks": answers_section((), summary.answers, ()),
        "cost": cost_section(0, summary.spent),
        "caveats": caveat_list(summary.caveats),
        "provenance": origin_section(
            {**summary.provenance, **summary.machines}, summary.settings, summary.commands
        ),
    }
    answer = answer_section(f"study {summary.study}", summary.answer, summary.caveats, summary.next)
    first = next(iter(summary.ranks), "")
    parts = [noise_words(summary.signals, summary.targets)]
    if first:
        parts.insert(0, order_words(first, summary.ranks[first].value))
    moved = moved_words(summary.answer.weights, summary.answer.natural)
    leads = {
        "evidence": " ".join(filter(None, parts)),
        "mechanism": moved or "What the laws say of each domain and target.",
    }
    body = answer + in_order(with_figures(contents, figures), leads)
    return document(summary.study, body)


def _proposals(summary: Proposals) -> str:
    """Every weight of every proposal, and what is known of each, with its notes."""
    sentences = []
    for proposal in summary.proposals:
        notes = ""
        for line in proposal.notes:
            notes += f"<small>{text(line)}</small>"
        sentences.append(f"{text(proposal.sentence)}.{notes}")
    return part("The proposals", weights_table(summary.proposals) + bullets(sentences))


def _predicted(summary: Proposals) -> str:
    """Each mixer's prediction of its own proposal."""
    loss = summary.learner.loss
    # Where targets have several units, the proposals know them.
    unit = "" if summary.learner.chosen else loss.unit
    content = predicted_by_each(summary.proposals, loss, unit)
    return part("What the proxies predict", content)


def _judged(summary: Proposals) -> str:
    """One fit's prediction of every proposal, target by target, with the mean."""
    judgement = summary.judgement
    if judgement is None:
        return ""
    targets = list(summary.targets)
    rows = []
    for name, losses in judgement.losses.items():
        cells = [escape(name), f"{judgement.means[name]:.3f}"]
        for target in targets:
            cells.append(f"{losses[target]:.3f}")
        rows.append(cells)
    heads = ["proposal", "mean", *map(escape, targets)]
    reading = (
        f"In {summary.learner.loss.unit}, at the proxies' size and length, all by the fit of"
        f" {judgement.mixer}. The mean is over the targets ({in_percent(summary.targets)})."
        " A fit thinks best of its own proposal."
    )
    title = "All proposals by one fit, target by target"
    return part(title, table(heads, rows, title) + note(text(reading)))
