"""The objective as it is shown, turned so that less of it is better."""

from dataclasses import dataclass

import numpy as np

from mixwright.goal import Readout
from mixwright.learners import POINTS
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.intervals import Interval


@dataclass(frozen=True)
class Cost:
    """Reads what mixers minimise."""

    readout: Readout

    def __call__(self, minimised: Array) -> Array:
        """Returns (...) costs of what mixers minimise (..., targets)."""
        return self.way * self.readout.objective(minimised)

    @property
    def way(self) -> int:
        """-1 where more of the objective is better."""
        if self.readout.metric.higher:
            return -1
        return 1

    def objective(self, cost: Interval) -> Interval:
        """Returns the objective of a cost, with its interval the right way round."""
        low = self.way * cost.low
        high = self.way * cost.high
        value = self.way * cost.value
        return Interval(value, min(low, high), max(low, high))


def question_error(readout: Readout, observations: Observations) -> float | None:
    """Returns the standard error of one run's objective by the number of its questions alone.

    It is in the objective's unit, the median over the runs. None: the objective is no share of
    right answers, or nobody told how many questions a target has. Of probabilities it is unknown.
    """
    if not readout.in_points:
        return None
    variance = np.zeros(len(observations.runs))
    for column, weight in enumerate(readout.weights.tolist()):
        if not weight > 0:
            continue
        metric = readout.metrics[column]
        accuracy = metric.measured(observations.losses[:, column])
        error = metric.noise(accuracy)
        if error is None:
            return None
        points = POINTS.whole * error / metric.whole
        share = weight * points
        variance += share**2
    usual = np.median(variance)
    return float(np.sqrt(usual))
