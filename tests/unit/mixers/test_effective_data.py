from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import spearmanr

from mixwright.errors import MixwrightError
from mixwright.mixers import create
from mixwright.mixers.laws.fit import _residuals, _Runs, fit_law, trust
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.optimum import best_mixture, certificate
from mixwright.mixers.laws.prior import PLAIN, Form, Prior
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations
from mixwright.simplex.geometry import scale_into, settle
from mixwright.simplex.sampling import sample
from random_bounds import on_simplex, random_groups


def random_law(seed, targets=3, domains=6):
    rng = np.random.default_rng(seed)
    return Law(
        level=rng.uniform(1, 3, targets),
        scale=rng.uniform(0.5, 2, targets),
        power=rng.uniform(0.1, 0.6, targets),
        offset=rng.uniform(0.01, 0.2, targets),
        transfer=np.exp(rng.normal(-1, 1, (targets, domains))),
        exponent=rng.uniform(0.4, 0.95, (targets, domains)),
        linear=rng.normal(0, 0.05, (targets, domains)),
    )


def boxes(domains, seed):
    natural = np.random.default_rng(seed).dirichlet(np.ones(domains))
    return {
        "free": (np.zeros(domains), np.ones(domains)),
        "capped": (np.zeros(domains), np.minimum(1, 1.5 * natural)),
        "floors": (0.5 * natural, np.minimum(1, 3 * natural + 0.02)),
        "narrow": (0.995 * natural, 1.005 * natural),
        "point": (natural, natural),
    }


@pytest.mark.parametrize("box", ["free", "capped", "floors", "narrow", "point"])
@pytest.mark.parametrize("seed", range(4))
def test_the_optimum_is_certified_and_no_sampled_mixture_beats_it(seed, box):
    law, importance = random_law(seed), np.array([0.5, 0.5, 0.0])
    lower, upper = boxes(6, seed)[box]
    weights, gap = best_mixture(law, importance, lower, upper)
    assert abs(weights.sum() - 1) < 1e-12 and (weights >= lower).all() and (weights <= upper).all()
    assert 0 <= gap < 1e-8
    if box != "point":
        others = sample(np.full(6, 0.7), lower, upper, np.random.default_rng(seed), 3_000)
        assert (law.predict(others) @ importance).min() >= law.predict(weights[None])[
            0
        ] @ importance - gap


@pytest.mark.parametrize("seed", range(4))
def test_the_optimum_within_groups_is_certified_and_no_sampled_mixture_beats_it(seed):
    law, importance = random_law(seed, domains=9), np.array([0.5, 0.5, 0.0])
    lower, upper, groups = random_groups(np.random.default_rng(seed), 9)
    weights, gap = best_mixture(law, importance, lower, upper, groups)
    assert on_simplex(weights, lower, upper, groups) and 0 <= gap < 1e-8
    others = sample(np.full(9, 0.7), lower, upper, np.random.default_rng(seed), 200, groups)
    assert (law.predict(others) @ importance).min() >= law.predict(weights[None])[
        0
    ] @ importance - gap
    for point in others[:3]:
        above = (law.predict(point[None]) - law.predict(weights[None]))[0] @ importance
        assert certificate(law, importance, point, lower, upper, groups) >= above - 1e-12


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_limits_on_single_losses_are_kept_and_the_optimum_within_them_certified(seed, grouped):
    law, importance = random_law(seed, domains=9), np.array([1.0, 0.0, 0.0])
    lower, upper, groups = (
        random_groups(np.random.default_rng(seed), 9) if grouped else (np.zeros(9), np.ones(9), ())
    )
    start = scale_into(np.full(9, 1 / 9), lower, upper, groups)
    most = np.array([np.inf, *(law.predict(start[None])[0][1:] + 1e-6)])
    weights, gap = best_mixture(law, importance, lower, upper, groups, most, start)
    losses = law.predict(weights[None])[0]
    assert (
        on_simplex(weights, lower, upper, groups)
        and (losses <= most).all()
        and losses[0] <= law.predict(start[None])[0, 0] + 1e-9
    )
    assert 0 <= gap < 1e-6
    other = minimize(
        lambda w: law.predict(w[None])[0, 0],
        start,
        bounds=list(zip(lower, upper, strict=True)),
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum() - 1},
            {"type": "ineq", "fun": lambda w: (most - law.predict(w[None])[0])[1:]},
            *(
                {"type": "ineq", "fun": lambda w, g=g: w[list(g.members)].sum() - g.lower}
                for g in groups
            ),
            *(
                {"type": "ineq", "fun": lambda w, g=g: g.upper - w[list(g.members)].sum()}
                for g in groups
            ),
        ],
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert (
        not other.success or other.fun >= losses[0] - gap - 1e-7
    )  # a general solver, whose own errors stay under 1e-7


