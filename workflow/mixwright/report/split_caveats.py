"""What a reader should distrust because domains hold out texts in unlike shares."""

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

from mixwright.report.caveats import Caveat
from mixwright.study.study import Study

# By how much the largest share may exceed the least before it is told.
ALIKE = 1.05
# Names that the caveat lists.
LISTED = 8


def split_caveats(study: Study, domains: Sequence[Mapping[str, Any]]) -> list[Caveat]:
    """Returns a caveat where a text may be held out of one domain and trained on in another.

    The hash of a text tells its split. So one text is in one split in every domain, as long as all
    hold out the same share. A cap in bytes leaves large domains a smaller one.

    Args:
        study: says which share of a domain is held out, and how much at most.
        domains: the manifest of each domain; data sets of labelled rows are passed over.
    """
    shares = {}
    for manifest in domains:
        size = manifest.get("cleaning", {}).get("bytes", 0)
        if size:
            share, most = study.held_out
            shares[str(manifest["domain"])] = min(share, most / size)
    if not shares or max(shares.values()) <= ALIKE * min(shares.values()):
        return []
    names = []
    for name in sorted(shares, key=lambda name: (shares[name], name)):
        names.append(f"{name} ({shares[name]:.2g})")
    if len(names) > LISTED:
        names = [*names[:LISTED], f"{len(names) - LISTED} more"]
    least = min(shares.values())
    unit = 10.0 ** (floor(log10(least)) - 1)
    text = (
        "corpus.validation_bytes leaves domains unlike shares that are held out:"
        f" {', '.join(names)}. Where domains have texts in common, one may train on what another"
        f" is measured by; corpus.validation_share {floor(least / unit) * unit:.2g} holds out the"
        " same texts everywhere."
    )
    return [Caveat(text)]
