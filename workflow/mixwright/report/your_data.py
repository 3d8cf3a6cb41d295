"""The table of a study's data: what each source holds, and what was read of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from mixwright.corpus.counts import ESTIMATED, extents
from mixwright.report.frame import note, quantity, section, table, text
from mixwright.report.results import Records

TITLE = "Your data"


@dataclass(frozen=True)
class DataRow:
    """One domain of the table. Its fields go to JSON."""

    domain: str
    # training tokens of the source, and how they are known: stated, counted or estimated
    source_tokens: int
    counted: str
    # training tokens that were read of it
    sample_tokens: int
    # share of the natural mixture
    natural: float
    # over the source, of a final on the recommended mixture; None where it is not known
    passes: float | None


def data_rows(domains: pd.DataFrame | None, mixtures: Records, chosen: str) -> tuple[DataRow, ...]:
    """Returns a row a domain, the largest source first; none where no text was read.

    Args:
        domains: the DOMAINS table.
        mixtures: the proposals.
        chosen: the mixer, or arm, whose mixture is recommended.
    """
    if domains is None:
        return ()
    of_domain = extents(domains)
    sizes = {}
    for name, extent in of_domain.items():
        sizes[name] = extent.source_tokens + extent.read_before
    total = sum(sizes.values())
    passes: Mapping[str, float | None] = {}
    for mixture in mixtures:
        if mixture["mixer"] == chosen and "goal" not in mixture:
            passes = mixture.get("epochs", {})
    rows = []
    for name, extent in of_domain.items():
        row = DataRow(
            name,
            extent.source_tokens,
            extent.counted,
            extent.tokens,
            natural=sizes[name] / total,
            passes=passes.get(name),
        )
        rows.append(row)
    return tuple(sorted(rows, key=lambda row: (-row.source_tokens, row.domain)))


def data_section(rows: Sequence[DataRow], chosen: str) -> str:
    """Returns the table as HTML; nothing where it has no rows."""
    if not rows:
        return ""
    lines = []
    for row in rows:
        cells = (
            escape(row.domain),
            quantity(row.source_tokens),
            row.counted,
            quantity(row.sample_tokens),
            f"{row.natural:.1%}",
            "–" if row.passes is None else f"{row.passes:.3g}",
        )
        lines.append(cells)
    heads = ("domain", "source tokens", "known", "sample tokens", "natural", "passes")
    content = table(heads, lines, TITLE) + note(text(_reading(rows, chosen)))
    return section(TITLE, content)


def _reading(rows: Sequence[DataRow], chosen: str) -> str:
    """How to read the table."""
    sentences = [
        "The source is all the text there is of a domain, the sample what was read of it: proxies"
        " and final models learn from the sample. Natural proportions and passes count the source;"
        f" passes are those of a final model on the mixture of {chosen}."
    ]
    if any(row.counted == ESTIMATED for row in rows):
        sentences.append(
            "Estimated tokens come from the sizes of the files and the sample's tokens a byte;"
            " domains.NAME.tokens states them."
        )
    return " ".join(sentences)
