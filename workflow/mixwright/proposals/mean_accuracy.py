"""A goal over accuracies is their mean, and mixers minimise weighted means of -log accuracy.

A gain of 1 % of an accuracy p is p points. So a target counts by its weight times the accuracy that
it can have, for which its best run stands: what a fit predicts beyond its runs is too uncertain.
"""

from dataclasses import replace

import numpy as np

from mixwright.goal import Goal, Readout
from mixwright.learners import POINTS
from mixwright.observations import Observations


def for_mean_accuracy(runs: Observations | None, goal: Goal) -> Goal:
    """Returns the goal with weights by which mixers propose for the mean accuracy.

    It is the goal itself where that is no mean of accuracies.

    Args:
        runs: those that the mixer was fitted to; None: it reads none.
    """
    targets = tuple(goal.targets)
    if runs is None or len(targets) < 2 or not set(targets) <= set(runs.targets):
        return goal
    readout = Readout.of(goal.targets, targets, runs.metrics)
    if readout.metric is not POINTS:
        return goal
    columns = [runs.targets.index(target) for target in targets]
    least = runs.losses[:, columns].min(axis=0)
    # what is minimised for an accuracy is -log of its share
    points = readout.weights * np.exp(-least)
    shares = points / points.sum()
    importance = dict(zip(targets, shares.tolist(), strict=True))
    return replace(goal, importance=importance)
