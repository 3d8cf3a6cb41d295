"""What the plan counts of runs that learn their weights while they train."""

from dataclasses import replace

import pytest

from least_study import study
from mixwright.jobs.plan.flops import scoring_flops
from mixwright.jobs.plan.work import works
from mixwright.jobs.resources import vocabulary_of


def work_of(role, **mixers):
    """The work of a role, and operations that reading one token takes."""
    plan = study(mixers={"natural": {}, **mixers})
    (work,) = [work for work in works(plan) if work.stage == role]
    rate = scoring_flops(plan.proxy["shape"], vocabulary_of(plan, "proxy"))
    return plan, work, rate


def test_a_reference_and_what_is_looked_at_are_counted():
    _, odm, rate = work_of("odm", odm={})
    _, doremi, _ = work_of("doremi", doremi={})
    assert (odm.runs, doremi.runs) == (1, 2)
    assert doremi.tokens == 2 * odm.tokens and doremi.training == pytest.approx(2 * odm.training)
    # each step is scored once more, for DoReMi by the reference too
    usual = odm.scoring - rate * odm.tokens
    assert doremi.scoring == pytest.approx(2 * usual + 2 * rate * odm.tokens)


def test_looks_of_fastmix_cost_what_they_read():
    plan, often, rate = work_of("fastmix", fastmix={"every": 5, "sequences": 2})
    _, seldom, _ = work_of("fastmix", fastmix={"every": 10, "sequences": 2})
    (run,) = plan.runs["fastmix"]
    more = (run.steps - 1) // 5 - (run.steps - 1) // 10
    tokens = more * 2 * 3 * plan.proxy["shape"]["context"]
    assert often.scoring - seldom.scoring == pytest.approx(rate * tokens)
    assert replace(often, scoring=0.0) == replace(seldom, scoring=0.0)
