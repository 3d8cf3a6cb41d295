"""A fitted mixer fitted again, to losses that could as well have been measured."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mixwright import mixers
from mixwright.goal import Goal
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.alike import same_mixture
from mixwright.trust.folds import Rows, held_out_residuals, shares_of
from mixwright.trust.odd_runs import OddRuns


class Refitting:
    """Held-out residuals and refits of one fit: made once, however many ask for them."""

    def __init__(
        self,
        full: Mixer,
        observations: Observations,
        rows: Rows,
        seed: int,
        goal: Goal | None = None,
    ) -> None:
        """Takes a fitted mixer.

        Args:
            observations: those that it was fitted to, sorted by the names of the runs.
            rows: positions of the runs that it reads.
            seed: of the folds and of the refits.
            goal: what the refits are read for; None: for every target.
        """
        self.full = full
        # what is fitted many times
        self.narrow = full if goal is None else full.narrowed(goal)
        self.observations = observations
        self.rows = rows
        self.seed = seed
        self._odd: OddRuns | None = None
        self._refits: list[Mixer] = []

    @classmethod
    def of(
        cls, full: Mixer, observations: Observations, seed: int, goal: Goal | None = None
    ) -> "Refitting":
        """Returns that of a mixer, and of its runs in any order; `goal` as in `__init__`."""
        in_order = observations.only(np.argsort(np.array(observations.runs)))
        return cls(full, in_order, rows_read(full.name, in_order), seed, goal)

    @cached_property
    def residuals(self) -> Array:
        """(rows, targets) measured minus predicted of runs held out."""
        return held_out_residuals(self.narrow, self.observations, self.rows, self.seed)

    def refits(self, draws: int, odd: OddRuns) -> Iterator[Mixer]:
        """Yields the first refits, so many.

        Args:
            odd: runs whose residuals no other run is given.
        """
        if self._odd is None or not np.array_equal(self._odd.odd, odd.odd):
            self._odd = odd
            self._refits = []
        yield from self._refits[:draws]
        if len(self._refits) >= draws:
            return
        for refit in refitted(
            self.narrow,
            self.observations,
            self.rows,
            self.residuals,
            draws,
            self.seed,
            odd,
            len(self._refits),
        ):
            self._refits.append(refit)
            yield refit


def rows_read(mixer: str, observations: Observations) -> Rows:
    """Returns the positions of the runs that a mixer reads."""
    reads = list(mixers.entry(mixer).reads)
    return np.flatnonzero(np.isin(observations.roles, reads))


def refitted(
    full: Mixer,
    observations: Observations,
    rows: Rows,
    held_out: Array,
    draws: int,
    seed: int,
    odd: OddRuns | None = None,
    first: int = 0,
) -> Iterator[Mixer]:
    """Refits a mixer to its predictions plus resampled residuals, up to draw `draws`.

    Draw b is a function of (seed, b) alone. A run's targets are resampled together, and so are
    the runs of one mixture, which share what the mixer's form misses there.

    Args:
        rows: positions of the runs that the mixer reads.
        held_out: (rows, targets) their residuals.
        odd: runs whose residuals no other run is given.
        first: the draw to begin with.
    """
    predicted = full.predict(full.amounts_of(observations)[rows])
    good = np.arange(len(rows))
    if odd is not None:
        good = np.flatnonzero(~odd.odd)
    residuals = held_out[good]
    centred = residuals - residuals.mean(axis=0)
    to = same_mixture(shares_of(observations, rows))
    source = _Groups.of(to[good])
    for draw in range(first, draws):
        rng = np.random.default_rng([seed, draw])
        picks = source.draw(to, rng)
        losses = observations.losses.copy()
        losses[rows] = predicted + centred[picks]
        resampled = replace(observations, losses=losses, derived=True)
        yield full.refit(resampled)


@dataclass(frozen=True)
class _Groups:
    """Runs sorted by their mixture, to draw from mixture by mixture."""

    # positions of the runs, mixture by mixture
    order: NDArray[np.int64]
    # (mixtures,) where each begins, and its runs
    first: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def of(cls, group: NDArray[np.int64]) -> "_Groups":
        order = np.argsort(group, kind="stable")
        _, first, size = np.unique(group[order], return_index=True, return_counts=True)
        return cls(order, first, size)

    def draw(self, to: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Returns (runs,) positions: each mixture of `to` draws one, each run of it a run."""
        mixtures = rng.integers(len(self.first), size=int(to.max()) + 1)
        mixture = mixtures[to]
        size = self.size[mixture]
        within = np.zeros(len(to), dtype=np.int64)
        if size.max() > 1:
            within = (rng.random(len(to)) * size).astype(np.int64)
        return self.order[self.first[mixture] + within]
