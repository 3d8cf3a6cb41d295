"""Goals of the worst target: certified optima, searches, and what is refused."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from least_study import CONFIG, LEAST
from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.learners import LOSS
from mixwright.mixers import MIXERS, check_worst, create
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.optimum import best_mixture, certificate
from mixwright.mixers.laws.worst import Smooth, best_for_worst
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.study.config import resolve
from mixwright.study.study import Study
from mixwright.trust import bootstrap
from mixwright.trust.proposal import propose_in_units

NAMES, TARGETS = tuple("abcde"), tuple("wxyz")
DOMAINS = tuple(Domain(name, 10**6) for name in NAMES)
FREE = (np.full(4, np.inf), np.full(5, 0.2), certificate)
QUICK = {"regmix": {"iterations": 60, "learning_rate": 0.1, "samples": 1_000, "keep": 8}}


def planted(seed: int) -> Law:
    rng = np.random.default_rng(seed)
    return Law(
        level=np.arange(2.0, 6.0),
        scale=np.ones(4),
        power=np.full(4, 0.3),
        offset=np.full(4, 0.02),
        transfer=rng.gamma(0.5, 1.0, (4, 5)) + 0.02,
        exponent=np.full((4, 5), 0.7),
        linear=np.zeros((4, 5)),
    )


def goal(**limits) -> Goal:
    bounds = Bounds.of(DOMAINS, 1e5, **limits)
    return Goal(DOMAINS, dict.fromkeys(TARGETS, 0.25), 1e5, bounds)


def swarm(seed: int = 0, runs: int = 48) -> Observations:
    weights = np.random.default_rng(seed).dirichlet(np.ones(5), runs)
    names = tuple(f"r{number:02}" for number in range(runs))
    losses = planted(seed).predict(weights)
    return Observations(NAMES, TARGETS, names, ("swarm",) * runs, 1e5 * weights, losses)


def study(mixers, **of_goal) -> Study:
    written = copy.deepcopy(LEAST) | {"mixers": mixers, "goal": of_goal}
    return Study(resolve(written, CONFIG))


def excess(law: Law, weights) -> float:
    natural = law.predict(np.full((1, 5), 0.2))
    return float((law.predict(np.atleast_2d(weights)) - natural).max())


@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_of_planted_laws_is_certified_and_no_mixture_is_better(seed):
    law, bounds = planted(seed), goal().bounds
    reference = law.predict(np.full((1, 5), 0.2))[0]
    alike = np.full(4, 0.25)
    weights, gap = best_for_worst(law, alike, reference, *bounds.parts, *FREE)
    assert 0 <= gap <= 1e-6
    of_mean, _ = best_mixture(law, alike, *bounds.parts)
    assert excess(law, weights) < excess(law, of_mean) - 1e-4
    rng = np.random.default_rng(1)
    near = weights + 0.02 * rng.normal(size=(2_000, 5))
    others = np.concatenate([rng.dirichlet(np.ones(5), 2_000), np.maximum(near, 0)])
    others /= others.sum(axis=1, keepdims=True)
    natural = law.predict(np.full((1, 5), 0.2))
    least = (law.predict(others) - natural).max(axis=1).min()
    assert least >= excess(law, weights) - gap - 1e-12


def test_a_target_without_weight_does_not_count_and_weights_say_nothing_else():
    law, bounds = planted(0), goal().bounds
    reference = law.predict(np.full((1, 5), 0.2))[0]
    inside = (reference, *bounds.parts, *FREE)
    alone, _ = best_for_worst(law, np.array([0.0, 1.0, 0.0, 0.0]), *inside)
    of_one, _ = best_mixture(law, np.array([0.0, 1.0, 0.0, 0.0]), *bounds.parts)
    assert law.predict(alone[None])[0, 1] == pytest.approx(
        law.predict(of_one[None])[0, 1], abs=1e-5
    )
    even, _ = best_for_worst(law, np.full(4, 0.25), *inside)
    uneven, _ = best_for_worst(law, np.array([0.7, 0.1, 0.1, 0.1]), *inside)
    assert uneven == pytest.approx(even)


def test_derivatives_of_the_smooth_maximum_are_those_of_its_values():
    smooth = Smooth(planted(1), np.array([0.0, 0.0, -np.inf, 0.0]), np.arange(2.5, 6.5), 0.05)
    w, step = np.array([0.3, 0.1, 0.2, 0.25, 0.15]), 1e-6
    last = np.array([0.0, 0.0, 0.0, 0.0, 1.0])
    ways = step * np.eye(5)
    rises = (smooth.predict(w + ways)[:, -1] - smooth.predict(w - ways)[:, -1]) / (2 * step)
    assert smooth.slopes(w)[-1] == pytest.approx(rises, rel=1e-6)
    bends = []
    for way in ways:
        bends.append((smooth.slopes(w + way)[-1] - smooth.slopes(w - way)[-1]) / (2 * step))
    assert smooth.curvature(last, w) == pytest.approx(np.array(bends), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    "mixer", ["effective-data", "log-linear", "joint", "regmix-linear", "regmix"]
)
def test_mixers_propose_for_the_worst_target_of_their_own_predictions(mixer):
    fitted = create(mixer, QUICK.get(mixer)).fit(swarm())
    limited = goal(caps={"d": 0.35}, groups={"g": {"domains": ["b", "c"], "least": 0, "most": 0.5}})
    worst = replace(limited, worst=True)
    natural = fitted.predict(np.full((1, 5), 2e4))[0]
    greatest = {}
    for one in (limited, worst):
        proposal = fitted.propose(one)
        assert one.bounds.contain(proposal.weights[None])[0]
        over = fitted.predict(1e5 * proposal.weights[None])[0] - natural
        greatest[one.worst] = over.max()
    assert greatest[True] < greatest[False]
    [note] = [note for note in fitted.propose(worst).notes if "the worst target" in note]
    first = TARGETS[int(over.argmax())]
    assert f"gains over natural are {first} " in note
    if MIXERS[mixer].limits and mixer not in QUICK and mixer != "regmix-linear":
        assert fitted.propose(worst).gap <= 1e-6


def test_limits_on_single_targets_are_kept_beside_the_worst():
    fitted = create("effective-data").fit(swarm(2))
    worst = replace(goal(), worst=True, targets={"w": 0.5, "x": 0.5}, never_worse=("z",))
    proposal = fitted.propose(worst)
    natural = fitted.predict(np.full((1, 5), 2e4))[0]
    assert proposal.predicted["z"] <= natural[3] + 2e-6 and proposal.gap < 1e-4


def test_intervals_come_from_fewer_refits_and_are_of_the_worst_target(monkeypatch):
    monkeypatch.setattr(bootstrap, "WORST_DRAWS", 20)
    runs = swarm(runs=12)
    fitted = create("log-linear").fit(runs)
    proposal = propose_in_units(fitted, runs, replace(goal(), worst=True), {}, draws=30)
    assert proposal.intervals["draws"] == 20
    assert proposal.intervals["worst_target"] in TARGETS


@pytest.mark.parametrize("mixer", ["best-of-swarm", "olmix", "wide-law", "ensemble", "autoscale"])
def test_a_mixer_of_the_mean_alone_is_refused_in_one_line(mixer):
    with pytest.raises(MixwrightError, match=f"mixers.{mixer} cannot minimise the worst target"):
        study({mixer: {}}, objective="worst")
    with pytest.raises(MixwrightError, match="take one of regmix"):
        check_worst(mixer, mixer)


def test_a_study_asks_for_its_worst_target():
    mixers = {"natural": {}, "effective-data": {}, "mixmin": {"objective": "worst"}}
    plan = study(mixers, objective="worst")
    assert plan.goal([Domain(name, 10**6) for name in plan.domains]).worst
    plain = study(mixers)
    assert not plain.goal([Domain(name, 10**6) for name in plain.domains]).worst
    # nothing that was computed for the mean is computed again
    assert "objective" not in plain.config["goal"]
    with pytest.raises(MixwrightError, match="give it objective: worst"):
        study({"mixmin": {}}, objective="worst")
    with pytest.raises(MixwrightError, match="leave one of the two out"):
        study({"natural": {}}, objective="worst", leave_target_out=True)


POINTS = {"metric": "accuracy", "whole": 100}
MIXED = {"arc": POINTS, "bits": {"unit": "bits/byte"}, "plain": 1}


def measured(**targets):
    """A study of runs that others measured, which need not be there yet."""
    section = {"swarm": {"mixtures": "m.csv", "losses": "l.csv"}, "targets": targets}
    goal = {"objective": "worst"}
    mixers = {"effective-data": {}}
    return {"study": "theirs", "measured": section, "goal": goal, "mixers": mixers}


def test_a_worst_target_of_several_units_is_refused_before_anything_runs():
    message = "config: goal.objective: worst: which target is worst cannot be told in different"
    with pytest.raises(MixwrightError, match=message) as refused:
        resolve(measured(**MIXED), CONFIG)
    assert "arc in %; bits in bits/byte" in str(refused.value) and "mean of" not in str(
        refused.value
    )
    asked = {"source": "files", "files": "*.jsonl", "query": "q", "choices": "c", "gold": "g"}
    targets = {"questions": {**asked, "metric": "accuracy"}, "pytests": {"source": "installed"}}
    trained = copy.deepcopy(LEAST) | {"goal": {"objective": "worst"}, "targets": targets}
    trained["mixers"] = {"effective-data": {}}
    with pytest.raises(MixwrightError, match=message):
        resolve(trained, CONFIG)


def test_units_that_nobody_states_and_targets_without_a_weight_wait_for_the_tables():
    unstated = {"arc": POINTS, "plain": 1, "bits": {"unit": "bits/byte", "weight": 0}}
    resolve(measured(**unstated), CONFIG)
    mean = measured(**MIXED) | {"goal": {}}
    resolve(mean, CONFIG)


def test_a_proposal_for_the_worst_target_speaks_of_no_mean():
    runs = swarm(0)
    fitted = create("effective-data").fit(runs)
    bits = replace(LOSS, unit="bits/byte")
    with pytest.raises(MixwrightError, match="which target is worst cannot be told"):
        propose_in_units(fitted, runs, replace(goal(), worst=True), {"w": bits}, draws=0)
