"""What one target costs another: the best mixture for each alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mixwright.goal import Goal, Readout
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
    # (targets,): of the proposal, what each target measures, in its own unit
    proposed: Array
    # (targets,): of the best mixture for each target, by how much the goal is worse than at the
    # proposal, in the unit of the goal
    goal_cost: Array
    # domain -> weight, of each target's best mixture
    mixtures: Mapping[str, Mapping[str, float]]


def trade_offs(mixer: Mixer, goal: Goal, source: FittedRuns, proposal: Array) -> TradeOffs | None:
    """Returns what the targets cost each other inside the goal's bounds; None with one target.

    Args:
        mixer: fitted; the targets of the goal come first, then the others that it predicts.
        goal: its bounds and limits hold for every mixture.
        source: the brief of the runs.
        proposal: (domains,) the mixture that the others are compared with.
    """
    targets = _listed(goal, source)
    if len(targets) < 2:
        return None
    mixtures = {}
    rows = [proposal]
    for target in targets:
        best = mixer.propose(replace(goal, targets={target: 1.0}, importance={}))
        rows.append(best.weights)
        mixtures[target] = best.mixture.as_dict()
    amounts = mixer.amounts_at(goal, np.array(rows), source.most_tokens)
    minimised = mixer.predict(amounts)
    columns = [source.targets.index(target) for target in targets]
    measured = source.measured(minimised)[:, columns]
    of_goal = [source.targets.index(target) for target in goal.targets]
    readout = Readout.of(goal.targets, tuple(goal.targets), source.metrics)
    objective = readout.objective(minimised[:, of_goal])
    sign = -1 if readout.metric.higher else 1
    return TradeOffs(
        targets=targets,
        measured=measured[1:],
        proposed=measured[0],
        goal_cost=sign * (objective[1:] - objective[0]),
        mixtures=mixtures,
    )


def _listed(goal: Goal, source: FittedRuns) -> tuple[str, ...]:
    """The goal's targets, the weightiest first, then the others; MOST at most."""
    wanted = sorted(goal.targets, key=lambda target: -goal.targets[target])
    others = [target for target in source.targets if target not in goal.targets]
    return tuple([*wanted, *others][:MOST])
