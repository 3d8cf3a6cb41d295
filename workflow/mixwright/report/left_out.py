"""What was left out of the text of a domain or target when it was read, and for which reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

# How a line of what was left out begins.
PERCENT = re.compile(r"([\d.e-]+)%")
# Left out of a domain or target: what is more is a serious caveat.
MUCH = 0.2
# Documents that hold a passage of a target and are trained on: more are a serious caveat.
LEAKING = 0.001


@dataclass(frozen=True)
class Loss:
    """A reason for which text is left out, and the two counts whose ratio says how much."""

    count: str
    of: str
    # of one domain, in a few words, with {share}
    short: str
    # of all of them, with {names} for the domains and their shares
    words: str
    # the share over which it is serious; whatever share there is, is told
    serious: float = MUCH


OVER_CAP = Loss(
    "over_cap",
    "read",
    "{share} of its documents not scored: over corpus.target_bytes",
    "Of each target only {size} is scored, a sample of whole documents by their hashes"
    " (key corpus.target_bytes); left out of its documents: {names}.",
    serious=0.0,
)
LOSSES = (
    Loss(
        "bytes_cut",
        "bytes_read",
        "{share} cut: documents longer than corpus.max_document_bytes",
        "Documents were cut to corpus.max_document_bytes, and that part of the text is gone:"
        " {names}. Raise the limit, or leave it out and nothing is cut.",
    ),
    Loss(
        "broken",
        "read",
        "{share} skipped: lines or rows that cannot be read",
        "Lines or rows that could not be read were skipped (corpus.on_error): {names} of the"
        " rows read. The log of the domain names them.",
        serious=0.0,
    ),
    Loss(
        "leaking",
        "documents",
        "{share} share a passage with a target, and are trained on",
        "Documents that share a passage with a target are trained on: {names}. Losses there may"
        " show text learnt by heart; add clean: [decontaminate] to leave them out.",
        serious=LEAKING,
    ),
    Loss(
        "bytes_contaminated",
        "bytes_cleaned",
        "{share} left out: shares a passage with a target",
        "Text that shares a passage with a target was left out: {names}.",
    ),
    Loss(
        "empty",
        "read",
        "{share} left out: no text, or no answer",
        "Rows without text, or questions without an answer, were left out: {names}.",
    ),
    Loss(
        "altered",
        "read",
        "{share} had characters replaced that are no text",
        "Rows with characters that are no text (null bytes, broken pairs) had them replaced:"
        " {names}.",
        serious=0.01,
    ),
    Loss(
        "bytes_duplicates",
        "bytes_cleaned",
        "{share} left out: duplicates",
        "Text that repeats an earlier one was left out (exact-duplicates): {names}.",
        serious=inf,
    ),
    Loss(
        "bytes_repeated_lines",
        "bytes_cleaned",
        "{share} left out: repeated lines",
        "Long lines that repeat an earlier one were left out (repeated-lines): {names}.",
        serious=inf,
    ),
    Loss(
        "repeats",
        "documents",
        "{share} are duplicates, and were left in",
        "Documents that repeat an earlier one were left in: {names}. Add clean: [exact-duplicates]"
        " to take each once.",
        serious=MUCH,
    ),
    Loss(
        "unreadable",
        "read",
        "{share} left out: molecules that cannot be read",
        "Rows whose molecule cannot be read were left out: {names}.",
    ),
    Loss(
        "contradicting",
        "ids",
        "{share} of the ids disagree on the label",
        "Rows of one id disagree on the label; their majority decided, or nothing did: {names}.",
        serious=0.05,
    ),
    OVER_CAP,
)


def is_routine(words: str) -> bool:
    """Whether what was left out, as `left_out` says it, is what cleaning does to any text.

    It is up to the share from which its caveat is serious, or MUCH of the text.
    """
    match = PERCENT.match(words)
    if match is None:
        return False
    share = float(match[1]) / 100
    for loss in LOSSES:
        if words == loss.short.format(share=match[0]):
            return share <= min(loss.serious, MUCH)
    return False


def left_out(counts: Mapping[str, Any]) -> dict[str, float]:
    """Returns what happened to a text, in words with its share -> the share; the largest first.

    Args:
        counts: what was counted when it was read: the `cleaning` of a manifest or target.
    """
    whole = counted_text(counts)
    shares = {}
    for loss in LOSSES:
        share = share_of(whole, loss)
        if share > 0:
            shares[loss.short.format(share=in_words(share))] = share
    files = counts.get("broken_files", 0)
    if files:
        shares[f"{files:,} files skipped: they cannot be read"] = 1.0
    return dict(sorted(shares.items(), key=lambda pair: -pair[1]))


def share_of(counts: Mapping[str, Any], loss: Loss) -> float:
    """Returns the share that was lost for one reason; 0 where nothing was counted."""
    whole = counts.get(loss.of, 0)
    return counts.get(loss.count, 0) / whole if whole else 0.0


def in_words(share: float) -> str:
    """Returns a share in percent: `95%`, `0.3%`."""
    if share < 0.01:
        return f"{max(100 * share, 1e-4):.1g}%"
    return f"{share:.0%}"


def counted_text(cleaning: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the counts, with what was left in, and with the text that the steps of cleaning met.

    Where it is not said how many documents that share a passage went, all did. The steps meet the
    documents up to the last one of the sample: fewer than were read.
    """
    contaminated = cleaning.get("contaminated", 0)
    dropped = cleaning.get("dropped_contaminated", contaminated)
    counts = {**cleaning, "leaking": contaminated - dropped}
    if not dropped:
        counts["bytes_contaminated"] = 0
    if not cleaning.get("bytes_duplicates", 0):
        counts["repeats"] = cleaning.get("duplicates", 0)
    met = [cleaning.get("bytes", 0), counts.get("bytes_contaminated", 0)]
    met += [cleaning.get(key, 0) for key in ("bytes_duplicates", "bytes_repeated_lines")]
    return counts | {"bytes_cleaned": sum(met)}
