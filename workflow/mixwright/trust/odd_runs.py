"""Runs that lie far off what the others say of them: a bad run is named, and widens nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.learners import LOSS, Metric
from mixwright.mixture import Array
from mixwright.numerics.spread import robust_deviation, varying

# a run is odd that lies so many standard deviations off what the others say of it
ODD = 6.0
# where more of the runs than this share are odd, it is the mixer's form that is
MOST_ODD = 0.2
# odd runs that get a note each
NAMED = 3
# keeps residuals of 0 from dividing by 0
TINY = 1e-300


@dataclass(frozen=True)
class OddRuns:
    """Which runs are odd, by held-out residuals on the scale that mixers minimise."""

    # (runs,)
    odd: NDArray[np.bool_]
    # (runs,) the column in which each run lies off most
    worst: NDArray[np.int64]
    # (runs,) how far off each lies there, in what is still usual
    size: Array
    # (runs, targets) measured, and what the other runs say
    measured: Array
    expected: Array

    @classmethod
    def of(
        cls,
        measured: Array,
        residuals: Array,
        leverage: Array,
        wanted: NDArray[np.bool_],
    ) -> "OddRuns":
        """Compares each residual with the usual one, and with the spread of what was measured.

        Args:
            measured: (runs, targets).
            residuals: (runs, targets) measured minus predicted without the run.
            leverage: (runs,) how far out each run's mixture lies, 1 on average: a mixture at the
                edge is harder to predict.
            wanted: (targets,) which targets count.
        """
        usual = np.median(residuals, axis=0)
        off = np.abs(residuals - usual)
        harder = np.maximum(1.0, leverage)
        spread = np.outer(harder, robust_deviation(residuals))
        limit = np.maximum(ODD * spread, robust_deviation(measured))
        limit = np.maximum(limit, TINY)
        # what is the same in every run is predicted but for rounding
        counts = wanted & varying(measured)
        ratio = np.where(counts, off / limit, 0.0)
        worst = ratio.argmax(axis=1)
        odd = ratio.max(axis=1) > 1
        if odd.mean() > MOST_ODD:
            odd = np.zeros_like(odd)
        return cls(
            odd=odd,
            worst=worst,
            size=ratio.max(axis=1),
            measured=measured,
            expected=measured - residuals,
        )

    def notes(
        self,
        runs: tuple[str, ...],
        targets: tuple[str, ...],
        metrics: Mapping[str, Metric],
    ) -> tuple[str, ...]:
        """Returns a sentence on each of the oddest runs, in the targets' own units.

        Args:
            runs: (runs,) names.
            targets: (targets,) names of the columns.
            metrics: target -> what its numbers are.
        """
        rows = np.flatnonzero(self.odd)
        order = np.argsort(-self.size[rows], kind="stable")
        oddest = rows[order].tolist()
        both = np.stack([self.measured, self.expected])
        notes = []
        for row in oddest[:NAMED]:
            column = int(self.worst[row])
            target = targets[column]
            metric = metrics.get(target, LOSS)
            pair = both[:, row, column]
            value, usual = metric.measured(pair).tolist()
            size = f"{abs(value - usual):.3g} {metric.unit}".rstrip()
            notes.append(
                f"{runs[row]} lies {size} off what the other runs say of {target}"
                f" ({value:.4g}, not about {usual:.4g}); check it"
            )
        if len(oddest) > NAMED:
            others = [runs[row] for row in oddest[NAMED:]]
            names = ", ".join(others)
            notes.append(f"less far off than these, but odd too: {names}; check them")
        return tuple(notes)
