"""MixMin for targets that are ranked: which mixture of one-domain proxies tells a target's examples of label 1 from the others?

The log loss of MixMin (arXiv 2502.10510) first of all prefers domains in which the label 1 is as common as in the target. A ranking
does not care. So here a proxy is what it says of *which* examples have the label 1, p_i(x_j) / mean_l p_i(x_l), a density over the
target's examples l, and the mixture of densities u maximises sum_j a_j log sum_i u_i p_i(x_j) / mean_l p_i(x_l) over the examples j of
label 1: convex, and the same problem as MixMin's. A model of the mixture w ranks by sum_i w_i p_i(x), so u_i ~ w_i mean_l p_i(x_l).
"""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted
from mixwright.mixers.mixmin.rescaled import Rescaled
from mixwright.mixers.mixmin.solver import solve
from mixwright.mixture import Array
from mixwright.observations import Likelihoods, Observations

LEAST = 1e-7  # probability of the label 1
FOLDS = 5  # of the examples of label 1, to ask whether the gain over natural holds on examples not optimised


@dataclass(frozen=True)
class MixMinRanking(Fitted):
    """Minimises -sum_j a_j log sum_i u_i d_ji + tau KL(u || natural), d the proxies' densities, a_j = target's weight / its labels 1.

    Examples without labels are all of label 1, and their likelihoods densities as they are.
    """

    tau: float = 0.1
    tolerance: float = 1e-6
    lifts: tuple[Array, ...] = field(
        default=(), metadata=FITTED, repr=False
    )  # a target: (labels 1, domains) log densities
    rates: Array = field(
        default=UNKNOWN, metadata=FITTED, repr=False
    )  # (targets, domains) mean_l p_i(x_l)
    name = "mixmin-ranking"

    def fit(self, seen: Observations) -> Self:
        if not seen.likelihoods:
            raise MixwrightError(
                "MixMin needs the log-likelihoods of the vertex runs and there are none; train the vertex design"
            )
        targets = tuple(sorted(seen.likelihoods))
        pairs = [_densities(target, seen.likelihoods[target].choosing) for target in targets]
        learned = self.learned(
            seen,
            lifts=tuple(lifts for lifts, _ in pairs),
            rates=np.stack([rates for _, rates in pairs]),
        )
        return replace(learned, targets=targets)  # only targets with likelihoods count

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) -mean log density of the mixed proxies, nats an example of label 1."""
        shares = amounts[:, None, :] * self.rates
        shares = shares / shares.sum(axis=2, keepdims=True)
        return np.column_stack(
            [-_mixed(lifts, shares[:, k]).mean(axis=1) for k, lifts in enumerate(self.lifts)]
        )

    def propose(self, goal: Goal) -> Proposal:
        importance = self.target_weights(goal)
        rates = importance @ self.rates
        lifts = np.concatenate([self.lifts[k] for k in np.flatnonzero(importance)])
        a = np.concatenate(
            [
                np.full(len(self.lifts[k]), importance[k] / len(self.lifts[k]))
                for k in np.flatnonzero(importance)
            ]
        )
        weights, gap = self._solve(lifts, a, rates, goal)
        predicted = self.predict(weights[None])[0]
        return Proposal(
            "mixmin-ranking",
            goal.mixture(weights),
            self.in_goal(predicted, goal),
            gap,
            self._notes(lifts, a, rates, weights, goal),
        )

    def _solve(self, lifts: Array, a: Array, rates: Array, goal: Goal) -> tuple[Array, float]:
        """Mixture and certified gap: MixMin's own solver, unless bounds other than caps of 0 bind."""
        bounds, total, weights = goal.bounds, float(a.sum()), np.zeros(len(rates))
        free = np.flatnonzero(bounds.upper > 0)
        problem = Rescaled(lifts[:, free], a / total, rates[free], goal.natural[free], self.tau)
        found = solve(
            problem.lifts, problem.a, prior=problem.prior, tau=self.tau, tolerance=self.tolerance
        )
        weights[free], gap = problem.mixture(found.weights), found.gap
        if not bounds.contain(weights[None]).all():
            places = {int(i): place for place, i in enumerate(free)}
            groups = [
                replace(group, members=tuple(places[i] for i in group.members if i in places))
                for group in bounds.groups
            ]
            weights[free], gap = problem.bounded(bounds.lower[free], bounds.upper[free], groups)
        return weights, gap

    def _notes(
        self, lifts: Array, a: Array, rates: Array, weights: Array, goal: Goal
    ) -> tuple[str, ...]:
        known = goal.natural * (goal.bounds.upper > 0)
        moved = 0.5 * float(np.abs(weights - known / known.sum()).sum())
        returned = "" if moved < 0.01 else "not "
        return (
            self._held_out(lifts, a, rates, known, goal),
            f"natural itself was {returned}returned: {moved:.0%} of the weight moved (pull to natural {self.tau:g})",
        )

    def _held_out(self, lifts: Array, a: Array, rates: Array, known: Array, goal: Goal) -> str:
        """The gain over natural of each fold's examples under the mixture that the other folds choose, as one sentence."""
        if len(lifts) < 2 * FOLDS:
            return f"only {len(lifts)} examples of label 1: whether the gain over natural holds on others was not asked"
        fold, gain = (
            np.random.default_rng(goal.seed).permutation(len(lifts)) % FOLDS,
            np.zeros(len(lifts)),
        )
        for k in range(FOLDS):
            inside = fold != k
            both = np.stack([self._solve(lifts[inside], a[inside], rates, goal)[0], known]) * rates
            better, worse = _mixed(lifts[~inside], both / both.sum(axis=1, keepdims=True))
            gain[~inside] = better - worse
        mean, error = float(a @ gain), float(np.sqrt(len(a)) * (a * gain).std())
        verdict = "gain over natural" if mean > 2 * error else "no clear gain over natural"
        return f"{verdict} on held-out examples: {mean:+.4f} +- {error:.4f} nats/example of label 1 of the mixed proxies"


def _densities(target: str, block: Likelihoods) -> tuple[Array, Array]:
    """(labels 1, domains) log densities, and (domains,) mean probabilities of the label 1."""
    if np.isnan(block.values).any():
        raise MixwrightError(f"MixMin: target {target} has a log-likelihood of NaN; score it again")
    if block.labels is None:
        return block.values, np.ones(block.values.shape[1])
    ones = block.labels > 0.5
    if not ones.any():
        raise MixwrightError(
            f"MixMin: target {target} has no example of label 1; give it more examples"
        )
    p = np.clip(np.where(ones[:, None], np.exp(block.values), -np.expm1(block.values)), LEAST, 1.0)
    rates = p.mean(axis=0)
    return np.log(p[ones] / rates), rates


def _mixed(lifts: Array, shares: Array) -> Array:
    """(mixtures, examples) log densities; over each example's largest, for the likelihood of a text is no float64."""
    top = lifts.max(axis=1)
    return np.asarray(top + np.log(np.maximum(shares @ np.exp(lifts - top[:, None]).T, 1e-300)))