@pytest.mark.parametrize("seed", range(3))
def test_the_certificate_bounds_the_distance_from_the_optimum_anywhere(seed):
    law, importance = random_law(seed), np.full(3, 1 / 3)
    lower, upper = boxes(6, seed)["capped"]
    best = law.predict(best_mixture(law, importance, lower, upper)[0][None])[0] @ importance
    for point in sample(np.ones(6), lower, upper, np.random.default_rng(9), 30):
        above = law.predict(point[None])[0] @ importance - best
        assert certificate(law, importance, point, lower, upper) >= above - 1e-12


def test_a_general_solver_finds_nothing_better():
    law, importance = random_law(7), np.full(3, 1 / 3)
    lower, upper = np.full(6, 0.01), np.full(6, 0.35)
    weights, _ = best_mixture(law, importance, lower, upper)
    other = minimize(
        lambda w: law.predict(w[None])[0] @ importance,
        np.full(6, 1 / 6),
        bounds=[(0.01, 0.35)] * 6,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-13},
    ).x
    assert weights == pytest.approx(settle(other, lower, upper), abs=1e-3)


@pytest.mark.parametrize("form", [PLAIN, Form(2.5), Form(2.5, pairs=True)])
def test_the_jacobian_is_the_derivative(form):
    rng = np.random.default_rng(0)
    parameters = 16 + 6 * form.pairs
    runs, losses, spread = (
        _Runs.of(rng.dirichlet(np.ones(4), 9), form),
        rng.normal(3, 1, (2, 9)),
        np.array([0.5, 2.0]),
    )
    theta = rng.normal(-0.5, 0.5, (2, parameters))
    trusted = rng.uniform(0.5, 2.0, (2, 9))
    _, jacobian = _residuals(theta, runs, losses, spread, trusted)
    assert jacobian.shape == (2, 9, parameters)
    for p in range(parameters):
        step = 1e-6 * (np.arange(parameters) == p)
        up, down = (
            _residuals(theta + sign * step, runs, losses, spread, trusted)[0] for sign in (1, -1)
        )
        assert jacobian[..., p] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_a_planted_law_is_predicted_from_few_runs():
    law = random_law(1)
    rng = np.random.default_rng(1)
    train, test = rng.dirichlet(np.full(6, 0.7), 48), rng.dirichlet(np.full(6, 0.7), 200)
    fitted = fit_law(train, law.predict(train) + rng.normal(0, 2e-3, (48, 3)), Prior())
    for guess, truth in zip(fitted.predict(test).T, law.predict(test).T, strict=True):
        assert spearmanr(guess, truth).statistic > 0.985
    assert (fitted.exponent < 1).all() and (fitted.transfer > 0).all()


def test_one_wild_loss_does_little_harm():
    law = random_law(2)
    rng = np.random.default_rng(2)
    train = rng.dirichlet(np.full(6, 0.7), 64)
    losses = law.predict(train)
    losses[5] += 3.0
    fitted = fit_law(train, losses, Prior())
    test = rng.dirichlet(np.full(6, 0.7), 200)
    assert np.abs(fitted.predict(test) - law.predict(test)).mean() < 0.1 * law.predict(test).std()


def test_a_targets_own_domain_is_expected_to_hold_more_for_it_where_runs_are_few():
    law, same = random_law(4), np.eye(3, 6)
    train = np.random.default_rng(4).dirichlet(np.full(6, 0.7), 12)
    losses = law.predict(train)
    blind = fit_law(train, losses, Prior())
    informed = fit_law(train, losses, Prior(), same_text=same)
    assert (informed.transfer > blind.transfer)[same > 0].all()


def test_runs_far_above_the_best_count_less():
    losses = np.array([[1.0], [1.0], [3.0], [5.0]])
    spread = replace(Spread.of(losses), deviation=np.ones(1))
    trusted = trust(losses, spread)
    assert trusted.mean() == pytest.approx(1) and trusted[0, 0] == pytest.approx(
        2 * trusted[0, 2]
    ) == pytest.approx(3 * trusted[0, 3])


def test_a_swarm_of_two_lengths_is_refused():
    rng = np.random.default_rng(3)
    amounts = rng.dirichlet(np.ones(3), 20) * np.where(np.arange(20) < 10, 1e5, 2e5)[:, None]
    runs = tuple(f"{i:02}" for i in range(20))
    observations = Observations(
        ("a", "b", "c"), ("t",), runs, ("swarm",) * 20, amounts, rng.normal(3, 1, (20, 1))
    )
    with pytest.raises(MixwrightError, match=r"one proxy\.tokens at a time"):
        create("effective-data").fit(observations)
