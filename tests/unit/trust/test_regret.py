"""Plans of proxies, played on planted truths."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

import least_study
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.trust.regret import Plan, Problem, by_kind, regrets, trained


def test_many_runs_without_noise_find_the_optimum_of_their_own_law():
    plan = Plan(domains=4, targets=2, runs=60, noise=0.0)
    rows = pd.DataFrame(regrets(plan, ["law"], seeds=(0, 1)))
    assert (rows.regret < 0.02).all() and (rows.gap < 1e-6).all()
    assert (rows.regret < rows.best_run).all()


def test_rounds_share_the_runs_and_start_alike():
    plan = Plan(domains=4, targets=2, runs=25, noise=0.01)
    problem = Problem.of("powers", 3, plan)
    once = trained(problem, plan)
    twice = trained(problem, Plan(domains=4, targets=2, runs=25, noise=0.01, rounds=2))
    assert len(once.runs) == len(twice.runs) == 25
    assert (once.weights[:13] == twice.weights[:13]).all()
    assert (once.weights[13:] != twice.weights[13:]).any()
    assert problem.goal.bounds.contain(twice.weights).all()


def test_uniform_misses_all_and_the_best_mixture_nothing():
    plan = Plan(domains=5, targets=3, runs=20)
    problem = Problem.of("saturating", 0, plan)
    assert problem.regret(np.full(5, 0.2)) == pytest.approx(1)
    assert problem.regret(problem.best.weights) == 0


def test_a_summary_counts_what_is_worse_than_uniform():
    rows = pd.DataFrame(
        {"kind": ["law", "law", "powers"], "regret": [0.1, 1.5, 0.2], "best_run": [1.0, 2.0, 3.0]}
    )
    law, _, everything = by_kind(rows).to_dict("records")
    assert law["worse"] == 1 and law["median"] == pytest.approx(0.8)
    assert everything["problems"] == 3 and everything["mean"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"noise": -1.0}, "--noise -1"),
        ({"rounds": 0}, "--rounds 0"),
        ({"runs": 0}, "--runs 0: give 1 or more"),
        ({"mixer": "mixmin"}, "--mixer mixmin"),
        (
            {"runs": 16, "rounds": 2},
            "--rounds 2: 16 runs leave 8 a round, and a fit needs 10: give --runs 20 or more",
        ),
        ({"runs": 29, "rounds": 3}, "leave 9 a round, and a fit needs 10: give --runs 30 or more"),
    ],
)
def test_a_plan_that_cannot_be_played_is_refused(words, message):
    with pytest.raises(MixwrightError, match=message):
        Plan(4, 2, **{"runs": 20, **words}).check()


def test_the_command_prints_a_line_a_kind_and_writes_every_problem(tmp_path, capsys):
    table = tmp_path / "rows.csv"
    shape = ["--domains", "3", "--targets", "1", "--runs", "16", "--cap", ".6"]
    assert main(["regret", *shape, "--problems", "1", "--to", str(table)]) == 0
    printed = capsys.readouterr()
    assert "thresholds" in printed.out and "all kinds" in printed.out
    assert "3 domains, 1 target, 16 runs, noise 0.02" in printed.err
    assert len(pd.read_csv(table)) == 9


def test_the_command_reads_the_shape_of_a_study(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("mixwright.stages.regret._played", lambda plan, *_: _one_row(plan))
    assert main(["regret", "--study", "config/config.yaml", "--noise", ".05"]) == 0
    printed = capsys.readouterr()
    assert "noise 0.05" in printed.err and "domains" in printed.err
    assert main(["regret", "--study", "config/config.yaml", "--domains", "4"]) == 1


def _one_row(plan):
    goal = plan.goal_of(np.random.default_rng(0), 0)
    assert goal.names == plan.names and json.dumps(dict(goal.targets))
    return pd.DataFrame([{"kind": "law", "regret": 0.1, "best_run": 0.5}])


def test_rounds_that_a_fit_cannot_follow_are_refused_before_anything_is_played(capsys):
    shape = ["--domains", "3", "--rounds", "2", "--problems", "1"]
    assert main(["regret", *shape, "--runs", "16"]) == 1
    printed = capsys.readouterr()
    assert "played" not in printed.err and "give --runs 20 or more" in printed.err
    study = ["--study", "config/config.yaml", "--runs", "19", "--rounds", "2"]
    assert main(["regret", *study]) == 1
    assert "19 runs leave 9 a round" in capsys.readouterr().err


def test_too_few_runs_for_a_mixer_name_the_option():
    plan = Plan(domains=3, targets=1, runs=6)
    with pytest.raises(MixwrightError, match="--runs 6: effective-data needs 8 or more; give"):
        list(regrets(plan, ["law"], seeds=(0,)))


@pytest.mark.parametrize(
    ("goal", "line"),
    [
        (
            {"objective": "worst"},
            "goal.objective: worst is not played: regrets are of the targets'",
        ),
        ({"risk": 0.9}, "goal.risk: 0.9 is not played"),
        ({"never_worse": "all"}, "goal.never_worse is not played"),
        ({"leave_target_out": True}, "goal.leave_target_out is not played"),
    ],
)
def test_what_a_study_asks_for_and_no_plan_plays_is_told(goal, line, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("mixwright.stages.regret._played", lambda plan, *_: _one_row(plan))
    mixers = {"effective-data": {}, "uniform": {}}
    # targets that are left out in turn are domains
    targets = {"cpp": {}, "prose": {}}
    config = {**least_study.LEAST, "goal": goal, "mixers": mixers, "targets": targets}
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(config))
    assert main(["regret", "--study", str(file)]) == 0
    assert line in capsys.readouterr().err
