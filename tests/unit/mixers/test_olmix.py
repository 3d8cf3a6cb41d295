"""Olmix's proposal is the minimum of the log-linear law plus the pull to natural."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from mixwright.mixers import create
from planted_swarm import plant


def objective(mixer, goal, weights):
    """The published one: the mean of the losses plus lambda times KL(w || natural)."""
    importance = mixer.target_weights(goal)
    losses = mixer.predict(weights[None] * 1e6)[0] @ importance
    return losses + mixer.pull * float(np.sum(weights * np.log(weights / goal.natural)))


@pytest.mark.parametrize("pull", [0.01, 0.05, 0.5])
def test_no_other_mixture_has_a_lower_objective(pull):
    planted = plant(seed=3)
    mixer = create("olmix", {"pull": pull}).fit(planted.seen)
    proposal = mixer.propose(planted.goal)
    lower, upper, _ = planted.goal.bounds.parts
    other = minimize(
        lambda w: objective(mixer, planted.goal, np.maximum(w, 1e-12)),
        planted.goal.natural,
        bounds=list(zip(lower, upper, strict=True)),
        constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1}],
        options={"ftol": 1e-13, "maxiter": 500},
    )
    value = objective(mixer, planted.goal, proposal.weights)
    assert 0 <= proposal.gap < 1e-6
    assert value <= other.fun + proposal.gap + 1e-8
    assert proposal.weights == pytest.approx(other.x, abs=2e-3)


def test_a_stronger_pull_leads_towards_natural_and_none_to_the_log_linear_law():
    planted = plant(seed=4)
    distances = []
    for pull in (0.0, 0.02, 0.1, 1.0, 100.0):
        mixer = create("olmix", {"pull": pull}).fit(planted.seen)
        proposal = mixer.propose(planted.goal)
        distances.append(np.abs(proposal.weights - planted.goal.natural).sum())
        if pull == 0:
            plain = create("log-linear").fit(planted.seen).propose(planted.goal)
            assert proposal.weights == pytest.approx(plain.weights, abs=1e-6)
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.01


@pytest.mark.parametrize("scale", [1e3, 1e-3])
def test_a_unit_of_losses_and_pull_moves_no_mixture(scale):
    planted = plant(seed=6)
    moved = replace(planted.seen, losses=planted.seen.losses * scale)
    plain = create("olmix").fit(planted.seen).propose(planted.goal)
    other = create("olmix", {"pull": 0.05 * scale}).fit(moved).propose(planted.goal)
    assert other.weights == pytest.approx(plain.weights, abs=1e-4)


def test_a_limit_on_a_target_holds_under_the_pull():
    planted = plant(seed=5)
    target = planted.seen.targets[0]
    goal = replace(planted.goal, never_worse=(target,), targets={planted.seen.targets[1]: 1})
    mixer = create("olmix", {"pull": 0.01}).fit(planted.seen)
    proposal = mixer.propose(goal)
    natural = mixer.predict(goal.natural[None] * 1e6)[0, 0]
    assert mixer.predict(proposal.weights[None] * 1e6)[0, 0] <= natural + 2e-6
