"""The mixture of greatest gain where gains are a sum over the domains, on a grid of weights.

    maximise  sum_i h_i(w_i)   over  sum_i w_i = 1,  lower <= w <= upper

Domains are added one at a time: the greatest sum of so many steps of weight is that of some fewer
steps and the rest for the new domain. The gains may have any shape. Bounds of groups are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import settle

# (weights, domains) weights -> (weights, domains) what each domain adds to the gain
Gains = Callable[[Array], Array]


@dataclass(frozen=True)
class Allocation:
    """The greatest sums of gains on a grid of weights."""

    # steps of the grid from 0 to 1
    steps: int
    # (steps + domains + 1,) greatest sum of the gains of so many steps
    sums: Array
    # (domains, steps + domains + 1) steps of each domain in that sum, when it was added
    taken: NDArray[np.int64]

    @classmethod
    def of(cls, gains: Gains, bounds: Bounds, steps: int) -> "Allocation":
        """Adds one domain at a time. A weight may be rounded up to the next step."""
        domains = len(bounds.lower)
        size = steps + domains + 1
        values = _on_grid(gains, bounds, steps)
        sums = np.full(size, -np.inf)
        sums[0] = 0.0
        taken = np.zeros((domains, size), dtype=np.int64)
        for domain in range(domains):
            of_domain = values[:, domain]
            inside = np.isfinite(of_domain)
            greater = np.full(size, -np.inf)
            for step in np.flatnonzero(inside):
                before = sums[: size - step]
                trial = before + of_domain[step]
                # views: what is written to them is written to the whole
                sums_from = greater[step:]
                taken_from = taken[domain, step:]
                better = trial > sums_from
                sums_from[better] = trial[better]
                taken_from[better] = step
            sums = greater
        return cls(steps, sums, taken)

    @property
    def most(self) -> float:
        """More than any mixture inside the bounds gains, if gains rise with the weights."""
        return float(self.sums.max())

    def mixture(self, bounds: Bounds) -> Array:
        """Returns the mixture (domains,) of greatest gain on the grid, moved into the bounds."""
        left = self.steps
        domains = len(self.taken)
        weights = np.zeros(domains)
        for domain in reversed(range(domains)):
            step = self.taken[domain, left]
            weights[domain] = step / self.steps
            left -= step
        lower, upper, groups = bounds.parts
        clipped = np.clip(weights, lower, upper)
        return settle(clipped, lower, upper, groups)


def _on_grid(gains: Gains, bounds: Bounds, steps: int) -> Array:
    """Returns (steps + 1, domains) gains of so many steps; minus infinity outside the bounds."""
    lower, upper, _ = bounds.parts
    numbers = np.arange(steps + 1)[:, None]
    weights = np.minimum(numbers / steps, upper)
    fewest = lower * steps - 1e-9
    last = upper * steps - 1e-9
    most = np.ceil(last)
    too_few = numbers < fewest
    too_many = numbers > most
    outside = too_few | too_many
    values = gains(weights)
    return np.where(outside, -np.inf, values)
