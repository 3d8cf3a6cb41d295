"""The objective `worst` of mixmin: the least gain over natural among the targets."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import create, load
from mixwright.mixture import Domain
from mixwright.observations import Likelihoods, Observations
from mixwright.simplex.bounds import Bounds

NAMES = ("east", "north", "south")
DOMAINS = (Domain("a", 10), Domain("b", 20), Domain("c", 30), Domain("d", 40))
# How many nats a token the proxy of each domain is better at each target.
BETTER = {
    "east": (0.4, 0.0, 0.1, 0.0),
    "north": (0.0, 0.2, 0.1, 0.0),
    "south": (0.1, 0.0, 0.3, 0.0),
}


def observed(better, seed=0, examples=120, harder=0.0, report=None):
    """Likelihoods of targets; `harder` nats a token are taken from every likelihood of north."""
    rng = np.random.default_rng(seed)
    blocks = {}
    for target in sorted(better):
        tokens = rng.integers(5, 15, examples).astype(float)
        noise = rng.normal(0, 0.15, (examples, 4))
        level = -3 - harder * (target == "north")
        values = tokens[:, None] * (level + noise + np.array(better[target]))
        blocks[target] = Likelihoods(values, tokens, report=report)
    return Observations(
        tuple("abcd"),
        tuple(sorted(better)),
        tuple("1234"),
        ("vertex",) * 4,
        np.eye(4),
        np.ones((4, len(better))),
        blocks,
    )


def goal(weights=(1 / 3, 1 / 3, 1 / 3), **bounds):
    limits = Bounds.of(DOMAINS, 10, **bounds)
    return Goal(DOMAINS, dict(zip(NAMES, weights, strict=True)), 10, limits)


def proposed(observations, request, **settings):
    return create("mixmin", {"objective": "worst", **settings}).fit(observations).propose(request)


def gains_by_hand(observations, weights, rows=slice(None)):
    """(targets,) gains over natural in nats/token."""
    natural = goal().natural
    gains = []
    for target in sorted(observations.likelihoods):
        block = observations.likelihoods[target]
        better = logsumexp(block.values, axis=1, b=np.maximum(weights, 0))
        worse = logsumexp(block.values, axis=1, b=natural)
        gains.append(((better - worse) / block.scored_tokens)[rows].mean())
    return np.array(gains)


def least_gain_by_slsqp(observations, bounds):
    """The greatest least gain that scipy's general solver finds."""
    rows = []
    limits = []
    for group in bounds.groups:
        members = np.isin(np.arange(4), list(group.members)).astype(float)
        rows += [members, -members]
        limits += [group.upper, -group.lower]
    start = np.append(goal().natural, -1.0)
    constraints = [
        {"type": "eq", "fun": lambda x: x[:4].sum() - 1},
        {"type": "ineq", "fun": lambda x: gains_by_hand(observations, x[:4]) - x[4]},
    ]
    if rows:
        constraints.append(
            {"type": "ineq", "fun": lambda x: np.array(limits) - np.array(rows) @ x[:4]}
        )
    box = list(zip(bounds.lower, bounds.upper, strict=True))
    solution = minimize(
        lambda x: -x[4],
        start,
        bounds=[*box, (None, None)],
        constraints=constraints,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return -solution.fun


@pytest.mark.parametrize(
    "bounds",
    [
        {},
        {"caps": {"b": 0.25}, "floors": {"d": 0.1}},
        {"groups": {"ab": {"domains": ["a", "b"], "cap": 0.4}}},
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_the_least_gain_is_the_greatest_there_is_inside_the_bounds(seed, bounds):
    observations = observed(BETTER, seed)
    request = goal(**bounds)
    proposal = proposed(observations, request, tau=0, draws=0)
    assert request.bounds.contain(proposal.weights[None]).all()
    least = gains_by_hand(observations, proposal.weights).min()
    best = least_gain_by_slsqp(observations, request.bounds)
    assert least == pytest.approx(best, abs=2e-6)
    assert best - least <= proposal.gap + 1e-7
    of_mean = proposed(observations, request, objective="mean", tau=0, draws=0)
    assert least >= gains_by_hand(observations, of_mean.weights).min() - 1e-6


def test_a_target_that_is_hard_to_predict_does_not_decide_alone():
    easy = proposed(observed(BETTER), goal(), tau=0)
    hard = proposed(observed(BETTER, harder=2.0), goal(), tau=0)
    assert hard.weights == pytest.approx(easy.weights, abs=1e-4)


def test_targets_with_weight_count_alike_and_those_without_do_not():
    observations = observed(BETTER)
    equal = proposed(observations, goal(), tau=0.01)
    unequal = proposed(observations, goal((0.6, 0.3, 0.1)), tau=0.01)
    assert unequal.weights.tolist() == equal.weights.tolist()
    alike = "objective worst counts targets alike: their weights in the goal are not used"
    assert alike in unequal.notes and alike not in equal.notes
    north = goal((0.0, 1.0, 0.0))
    alone = proposed(observations, north, tau=0.01)
    of_mean = proposed(observations, north, objective="mean", tau=0.01)
    assert alone.weights == pytest.approx(of_mean.weights, abs=2e-3)
    assert "east" not in alone.notes[0] and alike not in alone.notes


def test_the_notes_say_what_each_target_gains_and_what_the_worst_costs_it():
    report = np.arange(120) % 4 == 0
    observations = observed(BETTER, report=report)
    proposal = proposed(observations, goal(), tau=0.01)
    gains = gains_by_hand(observations, proposal.weights, report)
    worst = NAMES[int(gains.argmin())]
    first = proposal.notes[0]
    assert f"over natural of the worst target, {worst}, on examples that reported only" in first
    for name, gain in zip(NAMES, gains, strict=True):
        assert f"{name} {gain:+.4f} +- " in first
    of_mean = proposed(observations, goal(), objective="mean", tau=0.01)
    for name in NAMES:
        change = proposal.predicted[name] - of_mean.predicted[name]
        assert f"{name} {change:+.4f}" in proposal.notes[1]
    assert proposal.intervals == {}
    assert proposal.notes[2:] == ("no intervals: objective worst has none",)


def test_examples_that_report_never_choose_the_mixture_or_the_pull():
    report = np.arange(120) % 4 == 0
    observations = observed(BETTER, report=report)
    spoilt = {}
    for target, block in observations.likelihoods.items():
        values = np.where(report[:, None], block.values[:, ::-1] - 50 * np.arange(4), block.values)
        spoilt[target] = replace(block, values=values)
    first = proposed(observations, goal())
    second = proposed(replace(observations, likelihoods=spoilt), goal())
    assert first.weights.tolist() == second.weights.tolist()
    assert first.notes[0] != second.notes[0]


def test_a_gain_is_one_where_every_target_gains_on_examples_that_did_not_choose():
    real = proposed(observed(dict.fromkeys(NAMES, (0.5, 0.0, 0.0, 0.0))), goal())
    assert real.weights[0] > 0.9 and real.notes[0].startswith("gain over natural of the worst")
    # No domain helps north: what east and south gain is no gain of the worst.
    useless = {"north": (0.0,) * 4, "east": (0.5, 0, 0, 0), "south": (0.5, 0, 0, 0)}
    north = proposed(observed(useless), goal())
    assert north.notes[0].startswith("no gain over natural of the worst target, north, on held-out")


@pytest.mark.parametrize("seed", range(8))
def test_chance_is_no_gain(seed):
    proposal = proposed(observed(dict.fromkeys(NAMES, (0.0,) * 4), seed, examples=40), goal())
    assert proposal.notes[0].startswith("no gain over natural")


def test_one_example_tells_no_gain():
    single = observed(dict.fromkeys(NAMES, (0.5, 0.0, 0.0, 0.0)))
    blocks = dict(single.likelihoods)
    block = blocks["east"]
    blocks["east"] = Likelihoods(block.values[:1], block.scored_tokens[:1])
    proposal = proposed(replace(single, likelihoods=blocks), goal())
    assert proposal.notes[0].startswith("no gain over natural of the worst target, east")


@pytest.mark.parametrize("method", ["em", "published"])
def test_other_solvers_and_other_words_are_refused(method):
    with pytest.raises(MixwrightError, match=f"method {method} minimises the mean alone"):
        create("mixmin", {"objective": "worst", "method": method})
    with pytest.raises(MixwrightError, match="objective is median; write mean or worst"):
        create("mixmin", {"objective": "median"})


def test_an_example_without_any_likelihood_is_refused_as_for_the_mean():
    observations = observed(BETTER)
    impossible = {}
    for target, block in observations.likelihoods.items():
        values = np.where(np.arange(120)[:, None] == 7, -np.inf, block.values)
        impossible[target] = replace(block, values=values)
    with pytest.raises(MixwrightError, match="no proxy gives example 7 any likelihood"):
        proposed(replace(observations, likelihoods=impossible), goal(), tau=0)
    with pytest.raises(MixwrightError, match="no proxy gives example 7 any likelihood"):
        proposed(replace(observations, likelihoods=impossible), goal(), tau=0, objective="mean")


def test_a_saved_fit_proposes_the_same(tmp_path):
    mixer = create("mixmin", {"objective": "worst", "tau": 0.01}).fit(observed(BETTER))
    mixer.save(tmp_path)
    again = load("mixmin", tmp_path).propose(goal())
    first = mixer.propose(goal())
    assert again.weights.tolist() == first.weights.tolist() and again.notes == first.notes
