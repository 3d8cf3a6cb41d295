"""What a reader should distrust because of the text itself: what was left out, and what is little.

The counts stand in the manifests of domains and in the files of targets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mixwright.corpus.tokenize import UNKNOWN
from mixwright.report.caveats import Caveat

# Domain or target -> what was counted of it: `cleaning`, `unknown`, `splits`.
Counts = Mapping[str, Mapping[str, Any]]

# Left out of a domain or target: what is more is worth a caveat.
MUCH = 0.2
# Training documents under which a domain is a few texts more than a kind of text.
FEW = 30
# Passes over a domain after which more of them teach little (Muennighoff et al., 2023).
MANY_PASSES = 4.0


@dataclass(frozen=True)
class Loss:
    """A reason for which text is left out, and the two counts whose ratio says how much."""

    count: str
    of: str
    words: str  # with {names} for the domains and their shares
    serious: bool = True
    least: float = MUCH


LOSSES = (
    Loss(
        "bytes_cut",
        "bytes_read",
        "Documents were cut to corpus.max_document_bytes, and that part of the text is gone:"
        " {names}. A txt file is one document; write one document a line of a jsonl file, or raise"
        " the limit.",
    ),
    Loss(
        "bytes_over_cap",
        "bytes_read",
        "Text over corpus.max_bytes was left out: {names}. Natural proportions and passes count"
        " the text that was used, not the text there is. Raise corpus.max_bytes, or read them so.",
    ),
    Loss(
        "bytes_contaminated",
        "bytes_read",
        "Text that shares a passage with a target was left out: {names}.",
    ),
    Loss(
        "empty",
        "read",
        "Rows without text, or questions without an answer, were left out: {names}.",
    ),
    Loss(
        "altered",
        "read",
        "Rows with characters that are no text (null bytes, broken pairs) had them replaced:"
        " {names}.",
        least=0.01,
    ),
    Loss(
        "bytes_duplicates",
        "bytes_read",
        "Text that stands there before was left out: {names}.",
        serious=False,
    ),
    Loss(
        "bytes_repeated_lines",
        "bytes_read",
        "Long lines that stand there before were left out (corpus.min_line): {names}.",
        serious=False,
    ),
    Loss(
        "unreadable",
        "read",
        "Rows whose molecule cannot be read were left out: {names}.",
    ),
    Loss(
        "contradicting",
        "ids",
        "Rows of one id disagree on the label; their majority decided, or nothing did: {names}.",
        least=0.05,
    ),
)


def corpus_caveats(
    domains: Sequence[Mapping[str, Any]],
    targets: Counts,
    design: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
) -> list[Caveat]:
    """Returns what to distrust because of the text: lost, unknown to the tokenizer, or little.

    Args:
        domains: the manifest of each domain.
        targets: target -> the counts that stand in its file.
        design: a DESIGN table of all proxies.
        mixtures: the proposals.
    """
    counts = {str(manifest["domain"]): manifest for manifest in domains}
    everything = dict(counts)
    for name, entry in targets.items():
        # A target may have a domain's name.
        shown = f"target {name}" if name in counts else name
        everything[shown] = entry
    caveats = []
    for loss in LOSSES:
        caveats += _lost(everything, loss)
    caveats += _unknown(everything)
    caveats += _few_documents(counts)
    caveats += _passes_of_proxies(counts, design)
    caveats += _passes_of_finals(mixtures)
    return caveats


def _lost(counts: Counts, loss: Loss) -> list[Caveat]:
    """The domains and targets that lost much for one reason."""
    shares = {}
    for name, entry in counts.items():
        cleaning = entry.get("cleaning", {})
        whole = cleaning.get(loss.of, 0)
        if whole:
            shares[name] = cleaning.get(loss.count, 0) / whole
    names = _largest(shares, loss.least)
    if not names:
        return []
    return [Caveat(loss.words.format(names=names), loss.serious)]


def _unknown(counts: Counts) -> list[Caveat]:
    """The domains and targets of which the tokenizer knows a part."""
    shares = {}
    for name, entry in counts.items():
        shares[name] = float(entry.get("unknown", 0.0))
    names = _largest(shares, UNKNOWN)
    if not names:
        return []
    text = (
        f"The tokenizer does not know all of the text: {names}. Losses and bits per byte there"
        " leave that part out. Use a byte-level tokenizer."
    )
    return [Caveat(text, serious=True)]


def _few_documents(domains: Counts) -> list[Caveat]:
    """Domains of a handful of documents."""
    names = []
    for name, entry in domains.items():
        train = entry["splits"]["train"]
        if "unknown" in entry and train["documents"] < FEW:
            names.append(f"{name} ({train['documents']}, {train['tokens']:,} tokens)")
    if not names:
        return []
    text = (
        f"Under {FEW} training documents: {', '.join(names)}. What is measured there holds for"
        " these documents, not for the kind of text; give the domain more of it."
    )
    return [Caveat(text, serious=True)]


def _passes_of_proxies(domains: Counts, design: pd.DataFrame) -> list[Caveat]:
    """Domains that some proxy reads many times, so that it learns them by heart."""
    passes = {}
    amounts = design.weight * design.tokens
    most = amounts.groupby(design.domain).max()
    for name, amount in most.items():
        entry = domains.get(str(name), {})
        if "unknown" in entry:
            passes[str(name)] = amount / max(entry["splits"]["train"]["tokens"], 1)
    names = _many(passes)
    if not names:
        return []
    text = (
        f"Proxies read small domains many times over: {names}. Their losses show text learnt by"
        " heart; give these domains more text, or the proxies fewer tokens."
    )
    return [Caveat(text, serious=True)]


def _passes_of_finals(mixtures: Sequence[Mapping[str, Any]]) -> list[Caveat]:
    """Domains that some proposal passes over many times."""
    passes: dict[str, float] = {}
    for mixture in mixtures:
        for name, epochs in mixture.get("epochs", {}).items():
            passes[name] = max(passes.get(name, 0.0), epochs or 0.0)
    names = _many(passes)
    if not names:
        return []
    text = (
        f"Mixtures pass over small domains many times: {names}. After {MANY_PASSES:g} passes more"
        " of the same text teaches little; set goal.max_epochs."
    )
    return [Caveat(text)]


def _largest(shares: Mapping[str, float], least: float) -> str:
    """Names with shares over a limit: `web (95 %), code (30 %)`; the largest first."""
    over = [(share, name) for name, share in shares.items() if share > least]
    return ", ".join(f"{name} ({share:.0%})" for share, name in sorted(over, reverse=True))


def _many(passes: Mapping[str, float]) -> str:
    """Names with more passes than are worth it: `books (12 times)`; the most first."""
    over = [(count, name) for name, count in passes.items() if count > 1.05 * MANY_PASSES]
    return ", ".join(f"{name} ({count:.0f} times)" for count, name in sorted(over, reverse=True))
