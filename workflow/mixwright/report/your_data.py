"""The table of a study's data: what each source holds, and what was read of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from mixwright.corpus.counts import ESTIMATED, extents
from mixwright.errors import quantity
from mixwright.report.frame import bullets, folded, note, part, table, text
from mixwright.report.left_out import is_routine, left_out
from mixwright.report.mixture_words import mixture_of
from mixwright.report.results import Records
from mixwright.trust.passes import is_outside

TITLE = "Your data"
# Keys of a source that say where it is, in the order in which one is taken.
PLACES = ("files", "path", "dataset", "table", "assay", "column")
# Fewer passes than these are not told in numbers.
LEAST = 0.001
# Files that are named.
NAMED = 2


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
    # over what it could read, the most of a run that the mixer learned from; None: unknown
    run_passes: float | None = None
    # share of the recommended mixture; None where it is not one mixture
    weight: float | None = None
    # where the text is from
    source: str = ""
    # what was cut, skipped or left out of it, in words
    lost: tuple[str, ...] = ()

    @property
    def is_outside(self) -> bool:
        """Whether the mixture passes over the domain more often than any run did."""
        if self.passes is None or self.run_passes is None:
            return False
        return is_outside(self.passes, self.run_passes)


def data_rows(
    domains: pd.DataFrame | None,
    mixtures: Records,
    chosen: str,
    manifests: Records = (),
    sources: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[DataRow, ...]:
    """Returns a row a domain, the largest source first; none where no text was read.

    Args:
        domains: the DOMAINS table.
        mixtures: the proposals.
        chosen: the mixer, or arm, whose mixture is recommended.
        manifests: the manifest of each domain, with what was counted when it was read.
        sources: domain -> its section of the study.
    """
    if domains is None:
        return ()
    of_domain = extents(domains)
    sizes = {}
    for name, extent in of_domain.items():
        sizes[name] = extent.source_tokens + extent.read_before
    total = sum(sizes.values())
    recommended: Mapping[str, Any] = {}
    for mixture in mixtures:
        if mixture["mixer"] == chosen and "goal" not in mixture:
            recommended = mixture
    counts = {str(manifest["domain"]): manifest for manifest in manifests}
    rows = []
    for name, extent in of_domain.items():
        cleaning = counts.get(name, {}).get("cleaning", {})
        row = DataRow(
            name,
            extent.source_tokens,
            extent.counted,
            extent.tokens,
            natural=sizes[name] / total,
            passes=recommended.get("epochs", {}).get(name),
            run_passes=recommended.get("run_epochs", {}).get(name),
            weight=recommended.get("weights", {}).get(name),
            source=source_words((sources or {}).get(name, {})),
            lost=tuple(left_out(cleaning)),
        )
        rows.append(row)
    return tuple(sorted(rows, key=lambda row: (-row.source_tokens, row.domain)))


def target_lines(texts: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Returns what was cut, skipped or left out of the targets, a line each.

    Args:
        texts: target -> what was counted when its text was read.
    """
    lines = []
    for name, counts in texts.items():
        lost = left_out(counts.get("cleaning", {}))
        if lost:
            lines.append(f"target {name}: {'; '.join(lost)}")
    return tuple(lines)


def source_words(settings: Mapping[str, Any]) -> str:
    """Returns where a domain's text is from, such as `files: web/*.jsonl`."""
    kind = str(settings.get("source", ""))
    for key in PLACES:
        place = settings.get(key)
        if not place:
            continue
        names = [place] if isinstance(place, str) else [str(entry) for entry in place]
        words = ", ".join(names[:NAMED])
        if len(names) > NAMED:
            words += f" and {len(names) - NAMED} more"
        return f"{kind}: {words}"
    return kind


