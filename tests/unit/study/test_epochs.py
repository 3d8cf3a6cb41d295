"""`proxy.simulated_epochs: auto`: names hold the question, and the counts answer it."""

import numpy as np
import pytest

from least_study import domains_of, names, study
from mixwright.proxies.work import Work
from mixwright.study.epochs import most_passes
from mixwright.study.study import Study
from pack_runs import RUNS, mixtures
from shard_files import examples, make_shards
from study_runs import STUDY

LARGE = domains_of({"cpp": 10**9, "prose": 10**9, "pycode": 10**9})
SMALL = domains_of({"cpp": 10**9, "prose": 10**9, "pycode": 100_000})
ROLES = ("swarm", "perturb", "repeat")


def answer(domains, role="swarm", **goal):
    return study(goal={"tokens": 204_800, **goal}).settled(domains, role).epochs_of


def test_it_is_on_where_the_bounds_let_a_domain_be_passed_more_than_once():
    assert answer(LARGE) is None
    assert answer(SMALL) == study(goal={"tokens": 204_800}).final_tokens
    assert answer(SMALL, caps={"pycode": 0.4}) is None, "81,920 of 100,000 tokens"
    assert answer(SMALL, caps={"pycode": 0.6}) is not None
    assert answer(SMALL, floors={"cpp": 0.3, "prose": 0.3}) is None, "the floors leave 0.4"
    group = {"tests": {"domains": ["cpp", "pycode"], "most": 0.5}}
    assert answer(SMALL, groups=group) is not None
    assert answer(SMALL, groups=group, floors={"cpp": 0.1}) is None
    assert answer(SMALL, max_epochs=1) is None
    assert answer(()) is None, "nothing was counted"


def test_single_domain_runs_read_all_there_is():
    assert answer(SMALL, role="vertex") is None
    assert answer(SMALL, role="perturb") is not None


def test_what_was_said_is_not_decided_again():
    on = study(proxy={"simulated_epochs": True})
    off = study(proxy={"simulated_epochs": False})
    assert on.settled(LARGE).epochs_of and on.settled(LARGE, "vertex").epochs_of
    assert off.settled(SMALL).epochs_of is None


def test_names_hold_what_the_answer_depends_on_and_only_where_it_is_open():
    auto, off = study(), study(proxy={"simulated_epochs": False})
    longer = study(goal={"tokens": 409_600})
    assert names(auto, "vertex") == names(off, "vertex") == names(longer, "vertex")
    for role in ROLES:
        assert not set(names(auto, role)) & set(names(off, role))
        assert not set(names(auto, role)) & set(names(longer, role))
    once = {"max_epochs": 1}
    closed = study(proxy={"simulated_epochs": False}, goal=once)
    assert names(study(goal=once), "perturb") == names(closed, "perturb")
    capped = study(goal={"caps": {"pycode": 0.4}})
    assert not set(names(auto, "repeat")) & set(names(capped, "repeat"))


def keys(shards, setting, domains=None, goal=None):
    limits = {"caps": {}, "floors": {}, "fixed": {}, "groups": {}, "max_epochs": None}
    limits |= {"leave_target_out": False, "never_worse": [], "tokens": 4096} | (goal or {})
    config = STUDY | {
        "proxy": STUDY["proxy"] | {"simulated_epochs": setting},
        "goal": limits,
        "final": {"batch": 4, "shape": {"context": 32}},
    }
    plan = Study(config)
    if domains is not None:
        plan = plan.settled(domains)
    return dict(Work.of(RUNS, mixtures(), shards, {"held": examples(2, seed=9)}, plan).keys)


def test_where_no_domain_is_passed_twice_the_store_serves_what_was_trained_without(tmp_path):
    shards = make_shards(tmp_path)
    sizes = {shard.domain: len(shard.tokens) for shard in shards}
    plain, cut = keys(shards, False), keys(shards, True)
    assert not set(plain.values()) & set(cut.values())
    large = domains_of(dict.fromkeys(sizes, 10**6))
    small = domains_of(sizes)
    assert keys(shards, "auto", large) == plain
    assert min(sizes.values()) < 4096 and keys(shards, "auto", small) == cut
    assert keys(shards, "auto", small, {"max_epochs": 1.0, "tokens": 1024}) == plain


def test_passes_are_those_of_the_greatest_weight(tmp_path):
    goal = study(goal={"tokens": 204_800, "caps": {"cpp": 0.5}, "max_epochs": None}).goal(SMALL)
    expected = np.array([0.5, 1.0, 1.0]) * goal.tokens / [1e9, 1e9, 1e5]
    assert most_passes(goal) == pytest.approx(expected)
