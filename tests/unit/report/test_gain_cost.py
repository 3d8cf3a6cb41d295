"""What a method's gain cost: the tokens of the runs that it reads, against its final models."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import study_tables
from mixwright import tables
from mixwright.learners import TEXT, Metric
from mixwright.report.comparison import compare
from mixwright.report.figures import draw, gain_cost, settle, tabulate
from mixwright.study.study import Study
from overlaps import overlaps

RUNS = {"swarm": 3, "vertex": 2, "perturb": 4, "repeat": 5, "transfer": 6, "doremi": 2, "odm": 1}
ARMS = {"natural": 0.0, "uniform": 0.01, "regmix": 0.05, "mixmin": 0.02, "joint": 0.03}
ARMS |= {"doremi": -0.02, "odm": 0.015}
TARGETS = dict.fromkeys(study_tables.TARGETS, 1 / 3)
FINAL = 200


def trained_runs(tokens=100):
    """Runs of every role on two domains."""
    rows = []
    for role, count in RUNS.items():
        for number in range(count):
            for domain in ("a", "b"):
                rows.append((f"{role}{number}", role, "tiny", tokens, 0, domain, 0.5))
    return pd.DataFrame(rows, columns=tables.DESIGN.schema.names)


def gains(scores, **changes):
    config = study_tables.study() | {"mixers": {arm: {} for arm in ARMS}}
    inputs = {
        "study": Study(config),
        "trained_runs": trained_runs(),
        "scores": scores,
        "finals": pd.DataFrame({"tokens": [FINAL, FINAL]}),
    }
    return tabulate("gain_cost", **(inputs | changes))


@pytest.fixture
def scores():
    return study_tables.scores(arms=ARMS)


def test_a_method_is_charged_with_every_run_of_the_roles_that_it_reads(scores):
    table = gains(scores).set_index("method")
    runs = {"natural": 0, "uniform": 0, "regmix": 3, "mixmin": 2, "joint": 3 + 2 + 4}
    runs |= {"doremi": 2, "odm": 1}
    assert table.tokens.to_dict() == {arm: 100 * count for arm, count in runs.items()}
    assert table.of_final["joint"] == 900 / FINAL and set(table.final_tokens) == {FINAL}


def test_a_mixer_under_another_name_is_charged_with_what_its_method_reads(scores):
    config = study_tables.study() | {"mixers": {arm: {} for arm in (*ARMS, "mine")}}
    study = Study(config | {"like": {"mine": "mixmin"}})
    renamed = pd.concat([scores, scores[scores.mixer == "regmix"].assign(mixer="mine")])
    table = gains(renamed, study=study).set_index("method")
    assert table.tokens["mine"] == 200


def test_gains_are_the_report_s_differences_turned_round(scores):
    table = gains(scores).set_index("method")
    comparison = compare(scores, TARGETS)
    for arm in ARMS:
        difference = comparison.difference(arm)
        row = table.loc[arm]
        assert row.gain == pytest.approx(-difference.value)
        assert row.low == pytest.approx(-difference.high)
        assert row.high == pytest.approx(-difference.low)
        assert row.verdict == difference.verdict
    assert list(table.gain) == sorted(table.gain, reverse=True)
    assert table.gain["natural"] == 0 and table.gain["regmix"] > 0.02 > table.gain["doremi"]
    assert set(table.over) == {"seeds"}


def test_where_more_is_better_a_gain_is_the_difference_itself(scores):
    accuracy = replace(TEXT, judged=Metric("accuracy", "accuracy", "", higher=True))
    rows = scores[scores.metric == "loss"]
    shares = rows.assign(metric="accuracy", value=1 - rows.value / 10)
    finals = pd.DataFrame({"tokens": [FINAL]})
    reads = dict.fromkeys(ARMS, ("swarm",))
    table = gain_cost.table(trained_runs(), shares, finals, TARGETS, reads, learner=accuracy)
    of_loss = gain_cost.table(trained_runs(), scores, finals, TARGETS, reads)
    assert list(table.method) == list(of_loss.method)
    for column in ("gain", "low", "high"):
        assert list(10 * table[column]) == pytest.approx(list(of_loss[column]))


def test_methods_that_trained_nothing_stand_left_of_all_others_under_a_zero(scores):
    table = gains(scores)
    axes = draw("gain_cost", table).axes[0]
    places = {}
    for dots in axes.collections:
        places[dots.get_label().partition("  ")[0]] = dots.get_offsets()[0]
    free = {arm for arm in ARMS if not table.set_index("method").tokens[arm]}
    assert free == {"natural", "uniform"}
    left = max(places[arm][0] for arm in free)
    assert left < min(places[arm][0] for arm in set(ARMS) - free)
    assert axes.get_xticklabels()[0].get_text() == "0"
    # on a log axis: joint's tokens are 9 times those of odm
    assert places["joint"][0] - places["odm"][0] == pytest.approx(np.log10(9))
    assert places["uniform"][0] != places["natural"][0]


def test_one_seed_has_no_interval_and_the_figure_says_so():
    table = gains(study_tables.scores(arms=ARMS, seeds=(1,)))
    assert table[table.method != "natural"].low.isna().all()
    assert "One seed: no interval." in draw("gain_cost", table).texts[-1].get_text()


def test_a_method_far_off_stands_at_the_edge_and_leaves_room_to_the_others():
    arms = ARMS | {"doremi": -3.0}
    drawing = draw("gain_cost", gains(study_tables.scores(arms=arms)))
    low, high = drawing.axes[0].get_ylim()
    assert -0.2 < low < 0 < high < 0.2
    assert "At the edge: beyond the axis." in drawing.texts[-1].get_text()
    settle(drawing)
    assert overlaps(drawing) == []
