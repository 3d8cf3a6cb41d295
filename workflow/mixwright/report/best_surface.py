"""Which response surface a page shows, of those that a study has, and what is wanted of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixture import Domain
from mixwright.simplex.bounds import Bounds
from mixwright.trust.intervals import REFERENCE
from mixwright.trust.surface.reading import of_record
from mixwright.trust.surface.surface import Surface

# What stands for natural where the tokens of the domains are unknown.
RUNS_MEAN = "mean of the runs"
# As the file of a surface holds it.
Record = Mapping[str, Any]


def best_surface(surfaces: Sequence[Record], targets: Mapping[str, float] | None = None) -> Surface:
    """Returns the surface whose law ranks held-out runs best, by the weighted mean of the targets.

    Of equals it is one whose law is its mixer's own, then the first by name.

    Args:
        targets: target -> weight; None: those of each surface's goal.

    Raises:
        MixwrightError: there is no surface, or it is damaged.
    """
    if not surfaces:
        raise MixwrightError("surfaces: there is none; write one with mixwright surface")

    def place(record: Record) -> tuple[float, bool, str]:
        weights = targets or record["goal"]["weights"]
        return -_rank(record, weights), record["represents"] is not None, record["mixer"]

    return of_record(min(surfaces, key=place))


def goal_of(surface: Surface) -> Goal:
    """Returns the goal that a surface carries: the targets of its goal, its bounds and limits."""
    wish = surface.wish
    domains = []
    for i, name in enumerate(surface.domains):
        tokens = None
        if wish.available is not None:
            tokens = round(wish.available[i])
        domains.append(Domain(name, tokens, float(wish.natural[i])))
    total = wish.tokens or surface.source.most_tokens
    return Goal(
        domains=tuple(domains),
        targets=dict(wish.weights),
        tokens=total,
        bounds=wish.bounds or Bounds.of(domains, total),
        never_worse=wish.never_worse,
    )


def natural_name(surface: Surface) -> str:
    """Returns what the natural weights of a surface are called."""
    return REFERENCE if surface.wish.natural_known else RUNS_MEAN


def _rank(record: Record, weights: Mapping[str, float]) -> float:
    """Weighted mean of the rank correlations on held-out runs; -1 where none was held out."""
    total = 0.0
    share = 0.0
    for target in record["targets"]:
        weight = weights.get(target["name"], 0.0) if weights else 1.0
        held_out = target["held_out"]
        rank = held_out["rank_correlation"] if held_out else -1.0
        total += weight * rank
        share += weight
    return total / share if share else -1.0
