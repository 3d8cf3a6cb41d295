"""Compares the mixtures on each target alone: where each one helps, and where it harms.

It also counts where a mixer proposed the natural mixture itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mixwright.learners import Learner
from mixwright.report.comparison import Comparison, compare
from mixwright.trust.intervals import REFERENCE, Difference

SAME = 1e-6  # weights that differ by less are equal


@dataclass(frozen=True)
class Cell:
    """One mixer's result on one target."""

    value: float  # mean over the seeds, in the unit of the learner's metric
    against: Difference  # from the reference mixture
    predicted: float | None = None  # loss at the proxies' scale; None: its mixer predicts none


@dataclass(frozen=True)
class Tally:
    """The verdicts on one mixer against natural, as numbers of targets."""

    better: int
    level: int  # neither better nor worse
    worse: int
    same: int  # targets for which it proposed the natural mixture


def by_target(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner,
    documents: pd.DataFrame | None = None,
    mixtures: Sequence[Mapping[str, Any]] = (),
) -> dict[str, dict[str, Cell]]:
    """Compares all mixers with natural on one target at a time.

    Args:
        scores: a SCORES table.
        targets: target -> weight; all of them are compared, whatever the weight.
        learner: says which metric counts.
        documents: a DOCUMENTS table, for the error over documents or rows.
        mixtures: the proposals, with what their mixers predict.

    Returns:
        target -> mixer -> cell, both sorted by name.
    """
    cells = {}
    for target in sorted(targets):
        comparison = on_target(scores, target, learner, documents)
        means = comparison.means
        predicted = _predictions(mixtures, target)
        row = {}
        for arm in sorted(map(str, means.index)):
            gap = comparison.difference(arm)
            row[arm] = Cell(float(means[arm]), gap, predicted.get(arm))
        cells[target] = row
    return cells


def on_target(
    scores: pd.DataFrame, target: str, learner: Learner, documents: pd.DataFrame | None
) -> Comparison:
    """Compares all mixers on one target; arguments as of `by_target`."""
    rows = None
    if documents is not None:
        rows = documents[documents.task == target]
    return compare(scores, {target: 1.0}, learner, rows)


def tallies(
    cells: Mapping[str, Mapping[str, Cell]], mixtures: Sequence[Mapping[str, Any]]
) -> dict[str, Tally]:
    """Counts the verdicts on each mixer over the targets.

    Args:
        cells: what `by_target` returns.
        mixtures: the proposals, each with `mixer`, `weights` and, where it is for one target,
            `goal`.
    """
    weights = {(mixture["mixer"], mixture.get("goal")): mixture["weights"] for mixture in mixtures}
    counts = {}
    for arm in next(iter(cells.values())):
        verdicts = [row[arm].against.verdict for row in cells.values()]
        better = verdicts.count("better")
        worse = verdicts.count("worse")
        same = 0
        for target in cells:
            if _same(weights.get((arm, target)), weights.get((REFERENCE, target))):
                same += 1
        counts[arm] = Tally(better, len(verdicts) - better - worse, worse, same)
    return counts


def _predictions(mixtures: Sequence[Mapping[str, Any]], target: str) -> dict[str, float]:
    """Mixer -> the loss on a target that it predicts of its proposal for the target."""
    predicted = {}
    for mixture in mixtures:
        losses = mixture.get("predicted", {})
        if target in losses and mixture.get("goal", target) == target:
            predicted[mixture["mixer"]] = losses[target]
    return predicted


def _same(first: Mapping[str, float] | None, second: Mapping[str, float] | None) -> bool:
    """Whether both are known and equal; a domain that the second lacks has weight 0 there."""
    if first is None or second is None:
        return False
    distances = [abs(weight - second.get(name, 0.0)) for name, weight in first.items()]
    return all(distance < SAME for distance in distances)
