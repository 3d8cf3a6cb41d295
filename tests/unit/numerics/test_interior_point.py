import numpy as np
import pytest
from scipy.optimize import minimize

from mixwright.mixers.laws.law import Law
from mixwright.numerics import interior_point
from mixwright.numerics.interior_point import minimise_inside
from random_bounds import on_simplex, random_box, random_groups


def random_law(rng, targets, domains):
    return Law(
        level=rng.uniform(1, 3, targets),
        scale=rng.uniform(0.3, 1, targets),
        power=rng.uniform(0.2, 0.8, targets),
        offset=rng.uniform(0.01, 0.1, targets),
        transfer=rng.gamma(0.5, 1, (targets, domains)) + 0.01,
        exponent=rng.uniform(0.3, 0.9, (targets, domains)),
        linear=rng.normal(0, 0.05, (targets, domains)),
    )


def problem(seed, kind):
    rng = np.random.default_rng(seed)
    domains = 10
    law = random_law(rng, 10, domains)
    lower, upper, groups = np.zeros(domains), np.ones(domains), ()
    if kind == "box":
        lower, upper = random_box(rng, domains)
    if kind == "groups":
        lower, upper, groups = random_groups(rng, domains)
    return law, rng.dirichlet(np.ones(10)), lower, upper, groups


@pytest.fixture
def steps(monkeypatch):
    """Counts Newton steps."""
    counted = []
    step = interior_point._Problem.newton_step

    def counting(self, *arguments):
        counted.append(self.barrier)
        return step(self, *arguments)

    monkeypatch.setattr(interior_point._Problem, "newton_step", counting)
    return counted


@pytest.mark.parametrize("kind", ["free", "box", "groups"])
@pytest.mark.parametrize("seed", range(4))
def test_some_twenty_newton_steps_lead_to_the_optimum(seed, kind, steps):
    weights, multipliers = minimise_inside(*problem(seed, kind))
    assert len(steps) <= 27 and not multipliers.any()
    law, importance, lower, upper, groups = problem(seed, kind)
    assert on_simplex(weights, lower, upper, groups)
    # Along the way to any other mixture inside, the loss rises.
    slope = importance @ law.slopes(weights)
    others, _ = minimise_inside(law, np.roll(importance, 1), lower, upper, groups)
    assert slope @ (others - weights) >= -1e-8


@pytest.mark.parametrize("seed", range(4))
def test_fewer_barriers_lead_where_every_power_of_ten_does(seed, monkeypatch):
    few = {kind: minimise_inside(*problem(seed, kind))[0] for kind in ("free", "box", "groups")}
    every = interior_point.BARRIERS
    monkeypatch.setattr(interior_point, "BARRIERS", np.repeat(every, 2))
    monkeypatch.setattr(interior_point, "ROUGH", 1e-6)
    for kind, weights in few.items():
        law, importance, *_ = problem(seed, kind)
        slowly, _ = minimise_inside(*problem(seed, kind))
        losses = law.predict(np.stack([weights, slowly])) @ importance
        assert losses[0] == pytest.approx(losses[1], abs=1e-11)
        assert weights == pytest.approx(slowly, abs=1e-7)


def test_a_general_solver_ends_at_the_same_mixture():
    law, importance, lower, upper, _ = problem(5, "box")
    weights, _ = minimise_inside(law, importance, lower, upper)
    other = minimize(
        lambda w: law.predict(w[None])[0] @ importance,
        np.clip(weights + 0.01, lower, upper),
        bounds=list(zip(lower, upper, strict=True)),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert other.fun >= law.predict(weights[None])[0] @ importance - 1e-9
