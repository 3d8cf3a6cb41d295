"""How a swarm's mixtures come about under `auto`: chosen where they are few and no trees learn."""

import copy

from least_study import CONFIG, LEAST, names
from mixwright.jobs.plan.lines import plan_lines
from mixwright.jobs.plan.plan import plan_of
from mixwright.study.config import resolve
from mixwright.study.study import Study
from mixwright.study.swarm import reason, swarm_method, tree_mixers


def planned(mixers=("effective-data", "uniform"), like=None, **swarm):
    config = copy.deepcopy(LEAST)
    config["mixers"] = {name: {} for name in mixers} | (like or {})
    config["designs"] = {"swarm": swarm}
    return Study(resolve(config, CONFIG))


def kinds(study, table="swarm"):
    return {run.kind for run in study.tables[table]}


def test_few_runs_are_chosen_and_many_are_drawn():
    few, many = planned(runs=128), planned(runs=129)
    assert few.designs["swarm"]["method"] == "auto"
    assert names(few, "swarm") == names(planned(runs=128, method="informative"), "swarm")
    assert names(many, "swarm") == names(planned(runs=129, method="dirichlet"), "swarm")
    # what counts are the runs of all rounds
    rounds = planned(runs=200, rounds=2)
    assert kinds(rounds) == {"swarm"} and kinds(rounds, "swarm-2") == {"round"}
    first = planned(runs=40, rounds=2)
    named = planned(runs=40, rounds=2, method="informative")
    assert kinds(first) == {"informative"} and names(first, "swarm") == names(named, "swarm")


def test_trees_that_read_the_swarm_have_it_drawn():
    trees = planned(mixers=("effective-data", "regmix"), runs=32)
    assert kinds(trees) == {"swarm"} and tree_mixers(trees.config) == ["regmix"]
    variant = planned(like={"short": {"like": "regmix", "iterations": 10}}, runs=32)
    assert kinds(variant) == {"swarm"} and tree_mixers(variant.config) == ["short"]
    for mixers in (("regmix-linear",), ("ensemble",), ("wide-law", "joint")):
        assert kinds(planned(mixers=mixers, runs=32)) == {"informative"}
    named = planned(mixers=("regmix",), runs=32, method="informative")
    assert kinds(named) == {"informative"}


def test_a_plan_says_what_auto_stands_for_and_why():
    trees = planned(mixers=("effective-data", "regmix"), runs=32)
    words = "boosted trees (regmix) learn less from chosen mixtures"
    assert any(words in line for line in plan_lines(plan_of(trees)))
    assert reason(planned(runs=32).config).endswith("the candidates that teach a law most")
    assert "above 128 runs mixtures are drawn" in reason(planned(runs=129).config)
    named = planned(runs=129, method="dirichlet")
    assert reason(named.config) == "" and swarm_method(named.config) == "dirichlet"
    assert not any("designs.swarm.method" in line for line in plan_lines(plan_of(named)))
