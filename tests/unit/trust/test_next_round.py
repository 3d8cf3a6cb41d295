"""A further round: inside every bound, a function of seed and runs, informative and near optima."""

from dataclasses import replace

import numpy as np
import pytest

from mixwright.designs import informative
from mixwright.errors import MixwrightError
from mixwright.proposals.fits import Fit
from mixwright.simplex.bounds import Bounds
from mixwright.trust.anchored import anchored
from mixwright.trust.next_round import around_optima, halves, next_round, optima_of_refits
from planted_swarm import plant

FEW = 128
SMALL = {"candidates": FEW}


def bounded(goal):
    names = goal.names
    limits = {
        "caps": {names[0]: 0.4, names[5]: 0.3},
        "floors": {names[1]: 0.05},
        "groups": {"pair": {"domains": [names[2], names[3]], "least": 0.2, "most": 0.35}},
        "fixed": {names[4]: 0.1},
    }
    return replace(goal, bounds=Bounds.of(goal.domains, goal.tokens, **limits))


def test_every_bound_is_kept_exactly():
    planted = plant(3, runs=32)
    goal = bounded(planted.goal)
    mixtures = next_round(planted.seen, goal, 21, 0, **SMALL)
    assert mixtures.shape == (21, 6)
    assert goal.bounds.contain(mixtures, 0.0 + 1e-14).all()
    assert np.abs(mixtures.sum(axis=1) - 1).max() < 1e-14
    assert (mixtures[:, 4] == 0.1).all() and (mixtures[:, 1] >= 0.05).all()
    assert len(np.unique(mixtures.round(9), axis=0)) == 21


def test_a_round_is_a_function_of_its_seed_and_of_what_was_measured():
    planted = plant(4, runs=24)
    mixtures = next_round(planted.seen, planted.goal, 8, 5, **SMALL)
    shuffled = planted.seen.only(np.random.default_rng(0).permutation(24))
    assert np.array_equal(mixtures, next_round(planted.seen, planted.goal, 8, 5, **SMALL))
    assert np.allclose(mixtures, next_round(shuffled, planted.goal, 8, 5, **SMALL), atol=1e-6)
    assert not np.array_equal(mixtures, next_round(planted.seen, planted.goal, 8, 6, **SMALL))
    other = replace(planted.seen, losses=planted.seen.losses[::-1])
    assert not np.allclose(mixtures, next_round(other, planted.goal, 8, 5, **SMALL), atol=1e-3)


def test_a_half_looks_for_the_optimum_and_a_half_teaches():
    planted = plant(5, runs=32)
    mixtures = next_round(planted.seen, planted.goal, 32, 1, **SMALL)
    chosen, searched = halves(32)
    assert (chosen, searched) == (16, 16) and halves(7) == (4, 3) and halves(1) == (1, 0)
    near, swarm = mixtures[chosen:], planted.seen.weights
    losses = [planted.losses(part).mean(axis=1).mean() for part in (near, swarm, mixtures[:chosen])]
    assert losses[0] < min(losses[1:])
    assert np.array_equal(near, around_optima(planted.seen, planted.goal, searched, 1))
    optima = optima_of_refits(planted.seen, planted.goal, 16, 1)
    distance = np.abs(near - optima).sum(axis=1)
    assert distance.min() < 0.2 and distance.mean() < np.abs(swarm[:16] - optima).sum(axis=1).mean()


def test_the_informative_choice_goes_on_after_the_runs_there_are():
    pool = np.random.default_rng(0).dirichlet(np.full(6, 0.4), 100)
    order = informative.choose(pool, 20)
    there = pool[order[:12]]
    assert informative.choose(pool, 20, np.zeros((0, 6))) == order
    others = np.setdiff1d(np.arange(100), order[:12])
    after = informative.choose(pool[others], 8, there)
    assert others[after].tolist() == order[12:]
    assert after != informative.choose(pool[others], 8)


def test_a_mixture_that_is_there_is_not_trained_again():
    planted = plant(8, runs=24, domains=3)
    corners = np.concatenate([np.eye(3), planted.seen.weights[3:]])
    runs = replace(planted.seen, amounts=corners * planted.goal.tokens)
    losses = planted.losses(corners)
    runs = replace(runs, losses=losses)
    goal = replace(planted.goal, bounds=Bounds(np.zeros(3), np.ones(3)))
    mixtures = next_round(runs, goal, 24, 0, **SMALL)
    apart = np.abs(mixtures[:, None] - corners[None]).max(axis=2)
    assert apart[:12].min() > 5e-4
    assert len(np.unique(mixtures.round(6), axis=0)) == 24


@pytest.mark.parametrize("runs", [1, 4])
def test_bounds_that_leave_one_mixture_are_kept(runs):
    planted = plant(3, runs=24)
    goal = planted.goal
    names = goal.names
    caps = dict.fromkeys(names[1:], 0.0)
    goal = replace(goal, bounds=Bounds.of(goal.domains, goal.tokens, caps=caps))
    corner = np.eye(len(names))[:1]
    mixtures = next_round(planted.seen, goal, runs, 0, **SMALL)
    assert np.array_equal(mixtures, np.repeat(corner, runs, axis=0))
    # where that mixture was trained before, too
    amounts = planted.seen.amounts.copy()
    amounts[0] = corner[0] * amounts[0].sum()
    measured = replace(planted.seen, amounts=amounts)
    mixtures = next_round(measured, goal, runs, 0, **SMALL)
    assert np.array_equal(mixtures, np.repeat(corner, runs, axis=0))


def test_runs_of_other_roles_change_nothing():
    planted = plant(6, runs=24, repeats=3)
    alone = planted.seen.of_role("swarm")
    mixtures = next_round(planted.seen, planted.goal, 6, 0, **SMALL)
    assert np.array_equal(mixtures, next_round(alone, planted.goal, 6, 0, **SMALL))


def test_what_cannot_be_is_refused():
    planted = plant(7, runs=24)
    with pytest.raises(MixwrightError, match="0 runs; ask for 1 or more"):
        next_round(planted.seen, planted.goal, 0, 0)
    with pytest.raises(MixwrightError, match="8 swarm runs or more and there are 5"):
        next_round(planted.seen.only(np.arange(5)), planted.goal, 4, 0, **SMALL)


def test_optima_of_refits_lie_around_the_law_that_the_fit_lies_around():
    planted = plant(3, runs=48)
    smaller = Fit.of(planted.seen, "effective-data")
    few = planted.seen.only(np.arange(12))
    larger = replace(few, losses=few.losses[:, ::-1])
    law = anchored(smaller, larger).mixer
    around = optima_of_refits(larger, planted.goal, 4, 0, law)
    alone = optima_of_refits(larger, planted.goal, 4, 0)
    assert not np.allclose(around, alone, atol=1e-2)
    best = law.propose(planted.goal).weights
    assert np.abs(around - best).mean() < np.abs(alone - best).mean()
    plain = Fit.of(larger, "effective-data").mixer
    assert np.array_equal(optima_of_refits(larger, planted.goal, 4, 0, plain), alone)
