"""What the bounds of a proposal cost: the best mixture with one of them taken away."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixwright import mixers
from mixwright.errors import MixwrightError, as_typed
from mixwright.goal import Goal, Readout
from mixwright.mixers.base import Proposer
from mixwright.proposals.fits import FittedRuns
from mixwright.proposals.options import Options

# Options that are taken away one by one; more take too long with mixers that search.
MOST = 12


@dataclass(frozen=True)
class Price:
    """One limit of the mixture, and what the mixture would gain without it."""

    # such as `web at most 50 %`
    words: str
    # as it is typed
    option: str
    # by which the predicted objective is better without it, in the unit of the objective
    gain: float
    # domain -> weight of the best mixture without it
    weights: Mapping[str, float]


def prices(
    mixer: Proposer,
    options: Options,
    source: FittedRuns,
    goal: Goal,
) -> tuple[Price, ...]:
    """Returns what each option that limits the mixture costs, the dearest first.

    None has a price where the mixer predicts nothing, or the goal is not the mean.

    Args:
        mixer: fitted; it proposes again without each of the options.
        options: those of the proposal.
        source: the brief of the runs.
        goal: that of the options, as the mixer is asked for it.
    """
    if not mixers.entry(source.mixer).predicts or goal.worst or goal.risk is not None:
        return ()
    readout = Readout.of(goal.targets, tuple(goal.targets), source.metrics)
    sign = 1 if readout.metric.higher else -1

    def objective(wanted: Goal) -> tuple[float, Mapping[str, float]]:
        proposal = mixer.propose(wanted)
        losses = np.array([proposal.predicted[target] for target in goal.targets])
        return float(readout.objective(losses)), proposal.mixture.as_dict()

    costs = []
    value, _ = objective(goal)
    for number, (words, option, freer) in enumerate(_without(options)):
        if number == MOST:
            break
        try:
            wanted = replace(freer.goal(source), importance=goal.importance)
            without, weights = objective(wanted)
        except MixwrightError:
            # the other bounds leave no mixture without it, such as a floor that a group needs
            continue
        costs.append(Price(words, option, sign * (without - value), weights))
    return tuple(sorted(costs, key=lambda price: -price.gain))


def _without(options: Options) -> Iterator[tuple[str, str, Options]]:
    """Yields each limit in words, as it is typed, and the options without it."""
    for name, most in options.caps.items():
        words = f"{name} at most {_percent(most)}"
        fewer = _less(options.caps, name)
        yield words, as_typed("--cap", f"{name}={most:g}"), replace(options, caps=fewer)
    for name, least in options.floors.items():
        words = f"{name} at least {_percent(least)}"
        fewer = _less(options.floors, name)
        yield words, as_typed("--floor", f"{name}={least:g}"), replace(options, floors=fewer)
    for name, weight in options.fixed.items():
        words = f"{name} at {_percent(weight)}"
        fewer = _less(options.fixed, name)
        yield words, as_typed("--fix", f"{name}={weight:g}"), replace(options, fixed=fewer)
    for name in options.groups:
        yield name, as_typed("--group", name), replace(options, groups=_less(options.groups, name))
    for name in options.never_worse:
        others = tuple(target for target in options.never_worse if target != name)
        words = f"{name} never worse than natural"
        yield words, as_typed("--never-worse", name), replace(options, never_worse=others)
    if options.max_epochs is not None:
        words = f"at most {options.max_epochs:g} passes over a domain"
        free = replace(options, max_epochs=None)
        yield words, f"--max-epochs {options.max_epochs:g}", free


def _less(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The mapping without one name."""
    return {key: value for key, value in values.items() if key != name}


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
