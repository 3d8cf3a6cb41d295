"""Intervals of proposals against planted truths.

They cover the truth and are no wider than they must be. Where there is no effect
there is no verdict.
"""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixers.laws import mixer as law_mixer
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.trust.bootstrap import bootstrap, propose
from mixwright.trust.noise import noise_of
from planted_swarm import TARGETS, plant

QUICK = {"samples": 2_000, "keep": 16}
TREES = {"iterations": 60, "learning_rate": 0.03}
STACK = {"members": {"effective-data": {}, "regmix": TREES}, "samples": 500}
SETTINGS = {"regmix": QUICK | TREES, "regmix-linear": QUICK, "ensemble": STACK}


def measured(seen, goal, name="effective-data", settings=None, draws=10):
    full = create(name, settings).fit(seen)
    return bootstrap(full, seen, goal, full.propose(goal), draws)


@cache
def study(seed, family):
    planted = plant(seed, runs=48, repeats=4, family=family)
    return planted, measured(planted.seen, planted.goal, draws=20)


@pytest.mark.parametrize("family", ["law", "powers"])
def test_intervals_cover_the_truth(family):
    gains, losses = [], []
    for seed in range(6):
        planted, found = study(seed, family)
        weights = found.proposal.weights
        gains.append(
            found.gain.low
            <= planted.objective(planted.goal.natural) - planted.objective(weights)
            <= found.gain.high
        )
        truth = planted.losses(weights[None])[0]
        losses += [
            found.predicted[t].low <= value <= found.predicted[t].high
            for t, value in zip(TARGETS, truth, strict=True)
        ]
    assert np.mean(gains) >= 0.8 and np.mean(losses) >= 0.8


def test_the_weights_cover_the_best_mixture():
    inside = []
    for seed in range(6):
        planted, found = study(seed, "law")
        exact = replace(planted.seen, losses=planted.losses(planted.seen.weights))
        best = create("effective-data").fit(exact).propose(planted.goal).weights
        inside += [
            i.low - 2e-3 <= b <= i.high + 2e-3
            for i, b in zip(found.weights.values(), best, strict=True)
        ]
        assert np.mean([i.high - i.low for i in found.weights.values()]) < 0.15
    assert np.mean(inside) >= 0.75


def test_a_clear_gain_is_better_and_its_interval_narrow():
    found = study(0, "law")[1]
    assert (
        found.verdict.startswith("better than natural by 0.0")
        and found.gain.high - found.gain.low < 0.5 * found.gain.value
    )
    assert found.difference.verdict == "better" and found.difference.value == -found.gain.value


def test_of_losses_that_do_not_hang_on_the_mixture_the_runs_cannot_tell():
    for seed in range(3):
        planted = plant(seed, runs=40)
        noise = 3 + 0.05 * np.random.default_rng(seed).standard_normal(planted.seen.losses.shape)
        found = measured(replace(planted.seen, losses=noise), planted.goal)
        assert found.verdict.startswith("these runs cannot tell: held-out runs are predicted")
        assert found.difference.verdict == "not distinguishable"


def test_repeats_narrow_what_a_noisy_swarm_says_and_their_lack_is_noted():
    planted = plant(3, noise=0.3, repeats=6)
    told, untold = (
        measured(seen, planted.goal) for seen in (planted.seen, planted.seen.of_role("swarm"))
    )
    assert told.gain.value == untold.gain.value and told.gain.high < untold.gain.high
    assert not told.notes and "no mixture was trained twice" in untold.notes[0]


def test_a_gain_under_the_noise_of_one_run_is_said():
    found = study(0, "law")[1]
    loud = replace(found, noise=replace(found.noise, value=9.0))
    assert (
        loud.verdict.endswith("; less than the noise of one run, 9.000 over 4 repeats")
        and "noise" not in found.verdict
    )


def test_the_same_seed_and_permuted_runs_give_the_same_intervals():
    planted, found = study(1, "law")
    back = planted.seen.only(np.arange(len(planted.seen.runs))[::-1])
    again = measured(back, planted.goal, draws=20)
    assert vars(again.gain) == pytest.approx(vars(found.gain), abs=1e-9)
    assert [vars(i) for i in again.weights.values()] == [
        pytest.approx(vars(i), abs=1e-6) for i in found.weights.values()
    ]
    assert measured(planted.seen, planted.goal, draws=20).as_json() == found.as_json()


