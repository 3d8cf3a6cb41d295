"""Intervals of proposals against planted truths: they cover it, they are not wide for nothing, and no effect is no verdict."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mixwright.bootstrap import bootstrap, with_intervals
from mixwright.errors import MixwrightError
from mixwright.mixture import Bounds, Domain, Goal
from mixwright.observations import Observations
from mixwright.signals import noise_floor
from planted_swarm import TARGETS, plant

QUICK = {"samples": 2_000, "keep": 16}


@cache
def study(seed, family):
    planted = plant(seed, runs=48, repeats=4, family=family)
    return planted, bootstrap("effective-data", {}, planted.seen, planted.goal, draws=20)


@pytest.mark.parametrize("family", ["law", "powers"])
def test_intervals_cover_the_truth(family):
    gains, losses = [], []
    for seed in range(6):
        planted, found = study(seed, family)
        weights = found.proposal.weights
        gains.append(found.gain.low <= planted.objective(planted.goal.natural) - planted.objective(weights) <= found.gain.high)
        truth = planted.losses(weights[None])[0]
        losses += [found.predicted[t].low <= value <= found.predicted[t].high for t, value in zip(TARGETS, truth, strict=True)]
    assert np.mean(gains) >= 0.8 and np.mean(losses) >= 0.8


def test_the_weights_cover_the_best_mixture():
    inside = []
    for seed in range(6):
        planted, found = study(seed, "law")
        exact = replace(planted.seen, losses=planted.losses(planted.seen.weights))
        best = bootstrap("effective-data", {}, exact, planted.goal, draws=10).proposal.weights
        inside += [i.low - 2e-3 <= b <= i.high + 2e-3 for i, b in zip(found.weights.values(), best, strict=True)]
        assert np.mean([i.high - i.low for i in found.weights.values()]) < 0.15
    assert np.mean(inside) >= 0.75


def test_a_clear_gain_is_better_and_its_interval_narrow():
    found = study(0, "law")[1]
    assert found.verdict.startswith("better than natural by 0.0") and found.gain.high - found.gain.low < 0.5 * found.gain.value
    assert found.difference.verdict == "better" and found.difference.value == -found.gain.value


def test_losses_that_do_not_hang_on_the_mixture_are_not_distinguishable():
    for seed in range(3):
        planted = plant(seed, runs=40)
        noise = 3 + 0.05 * np.random.default_rng(seed).standard_normal(planted.seen.losses.shape)
        found = bootstrap("effective-data", {}, replace(planted.seen, losses=noise), planted.goal, draws=10)
        assert found.verdict.startswith("not distinguishable from natural")


def test_repeats_narrow_what_a_noisy_swarm_says_and_their_lack_is_noted():
    planted = plant(3, noise=0.3, repeats=6)
    told, untold = (bootstrap("effective-data", {}, seen, planted.goal, draws=10) for seen in (planted.seen, planted.seen.of_role("swarm")))
    assert told.gain.value == untold.gain.value and told.gain.high < untold.gain.high
    assert not told.notes and "no mixture was trained twice" in untold.notes[0]


def test_a_gain_under_the_noise_of_one_run_is_said():
    found = study(0, "law")[1]
    loud = replace(found, noise=replace(found.noise, value=9.0))
    assert loud.verdict.endswith("; less than the noise of one run, 9.000 over 4 repeats") and "noise" not in found.verdict


def test_the_same_seed_and_permuted_runs_give_the_same_intervals():
    planted, found = study(1, "law")
    back = planted.seen.only(np.arange(len(planted.seen.runs))[::-1])
    again = bootstrap("effective-data", {}, back, planted.goal, draws=20)
    assert again.as_json() == found.as_json()


def test_permuting_domains_permutes_the_intervals():
    planted, found = study(1, "law")
    seen, goal = planted.seen, planted.goal
    names = tuple(Domain(name, domain.tokens) for name, domain in zip(goal.names, goal.domains[::-1], strict=True))
    turned = Goal(names, goal.targets, goal.tokens, Bounds(goal.bounds.lower[::-1], goal.bounds.upper[::-1]), goal.seed)
    again = bootstrap("effective-data", {}, replace(seen, amounts=seen.amounts[:, ::-1]), turned, draws=20)
    assert again.gain.low == pytest.approx(found.gain.low, abs=1e-4)
    for here, there in zip(found.weights.values(), list(again.weights.values())[::-1], strict=True):
        assert (there.low, there.high) == pytest.approx((here.low, here.high), abs=2e-3)


def test_the_proposal_carries_its_intervals():
    planted, found = study(0, "law")
    proposal = with_intervals(found.proposal, found)
    written = json.loads(json.dumps(proposal.as_json(planted.goal)))["intervals"]
    for name, (low, high) in written["weights"].items():
        i = planted.goal.names.index(name)
        assert planted.goal.bounds.lower[i] <= low <= proposal.weights[i] <= high <= planted.goal.bounds.upper[i]
    assert list(written["predicted"]) == list(TARGETS) and written["draws"] == 20 and written["verdict"] == found.verdict
    assert proposal.notes[-1] == f"predicted {found.verdict}" and found.proposal.as_json(planted.goal)["intervals"] == {}


def test_natural_itself_gains_nothing_exactly():
    planted = plant(0, runs=40)
    point = replace(planted.goal, bounds=Bounds(planted.goal.natural, planted.goal.natural))
    found = bootstrap("effective-data", {}, planted.seen, point, draws=10)
    assert found.gain.value == pytest.approx(0, abs=1e-12) and found.verdict == "the same mixture as natural"


def test_trees_get_fewer_draws_and_it_is_said(monkeypatch):
    from mixwright import mixers

    monkeypatch.setitem(mixers.MIXERS, "regmix-linear", replace(mixers.MIXERS["regmix-linear"], draws=12))
    planted = plant(0, runs=30)
    found = bootstrap("regmix-linear", QUICK, planted.seen, planted.goal, draws=40)
    assert found.draws == 12 and found.notes[0] == "intervals from 12 refits, not 40: regmix-linear takes long to fit"
    assert mixers.MIXERS["regmix"].draws < 40


def test_what_has_no_intervals_is_refused():
    planted = plant(0, runs=30)
    with pytest.raises(MixwrightError, match="natural does not learn"):
        bootstrap("natural", {}, planted.seen, planted.goal)
    with pytest.raises(MixwrightError, match="ask for 10 or more"):
        bootstrap("regmix-linear", QUICK, planted.seen, planted.goal, draws=3)


def test_the_noise_floor_is_the_objective_s_own():
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.1, (400, 1))
    weights = np.tile(rng.dirichlet(np.ones(3), 100), (4, 1))
    losses = 3 + weights[:, :2] + shared * [1.0, -1.0]
    seen = Observations(("a", "b", "c"), ("s", "t"), tuple(map(str, range(400))), ("swarm",) * 400, weights, losses)
    assert noise_floor(seen, {"s": 0.5, "t": 0.5}).value == pytest.approx(0, abs=1e-12)  # errors of one run cancel
    single = noise_floor(seen, {"s": 1.0})
    assert single.low < 0.1 < single.high and single.value == pytest.approx(0.1, rel=0.1) and single.runs == 400
    assert noise_floor(seen.only(np.arange(100)), {"s": 1.0}) is None
