"""A proposal that is good in most refits, and not only in the fit: the risk-averse goal.

Among candidates the mixture is taken whose cost over natural has the least quantile over refits,

    argmin_w  Q_q { cost_b(w) - cost_b(natural) : b = 1 .. refits },   q = goal.risk

The candidates are the mixer's own proposal, those of its refits, the mean of these, and steps from
natural to the proposal and to the mean. So the answer is the best of a few hundred mixtures, and
is not certified. Differences over natural are paired: what a refit thinks of all mixtures alike
is no risk of choosing.
"""

from dataclasses import replace

import numpy as np

from mixwright.goal import Goal, Proposal
from mixwright.mixture import Array
from mixwright.simplex.geometry import settle
from mixwright.trust.cost import Cost
from mixwright.trust.refits import Refits
from mixwright.trust.refitting import Refitting

# Steps from natural to a mixture.
STEPS = 20
UNSEEN = "goal.risk is not seen to: it is of refits, and validation.draws asks for none"


def less_risky(
    refitting: Refitting, refits: Refits, goal: Goal, proposal: Proposal, cost: Cost
) -> Proposal:
    """Returns the candidate of least quantile over refits, with a note on what that costs.

    Args:
        refitting: of the mixer and its runs.
        refits: what its refits say and propose.
        goal: with a risk q.
        proposal: of the mixer.
        cost: reads losses (..., targets), less is better.
    """
    level = goal.risk
    if level is None:
        return proposal
    full = refitting.full
    optima = refits.weights
    total = float(np.median(refitting.observations.tokens[refitting.rows]))
    natural = goal.natural_within
    candidates = candidates_of(goal, natural, proposal.weights, optima)
    mixtures = np.vstack([candidates, natural])
    amounts = full.amounts_at(goal, mixtures, total)
    drawn = []
    for refit in refitting.refits(len(optima), refits.odd):
        drawn.append(cost(refit.predict(amounts)))
    costs = np.stack(drawn)
    over = costs[:, :-1] - costs[:, -1:]
    quantiles = np.quantile(over, level, axis=0)
    place = int(quantiles.argmin())
    weights = candidates[place]
    predicted = full.predict(amounts)
    of_full = cost(predicted)
    unit = f" {cost.readout.metric.unit}".rstrip()
    note = (
        f"risk-averse: by {level:.0%} of {len(optima)} refits it is {-quantiles[place]:+.4f}{unit}"
        f" or more over natural, the least cost alone {-quantiles[0]:+.4f}; by the fit it gives up"
        f" {of_full[place] - of_full[0]:.4f}"
    )
    losses = dict(zip(full.targets, predicted[place].tolist(), strict=True))
    of_goal = {name: losses[name] for name in proposal.predicted}
    return replace(
        proposal,
        mixture=goal.mixture(weights),
        predicted=of_goal,
        gap=None,
        notes=(*proposal.notes, note),
    )


def candidates_of(goal: Goal, natural: Array, proposed: Array, optima: Array) -> Array:
    """Returns (candidates, domains) mixtures inside the goal's bounds, the proposal first.

    Args:
        goal: its bounds.
        natural: (domains,) inside the bounds.
        proposed: (domains,) by the fit.
        optima: (refits, domains) by the refits.
    """
    middle = settle(optima.mean(axis=0), *goal.bounds.parts)
    steps = np.linspace(0, 1, STEPS + 1)[:, None]
    to_proposed = natural + steps * (proposed - natural)
    to_middle = natural + steps * (middle - natural)
    return np.vstack([proposed, to_proposed, to_middle, optima])
