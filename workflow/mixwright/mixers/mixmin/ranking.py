"""MixMin for targets that are ranked: which mixture tells a target's label 1 from its label 0?

The log loss of MixMin (arXiv 2502.10510) first of all prefers domains in which the label 1 is as
common as in the target. A ranking does not care. So a proxy here is what it says of *which*
examples have the label 1, a density d over the target's examples, and the mixture minimises

    f(u) = -sum_j a_j log( sum_i u_i d_ji ) + tau KL(u || natural's u)
    d_ji = p_i(x_j) / r_i,   r_i = mean_l p_i(x_l),   u_i = w_i r_i / sum_l w_l r_l

    w_i       weight of domain i
    u_i       its share of the mixed density: a model of the mixture w ranks by sum_i w_i p_i(x)
    p_i(x_j)  probability of the label 1 that domain i's proxy gives to example j
    r_i       mean of it over all examples of the target
    a_j       weight of example j: (goal's weight of its target) / (its examples of label 1)

The sum over j runs over the examples of label 1. In u it is MixMin's own convex problem.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted
from mixwright.mixers.mixmin.examples import refuse_nan, scored_targets
from mixwright.mixers.mixmin.rescaled import Rescaled
from mixwright.mixers.mixmin.solver import solve
from mixwright.mixture import Array
from mixwright.observations import Likelihoods, Observations
from mixwright.simplex.bounds import Bounds, Group

# Least probability of the label 1.
SMALLEST = 1e-7
# Folds of the examples of label 1, to ask whether a gain holds on examples that did not choose.
FOLDS = 5


@dataclass(frozen=True)
class Problem:
    """What the goal's targets together are optimised on."""

    # (labels 1, domains) log densities
    lifts: Array
    # (labels 1,) a_j
    a: Array
    # (domains,) r
    rates: Array


