import numpy as np
import pytest
from scipy.optimize import LinearConstraint, linprog, minimize
from scipy.stats import beta

from mixwright import simplex
from mixwright.errors import MixwrightError


def random_box(rng, domains):
    natural = rng.dirichlet(np.ones(domains))
    return rng.uniform(0, 0.5, domains) * natural, np.minimum(1, rng.uniform(1.1, 3) * natural)


def on_simplex(rows, lower, upper):
    rows = np.atleast_2d(rows)
    return (rows >= lower).all() and (rows <= upper).all() and np.abs(rows.sum(axis=1) - 1).max() < 1e-12


@pytest.mark.parametrize("seed", range(6))
def test_project_is_the_nearest_point(seed):
    rng = np.random.default_rng(seed)
    lower, upper = random_box(rng, 6)
    point = rng.normal(0.2, 0.5, 6)
    found = simplex.project(point, lower, upper)
    other = minimize(
        lambda w: ((w - point) ** 2).sum(),
        (lower + upper) / 2,
        bounds=list(zip(lower, upper, strict=True)),
        constraints=LinearConstraint(np.ones(6), 1, 1),
        method="SLSQP",
        options={"ftol": 1e-14},
    ).x
    assert on_simplex(found, lower, upper)
    assert ((found - point) ** 2).sum() <= ((other - point) ** 2).sum() + 1e-9


def test_project_keeps_a_point_that_is_inside_and_finds_corners():
    assert simplex.project([0.2, 0.3, 0.5], 0, 1) == pytest.approx([0.2, 0.3, 0.5], abs=1e-15)
    assert simplex.project([9.0, 0.0, 0.0], 0, 1).tolist() == [1, 0, 0]
    assert simplex.project([0.0, 0.0, 0.0], [0, 0, 0.5], [0.25, 0.25, 1]) == pytest.approx([0.25, 0.25, 0.5])


def test_scale_into_is_the_nearest_in_divergence():
    rng = np.random.default_rng(1)
    lower, upper = random_box(rng, 5)
    prior = rng.dirichlet(np.ones(5))
    found = simplex.scale_into(prior, lower, upper)
    assert on_simplex(found, lower, upper)
    others = simplex.sample(np.ones(5), lower, upper, rng, 2000)
    divergence = (found * np.log(found / prior)).sum()
    assert divergence <= (others * np.log(others / prior)).sum(axis=1).min() + 1e-9
    assert simplex.scale_into(prior, 0, 1) == pytest.approx(prior, abs=1e-14)


def test_an_empty_box_is_refused():
    with pytest.raises(MixwrightError, match="raise caps"):
        simplex.project([0.5, 0.5], 0, 0.4)
    with pytest.raises(MixwrightError, match="lower floors"):
        simplex.sample_row(np.ones(2), 0.6, 1, np.random.default_rng(0))


@pytest.mark.parametrize("seed", range(4))
def test_minimise_linear_agrees_with_linear_programming(seed):
    rng = np.random.default_rng(seed)
    lower, upper = random_box(rng, 7)
    costs = rng.normal(size=7)
    found = simplex.minimise_linear(costs, lower, upper)
    best = linprog(costs, A_eq=np.ones((1, 7)), b_eq=[1], bounds=list(zip(lower, upper, strict=True)))
    assert on_simplex(found, lower, upper)
    assert costs @ found == pytest.approx(best.fun, abs=1e-12)


@pytest.mark.parametrize("cap", [15, 2, 1.3, 1.02])
def test_sampled_rows_are_inside_and_functions_of_their_rng(cap):
    natural = np.random.default_rng(0).dirichlet(np.full(17, 0.7))
    lower, upper = 0.2 * natural, np.minimum(1, cap * natural)
    rows = simplex.sample_rows(natural * 0.5, lower, upper, [np.random.default_rng([1, i]) for i in range(40)])
    assert on_simplex(rows, lower, upper)
    assert (simplex.sample_row(natural * 0.5, lower, upper, np.random.default_rng([1, 33])) == rows[33]).all()
    assert len(np.unique(rows, axis=0)) == 40


@pytest.mark.parametrize(("alpha", "cap"), [((0.3, 0.5), 0.6), ((30.0, 2.0), 0.55), ((0.01, 0.02), 0.999)])
def test_a_truncated_pair_has_the_law_of_a_truncated_beta(alpha, cap):
    lower, upper = np.array([1 - cap, 1 - cap]), np.array([cap, cap])
    rows = simplex.sample_rows(np.array(alpha), lower, upper, [np.random.default_rng([2, i]) for i in range(3000)])
    law = beta(*alpha)
    low, high = law.cdf(1 - cap), law.cdf(cap)
    ranks = np.sort((law.cdf(rows[:, 0]) - low) / (high - low))
    assert np.abs(ranks - (np.arange(3000) + 0.5) / 3000).max() < 0.035  # Kolmogorov's distance; 5 % would be 0.025


def test_gibbs_agrees_with_rejection():
    lower, upper = np.zeros(4), np.array([0.5, 0.6, 0.3, 0.5])
    alpha = np.array([0.7, 0.4, 1.5, 0.9])
    rng = np.random.default_rng(3)
    draws = rng.dirichlet(alpha, 200_000)
    exact = draws[(draws <= upper).all(axis=1)]
    chained = simplex._chains(alpha, lower, upper, rng, 50_000)
    assert on_simplex(chained, lower, upper)
    assert chained.mean(axis=0) == pytest.approx(exact.mean(axis=0), abs=0.01)
    assert chained.std(axis=0) == pytest.approx(exact.std(axis=0), abs=0.01)


def test_tiny_strengths_do_not_underflow():
    rows = simplex.sample(np.full(5, 1e-3), 0, 1, np.random.default_rng(0), 500)
    assert on_simplex(rows, 0, 1)
    assert (rows.max(axis=1) > 0.99).mean() > 0.95
