"""A goal over accuracies is their mean, and mixers minimise weighted means of -log accuracy.

A gain of 1 % of an accuracy p is p points. So a target counts by its weight times the accuracy that
is predicted of it. As that depends on the mixture, proposal and weights are found in turn. The mean
accuracy is convex in what is minimised, so no step lowers what is predicted of it.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mixwright import mixers
from mixwright.goal import Goal, Readout
from mixwright.learners import POINTS, Metric
from mixwright.mixers.base import Proposer

# proposals that are made in turn, and the change of a weight that needs no further one
STEPS = 3
SMALL = 0.01


def for_mean_accuracy(mixer: Proposer, goal: Goal, metrics: Mapping[str, Metric]) -> Goal:
    """Returns the goal with weights by which a mixer proposes the best mean accuracy.

    It is the goal itself where that is no mean of accuracies, or where the mixer predicts nothing.

    Args:
        mixer: fitted.
        metrics: target -> what its numbers are; losses in nats/token where nothing stands.
    """
    targets = tuple(goal.targets)
    readout = Readout.of(goal.targets, targets, metrics)
    if readout.metric is not POINTS or len(targets) < 2:
        return goal
    importance = readout.weights
    for _ in range(STEPS):
        proposal = mixer.propose(goal)
        if not mixers.entry(proposal.mixer).predicts:
            return goal
        minimised = np.array([proposal.predicted[target] for target in targets])
        points = readout.weights * np.exp(-np.maximum(minimised, 0.0))
        shares = points / points.sum()
        if np.abs(shares - importance).max() < SMALL:
            return goal
        importance = shares
        by_target = dict(zip(targets, shares.tolist(), strict=True))
        goal = replace(goal, importance=by_target)
    return goal