@dataclass(frozen=True)
class MixMinRanking(Fitted):
    """Takes each proxy's densities over the examples of label 1; `propose` solves.

    Examples without labels are all of label 1, and their likelihoods are the densities.
    """

    # strength of the pull to natural
    tau: float = 0.1
    # gap at which the solver stops
    tolerance: float = 1e-6
    # of each target (labels 1, domains) log densities
    lifts: tuple[Array, ...] = field(default=(), metadata=FITTED, repr=False)
    # (targets, domains) r
    rates: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    name = "mixmin-ranking"

    def fit(self, observations: Observations) -> Self:
        """Turns the choosing examples of every scored target into densities."""
        targets = scored_targets(observations)
        all_lifts = []
        all_rates = []
        for target in targets:
            block = observations.likelihoods[target].choosing
            lifts, rates = _densities(target, block)
            all_lifts.append(lifts)
            all_rates.append(rates)
        fitted = self.learned(
            observations,
            lifts=tuple(all_lifts),
            rates=np.stack(all_rates),
        )
        # The other targets of the losses have no examples to mix on.
        return replace(fitted, targets=targets)

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) -mean log density of the mixed proxies.

        In nats an example of label 1. They rank mixtures; they do not forecast a loss.

        Args:
            amounts: (mixtures, domains) tokens.
        """
        shares = amounts[:, None, :] * self.rates
        shares = shares / shares.sum(axis=2, keepdims=True)
        columns = []
        for k, lifts in enumerate(self.lifts):
            mixed = _mixed(lifts, shares[:, k])
            columns.append(-mixed.mean(axis=1))
        return np.column_stack(columns)

    def propose(self, goal: Goal) -> Proposal:
        """Minimises f, and says what its minimum gains over natural."""
        problem = self._problem(self.target_weights(goal))
        weights, gap = self._solve(problem, goal)
        predicted = self.predict(weights[None])[0]
        # A domain with a cap of 0 is as if it were not there.
        natural = goal.natural * (goal.bounds.upper > 0)
        change = weights - natural / natural.sum()
        moved = 0.5 * float(np.abs(change).sum())
        returned = "" if moved < 0.01 else "not "
        notes = (
            self._held_out(problem, natural, goal),
            f"natural itself was {returned}returned: {moved:.0%} of the weight moved"
            f" (pull to natural {self.tau:g})",
        )
        return Proposal(
            mixer="mixmin-ranking",
            mixture=goal.mixture(weights),
            predicted=self.in_goal(predicted, goal),
            gap=gap,
            notes=notes,
        )

    def _problem(self, importance: Array) -> Problem:
        """The targets with importance, one below the other."""
        chosen = np.flatnonzero(importance)
        weights = []
        for k in chosen:
            count = len(self.lifts[k])
            weights.append(np.full(count, importance[k] / count))
        return Problem(
            lifts=np.concatenate([self.lifts[k] for k in chosen]),
            a=np.concatenate(weights),
            rates=importance @ self.rates,
        )

    def _solve(self, problem: Problem, goal: Goal) -> tuple[Array, float]:
        """Mixture (domains,) and certified gap.

        By MixMin's own solver, unless bounds bind that are no caps of 0.
        """
        bounds = goal.bounds
        free = np.flatnonzero(bounds.upper > 0)
        mixed = Rescaled(
            lifts=problem.lifts[:, free],
            a=problem.a / float(problem.a.sum()),
            rates=problem.rates[free],
            natural=goal.natural[free],
            tau=self.tau,
        )
        solution = solve(
            mixed.lifts,
            mixed.a,
            prior=mixed.prior,
            tau=self.tau,
            tolerance=self.tolerance,
        )
        gap = solution.gap
        weights = np.zeros(len(problem.rates))
        weights[free] = mixed.mixture(solution.weights)
        if not bounds.contain(weights[None]).all():
            groups = _groups_among(bounds, free.tolist())
            lower = bounds.lower[free]
            upper = bounds.upper[free]
            weights[free], gap = mixed.bounded(lower, upper, groups)
        return weights, gap

    def _held_out(self, problem: Problem, natural: Array, goal: Goal) -> str:
        """One sentence: each fold's gain over natural under what the other folds choose."""
        count = len(problem.a)
        if count < 2 * FOLDS:
            return (
                f"only {count} examples of label 1:"
                " whether the gain over natural holds on others was not asked"
            )
        rng = np.random.default_rng(goal.seed)
        fold = rng.permutation(count) % FOLDS
        gains = np.zeros(count)
        for k in range(FOLDS):
            inside = fold != k
            part = replace(problem, lifts=problem.lifts[inside], a=problem.a[inside])
            weights = self._solve(part, goal)[0]
            shares = np.stack([weights, natural]) * problem.rates
            shares = shares / shares.sum(axis=1, keepdims=True)
            better, worse = _mixed(problem.lifts[~inside], shares)
            gains[~inside] = better - worse
        mean = float(problem.a @ gains)
        error = float(np.sqrt(count) * (problem.a * gains).std())
        verdict = "gain over natural" if mean > 2 * error else "no clear gain over natural"
        return (
            f"{verdict} on held-out examples: {mean:+.4f} +- {error:.4f} nats/example of label 1"
            " of the mixed proxies"
        )


def _groups_among(bounds: Bounds, free: list[int]) -> list[Group]:
    """The groups with their members counted among the `free` domains."""
    places = {domain: place for place, domain in enumerate(free)}
    groups = []
    for group in bounds.groups:
        members = tuple(places[i] for i in group.members if i in places)
        groups.append(replace(group, members=members))
    return groups


def _densities(target: str, block: Likelihoods) -> tuple[Array, Array]:
    """(labels 1, domains) log densities, and (domains,) rates r."""
    refuse_nan(target, block.values)
    if block.labels is None:
        return block.values, np.ones(block.values.shape[1])
    ones = block.labels > 0.5
    if not ones.any():
        raise MixwrightError(
            f"MixMin: target {target} has no example of label 1; give it more examples"
        )
    # The values are log-likelihoods of the true label; of label 0 that is log(1 - p).
    of_ones = np.exp(block.values)
    of_zeros = -np.expm1(block.values)
    p = np.where(ones[:, None], of_ones, of_zeros)
    p = np.clip(p, SMALLEST, 1.0)
    rates = p.mean(axis=0)
    return np.log(p[ones] / rates), rates


def _mixed(lifts: Array, shares: Array) -> Array:
    """(mixtures, examples) log densities of (mixtures, domains) shares.

    Relative to each example's largest, for the likelihood of a long text is too small for float64.
    """
    top = lifts.max(axis=1)
    relative = np.exp(lifts - top[:, None])
    densities = np.maximum(shares @ relative.T, 1e-300)
    return np.asarray(top + np.log(densities))
