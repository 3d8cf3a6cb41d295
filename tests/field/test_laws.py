"""What must move no answer: constants, units, targets that never vary, wild runs.

Losses have no natural 0 and no natural unit, and a table of measured runs holds columns and rows
that say nothing. Each mixer that learns from a swarm is tried.
"""

import logging
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import MIXERS, create
from mixwright.mixers.ensemble.stacking import stack
from mixwright.mixers.limits import SLACK
from mixwright.mixture import Domain
from mixwright.numerics.spread import Spread, varying
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from planted_swarm import TARGETS, plant

LAWS = ("effective-data", "additive", "bimix", "log-linear", "joint")
QUICK_TREES = {"iterations": 60, "learning_rate": 0.1, "samples": 1_000, "refine": 400, "keep": 32}
SETTINGS = {
    "regmix": QUICK_TREES,
    "regmix-linear": {"samples": 1_000, "refine": 400, "keep": 32},
    "ensemble": {
        "members": {"effective-data": {}, "log-linear": {}, "regmix-linear": {}},
        "samples": 500,
    },
}
SWARM = tuple(
    name for name, method in MIXERS.items() if method.predicts and "swarm" in method.reads
)
# how near weights and predictions are, in shares and in standard deviations: laws stop at steps
# that gain a ten-millionth; trees read float32
NEAR = {"joint": 2e-3, "ensemble": 5e-3, "regmix": 5e-3}


@cache
def planted(family="law", runs=40):
    return plant(3, runs=runs, family=family)


def fitted(name, observations):
    return create(name, SETTINGS.get(name, {})).fit(observations)


def proposed(name, observations, goal):
    return fitted(name, observations).propose(goal).weights


@cache
def usual(name):
    """The mixer, fitted to the runs as they are, and what it proposes."""
    mixer = fitted(name, planted().seen)
    return mixer, mixer.propose(planted().goal).weights


def assert_same_answer(name, losses, back):
    """The mixture stays; predictions, brought `back`, too."""
    observations = planted().seen
    mixer, weights = usual(name)
    moved = fitted(name, replace(observations, losses=losses))
    near = NEAR.get(name, 1e-3)
    assert moved.propose(planted().goal).weights == pytest.approx(weights, abs=near)
    difference = back(moved.predict(observations.amounts)) - mixer.predict(observations.amounts)
    assert np.abs(difference / observations.losses.std(axis=0)).max() < near


@pytest.mark.parametrize("constant", [-10.0, -2.5, 4.0, 300.0])
@pytest.mark.parametrize("name", SWARM)
def test_a_constant_moves_no_mixture(name, constant):
    losses = planted().seen.losses + constant
    assert_same_answer(name, losses, lambda predicted: predicted - constant)


@pytest.mark.parametrize("name", SWARM)
def test_each_target_may_have_a_constant_of_its_own(name):
    constants = np.array([-10.0, 0.0, 7.0])
    losses = planted().seen.losses + constants
    assert_same_answer(name, losses, lambda predicted: predicted - constants)


# The pull of olmix has the losses' unit, as its authors have it: test_olmix.py scales both.
@pytest.mark.parametrize("scale", [1e3, 1e-3])
@pytest.mark.parametrize("name", [name for name in SWARM if name != "olmix"])
def test_a_unit_moves_no_mixture(name, scale):
    losses = planted().seen.losses * scale
    assert_same_answer(name, losses, lambda predicted: predicted / scale)


@pytest.mark.parametrize("name", LAWS)
def test_losses_below_zero_are_predicted_as_well_as_others(name):
    observations = planted().seen
    moved = replace(observations, losses=observations.losses - 10)
    residuals = fitted(name, moved).predict(moved.amounts) - moved.losses
    plain = usual(name)[0].predict(observations.amounts) - observations.losses
    assert residuals.std(axis=0) == pytest.approx(plain.std(axis=0), rel=0.02)


@pytest.mark.parametrize("name", SWARM)
def test_the_order_of_targets_and_runs_moves_nothing(name):
    observations = planted().seen
    order = np.random.default_rng(0).permutation(len(observations.runs))
    shuffled = replace(
        observations,
        targets=TARGETS[::-1],
        losses=observations.losses[order][:, ::-1],
        amounts=observations.amounts[order],
    )
    if name == "ensemble":
        # its folds are those of the runs' names
        shuffled = replace(observations, targets=TARGETS[::-1], losses=observations.losses[:, ::-1])
    _, weights = usual(name)
    assert proposed(name, shuffled, planted().goal) == pytest.approx(weights, abs=0.01)


