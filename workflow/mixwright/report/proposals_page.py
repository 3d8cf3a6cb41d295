"""Lays out what a study proposes, before any final model tested it, as one HTML page."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from mixwright.files import written
from mixwright.report.answer import caveat_box
from mixwright.report.answered import answers_section
from mixwright.report.drawings import embedded, figure_boxes
from mixwright.report.exported import exports_section
from mixwright.report.frame import (
    bullets,
    document,
    heading,
    in_percent,
    note,
    section,
    sources,
    table,
    text,
)
from mixwright.report.page import backtest_section, other_caveats, transfer_section
from mixwright.report.predictions import predicted_by_each, ranged, weights_table
from mixwright.report.proposals_summary import Proposals
from mixwright.report.your_data import data_section


def write_page(summary: Proposals, html: Path, figures: Sequence[str] = ()) -> None:
    """Writes the page.

    Args:
        summary: what it says.
        html: file of the page; it needs no other file.
        figures: SVG files, named as in FIGURES.
    """
    with written(html) as partial:
        partial.write_text(page(summary, figures), encoding="utf-8")


def page(summary: Proposals, figures: Sequence[str] = ()) -> str:
    """Returns the page; arguments as of `write_page`."""
    parts = [
        heading(summary.study, summary.headline, summary.detail),
        caveat_box(summary.caveats),
        section("The proposals", _proposals(summary)),
        _predicted(summary),
        section("Which mixer ranks held-out proxies best", _ranks(summary)),
        answers_section((), summary.answers, ()),
        backtest_section(summary.backtest),
        transfer_section(summary.transfer),
        section("What next", bullets(map(text, summary.next))),
        section("Files for trainers", exports_section(summary.exports)),
        data_section(summary.data, summary.chosen),
        section("The evidence", figure_boxes(embedded(figures), "evidence")),
        other_caveats(summary.caveats),
        sources(summary.provenance),
    ]
    return document(summary.study, "".join(parts))


def _proposals(summary: Proposals) -> str:
    """Every weight of every proposal, and what is known of each, with its notes."""
    sentences = []
    for proposal in summary.proposals:
        notes = ""
        for line in proposal.notes:
            notes += f"<small>{text(line)}</small>"
        sentences.append(f"{text(proposal.sentence)}.{notes}")
    return weights_table(summary.proposals) + bullets(sentences)


def _predicted(summary: Proposals) -> str:
    """Each mixer's prediction of its own proposal, and one mixer's of all proposals."""
    loss = summary.learner.loss
    # Where targets have several units, the proposals know them.
    unit = "" if summary.learner.chosen else loss.unit
    content = predicted_by_each(summary.proposals, loss, unit)
    if not content:
        return ""
    content = section("What the proxies predict", content)
    return content + _judged(summary)


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
    return section(title, table(heads, rows, title) + note(text(reading)))


def _ranks(summary: Proposals) -> str:
    """A row a mixer: its rank correlation on held-out proxies, with its interval."""
    rows = []
    for mixer, rank in summary.ranks.items():
        interval = ranged({"value": rank.value, "low": rank.low, "high": rank.high}, 2)
        rows.append([escape(mixer), interval])
    reading = (
        "Rank correlation of predicted and measured loss on proxies that the mixer was not"
        " fitted to, with its 95% interval. Mixers whose intervals overlap rank alike."
    )
    caption = "How well each mixer ranks held-out proxies"
    return table(["mixer", "held-out rank correlation"], rows, caption) + note(reading)
