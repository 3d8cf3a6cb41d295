"""Weights dealt to domains on a grid: no other deal on the grid gains more."""

from itertools import product

import numpy as np
import pytest

from mixwright.numerics.allocation import Allocation
from mixwright.simplex.bounds import Bounds, Group

STEPS = 10


def gains_of(seed, domains=3):
    """Gains that rise and fall at random, given at the points of the grid."""
    table = np.random.default_rng(seed).normal(size=(STEPS + 1, domains))

    def gains(weights):
        places = np.rint(weights * STEPS).astype(int)
        return np.take_along_axis(table, places, axis=0)

    return gains


def best_of_all(gains, bounds):
    """The mixture of greatest gain among all of the grid inside the bounds."""
    shares = [np.array(steps) / STEPS for steps in product(range(STEPS + 1), repeat=3)]
    mixtures = [share for share in shares if abs(share.sum() - 1) < 1e-9]
    inside = [share for share in mixtures if bounds.contain(share[None]).all()]
    return max(inside, key=lambda share: gains(share[None]).sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("upper", [1.0, 0.5])
def test_no_mixture_of_the_grid_gains_more(seed, upper):
    bounds = Bounds(np.array([0.1, 0.0, 0.2]), np.full(3, upper))
    gains = gains_of(seed)
    mixture = Allocation.of(gains, bounds, STEPS).mixture(bounds)
    assert mixture == pytest.approx(best_of_all(gains, bounds))


def test_a_mixture_is_moved_into_groups():
    bounds = Bounds(np.zeros(3), np.ones(3), (Group("few", (0, 1), 0.0, 0.3),))
    gains = gains_of(0)
    mixture = Allocation.of(gains, bounds, STEPS).mixture(bounds)
    assert bounds.contain(mixture[None]).all()
