"""A mixture of densities whose shares are a rescaled mixture of domains.

    u_i = w_i r_i / sum_l w_l r_l        minimise f(u) = -sum_j a_j log( sum_i u_i d_ji )
                                                         + tau KL(u || prior)

    w_i   weight of domain i;  u_i its share of the mixed density
    r_i   rate of domain i: how much its weight counts
    d_ji  density of domain i's proxy at example j
    a_j   weight of example j

Bounds on w are linear inequalities of u: lower_i <= w_i means u_i / r_i >= lower_i sum_l u_l / r_l.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from mixwright.mixture import Array
from mixwright.simplex.bounds import Group
from mixwright.simplex.geometry import minimise_linear, scale_into, settle

# Of a share, where its logarithm is taken.
SMALLEST = 1e-12


@dataclass(frozen=True)
class Rescaled:
    """f is convex in u. As a function of w every stationary point has the same value."""

    # (examples, domains) log d
    lifts: Array
    # (examples,)
    a: Array
    # (domains,) r
    rates: Array
    # (domains,) in w
    natural: Array
    tau: float

    @property
    def prior(self) -> Array:
        """(domains,) natural in u."""
        return self.shares(np.maximum(self.natural, SMALLEST))

    def shares(self, weights: Array) -> Array:
        """Returns (domains,) u of w."""
        counted = weights * self.rates
        return counted / float(weights @ self.rates)

    def mixture(self, shares: Array) -> Array:
        """Returns (domains,) w of u."""
        amounts = shares / self.rates
        return amounts / float(amounts.sum())

    def at(self, shares: Array) -> tuple[float, Array]:
        """Returns f and its gradient (domains,) at u."""
        top = self.lifts.max(axis=1, keepdims=True)
        densities = np.exp(self.lifts - top)
        known = np.maximum(shares, SMALLEST)
        mixed = np.maximum(densities @ shares, 1e-300)
        pull = self.tau * np.log(known / self.prior)
        loglikelihoods = np.log(mixed) + top[:, 0]
        value = float(known @ pull - self.a @ loglikelihoods)
        slope = self.a / mixed
        gradient = pull + self.tau - slope @ densities
        return value, gradient

    def bounded(
        self, lower: Array, upper: Array, groups: Sequence[Group] = ()
    ) -> tuple[Array, float]:
        """Minimises f over the mixtures inside the bounds, by SLSQP.

        Args:
            lower, upper: (domains,) bounds of w.
            groups: bounds on sums of w.

        Returns:
            (domains,) the best w, and its certified gap.
        """
        natural = np.maximum(self.natural, 1e-9)
        start = self.shares(scale_into(natural, lower, upper, groups))
        inside = self._inequalities(lower, upper, groups)
        result = minimize(
            self.at,
            start,
            jac=True,
            method="SLSQP",
            bounds=[(0.0, 1.0)] * len(start),
            constraints=[
                {"type": "ineq", "fun": lambda u: inside @ u, "jac": lambda u: inside},
                {"type": "eq", "fun": lambda u: u.sum() - 1, "jac": lambda u: np.ones(len(u))},
            ],
            options={"ftol": 1e-15, "maxiter": 1000},
        )
        weights = self.mixture(np.maximum(result.x, 0.0))
        weights = settle(weights, lower, upper, groups)
        return weights, self.gap(weights, lower, upper, groups)

    def _inequalities(self, lower: Array, upper: Array, groups: Sequence[Group]) -> Array:
        """Rows R with R u >= 0 inside the bounds: of each domain and group, then its upper side.

        A row sets a sum of w against its share of all w.
        """
        domains = np.eye(len(self.rates))
        rows = list(domains)
        least = lower.tolist()
        most = upper.tolist()
        for group in groups:
            members = list(group.members)
            rows.append(domains[members].sum(axis=0))
            least.append(group.lower)
            most.append(group.upper)
        sums = np.array(rows)
        above = sums - np.array(least)[:, None]
        below = np.array(most)[:, None] - sums
        return np.vstack([above, below]) * (1 / self.rates)

    def gap(
        self, weights: Array, lower: Array, upper: Array, groups: Sequence[Group] = ()
    ) -> float:
        """Returns max over w' inside the bounds of <grad f(u), u - u'>, which bounds f - min f.

        <grad, u'> is a ratio of linear functions of w'. Dinkelbach's method minimises it: a trial
        value is lowered until it stays.
        """
        shares = self.shares(weights)
        gradient = self.at(shares)[1]
        start = float(gradient @ shares)
        lowest = start
        while True:
            costs = (gradient - lowest) * self.rates
            trial = self.shares(minimise_linear(costs, lower, upper, groups))
            value = float(gradient @ trial)
            if value >= lowest - 1e-15:
                return start - lowest
            lowest = value
