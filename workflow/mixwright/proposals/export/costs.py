"""What a mixture costs beside another one, predicted by a fit, in words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Readout
from mixwright.learners import LOSS, Metric
from mixwright.measured.loss_tables import as_mixtures
from mixwright.mixture import Array, Mixture
from mixwright.proposals.fits import Predicting


@dataclass(frozen=True)
class FitCost:
    """Predicts by a fit what a change of the mixture costs in the objective of a goal."""

    fit: Predicting
    readout: Readout
    # target -> weight in the objective
    objective: Mapping[str, float]

    @classmethod
    def of(cls, fit: Predicting, objective: Mapping[str, float]) -> "FitCost":
        """Returns the cost by a fit or a surface.

        Args:
            fit: of a mixer that predicts losses.
            objective: target -> weight; empty: that of the fit's study, or the mean of all targets.

        Raises:
            MixwrightError: the mixer predicts no losses, or not those of the objective.
        """
        fit.check_predicts()
        weights: dict[str, float] = {}
        for name, weight in objective.items():
            if weight == 0:
                continue
            if name not in fit.targets:
                raise MixwrightError(
                    f"--fit: {fit.name} predicts no {name}, which the mixture's goal weighs;"
                    " give the fit that proposed the mixture, or leave --fit out"
                )
            weights[name] = weight
        if not weights:
            weights = dict(fit.source.goal.targets)
        if not weights:
            weights = dict.fromkeys(fit.targets, 1.0)
        readout = Readout.of(weights, fit.targets, fit.source.metrics)
        return cls(fit, readout, weights)

    def __call__(self, before: Mixture, after: Mixture) -> str:
        """Returns what `after` costs beside `before`: `+0.0021 nats/token, most on prose (...)`.

        Raises:
            MixwrightError: a mixture has a domain that the fit does not know.
        """
        domains = self.fit.domains
        both = []
        for mixture in (before, after):
            whole = mixture.over(domains)
            both.append(whole.as_dict())
        minimised = self.fit.predict_minimised(as_mixtures(both, domains))
        objective = np.asarray(self.readout.objective(minimised))
        words = _changed(objective, self.readout.metric)
        return f"{words}{self._worst(minimised)}, by {self.fit.name}"

    def _worst(self, minimised: Array) -> str:
        """The target of the objective that suffers most, where there are several."""
        rises = minimised[1] - minimised[0]
        columns = []
        for column, name in enumerate(self.fit.targets):
            if self.objective.get(name, 0.0) > 0:
                columns.append(column)
        if len(columns) < 2:
            return ""
        worst = max(columns, key=rises.__getitem__)
        if rises[worst] <= 0:
            return ", no target suffers"
        name = self.fit.targets[worst]
        metric = self.fit.source.metrics.get(name, LOSS)
        measured = self.fit.source.measured(minimised)
        words = _changed(measured[:, worst], metric)
        return f", most on {name} ({words})"


def _changed(values: Array, metric: Metric) -> str:
    """The second of two values minus the first, with its unit."""
    before, after = values.tolist()
    words = f"{after - before:+.2g} {metric.unit}"
    return words.rstrip()
