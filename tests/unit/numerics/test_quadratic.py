"""Quadratic steps against a general solver, and the model's derivatives against its values."""

import numpy as np
import pytest
from scipy.optimize import minimize

from mixwright.numerics.quadratic import entropic_step, quadratic_step
from mixwright.numerics.quadratic_model import QuadraticModel


def problem(seed, domains=5):
    """A curvature, a gradient and a mixture."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(domains, domains))
    curvature = root @ root.T + 0.1 * np.eye(domains)
    return curvature, rng.normal(size=domains), rng.dirichlet(np.ones(domains))


def by_slsqp(value, start, lower, upper):
    """The least value that scipy's general solver finds, the sum of `start` kept."""
    solved = minimize(
        value,
        start,
        bounds=list(zip(lower, upper, strict=True)),
        constraints={"type": "eq", "fun": lambda x: x.sum() - start.sum()},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return solved.fun


@pytest.mark.parametrize("seed", range(8))
def test_a_quadratic_step_is_the_least_in_its_box(seed):
    curvature, gradient, weights = problem(seed)
    lower, upper = -weights, np.minimum(1 - weights, 0.3)

    def value(x):
        return gradient @ x + x @ curvature @ x / 2

    step = quadratic_step(curvature, gradient, lower, upper)
    assert step.sum() == pytest.approx(0, abs=1e-12)
    assert (step >= lower - 1e-12).all() and (step <= upper + 1e-12).all()
    assert value(step) <= by_slsqp(value, np.zeros(5), lower, upper) + 1e-8


@pytest.mark.parametrize("tau", [1e-4, 0.1, 10.0])
@pytest.mark.parametrize("seed", range(4))
def test_an_entropic_step_is_the_least_in_its_box(seed, tau):
    curvature, gradient, weights = problem(seed)
    prior = np.full(5, 0.2)
    lower, upper = np.zeros(5), np.minimum(weights + 0.3, 1.0)

    def value(v):
        quadratic = gradient @ (v - weights) + (v - weights) @ curvature @ (v - weights) / 2
        return quadratic + tau * (v * np.log(np.maximum(v, 1e-300) / prior)).sum()

    v = entropic_step(curvature, gradient, tau, prior, lower, upper, weights)
    assert v.sum() == pytest.approx(1, abs=1e-9)
    assert (v >= lower).all() and (v <= upper + 1e-12).all()
    assert value(v) <= by_slsqp(value, weights, lower, upper) + 1e-7


@pytest.mark.parametrize("tau", [0.0, 0.2])
def test_the_models_derivatives_are_those_of_its_values(tau):
    curvature, gradient, point = problem(0)
    active = np.array([0, 2, 3])
    bend = curvature[np.ix_(active, active)]
    model = QuadraticModel(point, gradient, active, bend, np.full(5, 0.2), tau)
    w = np.full(5, 0.2)
    # Along directions that keep the sum: the model is one on the simplex.
    for direction in np.eye(5) - 0.2:
        up, down = w + 1e-6 * direction, w - 1e-6 * direction
        rise = (model.predict(up[None]) - model.predict(down[None])).item() / 2e-6
        assert model.slopes(w)[0] @ direction == pytest.approx(rise, abs=1e-6)
        bent = (model.slopes(up) - model.slopes(down))[0] / 2e-6
        assert model.curvature(np.ones(1), w) @ direction == pytest.approx(bent, abs=1e-6)
