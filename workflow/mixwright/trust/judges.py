"""Two judges of mixtures for a scale: their regrets by the joint law and by AutoScale's law."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers.base import Mixer
from mixwright.mixers.laws.joint import ROLES, Joint
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.folds import held_out_residuals
from mixwright.trust.intervals import LEVEL, Interval
from mixwright.trust.refitting import refitted

# refits of the judge
DRAWS = 40
KEEP, AUTOSCALE, JOINT = "keep", "autoscale", "joint"

# mixer -> its settings
Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class JudgedMixture:
    """A mixture for the largest scale chosen without it, and its regret there.

    A regret is a loss minus the best mixture's, as judged, nats/token.
    """

    choice: str
    # domain -> weight
    weights: Mapping[str, float]
    # by the joint law fitted to all runs
    regret: Interval
    # by AutoScale's law of the largest scale's own runs; None where there is none
    autoscale_regret: float | None
    # regret of `keep` minus this one's, by the joint law; None for `keep` itself
    ahead: Interval | None = None


def create(name: str, settings: Settings) -> Mixer:
    """Makes the mixer of this name with its own settings."""
    return mixers.create(name, settings.get(name))


def judge(
    observations: Observations,
    goal: Goal,
    importance: Array,
    weights: Mapping[str, Array],
    settings: Settings,
) -> tuple[JudgedMixture, ...]:
    """Returns the regret of each mixture at the goal's tokens.

    The judge is the joint law fitted to all runs, with the intervals of its refits. The second
    judge is AutoScale's law.

    Args:
        observations: all runs, those of the goal's scale among them.
        importance: (targets,) weights of the targets.
        weights: choice -> (domains,) weights; `keep` is one of them.
        settings: mixer -> its settings.
    """
    law = create(JOINT, settings).fit(observations)
    rows = np.flatnonzero(np.isin(observations.roles, ROLES))
    held_out = held_out_residuals(law, observations, rows, goal.seed)
    mixtures = np.stack(list(weights.values()))
    regrets = _regrets(law, goal, importance, mixtures)
    refits = refitted(
        law,
        observations,
        rows,
        held_out,
        DRAWS,
        goal.seed,
    )
    drawn = np.stack([_regrets(refit, goal, importance, mixtures) for refit in refits])
    second = _autoscale_regrets(
        observations,
        goal,
        importance,
        mixtures,
        settings,
    )
    keep = list(weights).index(KEEP)
    choices = []
    for k, name in enumerate(weights):
        ahead = None
        if k != keep:
            drawn_gains = drawn[:, keep] - drawn[:, k]
            ahead = _interval(regrets[keep] - regrets[k], drawn_gains)
        autoscale_regret = None
        if second is not None:
            autoscale_regret = float(second[k])
        choice = JudgedMixture(
            choice=name,
            weights=dict(zip(goal.names, mixtures[k].tolist(), strict=True)),
            regret=_interval(regrets[k], drawn[:, k]),
            autoscale_regret=autoscale_regret,
            ahead=ahead,
        )
        choices.append(choice)
    return tuple(choices)


def _regrets(judge: Mixer, goal: Goal, importance: Array, mixtures: Array) -> Array:
    """(mixtures,) objective above that of the judge's own proposal, nats/token."""
    best = judge.propose(goal).weights
    tried = np.concatenate([best[None], mixtures])
    values = cast(Joint, judge).at(goal).predict(tried) @ importance
    return np.asarray(np.maximum(values[1:] - values[0], 0.0))


def _autoscale_regrets(
    observations: Observations,
    goal: Goal,
    importance: Array,
    mixtures: Array,
    settings: Settings,
) -> Array | None:
    """(mixtures,) regrets by AutoScale's law of the largest scale; None where it has none."""
    try:
        judge = create(AUTOSCALE, settings).fit(observations)
    except MixwrightError:
        return None
    best = judge.propose(goal).weights
    tried = np.concatenate([mixtures, best[None]])
    values = judge.predict(tried * goal.tokens) @ importance
    return np.asarray(values[:-1] - values.min())


def _interval(value: float, drawn: Array) -> Interval:
    """The quantiles of the draws (draws,), with the value inside."""
    levels = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(drawn, levels)
    return Interval(
        value=float(value),
        low=float(min(low, value)),
        high=float(max(high, value)),
    )
