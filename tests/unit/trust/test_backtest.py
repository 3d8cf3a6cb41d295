"""The backtest leaves the largest scale out.

Tested: which runs that scale holds, what is reported of it, and that the tested mixers know nothing
of it.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.report.evidence import backtest_part
from mixwright.trust.backtest import (
    AUTOSCALE,
    JOINT,
    KEEP,
    Backtest,
    JudgedMixture,
    Prediction,
    backtest,
    find_scales,
)
from mixwright.trust.intervals import Interval
from page_words import words
from planted_scales import UNIT, goal, observed, planted

TOTALS = (UNIT / 16, UNIT / 4, UNIT)


@pytest.fixture(scope="module")
def seen():
    return observed(planted(10), TOTALS, noise=1e-3)


@pytest.fixture(scope="module")
def found(seen):
    return backtest(seen, goal(10 * UNIT))


def test_scales_are_those_of_the_perturb_design(seen):
    scales = find_scales(seen)
    assert [total for total, _ in scales] == pytest.approx(TOTALS)
    assert [len(rows) for _, rows in scales] == [9, 9, 9 + 24]
    swarm = replace(seen, roles=("swarm",) * len(seen.roles))
    alike = swarm.only(np.isin(np.round(seen.tokens), np.round(TOTALS)))
    assert [len(rows) for _, rows in find_scales(alike)] == [1, 1, 1 + 24]


@pytest.mark.parametrize("totals", [(UNIT,), (UNIT, UNIT)])
def test_one_scale_and_two_identical_ones_are_refused(totals):
    with pytest.raises(MixwrightError, match="a second scale is needed"):
        backtest(observed(planted(1), totals), goal(UNIT))


def test_where_the_truth_is_the_joint_laws_it_is_trusted(found):
    assert found.trusted == JOINT
    assert found.verdict.startswith("For more tokens than were trained, take the joint law's")
    assert "tokens were left out" in found.verdict and "better than keeping it" in found.verdict
    joint, keep = found._choice(JOINT), found._choice(KEEP)
    assert joint.regret.value < 0.1 * keep.regret.value and joint.ahead.low > 0
    assert found.judged_by == JOINT and found.runs == 33


def test_what_is_tested_has_not_seen_the_largest_scale(seen, found):
    largest = find_scales(seen)[-1][1]
    losses = seen.losses.copy()
    losses[largest] += np.random.default_rng(0).normal(0, 1, losses[largest].shape)
    again = backtest(replace(seen, losses=losses), goal(10 * UNIT))
    for one, other in zip(found.choices, again.choices, strict=True):
        assert one.weights == other.weights
    assert all(
        p.rmse > 5 * q.rmse for p, q in zip(again.predictions, found.predictions, strict=True)
    )


def test_two_scales_make_autoscale_keep_and_it_is_said(seen):
    two = backtest(seen.only(seen.tokens > UNIT / 9), goal(10 * UNIT))
    assert two._choice(AUTOSCALE).weights == pytest.approx(two._choice(KEEP).weights)
    assert any("train a third" in note for note in two.notes)
    assert "AutoScale's extrapolation is the mixture that was kept" in two.verdict


def test_without_a_perturb_design_the_joint_laws_own_optimum_is_kept(seen):
    swarm = replace(seen, roles=("swarm",) * len(seen.roles))
    only = backtest(swarm.only(np.concatenate([np.arange(27), np.arange(27, 51)])), goal(10 * UNIT))
    assert {choice.choice for choice in only.choices} == {KEEP, JOINT, "natural", "uniform"}
    assert any("AutoScale cannot be fitted" in note for note in only.notes)


@pytest.mark.parametrize(
    ("ahead", "scatter", "second", "trusted"),
    [
        (0.1, 0.01, 0.3, JOINT),  # beats keeping, and its law predicted better
        (-0.1, 0.01, 0.0, KEEP),  # its interval holds 0
        (0.1, 0.03, 0.3, KEEP),  # AutoScale predicted better, and its law says otherwise
        (0.1, 0.03, 0.1, JOINT),  # AutoScale predicted better, and agrees
    ],
)
def test_trust_is_earned(ahead, scatter, second, trusted):
    near = Interval(0.0, 0.0, 0.0)
    predictions = (
        Prediction(AUTOSCALE, 0.02, 0.0, 0.02, near),
        Prediction(JOINT, scatter, 0.0, scatter, near),
    )
    choices = (
        JudgedMixture(KEEP, {}, near, 0.2),
        JudgedMixture(JOINT, {}, near, second, Interval(0.2, ahead, 0.3)),
    )
    result = Backtest((1.0, 2.0), 5, predictions, choices, ())
    assert result.trusted == trusted and ("has a say" in result.verdict) == (
        trusted == KEEP and scatter > 0.02
    )


def test_the_report_shows_it(found):
    page = backtest_part(json.loads(json.dumps(found.as_json())))
    assert "The largest scale, left out" in page and page.count('<th scope="row"') == len(
        found.choices
    )
    assert found.verdict.partition(".")[0] in words(page)
    assert backtest_part({}) == ""
