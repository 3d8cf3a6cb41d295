"""The R* of domains by least squares, each shrunk to a centre, and how sure each is.

The logarithms x of R* minimise

    sum_r (r(x) / sigma)^2 + sum_i ((x_i - centre_i) / SHRINKAGE)^2

by steps of Gauss and Newton. The residuals r are those of the law that fits best at x (variable
projection), so a column of the Jacobian is the difference of two fits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.laws.repetition import TINY
from mixwright.mixture import Array

# Standard deviation of log R* about its centre: R* is within a factor of e of it, mostly.
SHRINKAGE = 1.0
# How far apart the fits of a difference are, and the longest step, in log R*.
APART = 0.2
LONGEST = 1.5
# Shares of a step that are tried.
SHARES = (1.0, 0.5, 0.25)
# A step has to lower the sum by more.
LEAST_GAIN = 1e-3


@dataclass(frozen=True, eq=False)
class ShrunkDecays:
    """A search of log R* (domains,)."""

    # (domains,) log R* -> (targets, runs) residuals of the best law
    residuals: Callable[[Array], Array]
    # (domains,) log R* that each is shrunk to
    centre: Array
    # indices of the domains whose R* moves; the others stay
    free: NDArray[np.intp]

    def fitted(self, logs: Array, rounds: int) -> tuple[Array, Array]:
        """Returns log R* (domains,) after so many steps at most, and their standard deviations.

        A domain whose R* does not move has the deviation that it has without runs.
        """
        domains = len(logs)
        number = len(self.free)
        here = self.residuals(logs)
        sigma = scatter(here, domains)
        prior = np.eye(number) / SHRINKAGE**2
        precision = prior
        for _ in range(rounds):
            jacobian = self._jacobian(logs, here, sigma)
            precision = jacobian.T @ jacobian + prior
            standard = here / sigma
            off_centre = logs[self.free] - self.centre[self.free]
            by_runs = jacobian.T @ standard.ravel()
            by_centre = off_centre / SHRINKAGE**2
            pull = by_runs + by_centre
            newton = -np.linalg.solve(precision, pull)
            step = np.zeros(domains)
            clipped = np.clip(newton, -LONGEST, LONGEST)
            step[self.free] = clipped
            moved = self._moved(logs, step, here, sigma)
            if moved is None:
                break
            logs, here = moved
            sigma = scatter(here, domains)
        covariance = np.linalg.inv(precision)
        variances = np.diag(covariance)
        deviation = np.full(domains, SHRINKAGE)
        deviation[self.free] = np.sqrt(variances)
        return logs, deviation

    def _jacobian(self, logs: Array, here: Array, sigma: Array) -> Array:
        """Returns (targets * runs, free) slopes of the standard residuals by log R*."""
        columns = []
        for i in self.free:
            there = logs.copy()
            there[i] += APART
            change = self.residuals(there) - here
            slope = change / APART
            column = slope / sigma
            columns.append(column.ravel())
        return np.array(columns).T

    def _moved(
        self, logs: Array, step: Array, here: Array, sigma: Array
    ) -> tuple[Array, Array] | None:
        """Returns log R* after a share of a step, and residuals there; None where none is lower."""
        now = self._cost(logs, here, sigma)
        for share in SHARES:
            there = logs + share * step
            rest = self.residuals(there)
            cost = self._cost(there, rest, sigma)
            if cost < now - LEAST_GAIN:
                return there, rest
        return None

    def _cost(self, logs: Array, residuals: Array, sigma: Array) -> float:
        """Returns the sum that is minimised."""
        standard = residuals / sigma
        off_centre = (logs - self.centre) / SHRINKAGE
        misfit = (standard**2).sum()
        penalty = (off_centre**2).sum()
        return float(misfit + penalty)


def scatter(residuals: Array, domains: int) -> Array:
    """Returns (targets, 1) standard deviations, with the law's parameters counted off the runs.

    Args:
        residuals: (targets, runs).
        domains: how many the law has.
    """
    runs = residuals.shape[1]
    parameters = 4 + 2 * domains
    freedom = max(runs - parameters, runs / 4)
    squares = (residuals**2).sum(axis=1, keepdims=True)
    deviations = np.sqrt(squares / freedom)
    return np.asarray(np.maximum(deviations, TINY))
