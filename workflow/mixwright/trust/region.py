"""An optimum is a region: how far each weight can go at no loss that one could tell."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from mixwright import mixers
from mixwright.goal import Goal, Readout
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.progress import Log, say
from mixwright.proposals.mean_accuracy import for_mean_accuracy
from mixwright.simplex.sampling import sample_around
from mixwright.trust.bootstrap import bootstrap
from mixwright.trust.folds import held_out_residuals
from mixwright.trust.intervals import LEVEL
from mixwright.trust.noise import target_weights
from mixwright.trust.refitting import refitted

# random mixtures that are tried
SAMPLES = 20_000
# points on each line from the optimum
STEPS = 201
# domain -> its least and its greatest weight
Ranges = dict[str, list[float]]


@dataclass(frozen=True)
class Tried:
    """Mixtures compared with the optimum, which is the first of them."""

    # (mixtures, domains)
    weights: Array
    # (mixtures,) objective minus the optimum's, nats/token
    worse: Array
    # (mixtures,) half width of its 95% interval
    error: Array

    @property
    def alike(self) -> NDArray[np.bool_]:
        """(mixtures,) whether one cannot tell it from the optimum."""
        return self.worse <= self.error


def find_region(
    name: str,
    settings: Mapping[str, Any],
    observations: Observations,
    goal: Goal,
    draws: int,
    seeds: int,
    log: Log = say,
) -> dict[str, Any]:
    """Fits a mixer and returns its proposal with intervals and each weight's ranges.

    Only the goal's targets are fitted. There are three ranges:
    `refits`: optima of bootstrap refits.
    `alike`: mixtures that the refits do not tell apart from the optimum, by Student's t at 95%
    of the paired difference of objectives.
    `seeds`: proposals of searches with other seeds.

    Args:
        draws: refits of the bootstrap.
        seeds: proposals to make, each with another seed.

    Returns:
        What `mixtures/<mixer>.json` holds, but for tokens and epochs, and `ranges` and `worse`:
        the most that a mixture that looks alike loses, in the unit of the goal.
    """
    observations = _with_targets(observations, tuple(goal.targets))
    fitted = mixers.create(name, settings).fit(observations)
    goal = for_mean_accuracy(observations, goal)
    proposal = fitted.propose(goal)
    optimum = np.array(proposal.weights)
    intervals = bootstrap(
        fitted,
        observations,
        goal,
        proposal,
        draws,
    )
    log(f"{name}: {intervals.draws} refits; {intervals.outlook}")
    tried = _tried(
        fitted,
        observations,
        goal,
        optimum,
        intervals.draws,
    )
    furthest = float(tried.worse[tried.alike].max())
    count = f"{tried.alike.sum():,} of {len(tried.weights):,} mixtures tried"
    log(f"{name}: {count} are not told apart from the optimum, the worst by {furthest:.3f}")
    by_seed = [optimum]
    for number in range(1, seeds):
        other = replace(goal, seed=goal.seed + number)
        by_seed.append(fitted.propose(other).weights)
    refits = {}
    for domain, interval in intervals.weights.items():
        refits[domain] = [interval.low, interval.high]
    record = intervals.annotated.in_units(observations.metrics).as_json(goal)
    del record["tokens"]
    del record["epochs"]
    record["ranges"] = {
        "refits": refits,
        "alike": _ranges(tried.weights[tried.alike], goal),
        "seeds": _ranges(np.stack(by_seed), goal),
    }
    record["worse"] = _as_shown(fitted, observations, goal, tried)
    return record


def _as_shown(fitted: Mixer, observations: Observations, goal: Goal, tried: Tried) -> float:
    """What the worst of the mixtures that look alike loses, in the unit of the goal."""
    readout = Readout.of(goal.targets, fitted.targets, observations.metrics)
    alike = tried.weights[tried.alike]
    worst = alike[tried.worse[tried.alike].argmax()]
    both = np.stack([tried.weights[0], worst])
    objective = readout.objective(fitted.predict(both * float(np.median(observations.tokens))))
    return float(abs(objective[1] - objective[0]))


def _with_targets(observations: Observations, targets: tuple[str, ...]) -> Observations:
    """The same runs, measured on these targets only."""
    columns = [observations.targets.index(target) for target in targets]
    return replace(observations, targets=targets, losses=observations.losses[:, columns])


def _tried(
    fitted: Mixer,
    observations: Observations,
    goal: Goal,
    optimum: Array,
    draws: int,
) -> Tried:
    """Compares the optimum with mixtures on lines from it and with random ones near it.

    The interval of a difference is that of the refits, with their bias counted in.
    """
    rng = np.random.default_rng(goal.seed)
    near = sample_around(
        optimum,
        goal.natural,
        goal.bounds,
        rng,
        SAMPLES,
    )
    weights = np.concatenate([optimum[None], _lines(optimum, goal), near])
    importance = target_weights(goal.importance or goal.targets, fitted.targets)
    amounts = weights * float(np.median(observations.tokens))

    def over_first(fit: Mixer) -> Array:
        objective = fit.predict(amounts) @ importance
        return objective - objective[0]

    worse = over_first(fitted)
    rows = np.arange(len(observations.runs))
    held_out = held_out_residuals(fitted, observations, rows, goal.seed)
    refits = refitted(
        fitted,
        observations,
        rows,
        held_out,
        draws,
        goal.seed,
    )
    drawn = np.stack([over_first(refit) for refit in refits])
    bias = drawn.mean(axis=0) - worse
    variance = drawn.var(axis=0, ddof=1) + bias**2
    error = np.sqrt(variance)
    quantile = float(stdtrit(draws - 1, (1 + LEVEL) / 2))
    return Tried(
        weights=weights,
        worse=worse,
        error=quantile * error,
    )


def _lines(optimum: Array, goal: Goal) -> Array:
    """Mixtures from the optimum towards all of one domain and towards none of it, in the bounds."""
    steps = np.linspace(0, 1, STEPS)[1:, None]
    corners = np.eye(len(optimum))
    lines = []
    for domain, weight in enumerate(optimum):
        lines.append(optimum + steps * (corners[domain] - optimum))
        if weight < 1 - 1e-9:
            without = optimum.copy()
            without[domain] = 0.0
            end = without / without.sum()
            lines.append(optimum + steps * (end - optimum))
    mixtures = np.concatenate(lines)
    return mixtures[goal.bounds.contain(mixtures)]


def _ranges(mixtures: Array, goal: Goal) -> Ranges:
    """Each domain's least and greatest weight in mixtures (mixtures, domains)."""
    ranges = {}
    for domain, weights in zip(goal.names, mixtures.T, strict=True):
        ranges[domain] = [float(weights.min()), float(weights.max())]
    return ranges