def test_permuting_domains_permutes_the_intervals():
    planted, found = study(1, "law")
    seen, goal = planted.seen, planted.goal
    names = tuple(
        Domain(name, domain.tokens)
        for name, domain in zip(goal.names, goal.domains[::-1], strict=True)
    )
    turned = Goal(
        names,
        goal.targets,
        goal.tokens,
        Bounds(goal.bounds.lower[::-1], goal.bounds.upper[::-1]),
        goal.seed,
    )
    again = measured(replace(seen, amounts=seen.amounts[:, ::-1]), turned, draws=20)
    assert again.gain.low == pytest.approx(found.gain.low, abs=1e-4)
    for here, there in zip(found.weights.values(), list(again.weights.values())[::-1], strict=True):
        assert (there.low, there.high) == pytest.approx((here.low, here.high), abs=2e-3)


def test_the_proposal_carries_its_intervals():
    planted, found = study(0, "law")
    proposal = propose(
        create("effective-data").fit(planted.seen), planted.seen, planted.goal, draws=20
    )
    written = json.loads(json.dumps(proposal.as_json(planted.goal)))["intervals"]
    assert written == json.loads(json.dumps(found.as_json()))
    for name, (low, high) in written["weights"].items():
        i = planted.goal.names.index(name)
        assert (
            planted.goal.bounds.lower[i]
            <= low
            <= proposal.weights[i]
            <= high
            <= planted.goal.bounds.upper[i]
        )
    assert (
        list(written["predicted"]) == list(TARGETS)
        and written["draws"] == 20
        and written["verdict"] == found.verdict
    )
    assert (
        proposal.notes[-1] == f"predicted {found.verdict}"
        and found.proposal.as_json(planted.goal)["intervals"] == {}
    )


def test_natural_itself_gains_nothing_exactly():
    planted = plant(0, runs=40)
    point = replace(planted.goal, bounds=Bounds(planted.goal.natural, planted.goal.natural))
    found = measured(planted.seen, point)
    assert (
        found.gain.value == pytest.approx(0, abs=1e-12)
        and found.verdict == "the same mixture as natural"
    )


def test_a_gain_over_a_mixture_that_the_bounds_bar_is_said():
    planted = plant(0, runs=40)
    first = planted.goal.natural[0] / 2
    barred = replace(
        planted.goal,
        bounds=Bounds(
            np.zeros(len(planted.goal.names)),
            np.array([first, *np.ones(len(planted.goal.names) - 1)]),
        ),
    )
    said = "natural lies outside the bounds: the gain is over a mixture they bar"
    assert (
        said in measured(planted.seen, barred).notes
        and said not in measured(planted.seen, planted.goal).notes
    )


@pytest.mark.parametrize("name", ["regmix-linear", "log-linear"])
def test_a_corner_that_no_run_is_near_is_not_believed_from_held_out_runs_alone(name):
    covered = []
    for seed in range(3):
        planted = plant(seed, runs=48, repeats=4, family="powers", cap=1.0)
        found = measured(
            planted.seen, planted.goal, name, QUICK if name == "regmix-linear" else None
        )
        truth = planted.objective(planted.goal.natural) - planted.objective(found.proposal.weights)
        assert truth < 0 < found.gain.value and not found.verdict.startswith("better")
        assert found.notes[0].startswith(
            "a second opinion: by effective-data's law this mixture is +"
        )
        covered.append(found.gain.low <= truth <= found.gain.high)
    assert np.mean(covered) == 1


def test_what_takes_long_gets_fewer_draws_and_it_is_said(monkeypatch):
    monkeypatch.setitem(
        mixers.MIXERS, "regmix-linear", replace(mixers.MIXERS["regmix-linear"], draws=12)
    )
    planted = plant(0, runs=30)
    found = measured(planted.seen, planted.goal, "regmix-linear", QUICK, draws=40)
    assert (
        found.draws == 12
        and "intervals from 12 refits, not 40: regmix-linear takes long to fit" in found.notes
    )
    assert (
        "intervals of weights hold for its own form only: "
        "where that is wrong they miss the best weights" in found.notes
    )
    assert mixers.MIXERS["regmix"].draws < 40 and mixers.MIXERS["ensemble"].draws < 40


