"""What one target costs another: the best mixture for each alone, and fronts between two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.proposals.fits import FittedRuns
from mixwright.proposals.pareto import TargetMean, as_frame, pareto

# Targets whose best mixtures stand beside each other, and points of a front.
MOST, POINTS = 15, 9
# Pairs of targets whose front is drawn.
PAIRS = 2
# Shares of the best pair's cost under which a pair trades nothing.
LITTLE = 0.05


@dataclass(frozen=True)
class TradeOffs:
    """The best mixtures for single targets, and what the other targets pay."""

    targets: tuple[str, ...]
    # (targets, targets): of the best mixture for the row's target, what the column's target
    # measures, in its own unit
    measured: Array
    # (targets, targets): what is minimised is so much above the column's own best, as a share of
    # the spread that the best mixtures have in it
    cost: Array
    # domain -> weight, of each target's best mixture
    mixtures: Mapping[str, Mapping[str, float]]
    # the two targets of a front -> its table, as `mixwright pareto` writes it
    fronts: Mapping[tuple[str, str], pd.DataFrame]


def trade_offs(mixer: Mixer, goal: Goal, source: FittedRuns) -> TradeOffs | None:
    """Returns what the targets cost each other inside the goal's bounds; None with one target.

    Args:
        mixer: fitted; the targets of the goal come first, then the others that it predicts.
        goal: its bounds and limits hold for every mixture.
        source: the brief of the runs.
    """
    targets = _listed(goal, source)
    if len(targets) < 2:
        return None
    columns = [source.targets.index(target) for target in targets]
    rows = []
    mixtures = {}
    for target in targets:
        best = mixer.propose(replace(goal, targets={target: 1.0}, importance={}))
        amounts = mixer.amounts_at(goal, best.weights[None], source.most_tokens)
        rows.append(mixer.predict(amounts)[0])
        mixtures[target] = best.mixture.as_dict()
    minimised = np.array(rows)
    shown = source.measured(minimised)[:, columns]
    losses = minimised[:, columns]
    spread = np.maximum(np.ptp(losses, axis=0), 1e-12)
    cost = (losses - np.diag(losses)) / spread
    fronts = {}
    for pair in _pairs(targets, losses):
        front = _front(mixer, goal, source, pair)
        if front is not None:
            fronts[pair] = front
    return TradeOffs(targets, shown, cost, mixtures, fronts)


def _listed(goal: Goal, source: FittedRuns) -> tuple[str, ...]:
    """The goal's targets, the weightiest first, then the others; MOST at most."""
    wanted = sorted(goal.targets, key=lambda target: -goal.targets[target])
    others = [target for target in source.targets if target not in goal.targets]
    return tuple([*wanted, *others][:MOST])


def _pairs(targets: Sequence[str], losses: Array) -> list[tuple[str, str]]:
    """The pairs that cost each other most, dearest first; none where nothing is traded."""
    excess = losses - np.diag(losses)
    costs = {}
    for first in range(len(targets)):
        for second in range(first):
            both = (excess[first, second], excess[second, first])
            costs[targets[second], targets[first]] = min(both)
    dearest = sorted(costs, key=lambda pair: -costs[pair])
    least = LITTLE * costs[dearest[0]]
    return [pair for pair in dearest[:PAIRS] if costs[pair] > max(least, 1e-9)]


def _front(
    mixer: Mixer, goal: Goal, source: FittedRuns, pair: tuple[str, str]
) -> pd.DataFrame | None:
    """The table of the front; None where the two ends are one mixture."""
    between = (TargetMean(pair[0], (pair[0],)), TargetMean(pair[1], (pair[1],)))
    try:
        points = pareto(mixer, replace(goal, importance={}), between, POINTS)
    except MixwrightError:
        return None
    if len(points) < 2:
        return None
    return as_frame(points, between, goal, source.metrics)
