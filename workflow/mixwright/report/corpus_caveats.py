"""What a reader should distrust because of the text itself: what was left out, and what is little.

The counts stand in the manifests of domains and in the files of targets.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import pandas as pd

from mixwright.corpus.counts import Extent
from mixwright.corpus.tokenize import UNKNOWN
from mixwright.errors import quantity
from mixwright.report.caveats import Caveat
from mixwright.report.left_out import LOSSES, OVER_CAP, Loss, counted_text, in_words, share_of

# Domain or target -> what was counted of it: `cleaning`, `unknown`, `splits`.
Counts = Mapping[str, Mapping[str, Any]]

# Training documents under which a domain is a few texts more than a kind of text.
FEW = 30
# Passes over a domain after which more of them teach little (Muennighoff et al., 2023).
MANY_PASSES = 4.0
# By how much more than its source a sample is repeated before it is told.
MORE = 1.05
# Names that a caveat lists.
LISTED = 8


def corpus_caveats(
    domains: Sequence[Mapping[str, Any]],
    targets: Counts,
    design: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
    extents: Mapping[str, Extent] | None = None,
    epochs_of: int | None = None,
    target_bytes: int | None = None,
    whole: Set[str] = frozenset(),
) -> list[Caveat]:
    """Returns what to distrust because of the text: lost, unknown to the tokenizer, or little.

    Args:
        domains: the manifest of each domain.
        targets: target -> the counts that stand in its file.
        design: a DESIGN table of all proxies.
        mixtures: the proposals.
        extents: domain -> what its source and its sample hold; none where no text was read.
        epochs_of: training tokens of the runs whose epochs the proxies imitate.
        target_bytes: the most bytes of a target that are scored; None: unknown.
        whole: roles whose runs may read all there is, whatever the others imitate.
    """
    counts = {str(manifest["domain"]): manifest for manifest in domains}
    everything = dict(counts)
    for name, entry in targets.items():
        # A target may have a domain's name.
        shown = f"target {name}" if name in counts else name
        everything[shown] = entry
    caveats = []
    for loss in LOSSES:
        if loss is not OVER_CAP:
            caveats += _lost(everything, loss)
    caveats += _broken_files(everything)
    caveats += _unknown(everything)
    caveats += _few_documents(counts)
    caveats += _passes_of_proxies(counts, design, extents or {})
    caveats += _repeated_samples(design, extents or {}, epochs_of, whole)
    caveats += _passes_of_finals(mixtures)
    # a part of the documents is a sample of them: of what is serious, this is the least
    size = "a part" if target_bytes is None else f"{quantity(target_bytes)}B"
    caveats += _lost(everything, OVER_CAP, size)
    return caveats


def _lost(counts: Counts, loss: Loss, size: str = "") -> list[Caveat]:
    """The domains and targets that lost something for one reason; `size` is what is left."""
    shares = {}
    for name, entry in counts.items():
        shares[name] = share_of(counted_text(entry.get("cleaning", {})), loss)
    names = _largest(shares, 0.0)
    if not names:
        return []
    serious = max(shares.values()) > loss.serious
    return [Caveat(loss.words.format(names=names, size=size), serious)]


def _broken_files(counts: Counts) -> list[Caveat]:
    """The domains and targets of which whole files were skipped."""
    names = []
    for name, entry in counts.items():
        files = entry.get("cleaning", {}).get("broken_files", 0)
        if files:
            names.append(f"{name} ({files:,})")
    if not names:
        return []
    text = (
        f"Files that could not be read were skipped (corpus.on_error): {_listed(names)}."
        " The log of the domain names them."
    )
    return [Caveat(text, serious=True)]


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


def _passes_of_proxies(
    domains: Counts, design: pd.DataFrame, extents: Mapping[str, Extent]
) -> list[Caveat]:
    """Domains of so little text that some proxy reads it many times, and learns it by heart."""
    passes = {}
    amounts = design.weight * design.tokens
    most = amounts.groupby(design.domain).max()
    for name, amount in most.items():
        entry = domains.get(str(name), {})
        if "unknown" in entry:
            tokens = entry["splits"]["train"]["tokens"]
            if name in extents:
                tokens = extents[str(name)].source_tokens
            passes[str(name)] = amount / max(tokens, 1)
    names = _many(passes)
    if not names:
        return []
    text = (
        f"Proxies read small domains many times over: {names}. Their losses show text learnt by"
        " heart; give these domains more text, or the proxies fewer tokens."
    )
    return [Caveat(text, serious=True)]


def _repeated_samples(
    design: pd.DataFrame,
    extents: Mapping[str, Extent],
    epochs_of: int | None,
    whole: Set[str],
) -> list[Caveat]:
    """Domains whose samples some proxy repeats, where it would not repeat the sources so often."""
    shown = pd.Series(1.0, design.index)
    if epochs_of is not None:
        # simulated epochs: a run may read its share of a source
        share = (design.tokens / epochs_of).clip(upper=1.0)
        shown = share.mask(design.role.isin(list(whole)), 1.0) if whole else share
    amounts = design.weight * design.tokens
    words = []
    remedies = []
    for name, extent in sorted(extents.items()):
        of_domain = design.domain == name
        if extent.is_whole or not of_domain.any():
            continue
        amount = amounts[of_domain]
        source = shown[of_domain] * extent.source_tokens
        of_source = amount / source
        of_sample = amount / source.clip(upper=extent.tokens)
        excess = of_sample / of_source.clip(lower=1.0)
        if not excess.max() > MORE:
            continue
        worst = excess.idxmax()
        words.append(
            f"{name} ({of_sample[worst]:.1f} passes over the sample,"
            f" {of_source[worst]:.2g} over the source)"
        )
        needed = float(pd.concat([amount, source], axis=1).min(axis=1).max())
        size = "all" if needed >= extent.source_tokens else str(extent.bytes_for(needed))
        remedies.append(f"domains.{name}.sample to {size}")
    if not words:
        return []
    text = f"Proxies repeat their samples: {_listed(words)}; raise {_listed(remedies)}."
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
    """Names with shares over a limit: `web (95%), code (0.3%)`; the largest first."""
    over = [(share, name) for name, share in shares.items() if share > least]
    names = []
    for share, name in sorted(over, reverse=True):
        names.append(f"{name} ({in_words(share)})")
    return _listed(names)


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many others there are."""
    if len(names) <= LISTED:
        return ", ".join(names)
    return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"


def _many(passes: Mapping[str, float]) -> str:
    """Names with more passes than are worth it: `books (12 times)`; the most first."""
    over = []
    for name, count in passes.items():
        if count > 1.05 * MANY_PASSES:
            over.append((count, name))
    words = []
    for count, name in sorted(over, reverse=True):
        words.append(f"{name} ({count:.0f} times)")
    return ", ".join(words)