@pytest.mark.parametrize("name", SWARM)
def test_targets_written_twice_change_nothing(name):
    observations = planted().seen
    names = tuple(f"{target}{copy}" for target in TARGETS for copy in "ab")
    twice = replace(observations, targets=names, losses=np.repeat(observations.losses, 2, axis=1))
    goal = replace(planted().goal, targets=dict.fromkeys(names, 1 / 6))
    _, weights = usual(name)
    assert proposed(name, twice, goal) == pytest.approx(weights, abs=NEAR.get(name, 1e-3))


def with_flat(observations, values):
    """The same runs with one more target, sorted behind the others."""
    return replace(
        observations,
        targets=(*observations.targets, "zzz"),
        losses=np.column_stack([observations.losses, values]),
    )


FLAT = {
    "zero": lambda runs, rng: np.zeros(runs),
    "constant": lambda runs, rng: np.full(runs, 3.25),
    "rounding": lambda runs, rng: 0.7 + 1e-16 * rng.standard_normal(runs),
    "float32": lambda runs, rng: 0.7 + 3e-8 * rng.standard_normal(runs),
}


@pytest.mark.parametrize("weight", [0.0, 0.25])
@pytest.mark.parametrize("kind", FLAT)
@pytest.mark.parametrize("name", SWARM)
def test_a_target_that_never_varies_moves_nothing_and_is_predicted(name, kind, weight):
    observations = planted().seen
    values = FLAT[kind](len(observations.runs), np.random.default_rng(0))
    moved = with_flat(observations, values)
    targets = dict(planted().goal.targets)
    if weight:
        targets["zzz"] = weight
    goal = replace(planted().goal, targets=targets)
    mixer = fitted(name, moved)
    _, weights = usual(name)
    # the starts of joint's first fit are drawn for all targets at once
    near = 1e-4 if name in ("joint", "repeating") else 1e-6
    assert mixer.propose(goal).weights == pytest.approx(weights, abs=near)
    flat = mixer.predict(observations.amounts)[:, -1]
    assert flat == pytest.approx(np.full(len(flat), np.median(values)), abs=1e-7)


def test_a_flat_target_does_not_move_the_shares_of_a_stack():
    rng = np.random.default_rng(1)
    losses = rng.normal(3, 1, (24, 2))
    predicted = losses + rng.normal(0, 1, (3, 24, 2)) * np.array([0.2, 0.3, 0.5])[:, None, None]
    fold = np.arange(24) % 6
    alone = stack(predicted, losses, fold)
    zeros = np.zeros((24, 1))
    with_zero = stack(
        np.concatenate([predicted, rng.normal(0, 1e-9, (3, 24, 1))], axis=2),
        np.hstack([losses, zeros]),
        fold,
    )
    assert with_zero[:, :2] == pytest.approx(alone, abs=1e-12)
    assert with_zero.sum(axis=0) == pytest.approx(np.ones(3))


def test_the_log_names_flat_targets_and_wild_runs(caplog):
    observations = with_flat(planted().seen, np.zeros(40))
    losses = observations.losses.copy()
    losses[7, 0] += 30
    named = replace(observations, targets=("first", "second", "third", "still"), losses=losses)
    with caplog.at_level(logging.INFO):
        fit = create("additive").fit(named)
        fit.refit(named)
    assert caplog.text.count("still is the same in every run: it decides nothing") == 1
    assert caplog.text.count(f"first: 1 run far from all others, {named.runs[7]}") == 1


# in units of the least that a mixture can lose: what a proposal may lose by one wild run
@pytest.mark.parametrize("runs", [32, 64])
@pytest.mark.parametrize("error", [3.0, 1e3, -1e3])
@pytest.mark.parametrize("name", ["effective-data", "additive", "joint"])
def test_one_wild_run_leaves_the_proposal_near(name, error, runs):
    truth = planted(runs=runs)
    losses = truth.seen.losses.copy()
    losses[5] += error
    goal = truth.goal
    plain = truth.objective(proposed(name, truth.seen, goal))
    wild = truth.objective(proposed(name, replace(truth.seen, losses=losses), goal))
    lost = truth.objective(goal.natural) - plain
    assert wild - plain < 0.1 * lost


@pytest.mark.parametrize("error", [3.0, 1e3, -1e3])
@pytest.mark.parametrize("name", ["regmix", "ensemble"])
def test_a_wild_run_of_any_size_does_no_more_harm_to_trees_than_a_bad_one(name, error):
    truth = planted(runs=64)
    losses = truth.seen.losses.copy()
    losses[5] += error
    mixture = proposed(name, replace(truth.seen, losses=losses), truth.goal)
    natural = truth.objective(truth.goal.natural)
    assert truth.objective(mixture) < natural


