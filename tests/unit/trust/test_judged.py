"""The verdict of a goal of the worst target is of the worst target, against planted truths."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mixwright.goal import Goal
from mixwright.learners import ACCURACY, POINTS
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.trust.bootstrap import bootstrap
from mixwright.trust.noise import noise_of
from planted_swarm import TARGETS, plant

DOMAINS = tuple(Domain(name, 10**6) for name in "abc")
QUICK = {"samples": 1_000, "keep": 8}


def gains(planted, goal, weights):
    """(targets,) true gains of a mixture over the natural that the interval is over."""
    natural, proposed = planted.losses(np.stack([goal.reference, weights]))
    return natural - proposed


def test_the_interval_holds_the_gain_of_the_target_that_truly_gains_least():
    covered = []
    for seed in range(20):
        # the truth is none that a linear regression can follow
        planted = plant(seed, runs=24, domains=4, repeats=4, family="powers")
        goal = replace(planted.goal, worst=True)
        fitted = create("regmix-linear", QUICK).fit(planted.seen)
        result = bootstrap(fitted, planted.seen, goal, fitted.propose(goal), 10)
        truth = gains(planted, goal, result.proposal.weights)
        covered.append(result.gain.low <= truth.min() <= result.gain.high)
        assert not (result.verdict.startswith("better") and truth.min() < 0)
    assert np.mean(covered) >= 0.85


def test_a_mixture_that_gains_on_the_mean_and_loses_on_a_target_is_not_called_better():
    runs = linear([0.5, -0.1])
    fitted = create("regmix-linear", QUICK).fit(runs)
    goal = goal_of(runs)
    of_mean = replace(goal, worst=False)
    mixture = fitted.propose(of_mean)
    # a takes nearly all: x gains, y loses
    assert mixture.weights[0] > 0.9
    mean = bootstrap(fitted, runs, of_mean, mixture, 10)
    worst = bootstrap(fitted, runs, goal, mixture, 10)
    assert mean.verdict.startswith("better than natural by 0.1")
    assert worst.verdict.startswith("worse than natural on the worst target (y) by 0.06")
    # the mean stands beside, the same as for a goal of the mean
    assert worst.of_mean == {"objective": mean.objective, "gain": mean.gain}


def test_the_words_and_the_file_name_the_target_and_its_numbers_are_those_of_that_target():
    planted = plant(0, runs=24, domains=3, repeats=4)
    goal = replace(planted.goal, worst=True)
    fitted = create("regmix-linear", QUICK).fit(planted.seen)
    result = bootstrap(fitted, planted.seen, goal, fitted.propose(goal), 10)
    column = TARGETS.index(result.worst)
    record = json.loads(json.dumps(result.as_json()))
    assert record["worst_target"] == result.worst and set(record["mean"]) == {"objective", "gain"}
    low, high = record["predicted"][result.worst]
    assert (record["objective"]["low"], record["objective"]["high"]) == pytest.approx((low, high))
    assert result.noise == noise_of(planted.seen, planted.seen.losses[:, column])
    assert f"natural on the worst target ({result.worst})" in result.difference.sentence
    mean = bootstrap(fitted, planted.seen, planted.goal, fitted.propose(planted.goal), 10)
    assert not {"worst_target", "mean"} & set(mean.as_json()) and "worst" not in mean.verdict


def swarm(losses, weights) -> Observations:
    names = tuple(f"r{number:02}" for number in range(len(weights)))
    roles = ("swarm",) * len(names)
    targets = tuple("xyz")[: losses.shape[1]]
    return Observations(tuple("abc"), targets, names, roles, 1e5 * weights, losses)


def linear(slopes, noise=1e-3) -> Observations:
    """Runs of targets that fall with domain a by these slopes."""
    rng = np.random.default_rng(5)
    weights = rng.dirichlet(np.ones(3), 24)
    losses = 3 - weights[:, :1] * np.array(slopes)
    return swarm(losses + noise * rng.standard_normal(losses.shape), weights)


def goal_of(runs, **limits) -> Goal:
    bounds = Bounds.of(DOMAINS, 1e5, **limits)
    share = 1 / len(runs.targets)
    return Goal(DOMAINS, dict.fromkeys(runs.targets, share), 1e5, bounds, worst=True)


def test_natural_outside_the_bounds_is_brought_inside_for_what_is_minimised_and_for_the_interval():
    runs = linear([0.5, 0.1])
    fitted = create("log-linear").fit(runs)
    goal = goal_of(runs, floors={"a": 0.6})
    result = bootstrap(fitted, runs, goal, fitted.propose(goal), 10)
    assert goal.natural[0] == pytest.approx(1 / 3) and goal.reference[0] == pytest.approx(0.6)
    # a from .6 to 1 on the target of slope .1; from natural it would be .067
    assert result.worst == "y" and result.gain.value == pytest.approx(0.04, abs=0.005)
    [note] = [note for note in result.notes if "outside the bounds" in note]
    assert note == "natural lies outside the bounds: the gain is over natural brought inside them"
    first = next(note for note in result.proposal.notes if "for the worst target" in note)
    assert f"natural are y {result.gain.value:+.4f}" in first
    assert "mean" not in first


def test_a_target_that_is_the_same_in_every_run_is_not_the_worst():
    runs = linear([0.5, 0.1])
    still = swarm(np.hstack([runs.losses, np.full((24, 1), 2.0)]), runs.weights)
    fitted = create("log-linear").fit(still)
    goal = goal_of(still)
    mixture = fitted.propose(replace(goal, worst=False, targets={"y": 1.0}))
    result = bootstrap(fitted, still, goal, mixture, 10)
    assert result.worst == "y" and result.verdict.startswith("better than natural on the worst")
    assert any("z: the same in every run" in note for note in result.notes)


def test_a_target_of_questions_is_told_in_its_points():
    runs = linear([0.5, 0.1])
    metrics = dict.fromkeys(runs.targets, ACCURACY)
    runs = replace(runs, losses=runs.losses - 2.3, metrics=metrics)
    fitted = create("log-linear").fit(runs)
    goal = goal_of(runs)
    result = bootstrap(fitted, runs, goal, fitted.propose(goal), 10)
    assert result.metric == POINTS
    natural, best = fitted.predict(1e5 * np.stack([goal.reference, result.proposal.weights]))
    points = 100 * (np.exp(-best) - np.exp(-natural))
    assert result.gain.value == pytest.approx(points.min(), rel=0.02)
