"""The objective as it is shown, turned so that less of it is better."""

from dataclasses import dataclass

from mixwright.goal import Readout
from mixwright.mixture import Array
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
        ends = sorted((self.way * cost.low, self.way * cost.high))
        return Interval(self.way * cost.value, *ends)
