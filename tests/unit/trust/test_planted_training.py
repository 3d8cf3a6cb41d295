"""Learners of weights in a planted training: what they claim, where the answer is known."""

import numpy as np
import pytest

from mixwright.trust.planted import UNTRAINED, Truth, domain_texts
from mixwright.trust.planted_training import PlantedTraining
from mixwright.trust.regret import Plan, Problem

COUNT = 4
SETTINGS = {
    "doremi": {"eta": 1.0, "smoothing": 1e-3},
    "odm": {"scale": 10.0, "memory": None},
    "fastmix": {"rate": 0.01, "entropy": 0.0, "every": 1},
}


def own_losses(scale):
    """Each domain's loss falls with its own amount alone, from `scale` (domains,) to 0."""
    return Truth(lambda amounts: np.asarray(scale) * np.exp(-3 * amounts))


def training(of_domains=None, truth=None, importance=(1.0,), total=1.0, reference=None, steps=200):
    nothing = Truth(lambda amounts: np.ones((len(amounts), 1)))
    uniform = np.full(COUNT, 1 / COUNT)
    return PlantedTraining(
        truth or nothing,
        np.asarray(importance),
        of_domains or own_losses(np.ones(COUNT)),
        uniform if reference is None else np.asarray(reference),
        total,
        steps,
    )


def test_an_untrained_model_has_one_loss_and_a_domain_teaches_itself_most():
    texts = domain_texts(np.random.default_rng(3), COUNT)
    assert texts(np.zeros((1, COUNT)))[0] == pytest.approx(np.full(COUNT, UNTRAINED))
    alone = texts(0.1 * np.eye(COUNT))
    assert (alone.argmin(axis=0) == np.arange(COUNT)).mean() >= 0.75


def test_doremi_moves_to_the_domain_that_its_reference_knew_better():
    """With one loss for all, only the reference tells the domains apart."""
    reference = [0.7, 0.1, 0.1, 0.1]
    weights = training(reference=reference).learned("doremi", SETTINGS["doremi"])
    assert weights.argmax() == 0 and weights[0] > 0.4
    assert weights[1:] == pytest.approx(np.full(3, (1 - weights[0]) / 3), abs=0.02)


def test_odm_reads_most_of_the_domain_of_highest_loss():
    losses = own_losses([1.0, 6.0, 1.0, 1.0])
    weights = training(losses).learned("odm", SETTINGS["odm"])
    assert weights.argmax() == 1 and weights[1] > 0.3


def test_the_alignment_of_fastmix_is_the_fall_of_the_targets_loss():
    slopes = np.array([[3.0, 1.0, 0.0, -2.0], [1.0, 1.0, 1.0, 1.0]])
    truth = Truth(lambda amounts: 5 - amounts @ slopes.T)
    falls = training(truth=truth, importance=(0.5, 0.5)).alignment(np.full(COUNT, 0.1))
    assert falls == pytest.approx([2.0, 1.0, 0.5, -0.5])


def test_fastmix_comes_near_the_best_mixture_where_it_looks_often():
    """With the looks of its setting, a run of 390 steps hardly leaves equal weights."""
    plan = Plan(COUNT, 2, 20)
    problem = Problem.of("law", 1, plan)
    played = training(truth=problem.truth, importance=problem.importance, steps=390)
    often = played.learned("fastmix", SETTINGS["fastmix"])
    seldom = played.learned("fastmix", SETTINGS["fastmix"] | {"every": 20})
    assert problem.regret(often) < 0.5
    assert 0.5 < problem.regret(seldom) < 1
    assert np.abs(seldom - 0.25).max() < 0.06


def test_a_learner_that_never_looks_proposes_equal_weights():
    settings = SETTINGS["fastmix"] | {"every": 10_000}
    weights = training().learned("fastmix", settings)
    assert weights == pytest.approx(np.full(COUNT, 1 / COUNT))
