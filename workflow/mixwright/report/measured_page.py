"""Lays out what measured runs teach as one self-contained HTML page, in the report's look."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mixwright.files import written
from mixwright.report.figures import MEASURED
from mixwright.report.figures.ranks import HELD_OUT
from mixwright.report.frame import document, drawn, heading, sources, text
from mixwright.report.measured_summary import Measured
from mixwright.report.perturbed_summary import Perturbed


def write_page(
    summary: Measured | Perturbed, provenance: dict[str, Any], figures: Sequence[Path], html: Path
) -> None:
    """Writes the page with the SVG `figures` (named like MEASURED) in it."""
    images = {path.stem: base64.b64encode(path.read_bytes()).decode() for path in figures}
    ordered = [(MEASURED[name].title, images[name]) for name in MEASURED if name in images]
    notes = "".join(f"<li>{text(note)}</li>" for note in summary.notes)
    body = [
        heading(summary.study, summary.headline, summary.detail),
        *(
            [_ranks(summary), _published(summary)]
            if isinstance(summary, Measured)
            else [_optimum(summary), _ladder(summary)]
        ),
        drawn(ordered),
        f"<h2>What to keep in mind</h2><ul>{notes}</ul>",
        sources(provenance),
    ]
    with written(html) as beside:
        beside.write_text(document(summary.study, "".join(body)), encoding="utf-8")


def public_files(config: Mapping[str, Any]) -> dict[str, str]:
    """Where each public file of the study comes from."""
    return {
        name: f"{entry['address'] or entry['mirror']}, SHA-256 {entry['sha256'][:16]}"
        for name, entry in config["public"].items()
    }


def _ranks(summary: Measured) -> str:
    sets = list(dict.fromkeys(summary.ranks.test))
    rows = []
    for mixer, part in summary.ranks.groupby("mixer", sort=False):
        found = {str(row.test): row for row in part.itertuples()}
        ranks = [
            f"{100 * found[name].spearman:.2f} / {100 * found[name].goal:.2f}" for name in sets
        ]
        rows.append([str(mixer), *ranks, *(f"{found[name].mse:.4f}" for name in sets[:2])])
    heads = ["mixer", *sets, *(f"squared error, {name}" for name in sets[:2])]
    note = f"Spearman x 100 of predicted and measured loss: mean of all targets / the goal's ({', '.join(summary.targets)}). {HELD_OUT}: "
    return f"<h2>Who ranks unseen runs best</h2>{_table(heads, rows)}<p class='small'>{text(note)}cross-validation inside the swarm.</p>"


def _published(summary: Measured) -> str:
    if summary.published.empty:
        return ""
    mixers = sorted(set(summary.published.mixer))
    rows = []
    for (origin, mixture), part in summary.published.groupby(["origin", "mixture"], sort=False):
        found = {str(row.mixer): row for row in part.itertuples()}
        name = f"{mixture}, published" if origin == "published" else f"{mixture}'s proposal"
        rows.append(
            [name, *(f"{found[mixer].goal:.3f} ({found[mixer].goal_rank})" for mixer in mixers)]
        )
    note = "Loss on the goal's targets that each mixer (column) predicts, nats/token, and the mixture's place. Nothing was trained on them."
    return f"<h2>Published mixtures beside the proposals</h2>{_table(['mixture', *mixers], rows)}<p class='small'>{text(note)}</p>"


def _optimum(summary: Perturbed) -> str:
    sources = list(dict.fromkeys(zip(summary.optimum.origin, summary.optimum.mixer, strict=True)))
    found = summary.optimum.set_index(["origin", "mixer", "domain"]).amount
    rows = [
        [name, *(f"{found[*source, name]:.4f}" for source in sources)]
        for name in dict.fromkeys(summary.optimum.domain)
    ]
    heads = [
        "domain",
        *(mixer if origin == "proposed" else f"published, {mixer}" for origin, mixer in sources),
    ]
    note = f"In units of the base run's amounts, at its total of {summary.tokens / 1e9:.4g} B tokens; published optima in their own."
    return f"<h2>The best budget</h2>{_table(heads, rows)}<p class='small'>{text(note)}</p>"


def _ladder(summary: Perturbed) -> str:
    if summary.ladder.empty:
        return ""
    names = list(dict.fromkeys(summary.ladder.domain))
    rows = []
    for (step, total), part in summary.ladder.groupby(["step", "total"]):
        weights = part.set_index("domain").weight
        rows.append(
            [f"{step:g}", f"{total / 1e9:.5g}", *(f"{100 * weights[name]:.1f}" for name in names)]
        )
    note = "Step 0 and 1 are published; at the others every step multiplies each domain's tokens by the same factor. Weights in percent."
    return f"<h2>Other scales</h2>{_table(['step', 'B tokens', *names], rows)}<p class='small'>{text(note)}</p>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
