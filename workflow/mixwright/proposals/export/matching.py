"""Which source an entry of a trainer's file is, and what was asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixwright.errors import MixwrightError, shortened
from mixwright.mixture import Array, Mixture
from mixwright.proposals.export.account import LISTED, Account, are_counted
from mixwright.proposals.export.blend import CHANGED, LOST, REMARK, Blend, Entry, Fault, Size
from mixwright.proposals.export.order import Source

# A share that is read may differ from the one that was asked by this part of it.
ROUNDING = 0.01


@dataclass(frozen=True)
class Requested:
    """What was asked of the entries of a blend."""

    # (entries,) shares of the tokens
    shares: Array
    # domains that were asked and are not there
    faults: tuple[Fault, ...]


def source_of(entry: Entry, sources: Sequence[Source]) -> Source | None:
    """Returns the source of an entry: by its path, its files, or the name of its domain."""
    for source in sources:
        if source.path == entry.path:
            return source
    for source in sources:
        if source.files and set(source.files) & {entry.path, *entry.files}:
            return source
    for source in sources:
        if source.domain == entry.path:
            return source
    return None


def names_of(entry: Entry, sources: Sequence[Source]) -> list[str]:
    """Returns what people call an entry: its path, its files, its source's path, its domain."""
    names = [entry.path, *entry.files]
    source = source_of(entry, sources)
    if source is not None:
        names += [source.path, *source.files]
        domains = [other.domain for other in sources]
        if domains.count(source.domain) == 1:
            names.append(source.domain)
    return names


def unused_sizes(blends: Sequence[Blend], sources: Sequence[Source]) -> list[Fault]:
    """Returns a remark on sizes of no entry, where there are entries without sizes."""
    used = []
    unsized = []
    for blend in blends:
        for entry in blend.entries:
            source = source_of(entry, sources)
            if source is None:
                unsized.append(entry.path)
            else:
                used.append(source.path)
    unused = [source.path for source in sources if source.path not in used]
    if not unused or not unsized:
        return []
    message = f"{shortened(unused, LISTED)} of --sizes is nowhere in the file"
    message = f"{message}, which has {shortened(unsized, LISTED)} without sizes"
    return [Fault(REMARK, f"{message}; call them as the file does")]


def sizes_of_entries(blend: Blend, sources: Sequence[Source]) -> dict[str, Size]:
    """Returns path -> size, of the entries whose source is known."""
    sizes = {}
    for entry in blend.entries:
        source = source_of(entry, sources)
        if source is not None:
            sizes[entry.path] = Size(source.tokens, source.documents, source.rows)
    return sizes


def domains_of(blend: Blend, sources: Sequence[Source]) -> list[str]:
    """Returns the domain of each entry; its path where no source is known."""
    domains = []
    for entry in blend.entries:
        source = source_of(entry, sources)
        domain = entry.path if source is None else source.domain
        domains.append(domain)
    return domains


def requested_of(blend: Blend, mixture: Mixture, sources: Sequence[Source]) -> Requested:
    """Returns what a mixture asks of the entries of a blend; a domain's sources share its weight.

    Raises:
        MixwrightError: a domain has several sources, and the tokens of one are unknown.
    """
    domains = domains_of(blend, sources)
    sizes = sizes_of_entries(blend, sources)
    shares = np.zeros(len(blend.entries))
    faults = []
    for domain, weight in mixture.as_dict().items():
        places = [place for place, name in enumerate(domains) if name == domain]
        if weight > 0 and not places:
            message = f"{domain} ({weight:.4g} of the tokens was asked) is not in the file"
            remedy = "add it, or say its path in --sizes (DOMAIN: PATH)"
            faults.append(Fault(LOST, f"{message}; {remedy}"))
        paths = [blend.entries[place].path for place in places]
        shares[places] = weight * _parts(domain, [sizes.get(path, Size()) for path in paths])
    return Requested(shares, tuple(faults))


def _parts(domain: str, sizes: Sequence[Size]) -> Array:
    """Returns the shares of a domain's sources in its tokens."""
    if len(sizes) < 2:
        return np.ones(len(sizes))
    tokens = []
    for size in sizes:
        if not size.tokens:
            raise MixwrightError(
                f"--sizes: {domain} has {len(sizes)} sources in the file; add `tokens:` to each"
            )
        tokens.append(size.tokens)
    return np.array(tokens) / sum(tokens)


def with_differences(account: Account) -> Account:
    """Returns the account with a fault for each source that is read otherwise than asked.

    Rounding to a unit, or by a hundredth of the share, is no fault. Where shares of tokens are
    unknown that is a fault: nobody can tell.
    """
    faults = list(account.faults)
    if all(line.share is None for line in account.lines):
        message = "whether --mixture is read is unknown, as shares of tokens are; give the sizes"
        return replace(account, faults=(*faults, Fault(CHANGED, message)))
    # shares alone have no unit to be rounded to
    unit = 0.0
    if are_counted(account.drawn.units):
        unit = 1 / float(account.drawn.units.sum())
    for line in account.lines:
        if line.requested is None or not line.share:
            continue
        difference = abs(line.share - line.requested)
        if difference <= max(unit, ROUNDING * line.requested):
            continue
        message = f"{line.path}: {line.requested:.4%} of the tokens was asked"
        if not line.requested:
            message = f"{line.path} was not asked"
        message = f"{message}, and {line.share:.4%} of the tokens is read of it"
        faults.append(Fault(CHANGED, f"{message}; correct its number {line.number:.6g}"))
    return replace(account, faults=tuple(faults))
