"""Lays out what measured runs teach as one HTML page, in the look of the report."""

from collections.abc import Iterable, Sequence
from html import escape
from math import isnan
from pathlib import Path
from typing import Any

from mixwright.files import written
from mixwright.learners import Metric
from mixwright.report.drawings import embedded, figure_boxes
from mixwright.report.figures.ranks import HELD_OUT
from mixwright.report.frame import (
    bullets,
    document,
    heading,
    note,
    section,
    sources,
    table,
    text,
)
from mixwright.report.measured_summary import Measured
from mixwright.report.perturbed_summary import Perturbed
from mixwright.report.predictions import predicted_by_each, weights_table
from mixwright.report.proposed import Proposed
from mixwright.study.study import Study


def write_page(
    summary: Measured | Perturbed, provenance: dict[str, Any], figures: Sequence[Path], html: Path
) -> None:
    """Writes the page.

    Args:
        summary: what it says.
        provenance: study, data and software behind it.
        figures: SVG files, named as in MEASURED.
        html: file of the page.
    """
    notes = [text(sentence) for sentence in summary.notes]
    body = [
        heading(summary.study, summary.headline, summary.detail),
        _results(summary),
        section("The evidence", figure_boxes(embedded(figures), "evidence")),
        section("What to keep in mind", bullets(notes)),
        sources(provenance),
    ]
    with written(html) as partial:
        partial.write_text(document(summary.study, "".join(body)), encoding="utf-8")


def public_files(study: Study) -> dict[str, str]:
    """Returns where each public file of the study comes from, by its name in the study."""
    files = {}
    for name, entry in study.config["public"].items():
        address = entry["address"] or entry["mirror"]
        files[name] = f"{address}, SHA-256 {entry['sha256'][:16]}"
    return files


def _results(summary: Measured | Perturbed) -> str:
    proposals = _proposals(summary.proposals, summary.metric)
    if isinstance(summary, Measured):
        return proposals + _ranks(summary) + _published(summary)
    return proposals + _optimum(summary) + _ladder(summary)


def _proposals(proposals: Sequence[Proposed], metric: Metric) -> str:
    """Every weight of every proposal, and what is predicted of each."""
    if not proposals:
        return ""
    sentences = [text(proposal.sentence) for proposal in proposals]
    content = weights_table(proposals) + bullets(sentences)
    content += predicted_by_each(proposals, metric)
    return section("The proposals", content)


def _ranks(summary: Measured) -> str:
    """A row a mixer: its rank correlations on every set of runs, and squared errors on two."""
    sets = list(dict.fromkeys(summary.ranks.test))
    rows = []
    for mixer, part in summary.ranks.groupby("mixer", sort=False):
        results = {str(row.test): row for row in part.itertuples()}
        cells = [str(mixer)]
        for name in sets:
            result = results[name]
            cells.append(f"{100 * result.spearman:.1f} / {100 * result.goal:.1f}")
        for name in sets[:2]:
            error = results[name].mse
            cells.append("" if isnan(error) else f"{error:.4f}")
        rows.append(cells)
    heads = ["mixer", *sets, *(f"squared error, {name}" for name in sets[:2])]
    reading = (
        "Each cell shows Spearman x 100 of predicted and measured values:"
        f" mean of all targets / mean of the goal's targets ({', '.join(summary.targets)})."
        f" The set '{HELD_OUT}' is the cross-validation inside the swarm."
    )
    title = "Which mixer ranks unseen runs best"
    return section(title, _table(heads, rows, title, reading))


def _published(summary: Measured) -> str:
    """A row a mixture, published or proposed; a column a mixer's prediction."""
    if summary.published.empty:
        return ""
    mixers = sorted(set(summary.published.mixer))
    rows = []
    for (origin, mixture), part in summary.published.groupby(["origin", "mixture"], sort=False):
        results = {str(row.mixer): row for row in part.itertuples()}
        name = f"{mixture}, published" if origin == "published" else f"{mixture}'s proposal"
        cells = [name]
        for mixer in mixers:
            cells.append(f"{results[mixer].goal:.3f} ({results[mixer].goal_rank})")
        rows.append(cells)
    unit = summary.metric.unit
    reading = (
        f"Each cell shows what a mixer (column) predicts on the goal's targets, {unit},"
        " and in brackets the mixture's place."
        " Nothing was trained on these mixtures."
    )
    title = "Published mixtures beside the proposals"
    return section(title, _table(["mixture", *mixers], rows, title, reading))


def _optimum(summary: Perturbed) -> str:
    """A row a domain: its amount in every proposal and published optimum."""
    origins = list(dict.fromkeys(zip(summary.optimum.origin, summary.optimum.mixer, strict=True)))
    amounts = summary.optimum.set_index(["origin", "mixer", "domain"]).amount
    heads = ["domain"]
    for origin, mixer in origins:
        heads.append(mixer if origin == "proposed" else f"published, {mixer}")
    rows = []
    for domain in dict.fromkeys(summary.optimum.domain):
        cells = [domain]
        for origin, mixer in origins:
            cells.append(f"{amounts[origin, mixer, domain]:.4f}")
        rows.append(cells)
    reading = (
        "Amounts are in units of the base run's, at its total of"
        f" {summary.tokens / 1e9:.4g} B tokens; published optima are at their own totals."
    )
    return section("The best budget", _table(heads, rows, "The best budget", reading))


def _ladder(summary: Perturbed) -> str:
    """A row a scale: its total and every domain's weight."""
    if summary.ladder.empty:
        return ""
    names = list(dict.fromkeys(summary.ladder.domain))
    rows = []
    for (step, total), part in summary.ladder.groupby(["step", "total"]):
        weights = part.set_index("domain").weight
        cells = [f"{step:g}", f"{total / 1e9:.5g}"]
        for name in names:
            cells.append(f"{100 * weights[name]:.1f}")
        rows.append(cells)
    reading = (
        "Steps 0 and 1 are published. Every step multiplies the tokens of a domain by"
        " the domain's own factor. Weights are in percent."
    )
    content = _table(["step", "B tokens", *names], rows, "Other scales", reading)
    return section("Other scales", content)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], caption: str, reading: str) -> str:
    """A table of plain text, with a note on how to read it."""
    escaped = []
    for row in rows:
        escaped.append(map(escape, row))
    return table(map(escape, heads), escaped, escape(caption)) + note(text(reading))