@pytest.mark.parametrize("name", [name for name, entry in mixers.MIXERS.items() if entry.can_refit])
def test_every_mixer_that_learns_from_a_swarm_is_refitted_to_the_same_form(name):
    planted = plant(4, runs=40)
    full = create(name, SETTINGS.get(name, mixers.MIXERS[name].quick)).fit(planted.seen)
    again = full.refit(planted.seen)
    here, there = (fit.predict(planted.seen.amounts) for fit in (full, again))
    assert np.abs(here - there).max() < 0.2 * here.std() and again.targets == full.targets
    found = bootstrap(full, planted.seen, planted.goal, full.propose(planted.goal), 10)
    assert found.gain.low < found.gain.value < found.gain.high and (
        found.draws,
        len(found.weights),
    ) == (10, 6)


def test_refits_by_a_few_steps_are_those_by_many(monkeypatch):
    planted, found = study(2, "law")
    monkeypatch.setattr(law_mixer, "REFIT_STEPS", 200)
    slow = measured(planted.seen, planted.goal, draws=20)
    assert found.gain.high - found.gain.low == pytest.approx(
        slow.gain.high - slow.gain.low, rel=0.1
    )
    for target in TARGETS:
        assert found.predicted[target].high == pytest.approx(slow.predicted[target].high, abs=2e-3)


def test_proposals_without_refits_have_no_intervals_or_their_own():
    planted = plant(0, runs=30)
    law = create("effective-data").fit(planted.seen)
    assert propose(law, planted.seen, planted.goal, draws=0).intervals == {}
    assert (
        propose(create("best-of-swarm").fit(planted.seen), planted.seen, planted.goal).intervals
        == {}
    )
    assert propose(create("natural"), None, planted.goal).intervals == {}

    class Own:
        def propose(self, goal):
            return replace(law.propose(goal), intervals={"level": 0.9})

    assert propose(Own(), planted.seen, planted.goal).intervals == {"level": 0.9}


def test_a_domain_that_no_run_took_is_named():
    planted = plant(0, runs=40)
    weights = planted.seen.weights * [0, 1, 1, 1, 1, 1]
    untried = replace(planted.seen, amounts=1e6 * weights / weights.sum(axis=1, keepdims=True))
    floor = replace(planted.goal, bounds=replace(planted.goal.bounds, lower=0.05 * np.eye(6)[0]))
    for seen, said in ((planted.seen, False), (untried, True)):
        notes = propose(create("effective-data").fit(seen), seen, floor, draws=0).notes
        assert (
            any(
                note.startswith("no run took any of d00: the share is effective-data's prior")
                for note in notes
            )
            == said
        )


def test_few_runs_are_held_out_one_by_one_and_too_few_not_at_all():
    for runs, left in ((9, True), (8, False)):
        planted = plant(0, runs=runs)
        found = propose(
            create("effective-data").fit(planted.seen), planted.seen, planted.goal, draws=10
        )
        assert (
            bool(found.intervals) == left
            and any("8 runs are too few to hold any out" in note for note in found.notes) != left
        )


def test_too_few_draws_are_refused():
    planted = plant(0, runs=30)
    with pytest.raises(MixwrightError, match="ask for 10 or more"):
        measured(planted.seen, planted.goal, draws=3)


def test_the_noise_floor_is_the_objective_s_own():
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.1, (400, 1))
    weights = np.tile(rng.dirichlet(np.ones(3), 100), (4, 1))
    losses = 3 + weights[:, :2] + shared * [1.0, -1.0]
    seen = Observations(
        ("a", "b", "c"), ("s", "t"), tuple(map(str, range(400))), ("swarm",) * 400, weights, losses
    )
    assert noise_of(seen, losses.mean(axis=1)).value == pytest.approx(
        0, abs=1e-12
    )  # errors of one run cancel
    single = noise_of(seen, losses[:, 0])
    assert (
        single.low < 0.1 < single.high
        and single.value == pytest.approx(0.1, rel=0.1)
        and single.runs == 400
    )
    assert noise_of(seen.only(np.arange(100)), losses[:100, 0]) is None
