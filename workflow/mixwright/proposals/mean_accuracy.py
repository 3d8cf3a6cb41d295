"""A goal over accuracies is their mean, and mixers minimise weighted means of -log accuracy.

So it is with probabilities of right answers.

A gain of 1 % of an accuracy p is p points. So a target counts by its weight times the accuracy that
it can have, for which its best run stands: what a fit predicts beyond its runs is too uncertain.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mixwright.goal import Goal, Readout
from mixwright.learners import Metric
from mixwright.observations import Observations


def for_mean_accuracy(runs: Observations | None, goal: Goal) -> Goal:
    """Returns the goal with weights by which mixers propose for the mean accuracy.

    It is the goal itself where that is no mean of accuracies.

    Args:
        runs: those that the mixer was fitted to; None: it reads none.
    """
    if runs is None:
        return goal
    least = dict(zip(runs.targets, runs.losses.min(axis=0).tolist(), strict=True))
    return for_mean_of(least, runs.metrics, goal)


def for_mean_of(best: Mapping[str, float], metrics: Mapping[str, Metric], goal: Goal) -> Goal:
    """Returns the same by the best of the runs alone.

    Args:
        best: target -> the least that a run reached of what mixers minimise.
        metrics: target -> what its numbers are.
    """
    targets = tuple(goal.targets)
    if len(targets) < 2 or not set(targets) <= set(best):
        return goal
    readout = Readout.of(goal.targets, targets, metrics)
    if not readout.in_points:
        return goal
    least = np.array([best[target] for target in targets])
    # what is minimised for an accuracy is -log of its share
    points = readout.weights * np.exp(-least)
    shares = points / points.sum()
    importance = dict(zip(targets, shares.tolist(), strict=True))
    return replace(goal, importance=importance)
