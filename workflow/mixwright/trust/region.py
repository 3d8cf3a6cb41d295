"""An optimum is a region where the landscape is flat: how far each weight can go at no loss that one could tell."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import stdtrit

from mixwright import mixers
from mixwright.goal import Goal
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.progress import Log, say
from mixwright.simplex.sampling import sample_around
from mixwright.trust.bootstrap import bootstrap
from mixwright.trust.intervals import LEVEL
from mixwright.trust.refits import held_out_residuals, refitted

SAMPLES = 20_000
STEPS = 201  # points on each line from the optimum
Ranges = dict[str, list[float]]


def find_region(
    name: str,
    settings: Mapping[str, Any],
    seen: Observations,
    goal: Goal,
    draws: int,
    seeds: int,
    log: Log = say,
) -> dict[str, Any]:
    """The proposal with intervals, and each weight's range by three ways of asking.

    `refits`: optima of bootstrap refits. `alike`: mixtures that the refits do not tell apart from the optimum (Student's t, 95%, of the
    paired difference of objectives). `seeds`: proposals of searches with other seeds. Only the goal's targets are fitted.
    """
    wanted = [seen.targets.index(target) for target in goal.targets]
    seen = replace(seen, targets=tuple(goal.targets), losses=seen.losses[:, wanted])
    fitted = mixers.create(name, settings).fit(seen)
    proposal = fitted.propose(goal)
    found = bootstrap(fitted, seen, goal, proposal, draws)
    log(f"{name}: {found.draws} refits; predicted {found.verdict}")
    optimum = np.array(proposal.weights)
    rng = np.random.default_rng(goal.seed)
    near = sample_around(optimum, goal.natural, goal.bounds, rng, SAMPLES)
    tried = np.concatenate([optimum[None], _lines(optimum, goal), near])
    worse, error = _differences(fitted, seen, goal, tried, found.draws)
    alike = worse <= error
    furthest = float(worse[alike].max())
    log(
        f"{name}: {alike.sum():,} of {len(tried):,} mixtures tried are not told apart from the optimum, the worst by {furthest:.3f}"
    )
    moved = np.stack(
        [
            optimum,
            *(fitted.propose(replace(goal, seed=goal.seed + i)).weights for i in range(1, seeds)),
        ]
    )
    refits = {domain: [interval.low, interval.high] for domain, interval in found.weights.items()}
    ranges = {"refits": refits, "alike": _ranges(tried[alike], goal), "seeds": _ranges(moved, goal)}
    record = found.said.as_json(goal) | {"ranges": ranges, "worse": furthest}
    return {key: value for key, value in record.items() if key not in ("tokens", "epochs")}


def _differences(
    fitted: Mixer, seen: Observations, goal: Goal, tried: Array, draws: int
) -> tuple[Array, Array]:
    """(tried,) objective of each mixture minus the first one's, and the half width of its 95% interval by refits, their bias counted in."""
    importance = np.array([goal.targets[target] for target in fitted.targets])
    amounts = tried * float(np.median(seen.tokens))

    def over_first(fit: Mixer) -> Array:
        objective = fit.predict(amounts) @ importance
        return objective - objective[0]

    worse = over_first(fitted)
    rows = np.arange(len(seen.runs))
    held_out = held_out_residuals(fitted, seen, rows, goal.seed)
    drawn = np.stack(
        [over_first(refit) for refit in refitted(fitted, seen, rows, held_out, draws, goal.seed)]
    )
    error = np.sqrt(drawn.var(axis=0, ddof=1) + (drawn.mean(axis=0) - worse) ** 2)
    return worse, float(stdtrit(draws - 1, (1 + LEVEL) / 2)) * error


def _lines(optimum: Array, goal: Goal) -> Array:
    """Mixtures on the way from the optimum to all of one domain, and to none of it, as far as the bounds go."""
    steps = np.linspace(0, 1, STEPS)[1:, None]
    ends = []
    for i, weight in enumerate(optimum):
        without = np.where(np.arange(len(optimum)) == i, 0.0, optimum)
        ends += [np.eye(len(optimum))[i]] + ([without / without.sum()] if weight < 1 - 1e-9 else [])
    tried = np.concatenate([optimum + steps * (end - optimum) for end in ends])
    return tried[goal.bounds.contain(tried)]


def _ranges(mixtures: Array, goal: Goal) -> Ranges:
    rows = zip(
        goal.names, mixtures.min(axis=0).tolist(), mixtures.max(axis=0).tolist(), strict=True
    )
    return {name: [low, high] for name, low, high in rows}
