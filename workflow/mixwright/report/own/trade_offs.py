"""What one target costs another: the best mixture for each alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mixwright.goal import Goal
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.proposals.fits import FittedRuns

# Targets whose best mixtures stand beside each other.
MOST = 15


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
    return TradeOffs(targets, shown, cost, mixtures)


def _listed(goal: Goal, source: FittedRuns) -> tuple[str, ...]:
    """The goal's targets, the weightiest first, then the others; MOST at most."""
    wanted = sorted(goal.targets, key=lambda target: -goal.targets[target])
    others = [target for target in source.targets if target not in goal.targets]
    return tuple([*wanted, *others][:MOST])