def data_section(
    rows: Sequence[DataRow], chosen: str, targets: Sequence[str] = (), unit: str = "tokens"
) -> str:
    """Returns the section as HTML; nothing where it has no rows.

    Args:
        rows: what `data_rows` returns.
        chosen: the mixer whose mixture is recommended.
        targets: what `target_lines` returns.
        unit: what is counted: tokens, or rows of tables.
    """
    if not rows:
        return ""
    # a column that says one thing in every row is a sentence
    known = len({row.counted for row in rows}) > 1
    placed = len({row.source for row in rows}) > 1
    covered = any(row.run_passes is not None for row in rows)
    sampled = any(row.sample_tokens != row.source_tokens for row in rows)
    lines = []
    for row in rows:
        cells = [
            escape(row.domain),
            f"{row.natural:.1%}",
            "–" if row.weight is None else _share(row.weight),
            _passes(row.passes),
        ]
        if covered:
            cells.append(_passes(row.run_passes))
        cells.append(quantity(row.source_tokens))
        if known:
            cells.append(row.counted)
        if sampled:
            cells.append(quantity(row.sample_tokens))
        if placed:
            cells.append(escape(row.source))
        lines.append(cells)
    heads = ["domain", "natural", "recommended", "passes"]
    if covered:
        heads.append("most passes of a run")
    heads.append(f"source {unit}")
    if known:
        heads.append("known")
    if sampled:
        heads.append(f"sample {unit}")
    if placed:
        heads.append("source")
    content = table(heads, lines, "What each source holds, and what was read of it")
    content += note(text(_reading(rows, chosen, unit)))
    return content + _lost(rows, targets)


def _share(weight: float) -> str:
    """A share in percent, in which little is not nothing."""
    return f"{weight:.2%}" if 0 < weight < 0.001 else f"{weight:.1%}"


def _passes(passes: float | None) -> str:
    if passes is None:
        return "–"
    return f"{passes:.3g}" if passes == 0 or passes >= LEAST else f"under {LEAST:g}"


def _lost(rows: Sequence[DataRow], targets: Sequence[str]) -> str:
    """A line a domain or target of which something was cut, skipped or left out.

    What is unusual is red; what cleaning leaves out of any text is folded.
    """
    lines = {row.domain: row.lost for row in rows if row.lost}
    for line in targets:
        name, _, words = line.partition(": ")
        lines[name] = tuple(words.split("; "))
    red = []
    plain = []
    for name, lost in lines.items():
        unusual = [words for words in lost if not is_routine(words)]
        routine = [words for words in lost if is_routine(words)]
        if unusual:
            marked = text(f"{name}: {'; '.join(unusual)}")
            red.append(f'<span class="red">{marked}</span>')
        if routine:
            plain.append(text(f"{name}: {'; '.join(routine)}"))
    content = bullets(red) if red else ""
    content += folded("What cleaning left out", bullets(plain) if plain else "")
    return part("Not all of it was used", content)


def _reading(rows: Sequence[DataRow], chosen: str, unit: str) -> str:
    """How to read the table."""
    sentences = [
        f"Source {unit} are all that a domain has to train on, after cleaning and without what is"
        " held out; the sample is what was read of them.",
        "Natural proportions and passes count the source; passes are those of a final model on"
        f" {mixture_of(chosen)}.",
    ]
    outside = [row.domain for row in rows if row.is_outside]
    if any(row.run_passes is not None for row in rows):
        sentences.append("The most passes of a run are over what it could read of the domain.")
    if outside:
        sentences.append(f"No run passed so often over {', '.join(outside)}.")
    if all(row.sample_tokens == row.source_tokens for row in rows):
        sentences.append("Here all of every source was read.")
    kinds = {row.counted for row in rows}
    if len(kinds) == 1 and rows[0].counted:
        sentences.append(f"All sizes are {rows[0].counted}.")
    places = {row.source for row in rows}
    if len(places) == 1 and rows[0].source:
        sentences.append(f"The source of all domains is {rows[0].source}.")
    if ESTIMATED in kinds:
        sentences.append(
            "Estimated tokens come from the sizes of the files and the sample's tokens a byte;"
            " domains.NAME.tokens states them."
        )
    return " ".join(sentences)
