"""Learners on planted numbers, without training."""

import math

import numpy as np
import pytest

from mixwright.proxies.online import LEARNERS, learner_of

SETTINGS = {
    "doremi": {"eta": 1.0, "smoothing": 1e-3},
    "odm": {"scale": 10.0, "memory": None},
    "fastmix": {"rate": 0.05, "entropy": 0.0},
}


def learner(method, domains=4, **changes):
    return learner_of(method, domains, SETTINGS[method] | changes)


@pytest.mark.parametrize("method", LEARNERS)
def test_weights_stay_on_the_simplex_and_a_resumed_learner_goes_on_alike(method):
    rng = np.random.default_rng(0)
    whole = learner(method)
    for step in range(40):
        values = rng.normal(2, 1, 4)
        values[rng.integers(4)] = np.nan
        whole = whole.observed(values)
        assert whole.weights.sum() == pytest.approx(1) and (whole.weights > 0).all()
        assert whole.answer.sum() == pytest.approx(1)
        if step == 20:
            half = learner(method).resumed(whole.state)
        if step > 20:
            half = half.observed(values)
    assert half.weights.tolist() == whole.weights.tolist()
    assert half.answer.tolist() == whole.answer.tolist()


@pytest.mark.parametrize("method", LEARNERS)
def test_equal_values_leave_the_weights_uniform(method):
    alike = learner(method)
    for _ in range(10):
        alike = alike.observed(np.full(4, 1.5))
    assert alike.weights == pytest.approx(np.full(4, 0.25))


def test_one_step_of_doremi_is_the_papers_formula():
    excess = np.array([0.5, 0.0, 1.0])
    moved = learner("doremi", 3, eta=2.0, smoothing=0.1).observed(excess)
    powers = np.exp(2 * excess)
    assert moved.weights == pytest.approx(0.9 * powers / powers.sum() + 0.1 / 3)
    # the step itself was read by uniform weights
    assert moved.answer == pytest.approx(np.full(3, 1 / 3))


def test_doremi_moves_to_the_domains_with_excess_loss_until_they_have_none():
    excess = np.array([0.0, 0.4, 0.0, 0.2])
    moved = learner("doremi", eta=0.2)
    for _ in range(30):
        moved = moved.observed(excess)
    assert moved.weights.argmax() == 1 and moved.weights[3] > moved.weights[0]
    settled = moved.weights
    assert settled.min() >= 1e-3 / 4
    for _ in range(5):
        moved = moved.observed(np.zeros(4))
    # without excess the uniform share alone moves them
    assert moved.weights == pytest.approx(settled, abs=0.01)


def test_doremi_keeps_the_last_excess_of_a_domain_that_a_step_does_not_read():
    first = learner("doremi").observed(np.array([1.0, 0.0, 0.0, 0.0]))
    kept = first.observed(np.array([np.nan, 0.0, 0.0, 0.0]))
    assert kept.weights[0] > first.weights[0]
    # one that was never read goes with the mean of the others
    unread = learner("doremi", smoothing=0.0).observed(np.array([np.nan, 0.2, 0.4, 0.6]))
    assert unread.weights[0] == pytest.approx(unread.weights[2])


@pytest.mark.parametrize("memory", [None, 0.9])
def test_the_rewards_of_the_bandit_are_a_sum_by_hand(memory):
    """Two domains; the first step reads both, the second one the first alone."""
    first = learner("odm", 2, memory=memory).observed(np.array([4.0, 2.0]))
    share = 1.0 if memory is None else 0.1
    rewards = share * np.array([0.4 / 0.5, 0.2 / 0.5])
    assert first.rewards == pytest.approx(rewards)
    # e_0 = 1/2 and e_1 = min(1/2, sqrt(ln 2 / 2)) = 1/2: all is exploration
    assert first.weights == pytest.approx([0.5, 0.5])
    second = first.observed(np.array([3.0, np.nan]))
    kept = 1.0 if memory is None else memory
    after = np.array([kept * rewards[0] + share * 0.3 / 0.5, rewards[1]])
    assert second.rewards == pytest.approx(after)
    explored = math.sqrt(math.log(2) / 4)
    powers = np.exp(0.5 * after)
    expected = (1 - 2 * explored) * powers / powers.sum() + explored
    assert second.weights == pytest.approx(expected)


@pytest.mark.parametrize("memory", [None, 0.9])
def test_the_bandit_earns_more_than_uniform_where_one_domain_pays_best(memory):
    rng = np.random.default_rng(1)
    pays = np.array([1.0, 2.0, 6.0, 2.0])
    bandit = learner("odm", memory=memory)
    earned = []
    for _ in range(400):
        earned.append(pays @ bandit.weights)
        values = np.full(4, np.nan)
        read = rng.choice(4, p=bandit.weights)
        values[read] = pays[read] + rng.normal(0, 0.1)
        bandit = bandit.observed(values)
    gain = {None: 1.3, 0.9: 1.01}[memory]
    assert np.mean(earned) > gain * pays.mean()
    if memory is None:
        assert bandit.answer.argmax() == 2


@pytest.mark.parametrize("entropy", [0.0, 0.5])
def test_fastmix_reaches_the_optimum_of_a_quadratic(entropy):
    """A model w A learns from domains, rows of A, and the target wants it to be at a point."""
    rng = np.random.default_rng(2)
    domains = rng.normal(0, 1, (4, 6))
    best = np.array([0.4, 0.1, 0.3, 0.2])
    point = best @ domains
    moved = learner("fastmix", rate=0.02, entropy=entropy)
    for _ in range(3_000):
        moved = moved.observed(-domains @ (moved.weights @ domains - point))
    distance = np.abs(moved.weights - best).max()
    if entropy == 0:
        assert distance < 1e-2
    else:
        # the entropy pulls to uniform
        assert np.abs(moved.weights - 0.25).max() < np.abs(best - 0.25).max()


def test_the_slope_of_fastmix_is_that_of_its_objective():
    alignment = np.array([0.3, -0.2, 0.1, 0.6])
    moved = learner("fastmix", entropy=0.7)
    moved = moved.observed(np.array([1.0, 0.0, -1.0, 0.5]))

    def objective(logits):
        weights = np.exp(logits) / np.exp(logits).sum()
        return -weights @ alignment + 0.7 * weights @ np.log(weights)

    for j, slope in enumerate(moved.slope(alignment)):
        change = 1e-6 * np.eye(4)[j]
        rise = objective(moved.logits + change) - objective(moved.logits - change)
        assert slope == pytest.approx(rise / 2e-6, abs=1e-6)
