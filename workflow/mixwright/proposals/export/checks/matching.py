"""Which source an entry of a trainer's file is, and what was asked of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixwright.errors import MixwrightError, shortened
from mixwright.mixture import Array, Mixture
from mixwright.proposals.export.account import LISTED, Account, Line
from mixwright.proposals.export.blend import CHANGED, LOST, REMARK, Blend, Entry, Fault, Size
from mixwright.proposals.export.order import Source
from mixwright.proposals.export.units import are_counted

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
    return list(dict.fromkeys(names))


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
            sizes[entry.path] = source.size
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
        entries = [blend.entries[place] for place in places]
        shares[places] = weight * _parts(domain, entries, sizes)
    return Requested(shares, tuple(faults))


def _parts(domain: str, entries: Sequence[Entry], sizes: Mapping[str, Size]) -> Array:
    """Returns (entries,) shares in the tokens of a domain; entries of one path share by number."""
    numbers: dict[str, list[float]] = {}
    for entry in entries:
        numbers.setdefault(entry.path, []).append(entry.number)
    of_paths = _parts_of_paths(domain, list(numbers), sizes)
    parts = []
    for entry in entries:
        same = numbers[entry.path]
        total = sum(same)
        part = 1 / len(same)
        if 0 < total < math.inf:
            part = entry.number / total
        parts.append(of_paths[entry.path] * part)
    return np.array(parts)


def _parts_of_paths(
    domain: str, paths: Sequence[str], sizes: Mapping[str, Size]
) -> dict[str, float]:
    """Returns path -> share in the tokens of a domain."""
    if len(paths) == 1:
        return {paths[0]: 1.0}
    tokens = {}
    for path in paths:
        count = sizes.get(path, Size()).tokens
        if not count:
            raise MixwrightError(
                f"--sizes: {domain} has {len(paths)} sources in the file; add `tokens:` to each"
            )
        tokens[path] = count
    total = sum(tokens.values())
    return {path: count / total for path, count in tokens.items()}


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
        if line.requested is not None and line.share is not None:
            faults += _difference(line, line.requested, line.share, unit)
    return replace(account, faults=tuple(faults))


def _difference(line: Line, requested: float, share: float, unit: float) -> list[Fault]:
    """Returns the fault of a source that is read otherwise than asked."""
    message = f"{line.path}: {requested:.4%} of the tokens was asked"
    if not share:
        # of a number above 0 it is told whether or not it was asked
        if not requested or line.number > 0:
            return []
        message = f"{message}, and its number is {line.number:g}; give it one above 0"
        return [Fault(LOST, message)]
    if abs(share - requested) <= max(unit, ROUNDING * requested):
        return []
    if not requested:
        message = f"{line.path} was not asked"
    message = f"{message}, and {share:.4%} of the tokens is read of it"
    return [Fault(CHANGED, f"{message}; correct its number {line.number:.6g}")]
