"""A mixture of densities whose shares are u_i = w_i r_i / sum_l w_l r_l: bounds on w are linear inequalities of u."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from mixwright.mixture import Array
from mixwright.simplex.bounds import Group
from mixwright.simplex.geometry import minimise_linear, scale_into, settle

LEAST = 1e-12  # of a share, where its logarithm is asked for


@dataclass(frozen=True)
class Rescaled:
    """f(u) = -sum_j a_j log sum_i u_i d_ji + tau KL(u || prior): convex in u, and of one stationary value in w."""

    lifts: Array  # (examples, domains) log d
    a: Array  # (examples,)
    rates: Array  # (domains,) r
    natural: Array  # (domains,) in w
    tau: float

    @property
    def prior(self) -> Array:
        """natural in u."""
        return self.shares(np.maximum(self.natural, LEAST))

    def shares(self, weights: Array) -> Array:
        return weights * self.rates / float(weights @ self.rates)

    def mixture(self, shares: Array) -> Array:
        return shares / self.rates / float((shares / self.rates).sum())

    def at(self, shares: Array) -> tuple[float, Array]:
        """f and its gradient."""
        top = self.lifts.max(axis=1, keepdims=True)
        densities, known = np.exp(self.lifts - top), np.maximum(shares, LEAST)
        mixed = np.maximum(densities @ shares, 1e-300)
        pull = self.tau * np.log(known / self.prior)
        return float(known @ pull - self.a @ (np.log(mixed) + top[:, 0])), pull + self.tau - (
            self.a / mixed
        ) @ densities

    def bounded(
        self, lower: Array, upper: Array, groups: Sequence[Group] = ()
    ) -> tuple[Array, float]:
        """The best w inside the bounds and its certified gap, by SLSQP."""
        scale = 1 / self.rates
        one = np.eye(len(scale))
        sums = np.array([one[list(group.members)].sum(axis=0) for group in groups]).reshape(
            len(groups), len(scale)
        )
        least, most = (
            np.concatenate([edge, limits])
            for edge, limits in (
                (lower, [g.lower for g in groups]),
                (upper, [g.upper for g in groups]),
            )
        )
        every = np.vstack([one, sums])
        rows = (
            np.vstack([every - least[:, None], most[:, None] - every]) * scale
        )  # on u: a sum of w against its share of all w
        limits = [
            {"type": "ineq", "fun": lambda u: rows @ u, "jac": lambda u: rows},
            {"type": "eq", "fun": lambda u: u.sum() - 1, "jac": lambda u: np.ones(len(u))},
        ]
        start = self.shares(scale_into(np.maximum(self.natural, 1e-9), lower, upper, groups))
        settings = {"ftol": 1e-15, "maxiter": 1000}
        box = [(0.0, 1.0)] * len(scale)
        found = minimize(
            self.at,
            start,
            jac=True,
            method="SLSQP",
            bounds=box,
            constraints=limits,
            options=settings,
        )
        weights = settle(self.mixture(np.maximum(found.x, 0.0)), lower, upper, groups)
        return weights, self.gap(weights, lower, upper, groups)

    def gap(
        self, weights: Array, lower: Array, upper: Array, groups: Sequence[Group] = ()
    ) -> float:
        """max over w' inside the bounds of <grad f(u), u - u'>: a ratio of linear functions of w', lowered until it stays (Dinkelbach)."""
        shares = self.shares(weights)
        gradient = self.at(shares)[1]
        here = least = float(gradient @ shares)
        while True:
            trial = self.shares(
                minimise_linear((gradient - least) * self.rates, lower, upper, groups)
            )
            if (lower_still := float(gradient @ trial)) >= least - 1e-15:
                return here - least
            least = lower_still
