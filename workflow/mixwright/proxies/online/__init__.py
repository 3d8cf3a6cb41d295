"""Rivals that learn weights while they train: one method a file, of pure numbers.

A learner is frozen: `observed` returns the next one, so that a checkpoint holds all of it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

from mixwright.mixture import Array
from mixwright.proxies.online.doremi import DoReMi
from mixwright.proxies.online.fastmix import FastMix
from mixwright.proxies.online.odm import ODM

# What a learner wants to know of a step, by domain; NaN where nothing was measured.
# losses: mean loss of what the step reads, nats/token.
# excess: mean over its tokens of max(loss - the reference's, 0), nats/token.
# alignment: inner product of the domain's gradient at the head with the target's.
NEEDS = ("losses", "excess", "alignment")


class Online(Protocol):
    """What chooses the next step's domains by what the steps before have shown."""

    # one of NEEDS
    needs: ClassVar[str]

    @property
    def weights(self) -> Array:
        """(domains,) weights by which the next step reads."""
        ...

    @property
    def answer(self) -> Array:
        """(domains,) weights that the steps so far propose."""
        ...

    def observed(self, values: Array | None) -> Self:
        """Returns the learner after one more step.

        Args:
            values: (domains,) what it needs of the step; None where this step was not looked at.
        """
        ...

    @property
    def state(self) -> dict[str, list[float] | float]:
        """All that `resumed` needs: plain numbers."""
        ...

    def resumed(self, state: Mapping[str, Any]) -> Self:
        """Returns the learner as it was when it gave this state."""
        ...


LEARNERS: Mapping[str, Any] = {"doremi": DoReMi, "odm": ODM, "fastmix": FastMix}


def learner_of(method: str, domains: int, settings: Mapping[str, Any]) -> Online:
    """Returns a method's learner before its first step, at uniform weights.

    Args:
        method: a key of LEARNERS.
        domains: their number.
        settings: those of the mixer of the same name.
    """
    learner: Online = LEARNERS[method].first(domains, settings)
    return learner
