"""The options of commands that choose a mixture: its limits, as a person types them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mixwright.proposals.fits import FittedRuns
from mixwright.proposals.options import Options, read_options


@dataclass(frozen=True)
class LimitOptions:
    """What a person types of the limits of a mixture; commands that choose one take it."""

    # DOMAIN=MAX, DOMAIN=MIN, DOMAIN=WEIGHT
    cap: list[str] = field(default_factory=list)
    floor: list[str] = field(default_factory=list)
    fix: list[str] = field(default_factory=list)
    # A+B<=NUMBER
    group: list[str] = field(default_factory=list)
    # targets, or `all`
    never_worse: list[str] = field(default_factory=list)
    # DOMAIN=TOKENS
    available: list[str] = field(default_factory=list)
    tokens: float | None = None
    max_epochs: float | None = None
    seed: int = 0

    def options(self, source: FittedRuns, target: Sequence[str] = ()) -> Options:
        """Returns the options, checked against the fit.

        Args:
            source: the runs of the fit.
            target: NAME or NAME=WEIGHT words; none: all alike.

        Raises:
            MixwrightError: as `read_options`.
        """
        return read_options(source, target, **vars(self))


# No limits.
UNLIMITED = LimitOptions()
