"""The runs of mixers that learn weights while they train: one, and DoReMi's reference before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixwright.designs.row import Row, mixture_weights
from mixwright.mixture import Array, Domain


@dataclass(frozen=True)
class OnlineDesign:
    """The design of the mixer of this name."""

    method: str

    def rows(self, config: Mapping[str, Any]) -> list[Row]:
        """Returns the rows of the study's mixer of this method; none where it has none."""
        like = config.get("like", {})
        rows = []
        for mixer, settings in sorted(config["mixers"].items()):
            if like.get(mixer, mixer) == self.method:
                rows += self._rows_of(config, settings)
        return rows

    def _rows_of(self, config: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Row]:
        tokens, seed = config["proxy"]["tokens"], config["seed"]
        rows = []
        learned = {"method": self.method, "settings": dict(settings)}
        if self.method == "doremi":
            reference = {"mixture": settings["reference"]}
            rows.append(Row(parameters=reference, row=0, tokens=tokens, seed=seed))
        if self.method == "fastmix":
            learned["targets"] = importance(config)
        # the weights before the first step
        parameters = {"mixture": "uniform", "online": learned}
        rows.append(Row(parameters=parameters, row=0, tokens=tokens, seed=seed))
        return rows

    def weights(self, rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
        """Returns (rows, domains) weights: those before the first step of a run that learns."""
        weights = np.zeros((len(rows), len(domains)))
        for i, row in enumerate(rows):
            weights[i] = mixture_weights(row.parameters["mixture"], domains)
        return weights


def importance(config: Mapping[str, Any]) -> dict[str, float]:
    """Returns target -> weight in the objective, summing to 1, of targets with a weight."""
    total = sum(target["weight"] for target in config["targets"].values())
    weights = {}
    for name, target in sorted(config["targets"].items()):
        if target["weight"] > 0:
            weights[name] = target["weight"] / total
    return weights
