"""The boosted trees of one target: LightGBM's booster, and the text that it is saved as."""

from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from mixwright.mixers.base import AsText
from mixwright.mixers.regmix.tree_search import leaf_ranges
from mixwright.mixture import Array

if TYPE_CHECKING:
    import lightgbm

Parameters = dict[str, float | int | bool | str]


class Trees(AsText):
    """Trees in memory, as text, or both: each is made of the other when it is wanted.

    Writing a model as text takes a quarter of the time that growing it takes, and most models are
    grown to predict a few runs and then dropped.
    """

    def __init__(self, text: str = "", booster: "lightgbm.Booster | None" = None) -> None:
        self._booster = booster
        self._text = text

    @classmethod
    def of(cls, model: Self | str) -> Self:
        """Returns trees as they are, or those that a text holds."""
        if isinstance(model, cls):
            return model
        return cls(text=str(model))

    @classmethod
    def grown(cls, weights: Array, losses: Array, parameters: Parameters, iterations: int) -> Self:
        """Grows trees on (runs, domains) weights and (runs,) losses.

        lightgbm.train grows the same trees; what it does around each tree takes a sixth of the
        time.
        """
        import lightgbm

        parameters = parameters | {"num_iterations": iterations}
        data = lightgbm.Dataset(weights, losses, params=parameters)
        booster = lightgbm.Booster(parameters, data)
        for _ in range(iterations):
            ended = booster.update()
            if ended:
                break
        return cls(booster=booster)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsText) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def bare(self) -> bool:
        """Whether there are none: nobody reads the target."""
        return not self._text and self._booster is None

    @property
    def text(self) -> str:
        """LightGBM's own text, which holds every number to the last bit; empty where none grew."""
        if not self._text and self._booster is not None:
            self._text = str(self._booster.model_to_string())
        return self._text

    @cached_property
    def leaf_ranges(self) -> tuple[Array, Array]:
        """(trees,) the least and (trees,) the greatest leaf."""
        return leaf_ranges(self.text)

    def predict(self, weights: Array, first: int = 0, count: int | None = None) -> Array:
        """Returns (mixtures,) what `count` rounds of trees from `first` on say of the weights.

        Without trees it is 0.
        """
        if self.bare:
            return np.zeros(len(weights))
        predicted = self.booster.predict(
            weights,
            start_iteration=first,
            num_iteration=count,
            num_threads=1,
        )
        return np.asarray(predicted)

    @property
    def booster(self) -> "lightgbm.Booster":
        """LightGBM's booster of the trees."""
        import lightgbm

        if self._booster is None:
            self._booster = lightgbm.Booster(model_str=self._text)
        return self._booster
