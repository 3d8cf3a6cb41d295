"""What a proposal is judged by: the mean of the goal's targets, or the one that gains least.

    gain = min_k ( cost_k(natural) - cost_k(proposal) )   over the targets k that count

is the gain of the worst target. Which one that is, is not known for certain, and the mixer's form
may be off by more on another one. So both ends of its interval are the least over the targets: the
gain is above zero where every target's is. Targets that are the same in every run tell no mixtures
apart, and do not count.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from mixwright.goal import Goal, Readout
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.cost import Cost
from mixwright.trust.evidence import Evidence, HeldOut, weigh
from mixwright.trust.intervals import Interval, of_worst
from mixwright.trust.noise import NoiseFloor, noise_of
from mixwright.trust.notes import silent_targets
from mixwright.trust.refits import Reading, Refits

# place of natural among the points of refits
NATURAL = 1


@dataclass(frozen=True)
class Judged:
    """How the numbers of a verdict are read from losses."""

    # one of the goal's mean, or one of each target that counts
    costs: tuple[Cost, ...]
    # the targets of these; an empty name is the mean
    targets: tuple[str, ...]
    # (points, targets) with natural at its place -> (points,), for a gain by another form
    of_points: Reading
    # (runs, targets) -> (runs,), for runs beside each other
    of_runs: Reading

    @classmethod
    def by_mean(cls, cost: Cost) -> Self:
        """Returns what the goal's mean is judged by."""
        return cls((cost,), ("",), cost, cost)

    @classmethod
    def by_worst(cls, goal: Goal, observations: Observations, refits: Refits) -> Self:
        """Returns what the worst target of a goal is judged by.

        Runs are held against natural as the fit predicts it; where they are not as long as what is
        predicted, against their mean.
        """
        over = Over.of(goal, observations)
        reference = refits.measured.mean(axis=0)
        if refits.same_length:
            reference = refits.full[NATURAL]
        return cls(
            costs=over.costs,
            targets=over.targets,
            of_points=lambda losses: over.greatest(losses, losses[NATURAL]),
            of_runs=lambda losses: over.greatest(losses, reference),
        )


@dataclass(frozen=True)
class Over:
    """By how much the targets that count are worse than at another mixture."""

    targets: tuple[str, ...]
    # of each of them alone
    costs: tuple[Cost, ...]

    @classmethod
    def of(cls, goal: Goal, observations: Observations) -> Self:
        """Returns that of the targets of a goal that have a weight and differ between runs."""
        silent = silent_targets(observations, goal)
        counted = [name for name, weight in goal.targets.items() if weight > 0]
        telling = [name for name in counted if name not in silent] or counted
        costs = []
        for name in telling:
            readout = Readout.of({name: 1.0}, observations.targets, observations.metrics)
            costs.append(Cost(readout))
        return cls(tuple(telling), tuple(costs))

    def greatest(self, losses: Array, reference: Array) -> Array:
        """Returns (...) the greatest cost of a target over the reference's.

        Args:
            losses: (..., targets) what mixers minimise.
            reference: (targets,) likewise.
        """
        over = []
        for cost in self.costs:
            over.append(cost(losses) - cost(reference))
        greatest: Array = np.max(over, axis=0)
        return greatest


@dataclass(frozen=True)
class Gained:
    """What is predicted of a proposal, and how sure it is."""

    # of the mean, or of the target that gains least
    objective: Interval
    gain: Interval
    # of one run's objective
    noise: NoiseFloor | None
    # standard error of the gain by what the form cannot follow
    form_error: float
    # reads the objective
    cost: Cost
    # the target that gains least; empty: the mean is judged
    worst: str = ""

    @property
    def of(self) -> str:
        """What another form's gain is of, as words: its worst target may be another one."""
        if self.worst:
            return of_worst("")
        return ""


def gained(judged: Judged, refits: Refits, observations: Observations, points: float) -> Gained:
    """Returns the objective of a proposal and its gain over natural, with their intervals.

    Args:
        judged: what they are read by.
        refits: of the mixer.
        observations: the runs, for their noise.
        points: as in `Refits.form_error`, of the gain.
    """
    results = []
    for target, cost in zip(judged.targets, judged.costs, strict=True):
        noise = noise_of(observations, cost(observations.losses))
        form_error = refits.form_error([-1, 1], cost, noise, points)
        of_objective = refits.form_error([1, 0], cost, noise)
        result = Gained(
            objective=cost.objective(refits.around([1, 0], cost, of_objective)),
            gain=refits.around([-1, 1], cost, form_error),
            noise=noise,
            form_error=form_error,
            cost=cost,
            worst=target,
        )
        results.append(result)
    worst = min(results, key=lambda result: result.gain.value)
    low = min(result.gain.low for result in results)
    high = min(result.gain.high for result in results)
    return replace(worst, gain=Interval(worst.gain.value, low, high))


def evidence_of(
    refits: Refits,
    runs: Observations,
    goal: Goal,
    weights: Array,
    judged: Judged,
    unit: str,
) -> Evidence:
    """Returns what the runs that a mixer read tell of its proposal.

    Args:
        runs: those that it read.
        weights: (domains,) of the proposal.
        judged: what runs are held against each other by.
        unit: of the objective.
    """
    actual, predicted = refits.predictions(judged.of_runs)
    held_out = HeldOut(
        runs=runs.runs,
        weights=runs.weights,
        actual=actual,
        predicted=predicted,
        odd=refits.odd.odd,
    )
    predicted_at = np.nan
    if refits.same_length:
        predicted_at = float(judged.of_runs(refits.full[0]))
    return weigh(
        held_out,
        goal.names,
        weights,
        goal.reference,
        predicted_at,
        unit,
    )
