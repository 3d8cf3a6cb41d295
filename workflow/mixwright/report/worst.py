"""Compares final models by the target that gains least over natural, where a goal asks for that.

    gain = min_k gain_k   over the targets k, each compared with natural by itself

Which target gains least is not known for certain, so both ends of the interval are the least over
the targets. The truly worst target is one of them: its lower end is at least as high. The upper
ends are widened for so many targets (Bonferroni), for any of them may be the least by luck.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import hypot

import numpy as np
import pandas as pd

from mixwright.learners import Learner
from mixwright.report.by_target import on_target
from mixwright.report.comparison import Comparison
from mixwright.study.goals import is_worst
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE, Difference, OfWorst


@dataclass(frozen=True)
class WorstComparison(Comparison):
    """The comparison of mixers by their worst targets; values are still the targets' means."""

    # target -> the comparison on it alone
    alone: Mapping[str, Comparison] = field(default_factory=dict)

    @property
    def means(self) -> pd.Series:
        """By how much each mixer's worst target differs from natural's, the best mixer first."""
        values = {}
        for arm in super().means.index:
            values[arm] = self.difference(str(arm)).value
        over = pd.Series(values, dtype=float)
        return over.sort_values(kind="stable", ascending=not self.metric.higher)

    def difference(
        self, arm: str, reference: str = REFERENCE, comparisons: int = 1, level: float = 0.95
    ) -> Difference:
        """Estimates the difference of two mixers' worst targets; arguments as of a comparison.

        Against another mixture than natural it is that of their differences from natural, with
        ends that hold for both: wider than a paired one.
        """
        if reference == REFERENCE:
            return self._from_natural(arm, comparisons, level)
        first = self._from_natural(arm, 2 * comparisons, level)
        second = self._from_natural(reference, 2 * comparisons, level)
        of_mean = self.of_mean(arm, reference)
        if of_mean.identical:
            return OfWorst(**vars(of_mean))
        return OfWorst(
            arm,
            reference,
            first.value - second.value,
            first.low - second.high,
            first.high - second.low,
            of_mean.seeds,
            hypot(first.seed_error, second.seed_error),
            hypot(first.document_error, second.document_error),
            metric=self.metric,
        )

    def of_mean(self, arm: str, reference: str = REFERENCE) -> Difference:
        """Returns the difference of two mixers on the mean of the targets."""
        return super().difference(arm, reference)

    def without(self, arms: Iterable[str]) -> "WorstComparison":
        """Returns the comparison without some mixers."""
        names = list(arms)
        alone = {target: one.without(names) for target, one in self.alone.items()}
        return replace(self, values=self.values.drop(index=names), alone=alone)

    def _from_natural(self, arm: str, comparisons: int, level: float) -> OfWorst:
        """The difference from natural on the target that gains least."""
        sign = 1 if self.metric.higher else -1
        gains = {}
        lows = []
        highs = []
        for target, one in self.alone.items():
            gap = one.difference(arm, REFERENCE, comparisons, level)
            wide = one.difference(arm, REFERENCE, comparisons * len(self.alone), level)
            gains[target] = gap
            lows.append(min(sign * gap.low, sign * gap.high))
            highs.append(max(sign * wide.low, sign * wide.high))
        worst = min(gains, key=lambda target: sign * gains[target].value)
        # NaN, where one seed leaves no interval, stays NaN
        ends = (sign * float(np.min(lows)), sign * float(np.min(highs)))
        least = replace(gains[worst], low=min(ends), high=max(ends))
        return OfWorst(**vars(least), target=worst)


def candidates_of(
    study: Study,
    learner: Learner,
    comparison: Comparison,
    scores: pd.DataFrame,
    documents: pd.DataFrame | None = None,
) -> Comparison:
    """Returns the comparison of the mixers that can be the answer, by what the goal asks for.

    Mixers that stand outside the goal's bounds on purpose are left out.

    Args:
        comparison: of all mixers, by the mean of the targets.
        scores: a SCORES table.
        documents: a DOCUMENTS table, for the error over documents or rows.
    """
    arms = [str(arm) for arm in comparison.values.index]
    outside = [arm for arm in arms if not study.method(arm).bounded]
    if not is_worst(study.config):
        return comparison.without(outside)
    alone = {}
    for target, weight in sorted(comparison.targets.items()):
        if weight > 0:
            alone[target] = on_target(scores, target, learner, documents)
    return WorstComparison(**vars(comparison), alone=alone).without(outside)


def worst_gaps(comparison: Comparison) -> dict[str, Difference]:
    """Returns mixer -> its worst target's difference from natural; empty: the mean is judged."""
    gaps = {}
    if isinstance(comparison, WorstComparison):
        for arm in comparison.values.index:
            gaps[str(arm)] = comparison.difference(str(arm))
    return gaps
