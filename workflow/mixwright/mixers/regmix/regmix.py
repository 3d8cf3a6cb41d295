"""RegMix (arXiv 2407.01492): regress each target's loss on the mixture, then average the best of many simulated mixtures."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.base import FITTED, UNKNOWN
from mixwright.mixers.limits import Limits
from mixwright.mixers.regmix.c_mixup import augmented, helps
from mixwright.mixers.regmix.tree_search import leaf_ranges, survivors
from mixwright.mixture import Array
from mixwright.observations import Observations

if TYPE_CHECKING:
    import lightgbm
from mixwright.mixers.search import Searched

REFIT_RATE = (
    0.033  # of a refit's trees: a third of the published rounds, as good in cross-validation
)
PUBLISHED_RUNS = (
    100  # below this many runs the published 20 rows a leaf leave almost no tree to grow
)


@dataclass(frozen=True)
class RegMix(Searched):
    """One LightGBM a target as published: 1,000 trees, rate .01, 31 leaves, 20 rows a leaf, no early stop; fewer a leaf under 100 runs."""

    iterations: int = 1_000
    learning_rate: float = 0.01
    leaves: int = 31
    rows_per_leaf: int = 0  # 0: 20 as published, max(3, runs // 16) under 100 runs
    mixup: bool = False  # C-Mixup for the targets that it helps in cross-validation
    workers: int = 0  # targets fitted and searched side by side; 0: as many as there are cores
    runs: int = field(default=0, metadata=FITTED)
    models: tuple[str, ...] = field(
        default=(), metadata=FITTED, repr=False
    )  # LightGBM's own text, one a target
    name = "regmix"

    def fit(self, seen: Observations) -> Self:
        swarm = self.usable(seen, "swarm", least=8)
        settings = self._parameters(len(swarm.runs))
        with ThreadPoolExecutor(
            self._threads
        ) as pool:  # LightGBM lets go of the interpreter while it works
            models = tuple(
                pool.map(lambda losses: self._grow(swarm.weights, losses, settings), swarm.losses.T)
            )
        return self.learned(swarm, runs=len(swarm.runs), models=models)

    def refit(self, seen: Observations) -> Self:
        """With fewer trees at a higher rate, and the smaller search."""
        faster = max(1.0, REFIT_RATE / self.learning_rate)
        rounds, rate = max(1, round(self.iterations / faster)), faster * self.learning_rate
        return super(RegMix, replace(self, iterations=rounds, learning_rate=rate)).refit(seen)

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, at the swarm's total whatever the amounts' total."""
        return np.column_stack([self._predict_one(k, amounts) for k in range(len(self.targets))])

    def candidates(self, weights: Array, importance: Array) -> NDArray[np.int64]:
        chosen = np.flatnonzero(importance).tolist()
        ranges = [leaf_ranges(self.models[k]) for k in chosen]
        rounds = min(len(least) for least, _ in ranges)
        if (
            rounds < self.iterations or len(weights) <= self.keep
        ):  # a target whose trees ended early: no common rounds to cut by
            return np.arange(len(weights))
        least, greatest = (
            importance[chosen] @ np.stack(parts) for parts in zip(*ranges, strict=True)
        )

        def partial(mixtures: Array, first: int, last: int) -> Array:
            return self._sum(mixtures, importance, first, last - first)

        return survivors(partial, least, greatest, weights, self.keep)

    def objective(self, weights: Array, importance: Array) -> Array:
        return self._sum(weights, importance)

    def within(self, weights: Array, limits: Limits) -> NDArray[np.bool_]:
        kept = np.ones(len(weights), dtype=bool)
        for k in np.flatnonzero(
            limits.limited
        ).tolist():  # each target walks the trees of what the others left only
            kept[kept] = self._predict_one(k, weights[kept]) <= limits.most[k]
        return kept

    def _sum(
        self, weights: Array, importance: Array, first: int = 0, count: int | None = None
    ) -> Array:
        chosen = np.flatnonzero(importance)
        with ThreadPoolExecutor(self._threads) as pool:
            parts = pool.map(lambda k: self._predict_one(k, weights, first, count), chosen.tolist())
            return np.stack(list(parts), axis=1) @ importance[chosen]

    @property
    def _threads(self) -> int:
        """What OMP_NUM_THREADS leaves of the cores, which a job of the workflow has at its rule's threads."""
        said = os.environ.get("OMP_NUM_THREADS", "")
        return self.workers or (int(said) if said.isdigit() and int(said) else os.cpu_count() or 1)

    def notes(self) -> tuple[str, ...]:
        rows = self._parameters(self.runs)["min_data_in_leaf"]
        return (
            ()
            if rows == 20
            else (f"{rows} rows a leaf for {self.runs} runs, where RegMix published 20 for 512",)
        )

    def _predict_one(
        self, target: int, amounts: Array, first: int = 0, count: int | None = None
    ) -> Array:
        weights = amounts / amounts.sum(axis=1, keepdims=True)
        return np.asarray(
            self._boosters[target].predict(
                weights, start_iteration=first, num_iteration=count, num_threads=1
            )
        )

    def _grow(self, weights: Array, losses: Array, parameters: dict) -> str:
        import lightgbm

        def predicted(x: Array, y: Array, new: Array) -> Array:
            return np.asarray(
                lightgbm.Booster(model_str=_grow(x, y, parameters, self.iterations)).predict(
                    new, num_threads=1
                )
            )

        if self.mixup and helps(predicted, weights, losses):
            weights, losses = augmented(weights, losses)
        return _grow(weights, losses, parameters, self.iterations)

    @cached_property
    def _boosters(self) -> "list[lightgbm.Booster]":
        import lightgbm

        return [lightgbm.Booster(model_str=model) for model in self.models]

    def _parameters(self, runs: int) -> dict[str, float | int | bool | str]:
        rows = self.rows_per_leaf or (20 if runs >= PUBLISHED_RUNS else max(3, runs // 16))
        return {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": rows,
            "num_threads": 1,  # threads of several fits fight over the cores
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class RegMixLinear(Searched):
    """Ordinary least squares of each target's loss on the weights (smallest slopes where they leave it open), the same search."""

    coefficients: Array = field(
        default=UNKNOWN, metadata=FITTED, repr=False
    )  # (domains, targets) nats/token
    name = "regmix-linear"

    def fit(self, seen: Observations) -> Self:
        swarm = self.usable(seen, "swarm", least=8)
        # weights sum to 1, so the intercept is among the coefficients
        coefficients, _, rank, _ = np.linalg.lstsq(swarm.weights, swarm.losses, rcond=1e-8)
        if (
            rank < len(swarm.domains)
        ):  # centred: what the runs leave open is drawn to their mean loss; from 0 it would draw the proposal
            centre, level = swarm.weights.mean(axis=0), swarm.losses.mean(axis=0)
            slopes = np.linalg.lstsq(swarm.weights - centre, swarm.losses - level, rcond=1e-8)[0]
            coefficients = slopes + level - centre @ slopes
        return self.learned(swarm, coefficients=coefficients)

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, at the swarm's total whatever the amounts' total."""
        return amounts / amounts.sum(axis=1, keepdims=True) @ self.coefficients


def _grow(weights: Array, losses: Array, parameters: dict, iterations: int) -> str:
    import lightgbm

    parameters = parameters | {"num_iterations": iterations}
    booster = lightgbm.Booster(parameters, lightgbm.Dataset(weights, losses, params=parameters))
    for _ in range(
        iterations
    ):  # lightgbm.train grows the same trees; what it does around each takes a sixth of the time
        if booster.update():
            break
    return booster.model_to_string()
