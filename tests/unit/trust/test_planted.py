"""Planted truths: their optima are certified, and no mixture is better."""

import numpy as np
import pytest

from mixwright.simplex.bounds import Bounds, Group
from mixwright.trust.planted import KINDS
from mixwright.trust.planted_optimum import gap, optimum

DOMAINS = 6
EVEN = np.full(3, 1 / 3)
CONVEX = [name for name in KINDS if name not in ("synergy", "thresholds")]
BOUNDS = {
    "free": Bounds(np.zeros(DOMAINS), np.ones(DOMAINS)),
    "capped": Bounds(np.full(DOMAINS, 0.02), np.full(DOMAINS, 0.25)),
}


def planted(kind, seed=0):
    return KINDS[kind](np.random.default_rng(seed), DOMAINS)


def inside(bounds, rng, count=400):
    mixtures = rng.dirichlet(np.full(DOMAINS, 1.5), 40 * count)
    return mixtures[bounds.contain(mixtures)][:count]


@pytest.mark.parametrize("limits", BOUNDS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_mixture_is_better_than_the_optimum(kind, limits):
    truth = planted(kind)
    bounds = BOUNDS[limits]
    best = optimum(truth, EVEN, bounds)
    assert bounds.contain(best.weights[None]).all()
    assert best.loss == pytest.approx(truth(best.weights[None])[0].mean())
    mixtures = inside(bounds, np.random.default_rng(1))
    around = (19 * best.weights + mixtures) / 20
    others = np.concatenate([mixtures, around[bounds.contain(around)]])
    assert (truth(others).mean(axis=1) >= best.loss - 1e-9).all()


@pytest.mark.parametrize("limits", BOUNDS)
@pytest.mark.parametrize("kind", CONVEX)
def test_the_optimum_of_a_convex_truth_is_certified(kind, limits):
    best = optimum(planted(kind), EVEN, BOUNDS[limits])
    assert best.gap < 1e-6


def test_a_sum_of_thresholds_is_certified_to_the_grid_and_synergy_not_at_all():
    bounds = BOUNDS["free"]
    truth = planted("thresholds")
    best = optimum(truth, EVEN, bounds)
    even = truth(np.full((1, DOMAINS), 1 / DOMAINS)).mean()
    assert 0 <= best.gap < 0.03 * (even - best.loss)
    assert np.isnan(optimum(planted("synergy"), EVEN, bounds).gap)


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "synergy"])
def test_the_gap_is_never_less_than_what_a_mixture_misses(kind):
    truth = planted(kind, 2)
    bounds = BOUNDS["capped"]
    importance = np.array([0.6, 0.3, 0.1])
    mixtures = inside(bounds, np.random.default_rng(3), 60)
    losses = truth(mixtures) @ importance
    for weights, loss in zip(mixtures[:12], losses[:12], strict=True):
        assert gap(truth, importance, bounds, weights) >= loss - losses.min() - 1e-12


def test_groups_are_kept():
    group = Group("few", (0, 1, 2), 0.0, 0.2)
    bounds = Bounds(np.zeros(DOMAINS), np.ones(DOMAINS), (group,))
    best = optimum(planted("law"), EVEN, bounds)
    assert best.weights[:3].sum() < 0.2 + 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_names_a_truth(kind):
    mixtures = np.random.default_rng(0).dirichlet(np.ones(DOMAINS), 5)
    first, again, other = planted(kind), planted(kind), planted(kind, 1)
    assert (first(mixtures) == again(mixtures)).all()
    assert (first(mixtures) != other(mixtures)).any()
