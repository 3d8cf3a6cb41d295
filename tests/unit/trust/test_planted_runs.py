"""Runs of planted truths at a share of a final's tokens."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixwright.mixers import create
from mixwright.trust.planted_runs import OF_DOMAINS, PlantedRuns, domain_losses, plant, together
from mixwright.trust.regret import Plan, trained

PLAN = Plan(domains=4, targets=2, runs=20, noise=0.0, method="dirichlet")
HOUSE = Path(__file__).parents[3]


def runs_of(kind, share=0.2, seed=0):
    return PlantedRuns(plant(kind, seed, PLAN), share, 0.0)


def test_proxies_as_long_as_the_final_are_those_of_the_command_regret():
    runs = runs_of("law", share=1.0)
    swarm, usual = runs.swarm(PLAN), trained(runs.problem, PLAN)
    assert swarm.losses == pytest.approx(usual.losses)
    assert swarm.weights == pytest.approx(usual.weights)


@pytest.mark.parametrize("kind", ["law", "saturating", "complements", "repeating"])
def test_the_same_mixture_has_a_greater_loss_in_a_shorter_run(kind):
    short, whole = runs_of(kind).swarm(PLAN), runs_of(kind, 1.0).swarm(PLAN)
    assert (short.losses >= whole.losses).all()
    assert (short.tokens / whole.tokens) == pytest.approx(np.full(20, 0.2))


def test_mixtures_repeat_their_text_as_the_final_does_and_single_domains_read_all():
    runs = runs_of("repeating")
    goal = runs.problem.goal
    available = np.array([domain.available for domain in goal.domains])
    swarm = runs.swarm(PLAN)
    assert swarm.epochs == pytest.approx(swarm.weights * goal.tokens / available, rel=1e-4)
    alone = runs.vertices()
    passes = 0.2 * goal.tokens / available
    assert np.diag(alone.epochs) == pytest.approx(passes, rel=1e-4)
    assert runs_of("law").swarm(PLAN).epochs is None


def test_cut_text_is_worth_less_than_whole_text():
    truth = runs_of("repeating").problem.truth
    amounts = np.full((1, 4), 0.05)
    cut, whole = truth.at(amounts, np.array([0.2])), truth.at(amounts, np.array([1.0]))
    assert (cut > whole).all()
    once = amounts / 100
    assert truth.at(once, np.array([0.2])) == pytest.approx(truth.at(once, np.array([1.0])))


def test_the_mixers_of_amounts_fit_what_is_planted():
    """Without noise the joint law reads its own family's optimum off shorter runs."""
    runs = runs_of("law")
    goal = runs.problem.goal
    perturbed = runs.perturbed()
    assert len(perturbed.runs) == 2 * (2 * 4 + 1)
    assert perturbed.tokens[0] == pytest.approx(0.1 * goal.tokens)
    table = together([perturbed, runs.swarm(PLAN), runs.vertices()])
    joint = create("joint").fit(table).propose(goal)
    assert runs.problem.regret(joint.weights) < 0.05
    autoscale = create("autoscale").fit(table).propose(goal)
    assert runs.problem.regret(autoscale.weights) < 1


def test_targets_that_are_the_domains_own_texts_are_certified():
    problem = plant(OF_DOMAINS, 0, PLAN)
    assert len(problem.goal.targets) == 4
    assert problem.best.gap / problem.room < 1e-6
    other = plant("powers", 0, PLAN)
    amounts = np.full((1, 4), 0.1)
    assert domain_losses(problem)(amounts) == pytest.approx(domain_losses(other)(amounts))


def test_the_tournament_counts_costs_and_compares_on_equal_kinds():
    referee = runpy.run_path(str(HOUSE / "benchmarks" / "referee.py"))
    names = ["uniform", "doremi", "joint", "effective-data"]
    plan = replace(PLAN, noise=0.01)
    rows = []
    for kind in ("law", "log-linear"):
        rows += referee["judged"](plant(kind, 0, plan), 0.2, plan, names)
    frame = pd.DataFrame(rows)
    costs = frame[frame.kind == "law"].set_index("method")
    assert costs.runs.to_dict() == {"uniform": 0, "doremi": 2, "joint": 42, "effective-data": 20}
    assert costs.tokens["doremi"] == pytest.approx(0.4)
    assert costs.tokens["effective-data"] == pytest.approx(4)
    assert costs.regret["uniform"] == pytest.approx(1)
    # at a fifth of the tokens losses of shares say nothing to those that read runs
    assert frame[frame.kind == "log-linear"].method.tolist() == ["uniform"]
    summary = referee["summary"](frame[frame.kind == "law"])
    assert list(summary.index)[-1] in ("uniform", "doremi")
