"""What is said of runs and proposals: once, and in words that fit.

Bad runs are named once and not by each refit; scores no better than chance are called so.
"""

import logging

import numpy as np
import pytest

from mixwright.goal import Goal
from mixwright.learners import Metric
from mixwright.mixers import base, create
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.trust.bootstrap import propose
from mixwright.trust.evidence import HeldOut, weigh
from mixwright.trust.intervals import Difference
from mixwright.trust.learning_curve import learning_curve
from mixwright.trust.noise import noise_of
from mixwright.trust.tournament import tournament

DOMAINS = ("books", "code", "news", "web")
TARGETS = ("prose", "questions")
NEEDS = np.array([[1.0, 0.2, 0.5, 0.3], [0.2, 1.2, 0.2, 0.4]])
WILD = "far from all others"


@pytest.fixture(autouse=True)
def _nothing_logged_yet():
    base._log_once.cache_clear()


def swarm(weights, wild=(), off=3.0):
    data = weights**0.6 @ NEEDS.T
    losses = 2.2 + 0.9 * (0.05 + data) ** -0.4
    losses += 0.003 * np.random.default_rng(1).standard_normal(losses.shape)
    losses[list(wild)] += off
    return observed(weights, losses)


def observed(weights, losses):
    runs = tuple(f"run-{i:03}" for i in range(len(weights)))
    return Observations(DOMAINS, TARGETS, runs, ("swarm",) * len(runs), 1e6 * weights, losses)


def spread_out(runs=40):
    return np.random.default_rng(0).dirichlet(np.ones(4), runs)


def goal_of(observations):
    mean = observations.weights.mean(axis=0).tolist()
    domains = [Domain(name, round(1e9 * mean[k])) for k, name in enumerate(DOMAINS)]
    bounds = Bounds(np.zeros(4), np.ones(4))
    return Goal(tuple(domains), dict.fromkeys(TARGETS, 0.5), 1e6, bounds)


@pytest.mark.parametrize("name", ["effective-data", "log-linear", "additive"])
@pytest.mark.parametrize("wild", [range(1), range(6), range(10)])
def test_wild_runs_are_named_once_a_target(name, wild, caplog):
    observations = swarm(spread_out(), wild)
    with caplog.at_level(logging.INFO):
        fit = create(name).fit(observations)
        propose(fit, observations, goal_of(observations), draws=10)
    assert caplog.text.count(WILD) == len(TARGETS)
    assert caplog.text.count("less weight there") == len(TARGETS)


def test_runs_that_a_remark_does_not_name_are_counted(caplog):
    with caplog.at_level(logging.INFO):
        create("effective-data").fit(swarm(spread_out(), range(4)))
    assert "4 runs far from all others, run-000, run-001, run-002 and 1 more: " in caplog.text


def test_a_stack_names_them_once_too(caplog):
    members = {"effective-data": {}, "additive": {}}
    with caplog.at_level(logging.INFO):
        create("ensemble", {"members": members}).fit(swarm(spread_out(), [3]))
    assert caplog.text.count(WILD) == len(TARGETS)


@pytest.mark.parametrize("name", ["best-of-swarm", "regmix-linear"])
def test_less_weight_is_not_claimed_by_mixers_that_give_full_weight(name, caplog):
    with caplog.at_level(logging.INFO):
        create(name).fit(swarm(spread_out(), [3], off=-1.0))
    assert WILD in caplog.text
    assert "less weight" not in caplog.text


def test_a_comparison_names_them_once(caplog):
    names = ["effective-data", "regmix-linear"]
    with caplog.at_level(logging.INFO):
        tournament(swarm(spread_out(), [3]), names, folds=4)
    assert caplog.text.count(WILD) == len(TARGETS)
    assert "better than chance" not in caplog.text


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_called_chance_by_compare_and_learning_curve(seed, caplog):
    losses = np.random.default_rng(seed).normal(3, 0.05, (40, 2))
    noise = observed(spread_out(), losses)
    with caplog.at_level(logging.INFO):
        tournament(noise, ["effective-data", "regmix-linear"], folds=4)
    assert "no mixer ranks held-out runs better than chance" in caplog.text
    answer = learning_curve("regmix-linear", {}, noise, folds=4).answer()
    assert not answer.endswith(": stop")


def test_copies_of_results_are_no_repeats():
    mixtures = spread_out(10)
    whole = swarm(mixtures)
    copies = observed(np.tile(mixtures, (4, 1)), np.tile(whole.losses, (4, 1)))
    assert noise_of(copies, copies.losses.mean(axis=1)) is None


def test_a_score_without_a_unit_leaves_no_blank():
    plain = Metric("score", "score", "")
    for low, high in [(-0.1, 0.2), (0.1, 0.2)]:
        difference = Difference("mine", "natural", 0.1, low, high, 0, 0.1, 0.0, metric=plain)
        assert "  " not in difference.sentence
        assert " )" not in difference.sentence


def test_a_rank_above_chance_is_not_called_chance():
    weights = spread_out(40)
    actual = np.linspace(3, 4, 40)
    nobody = np.zeros(40, dtype=bool)
    names = tuple(f"run-{i}" for i in range(40))
    held_out = HeldOut(names, weights, actual, actual + 5, nobody)
    natural = weights.mean(axis=0)
    evidence = weigh(held_out, DOMAINS, natural, natural, 3.0, "nats/token")
    assert "no better than by their mean" in evidence.sentence


def test_a_remedy_is_named_once():
    weights = 0.25 + 0.02 * (spread_out(40) - 0.25)
    actual = np.linspace(3, 3.01, 40)
    nobody = np.zeros(40, dtype=bool)
    names = tuple(f"run-{i}" for i in range(40))
    held_out = HeldOut(names, weights, actual, actual, nobody)
    corner = np.array([1.0, 0, 0, 0])
    evidence = weigh(held_out, DOMAINS, corner, weights.mean(axis=0), 1.0, "nats/token")
    assert "better than the best run" in evidence.reasons[-1]
    assert evidence.sentence.count("train 2 or more runs near it") == 1
    assert len(evidence.reasons) == 3
