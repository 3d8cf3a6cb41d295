"""Gradient-boosted trees behind one small interface: LightGBM or XGBoost.

One thread: the same numbers give the same model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json, written
from mixwright.mixture import Array
from mixwright.tabular.metrics import CLIP
from mixwright.tabular.pool import LabelledRows
from mixwright.tabular.source import Matrix

LIBRARIES = ("lightgbm", "xgboost")


@dataclass(frozen=True)
class Trees:
    """Settings of the trees: the library, and the grid that the validation chooses from.

    The defaults are those of MixMin's experiments on molecules (arXiv 2502.10510).
    """

    library: str = "xgboost"
    trees: tuple[int, ...] = (10, 50, 100)  # numbers of trees
    depth: tuple[int, ...] = (4, 6, 8)
    rate: float = 0.1  # learning rate

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Trees":
        """Reads the section `trees` of a config.

        Raises:
            MixwrightError: the library is unknown.
        """
        values: dict[str, Any] = {}
        for key, value in settings.items():
            values[key] = tuple(value) if isinstance(value, list) else value
        trees = cls(**values)
        if trees.library not in LIBRARIES:
            raise MixwrightError(
                f"trees: library {trees.library} is unknown; use {' or '.join(LIBRARIES)}"
            )
        return trees


@dataclass(frozen=True, eq=False)
class Model:
    """A trained booster and the point of the grid that the validation chose."""

    library: str
    trees: int
    depth: int
    validation_loss: float  # nats/example at that point
    booster: Any = field(repr=False)  # the library's own

    def probability(self, features: Matrix) -> Array:
        """Returns (rows,) the probability of the label 1 for features (rows, features)."""
        return _probability(self.library, self.booster, features, self.trees)

    def save(self, folder: str | Path) -> None:
        """Writes the booster in its library's own format, and trees.json.

        The booster is model.txt (LightGBM) or model.json (XGBoost).
        """
        chosen = {
            "library": self.library,
            "trees": self.trees,
            "depth": self.depth,
            "validation_loss": self.validation_loss,
        }
        with written(folder) as temporary:
            temporary.mkdir()
            self.booster.save_model(str(temporary / _FILES[self.library]))
            write_json(temporary / "trees.json", chosen)

    @classmethod
    def load(cls, folder: str | Path) -> "Model":
        """Reads what `save` wrote."""
        folder = Path(folder)
        chosen = read_json(folder / "trees.json")
        library = chosen["library"]
        return cls(booster=_read(library, folder / _FILES[library]), **chosen)


_FILES = {"lightgbm": "model.txt", "xgboost": "model.json"}


@dataclass(frozen=True, eq=False)
class Grown:
    """A booster of every depth at the most trees.

    Fewer trees are a prefix of more, so the grid costs one fit a depth.
    """

    settings: Trees
    boosters: Mapping[int, Any] = field(repr=False)  # by depth

    def best(self, validated: LabelledRows) -> Model:
        """Returns the model of the depth and the number of trees that fit `validated` best."""
        library = self.settings.library
        losses = {}
        for trees, depth in product(self.settings.trees, self.settings.depth):
            booster = self.boosters[depth]
            probability = _probability(library, booster, validated.features, trees)
            losses[trees, depth] = weighted_loss(probability, validated)
        # Of equal losses the fewest trees, then the least depth.
        trees, depth = min(losses, key=lambda point: (losses[point], point))
        return Model(library, trees, depth, losses[trees, depth], self.boosters[depth])


def grow(learned: LabelledRows, settings: Trees, seed: int) -> Grown:
    """Fits a booster of every depth.

    Args:
        learned: the rows of a mixture, as `Pool.mixed` returns them.
        settings: library and grid.
        seed: of the library's random numbers.
    """
    fit = _FIT[settings.library]
    boosters = {}
    for depth in settings.depth:
        boosters[depth] = fit(learned, max(settings.trees), depth, settings.rate, seed)
    return Grown(settings, boosters)


def train(learned: LabelledRows, validated: LabelledRows, settings: Trees, seed: int) -> Model:
    """Returns the model whose point of the grid is best on `validated`."""
    return grow(learned, settings, seed).best(validated)


def weighted_loss(probability: Array, examples: LabelledRows) -> float:
    """Returns the log loss in nats per unit of weight; labels may lie between 0 and 1.

    It is sum_j w_j (-y_j log p_j - (1 - y_j) log(1 - p_j)) / sum_j w_j.
    """
    p = np.clip(np.asarray(probability, np.float64), CLIP, 1 - CLIP)
    y = examples.labels
    total = examples.weights @ (y * np.log(p) + (1 - y) * np.log1p(-p))
    return float(-total / examples.weights.sum())


def _fit_lightgbm(examples: LabelledRows, trees: int, depth: int, rate: float, seed: int) -> Any:
    """Returns a LightGBM booster.

    Its cross entropy takes labels between 0 and 1. A leaf has a least curvature and no least
    number of rows, for one row may stand for several.
    """
    import lightgbm

    settings = {
        "objective": "cross_entropy",
        "learning_rate": rate,
        "feature_pre_filter": False,
        "min_data_in_bin": 1,
        "max_depth": depth,
        "num_leaves": 2**depth,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 1.0,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        examples.features, examples.labels, weight=examples.weights, params=settings
    )
    return lightgbm.train(settings, data, trees)


def _fit_xgboost(examples: LabelledRows, trees: int, depth: int, rate: float, seed: int) -> Any:
    """Returns an XGBoost booster."""
    xgboost = _xgboost()
    data = xgboost.QuantileDMatrix(
        examples.features, label=examples.labels, weight=examples.weights, nthread=1
    )
    settings = {
        "objective": "binary:logistic",
        "max_depth": depth,
        "eta": rate,
        "tree_method": "hist",
        "seed": seed,
        "nthread": 1,
        "verbosity": 0,
    }
    return xgboost.train(settings, data, trees)


def _xgboost() -> Any:
    """Returns the module xgboost, or says how it is installed."""
    try:
        import xgboost
    except ImportError:
        raise MixwrightError(
            "trees.library: xgboost is not installed; install mixwright[tabular], or use lightgbm"
        ) from None
    return xgboost


_FIT = {"lightgbm": _fit_lightgbm, "xgboost": _fit_xgboost}


def _probability(library: str, booster: Any, features: Matrix, trees: int) -> Array:
    """Returns (rows,) the probability of the label 1 by a booster's first trees."""
    if library == "lightgbm":
        probability = booster.predict(features, num_iteration=trees, num_threads=1)
    else:
        probability = booster.inplace_predict(features, iteration_range=(0, trees))
    return np.asarray(probability, np.float64)


def _read(library: str, path: Path) -> Any:
    """Reads a booster in its library's own format."""
    if not path.exists():
        raise MixwrightError(f"{path}: no such model; train it again")
    if library == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=str(path))
    booster = _xgboost().Booster({"nthread": 1})
    booster.load_model(str(path))
    return booster
