"""RegMix (arXiv 2407.01492): regress each target's loss on the mixture, then search mixtures.

    loss_k(w) ~ g_k(w)                                 fitted on the runs of the swarm
    proposal  = mean of the `keep` drawn mixtures w of least sum_k c_k g_k(w)

    w    mixture, (domains,) weights on the simplex, drawn from Dirichlet(natural)
    g_k  regression of target k: boosted trees, or a line (both are in the paper), nats/token
         (trees grow on losses less their median, in standard deviations: labels are float32)
    c_k  weight of target k in the goal

The regression knows the mixture only: it holds at the swarm's number of tokens.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Goal
from mixwright.mixers.base import FITTED, UNKNOWN
from mixwright.mixers.limits import Limits
from mixwright.mixers.regmix.c_mixup import augmented, helps
from mixwright.mixers.regmix.tree_search import survivors
from mixwright.mixers.regmix.trees import Parameters, Trees
from mixwright.mixers.search import Searched
from mixwright.mixture import Array
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations

# Learning rate of a refit: a third of the published rounds, as good in cross-validation.
REFIT_RATE = 0.033
# With fewer runs the published 20 rows a leaf leave almost no tree to grow.
PUBLISHED_RUNS = 100
PUBLISHED_ROWS = 20
# Runs at least.
RUNS = 8


@dataclass(frozen=True)
class RegMix(Searched):
    """Boosted trees (LightGBM), one model a target, with the paper's settings.

    They are 1,000 trees at rate .01, 31 leaves and 20 rows a leaf, without early stop. With fewer
    than 100 runs a leaf takes fewer rows.
    """

    iterations: int = 1_000
    learning_rate: float = 0.01
    leaves: int = 31
    # 0: 20 as published, max(3, runs // 16) with fewer than 100 runs
    rows_per_leaf: int = 0
    # C-Mixup, for the targets that it helps in cross-validation
    mixup: bool = False
    # targets that are fitted and searched at a time; 0: as many as there are cores
    workers: int = 0
    # runs that were fitted
    runs: int = field(default=0, metadata=FITTED)
    # of each target its trees, or LightGBM's own text of them
    models: tuple[Trees | str, ...] = field(default=(), metadata=FITTED, repr=False)
    # (targets, 2) nats/token: level and unit of the models' predictions; 0 and 1 in a fit of an
    # older version
    units: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    name = "regmix"

    def fit(self, observations: Observations) -> Self:
        """Grows one model a target on the runs of the swarm."""
        swarm = self.usable(observations, "swarm", least=RUNS)
        runs = len(swarm.runs)
        parameters = self._parameters(runs)
        spread = Spread.of(swarm.losses)
        above = spread.tame(swarm.losses) - spread.centre
        standard = above / spread.deviation

        def grow_target(losses: Array, read: bool) -> Trees:
            if not read:
                return Trees()
            return self._grow(swarm.weights, losses, parameters)

        # Threads are enough: LightGBM lets go of the interpreter while it works.
        with ThreadPoolExecutor(self._threads) as pool:
            models = tuple(pool.map(grow_target, standard.T, self._read(swarm.targets)))
        return self.learned(
            swarm,
            runs=runs,
            models=models,
            units=np.column_stack([spread.centre, spread.deviation]),
        )

    def refit(self, observations: Observations) -> Self:
        """Fits again with fewer trees at a higher rate, and a smaller search."""
        factor = max(1.0, REFIT_RATE / self.learning_rate)
        rounds = max(1, round(self.iterations / factor))
        rate = factor * self.learning_rate
        faster = replace(self, iterations=rounds, learning_rate=rate)
        return Searched.refit(faster, observations)

    def narrowed(self, goal: Goal) -> Self:
        """Returns a copy that grows trees for the goal's targets alone."""
        read = {*goal.targets, *goal.importance, *goal.never_worse}
        models = []
        for target, trees in zip(self.targets, self._trees, strict=True):
            models.append(trees if target in read else Trees())
        return replace(self, models=tuple(models))

    def _read(self, targets: tuple[str, ...]) -> list[bool]:
        """Of each target, whether anyone reads it: all but those that `narrowed` left out."""
        if targets != self.targets:
            return [True] * len(targets)
        return [not trees.bare for trees in self._trees]

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) nats/token, at the swarm's total whatever theirs.

        Args:
            amounts: (mixtures, domains) tokens.
        """
        columns = [self._predict_one(k, amounts) for k in range(len(self.targets))]
        return np.column_stack(columns) + self._levels

    @property
    def _levels(self) -> Array:
        """(targets,) nats/token that the models' predictions count from."""
        if self.units is None:
            return np.zeros(len(self.targets))
        return self.units[:, 0]

    @property
    def _scales(self) -> Array:
        """(targets,) nats/token of one unit of the models' predictions."""
        if self.units is None:
            return np.ones(len(self.targets))
        return self.units[:, 1]

    @cached_property
    def _trees(self) -> list[Trees]:
        """Of each target its trees."""
        return [Trees.of(model) for model in self.models]

    def _leaves(self, target: int) -> tuple[Array, Array]:
        """The least and the greatest leaf of each tree of a target, nats/token."""
        low, high = self._trees[target].leaf_ranges
        scale = float(self._scales[target])
        return scale * low, scale * high

    def _deciding(self, importance: Array) -> list[int]:
        """Positions of the targets with weight whose models tell mixtures apart; one at least."""
        weighed = np.flatnonzero(importance).tolist()
        deciding = []
        for k in weighed:
            low, high = self._leaves(k)
            if (low < high).any():
                deciding.append(k)
        return deciding or weighed

    def candidates(
        self, weights: Array, importance: Array, bar: float = float("inf")
    ) -> NDArray[np.int64]:
        """Returns the rows of `weights` that may be among the best, without walking every tree."""
        chosen = self._deciding(importance)
        least = []
        greatest = []
        for k in chosen:
            low, high = self._leaves(k)
            least.append(low)
            greatest.append(high)
        rounds = min(len(low) for low in least)
        # A target whose trees ended early leaves no common rounds to stop at.
        if rounds < self.iterations or len(weights) <= self.keep:
            return np.arange(len(weights))

        def partial(mixtures: Array, first: int, last: int) -> Array:
            return self._sum(mixtures, importance, first, last - first)

        return survivors(
            partial,
            least=importance[chosen] @ np.stack(least),
            greatest=importance[chosen] @ np.stack(greatest),
            weights=weights,
            keep=self.keep,
            most=bar,
        )

    def objective(self, weights: Array, importance: Array) -> Array:
        """Returns (mixtures,) sum_k c_k g_k(w), less what is the same for all mixtures."""
        return self._sum(weights, importance)

    def within(self, weights: Array, limits: Limits) -> NDArray[np.bool_]:
        """Returns (mixtures,) which mixtures keep the limits.

        Each target walks the trees only for the mixtures that the targets before it left.
        """
        inside = np.ones(len(weights), dtype=bool)
        for k in np.flatnonzero(limits.limited).tolist():
            predicted = self._predict_one(k, weights[inside]) + self._levels[k]
            inside[inside] = predicted <= limits.most[k]
        return inside

    def _sum(
        self, weights: Array, importance: Array, first: int = 0, count: int | None = None
    ) -> Array:
        """(mixtures,) the objective's share of `count` rounds of trees from `first` on."""
        chosen = self._deciding(importance)

        def predict_target(k: int) -> Array:
            return self._predict_one(k, weights, first, count)

        with ThreadPoolExecutor(self._threads) as pool:
            parts = list(pool.map(predict_target, chosen))
        return np.stack(parts, axis=1) @ importance[chosen]

    @property
    def _threads(self) -> int:
        """Targets at a time; a job of the workflow has its rule's threads in OMP_NUM_THREADS."""
        if self.workers:
            return self.workers
        allowed = os.environ.get("OMP_NUM_THREADS", "")
        if allowed.isdigit() and int(allowed):
            return int(allowed)
        return os.cpu_count() or 1

    def notes(self) -> tuple[str, ...]:
        """Says where the rows a leaf differ from the paper's."""
        rows = self._parameters(self.runs)["min_data_in_leaf"]
        if rows == PUBLISHED_ROWS:
            return ()
        return (f"{rows} rows a leaf for {self.runs} runs, where RegMix published 20 for 512",)

    def _predict_one(
        self, target: int, amounts: Array, first: int = 0, count: int | None = None
    ) -> Array:
        """(mixtures,) nats/token of one target above its level.

        Only `count` rounds of trees from `first` on add to it.
        """
        weights = amounts / amounts.sum(axis=1, keepdims=True)
        return self._scales[target] * self._trees[target].predict(weights, first, count)

    def _grow(self, weights: Array, losses: Array, parameters: Parameters) -> Trees:
        """One target's trees, with C-Mixup where that is asked for and helps."""

        def fit_predict(x: Array, y: Array, new: Array) -> Array:
            return Trees.grown(x, y, parameters, self.iterations).predict(new)

        if self.mixup and helps(fit_predict, weights, losses):
            weights, losses = augmented(weights, losses)
        return Trees.grown(weights, losses, parameters, self.iterations)

    def _parameters(self, runs: int) -> Parameters:
        """LightGBM's parameters for so many runs."""
        rows = self.rows_per_leaf
        if not rows:
            rows = PUBLISHED_ROWS if runs >= PUBLISHED_RUNS else max(3, runs // 16)
        return {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": rows,
            # threads of several fits fight over the cores
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class RegMixLinear(Searched):
    """Least squares, the paper's other regression: g_k(w) = sum_i w_i b_ik, the same search.

    Weights sum to 1, so the intercept is among the coefficients b.
    """

    # (domains, targets) b, nats/token
    coefficients: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    name = "regmix-linear"

    def fit(self, observations: Observations) -> Self:
        """Solves for the coefficients; smallest slopes where the runs leave them open."""
        swarm = self.usable(observations, "swarm", least=RUNS)
        tamed = Spread.of(swarm.losses).tame(swarm.losses)
        coefficients, _, rank, _ = np.linalg.lstsq(swarm.weights, tamed, rcond=1e-8)
        if rank < len(swarm.domains):
            # Centred: what the runs leave open is then drawn to their mean loss. Drawn to a loss
            # of 0, it would draw the proposal.
            centre = swarm.weights.mean(axis=0)
            level = tamed.mean(axis=0)
            weights = swarm.weights - centre
            losses = tamed - level
            slopes, *_ = np.linalg.lstsq(weights, losses, rcond=1e-8)
            coefficients = slopes + level - centre @ slopes
        return self.learned(swarm, coefficients=coefficients)

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) nats/token, at the swarm's total whatever theirs.

        Args:
            amounts: (mixtures, domains) tokens.
        """
        weights = amounts / amounts.sum(axis=1, keepdims=True)
        return weights @ self.coefficients
