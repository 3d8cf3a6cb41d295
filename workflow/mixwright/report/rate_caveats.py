"""What a reader should distrust because the order of mixtures depends on the learning rate."""

from collections.abc import Mapping
from typing import Any

from mixwright.report.caveats import Caveat


def rate_caveats(transfer: Mapping[str, Any] | None) -> list[Caveat]:
    """Returns the caveat of what `transfer.json` holds; none where the rates agree.

    It can turn the headline over: at another rate another mixture is first.
    """
    words = (transfer or {}).get("dependence", "")
    return [Caveat(words, serious=True)] if words else []
