"""The risk-averse goal: the mixture in which most refits agree."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from least_study import CONFIG, LEAST
from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Readout
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.study.config import resolve
from mixwright.study.study import Study
from mixwright.trust.cost import Cost
from mixwright.trust.proposal import propose_in_units
from mixwright.trust.refits import Refits
from mixwright.trust.refitting import Refitting
from mixwright.trust.risk import candidates_of, less_risky

DOMAINS = tuple(Domain(name, 10**6) for name in "abcd")
DRAWS = 30


def goal(risk=None, **limits) -> Goal:
    return Goal(DOMAINS, {"x": 1.0}, 1e5, Bounds.of(DOMAINS, 1e5, **limits), risk=risk)


def swarm(noise: float) -> Observations:
    """Runs of which domain a helps for certain, and all else is noise."""
    rng = np.random.default_rng(3)
    weights = rng.dirichlet(np.ones(4), 16)
    losses = 3 - 0.2 * weights[:, :1] + noise * rng.standard_normal((16, 1))
    names = tuple(f"r{number:02}" for number in range(16))
    return Observations(tuple("abcd"), ("x",), names, ("swarm",) * 16, 1e5 * weights, losses)


def test_the_quantile_over_refits_is_no_worse_than_that_of_the_fit_s_own_proposal():
    runs = swarm(0.1)
    fitted = create("log-linear").fit(runs)
    wanted = goal(0.9)
    proposal = fitted.propose(wanted)
    refitting = Refitting.of(fitted, runs, 0, wanted)
    refits = Refits.of(refitting, wanted, proposal, DRAWS)
    cost = Cost(Readout.of(wanted.targets, fitted.targets, {}))
    chosen = less_risky(refitting, refits, wanted, proposal, cost)
    quantiles = []
    for weights in (proposal.weights, chosen.weights):
        both = 1e5 * np.stack([weights, np.full(4, 0.25)])
        over = []
        for refit in refitting.refits(DRAWS, refits.odd):
            at = cost(refit.predict(both))
            over.append(at[0] - at[1])
        quantiles.append(np.quantile(over, 0.9))
    assert quantiles[1] < quantiles[0]
    # natural is among the candidates: the worst that is promised is no gain
    assert quantiles[1] <= 1e-12
    assert chosen.gap is None and "risk-averse: by 90% of 30 refits" in chosen.notes[-1]
    assert less_risky(refitting, refits, goal(), proposal, cost) is proposal


def test_candidates_lie_inside_the_bounds_and_hold_the_proposal_and_natural():
    wanted = goal(
        0.9, caps={"a": 0.4}, groups={"g": {"domains": ["b", "c"], "least": 0.3, "most": 1}}
    )
    optima = []
    for seed in range(5):
        optima.append(create("natural").propose(replace(wanted, seed=seed)).weights)
    natural = np.full(4, 0.25)
    proposed = np.array([0.4, 0.3, 0.0, 0.3])
    candidates = candidates_of(wanted, natural, proposed, np.stack(optima))
    assert wanted.bounds.contain(candidates).all()
    assert candidates[0].tolist() == proposed.tolist()
    assert (np.abs(candidates - natural).max(axis=1) < 1e-12).any()


def test_a_certain_gain_is_kept_and_a_study_s_intervals_are_of_the_chosen_mixture():
    runs = swarm(1e-4)
    fitted = create("log-linear").fit(runs)
    plain = propose_in_units(fitted, runs, goal(), {}, draws=20)
    careful = propose_in_units(fitted, runs, goal(0.9), {}, draws=20)
    assert careful.mixture.as_dict()["a"] > 0.9 and plain.mixture.as_dict()["a"] > 0.9
    assert careful.intervals["gain"]["value"] == pytest.approx(
        plain.intervals["gain"]["value"], abs=1e-3
    )
    unseen = propose_in_units(fitted, runs, goal(0.9), {}, draws=0)
    assert any("goal.risk is not seen to" in note for note in unseen.notes)


@pytest.mark.parametrize(
    ("of_goal", "mixers", "refusal"),
    [
        ({"risk": 0.9}, {"mixmin": {}}, "mixers.mixmin has no refits"),
        ({"risk": 0.9, "objective": "worst"}, {"regmix": {}}, "leave one of the two out"),
        ({"risk": 0.9, "never_worse": "all"}, {"regmix": {}}, "keeps no limits on single targets"),
        ({"risk": 1.5}, {"regmix": {}}, "goal.risk"),
    ],
)
def test_what_cannot_be_is_refused(of_goal, mixers, refusal):
    with pytest.raises(MixwrightError, match=refusal):
        resolve(copy.deepcopy(LEAST) | {"mixers": mixers, "goal": of_goal}, CONFIG)


def test_a_study_asks_for_it():
    written = copy.deepcopy(LEAST) | {"mixers": {"regmix": {}}}
    plans = []
    for of_goal in ({}, {"risk": 0.9}):
        plan = Study(resolve(written | {"goal": of_goal}, CONFIG))
        plans.append(plan.goal([Domain(name, 10**6) for name in plan.domains]).risk)
    assert plans == [None, 0.9]