def test_a_spread_follows_constants_and_units_and_knows_what_is_wild():
    rng = np.random.default_rng(0)
    losses = rng.normal(3, 0.2, (50, 2))
    losses[3, 0] = 40.0
    losses[4, 1] = -40.0
    spread = Spread.of(losses)
    moved = Spread.of(1e3 * losses - 7)
    assert moved.deviation == pytest.approx(1e3 * spread.deviation)
    assert moved.floor == pytest.approx(1e3 * spread.floor - 7)
    assert np.argwhere(spread.wild(losses)).tolist() == [[3, 0], [4, 1]]
    assert np.argwhere(spread.too_low(losses)).tolist() == [[4, 1]]
    assert (spread.deviation < 0.5).all()
    tamed = spread.tame(losses)
    assert tamed[3, 0] == spread.centre[0] + spread.reach[0]
    assert tamed[4, 1] == spread.centre[1]
    assert (spread.floor < tamed.min(axis=0)).all()


def test_what_varies_is_told_by_the_size_of_the_numbers():
    columns = [np.zeros(9), np.full(9, 5.0), np.arange(9.0), 1e4 + 0.05 * np.arange(9)]
    assert varying(np.column_stack(columns)).tolist() == [False, False, True, True]


def test_limits_hold_whatever_the_constant():
    observations = planted().seen
    moved = replace(observations, losses=observations.losses - 10)
    goal = replace(planted().goal, never_worse=("north",))
    for name in ("effective-data", "log-linear", "regmix"):
        mixer = fitted(name, moved)
        proposal = mixer.propose(goal)
        predicted = mixer.predict(np.stack([proposal.weights, goal.natural]))
        assert predicted[0, 0] <= predicted[1, 0] + 2 * SLACK


def test_a_fit_of_trees_of_an_older_version_predicts_as_it_did():
    mixer = usual("regmix")[0]
    amounts = planted().seen.amounts
    level, unit = mixer.units.T
    old = replace(mixer, units=None)
    assert level + unit * old.predict(amounts) == pytest.approx(mixer.predict(amounts))


def test_log_linear_refits_near_a_fit_from_scratch():
    observations = planted().seen
    rng = np.random.default_rng(0)
    noise = 0.05 * observations.losses.std(axis=0) * rng.standard_normal(observations.losses.shape)
    moved = replace(observations, losses=observations.losses + noise)
    mixer = usual("log-linear")[0]
    warm = mixer.refit(moved).predict(moved.amounts)
    cold = create("log-linear").fit(moved).predict(moved.amounts)
    plain = mixer.predict(moved.amounts)
    assert np.abs(warm - cold).mean() < 0.3 * np.abs(plain - cold).mean()


def perturbed():
    """Three domains moved up and down at two totals, with losses of two targets."""
    base = np.array([0.5, 0.3, 0.2])
    amounts = []
    for total in (1e5, 4e5):
        amounts.append(total * base)
        for i in range(3):
            for factor in (1 / 3, 3.0):
                amounts.append(total * base * factor ** np.eye(3)[i])
    table = np.array(amounts)
    needs = np.array([[1.0, 0.4, 0.2], [0.2, 0.6, 1.0]])
    losses = 2 + (0.3 * needs * (table[:, None, :] / 1e5 + 0.05) ** -0.4).sum(axis=2)
    runs = tuple(f"r{i:02}" for i in range(len(table)))
    return Observations(
        ("ants", "bees", "cats"), ("north", "south"), runs, ("perturb",) * len(runs), table, losses
    )


def test_autoscale_refuses_losses_that_have_no_ratio_and_takes_a_target_of_zero():
    observations = perturbed()
    with pytest.raises(MixwrightError, match=r"a loss of 0 or below.*use joint"):
        create("autoscale").fit(replace(observations, losses=observations.losses - 10))
    flat = with_flat(observations, np.zeros(len(observations.runs)))
    domains = tuple(Domain(name, 10**7) for name in observations.domains)
    bounds = Bounds.of(domains, 4e5)
    goal = Goal(domains, {"north": 0.5, "south": 0.5}, 4e5, bounds)
    plain = create("autoscale").fit(observations).propose(goal).weights
    both = replace(goal, targets={**goal.targets, "zzz": 0.5})
    assert create("autoscale").fit(flat).propose(both).weights == pytest.approx(plain, abs=1e-9)
