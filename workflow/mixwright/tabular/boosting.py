"""Gradient-boosted trees behind one small interface: LightGBM or XGBoost, one thread, the same model from the same numbers."""

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
    """Settings: which library, and the grid of numbers of trees and depths (arXiv 2502.10510: 10, 50, 100 and 4, 6, 8, rate .1)."""

    library: str = "xgboost"
    trees: tuple[int, ...] = (10, 50, 100)
    depth: tuple[int, ...] = (4, 6, 8)
    rate: float = 0.1

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Trees":
        """From a config; an unknown library is refused."""
        found = cls(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in settings.items()
            }
        )
        if found.library not in LIBRARIES:
            raise MixwrightError(
                f"trees: library {found.library} is unknown; use {' or '.join(LIBRARIES)}"
            )
        return found


@dataclass(frozen=True, eq=False)
class Model:
    """A trained booster and the point of the grid that the validation chose."""

    library: str
    trees: int
    depth: int
    validation_loss: float  # nats/example at that point
    booster: Any = field(repr=False)

    def probability(self, features: Matrix) -> Array:
        """(rows,) probability of the label 1."""
        return _probability(self.library, self.booster, features, self.trees)

    def save(self, folder: str | Path) -> None:
        """Writes model.txt (LightGBM) or model.json (XGBoost) in the library's own format, and trees.json."""
        with written(folder) as beside:
            beside.mkdir()
            self.booster.save_model(str(beside / _FILES[self.library]))
            chosen = {
                name: getattr(self, name)
                for name in ("library", "trees", "depth", "validation_loss")
            }
            write_json(beside / "trees.json", chosen)

    @classmethod
    def load(cls, folder: str | Path) -> "Model":
        """What `save` wrote."""
        chosen = read_json(Path(folder) / "trees.json")
        return cls(
            booster=_read(chosen["library"], Path(folder) / _FILES[chosen["library"]]), **chosen
        )


_FILES = {"lightgbm": "model.txt", "xgboost": "model.json"}


@dataclass(frozen=True, eq=False)
class Grown:
    """A booster of every depth at the most trees: fewer trees are a prefix of more, so the grid costs one fit a depth."""

    settings: Trees
    boosters: Mapping[int, Any] = field(repr=False)  # by depth

    def best(self, validated: LabelledRows) -> Model:
        """The depth and the number of trees of the least log loss on `validated`."""
        library = self.settings.library
        losses = {
            (trees, depth): weighted_loss(
                _probability(library, self.boosters[depth], validated.features, trees), validated
            )
            for trees, depth in product(self.settings.trees, self.settings.depth)
        }
        trees, depth = min(losses, key=lambda point: (losses[point], point))
        return Model(library, trees, depth, losses[trees, depth], self.boosters[depth])


def grow(learned: LabelledRows, settings: Trees, seed: int) -> Grown:
    """Fits every depth on `learned`, which is what `Pool.mixed(weights)` gives."""
    fit = _FIT[settings.library]
    return Grown(
        settings,
        {
            depth: fit(learned, max(settings.trees), depth, settings.rate, seed)
            for depth in settings.depth
        },
    )


def train(learned: LabelledRows, validated: LabelledRows, settings: Trees, seed: int) -> Model:
    """The point of the grid that is best on `validated`."""
    return grow(learned, settings, seed).best(validated)


def weighted_loss(probability: Array, examples: LabelledRows) -> float:
    """Log loss in nats per unit of weight; labels may lie between 0 and 1."""
    p, y = np.clip(np.asarray(probability, np.float64), CLIP, 1 - CLIP), examples.labels
    return float(
        -(examples.weights @ (y * np.log(p) + (1 - y) * np.log1p(-p))) / examples.weights.sum()
    )


def _fit_lightgbm(examples: LabelledRows, trees: int, depth: int, rate: float, seed: int) -> Any:
    """Cross entropy takes labels between 0 and 1. Rows a leaf are not counted, for one row may stand for several: the curvature is."""
    import lightgbm

    shape = {
        "max_depth": depth,
        "num_leaves": 2**depth,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 1.0,
    }
    exact = {
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbosity": -1,
    }
    known = {
        "objective": "cross_entropy",
        "learning_rate": rate,
        "feature_pre_filter": False,
        "min_data_in_bin": 1,
        **shape,
        **exact,
    }
    data = lightgbm.Dataset(
        examples.features, examples.labels, weight=examples.weights, params=known
    )
    return lightgbm.train(known, data, trees)


def _fit_xgboost(examples: LabelledRows, trees: int, depth: int, rate: float, seed: int) -> Any:
    xgboost = _xgboost()
    data = xgboost.QuantileDMatrix(
        examples.features, label=examples.labels, weight=examples.weights, nthread=1
    )
    known = {
        "objective": "binary:logistic",
        "max_depth": depth,
        "eta": rate,
        "tree_method": "hist",
        "seed": seed,
        "nthread": 1,
    }
    return xgboost.train({**known, "verbosity": 0}, data, trees)


def _xgboost() -> Any:
    try:
        import xgboost
    except ImportError:
        raise MixwrightError(
            "trees.library: xgboost is not installed; install mixwright[tabular], or use lightgbm"
        ) from None
    return xgboost


_FIT = {"lightgbm": _fit_lightgbm, "xgboost": _fit_xgboost}


def _probability(library: str, booster: Any, features: Matrix, trees: int) -> Array:
    if library == "lightgbm":
        found = booster.predict(features, num_iteration=trees, num_threads=1)
    else:
        found = booster.inplace_predict(features, iteration_range=(0, trees))
    return np.asarray(found, np.float64)


def _read(library: str, path: Path) -> Any:
    if not path.exists():
        raise MixwrightError(f"{path}: no such model; train it again")
    if library == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=str(path))
    booster = _xgboost().Booster({"nthread": 1})
    booster.load_model(str(path))
    return booster
