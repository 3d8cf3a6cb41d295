"""Batched robust regressions: straight lines, one a target."""

import numpy as np
import pytest

from mixwright.numerics.least_squares import minimise, pseudo_huber

X = np.linspace(-1, 1, 40)


def lines(values):
    """Residuals of theta_0 + theta_1 x against values (targets, runs), and their Jacobian."""

    def residuals(theta, rows):
        jacobian = np.empty((len(rows), len(X), 2))
        jacobian[..., 0] = 1.0
        jacobian[..., 1] = X
        return theta[:, :1] + theta[:, 1:] * X - values[rows], jacobian

    return residuals


def fit(values, strength=0.0):
    start = np.zeros((len(values), 2))
    return minimise(start, lines(values), np.full(2, strength), start, 200)


def test_every_target_gets_its_own_line_and_one_wild_run_does_little():
    truth = np.array([[1.0, 2.0], [-0.5, 0.3], [0.0, 0.0]])
    values = truth[:, :1] + truth[:, 1:] * X
    theta, cost = fit(values)
    assert theta == pytest.approx(truth, abs=1e-5)
    assert cost == pytest.approx(np.zeros(3), abs=1e-8)
    values[0, 7] += 100.0
    assert fit(values)[0] == pytest.approx(truth, abs=0.02)


def test_targets_do_not_depend_on_each_other():
    values = np.random.default_rng(0).normal(size=(4, len(X)))
    together, _ = fit(values)
    for k in range(4):
        alone, _ = fit(values[k : k + 1])
        assert alone[0] == pytest.approx(together[k], abs=1e-9)


def test_a_strong_penalty_holds_the_parameters_at_their_centre():
    theta, _ = fit(1 + X[None], strength=1e6)
    assert np.abs(theta).max() < 1e-4


def test_the_loss_is_squared_near_zero_and_absolute_far_off():
    assert pseudo_huber(np.array([1e-3])) == pytest.approx(0.5e-6, rel=1e-3)
    assert pseudo_huber(np.array([100.0])) == pytest.approx(0.1 * 100 - 0.01, rel=1e-3)
