"""Targets that tell no mixtures apart, because all runs answered them by chance."""

from collections.abc import Iterable

import numpy as np

from mixwright.observations import Observations

# standard errors from chance, within which an answer may be a guess
ERRORS = 2.0
# share of the runs that lie so near to chance where all of them guess
SHARE = 0.95


def at_chance(observations: Observations, targets: Iterable[str]) -> tuple[str, ...]:
    """Returns a note for each target whose accuracies all lie within the error of chance.

    The error is that of a binomial share of the target's questions. A target whose chance or number
    of questions nobody gave is passed over.

    Args:
        targets: those to look at.
    """
    notes = []
    for target in targets:
        metric = observations.metric(target)
        if target not in observations.targets or metric.chance is None:
            continue
        column = observations.targets.index(target)
        accuracies = metric.measured(observations.losses[:, column])
        guess = metric.chance * metric.whole
        error = metric.noise(np.array([guess]))
        if error is None:
            # nobody told how many questions there are
            continue
        near = np.abs(accuracies - guess) <= ERRORS * error
        best = metric.words(float(accuracies.max()))
        if near.mean() >= SHARE:
            notes.append(
                f"{target} tells no mixtures apart: its accuracies lie within the error of"
                f" {metric.questions} questions around chance, {metric.words(guess)}"
                f" (the best is {best}); leave it out, or train larger proxies"
            )
    return tuple(notes)
