"""Mixtures drawn inside bounds follow Dirichlet's law conditioned on them."""

import numpy as np
import pytest
from scipy.stats import beta

from mixwright.simplex import sampling
from mixwright.simplex.bounds import Bounds, Group
from random_bounds import on_simplex, random_groups


@pytest.mark.parametrize("cap", [15, 2, 1.3, 1.02])
def test_sampled_rows_are_inside_and_functions_of_their_rng(cap):
    natural = np.random.default_rng(0).dirichlet(np.full(17, 0.7))
    lower, upper = 0.2 * natural, np.minimum(1, cap * natural)
    rows = sampling.sample_rows(
        natural * 0.5, lower, upper, [np.random.default_rng([1, i]) for i in range(40)]
    )
    assert on_simplex(rows, lower, upper)
    assert (
        sampling.sample_rows(natural * 0.5, lower, upper, [np.random.default_rng([1, 33])])[0]
        == rows[33]
    ).all()
    assert len(np.unique(rows, axis=0)) == 40


@pytest.mark.parametrize(
    ("alpha", "cap"), [((0.3, 0.5), 0.6), ((30.0, 2.0), 0.55), ((0.01, 0.02), 0.999)]
)
def test_a_truncated_pair_has_the_law_of_a_truncated_beta(alpha, cap):
    lower, upper = np.array([1 - cap, 1 - cap]), np.array([cap, cap])
    rows = sampling.sample_rows(
        np.array(alpha), lower, upper, [np.random.default_rng([2, i]) for i in range(3000)]
    )
    law = beta(*alpha)
    low, high = law.cdf(1 - cap), law.cdf(cap)
    ranks = np.sort((law.cdf(rows[:, 0]) - low) / (high - low))
    assert (
        np.abs(ranks - (np.arange(3000) + 0.5) / 3000).max() < 0.035
    )  # Kolmogorov's distance; 5 % would be 0.025


def test_gibbs_agrees_with_rejection():
    lower, upper = np.zeros(4), np.array([0.5, 0.6, 0.3, 0.5])
    alpha = np.array([0.7, 0.4, 1.5, 0.9])
    rng = np.random.default_rng(3)
    draws = rng.dirichlet(alpha, 200_000)
    exact = draws[(draws <= upper).all(axis=1)]
    chain = sampling._chains(alpha, Bounds(lower, upper), rng, 50_000)
    assert on_simplex(chain, lower, upper)
    assert chain.mean(axis=0) == pytest.approx(exact.mean(axis=0), abs=0.01)
    assert chain.std(axis=0) == pytest.approx(exact.std(axis=0), abs=0.01)


def test_tiny_strengths_do_not_underflow():
    rows = sampling.sample(np.full(5, 1e-3), 0, 1, np.random.default_rng(0), 500)
    assert on_simplex(rows, 0, 1)
    assert (rows.max(axis=1) > 0.99).mean() > 0.95


@pytest.mark.parametrize("seed", range(6))
def test_rows_stay_within_groups_and_are_functions_of_their_rng(seed):
    lower, upper, groups = random_groups(np.random.default_rng(seed), 9)
    rows = sampling.sample_rows(
        np.full(9, 0.5), lower, upper, [np.random.default_rng([1, i]) for i in range(40)], groups
    )
    assert on_simplex(rows, lower, upper, groups) and len(np.unique(rows, axis=0)) == 40
    assert (
        sampling.sample_rows(
            np.full(9, 0.5), lower, upper, [np.random.default_rng([1, 33])], groups
        )[0]
        == rows[33]
    ).all()
    assert on_simplex(
        sampling.sample(np.full(9, 0.5), lower, upper, np.random.default_rng(0), 300, groups),
        lower,
        upper,
        groups,
    )


def test_gibbs_agrees_with_rejection_within_groups():
    bounds = Bounds(
        np.zeros(5),
        np.array([0.5, 0.6, 0.3, 0.5, 1.0]),
        (Group("ab", (0, 1), 0.3, 0.45), Group("cd", (2, 3), 0.0, 0.3)),
    )
    alpha, rng = np.array([0.7, 0.4, 1.5, 0.9, 0.6]), np.random.default_rng(3)
    draws = rng.dirichlet(alpha, 400_000)
    exact = draws[bounds.contain(draws, 0.0)]
    chain = sampling._chains(alpha, bounds, rng, 50_000)
    rows = sampling._gibbs(
        np.tile(exact.mean(axis=0), (20_000, 1)),
        np.tile(alpha, (20_000, 1)),
        bounds,
        *(
            np.stack(part, axis=1)
            for part in zip(
                *(sampling._pairings(rng, sampling.SWEEPS, 5) for _ in range(20_000)), strict=True
            )
        ),
    )
    for draws in (chain, rows):
        assert on_simplex(draws, bounds.lower, bounds.upper, bounds.groups)
        assert draws.mean(axis=0) == pytest.approx(exact.mean(axis=0), abs=0.01)
        assert draws.std(axis=0) == pytest.approx(exact.std(axis=0), abs=0.01)
        assert np.cov(draws.T) == pytest.approx(np.cov(exact.T), abs=0.003)


def test_a_group_held_at_its_sum_splits_like_a_dirichlet_of_its_own():
    groups = (Group("abc", (0, 1, 2), 0.4, 0.4),)
    rows = sampling.sample_rows(
        np.array([0.5, 1.0, 2.0, 1.0]),
        0.0,
        1.0,
        [np.random.default_rng([4, i]) for i in range(3000)],
        groups,
    )
    assert rows[:, 3] == pytest.approx(np.full(3000, 0.6), abs=1e-12)
    ranks = np.sort(beta(0.5, 3.0).cdf(rows[:, 0] / 0.4))
    assert np.abs(ranks - (np.arange(3000) + 0.5) / 3000).max() < 0.035


def test_a_published_swarm_lies_within_groups_and_a_tight_box():
    natural = np.random.default_rng(0).dirichlet(np.full(17, 0.7))
    groups = (
        Group("a", (0, 1, 2, 3), 0.95 * natural[:4].sum(), 1.05 * natural[:4].sum()),
        Group("b", (5, 8, 9), 0.0, natural[[5, 8, 9]].sum()),
    )
    rngs = [np.random.default_rng([1, i]) for i in range(512)]
    lower, upper = 0.2 * natural, np.minimum(1, 1.3 * natural)
    rows = sampling.sample_rows(0.5 * natural, lower, upper, rngs, groups)
    assert on_simplex(rows, lower, upper, groups)
