"""Curves over nested subsets, on planted swarms."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.mixers import create
from mixwright.trust.deficit_laws import power_laws
from mixwright.trust.learning_curve import LearningCurve, learning_curve
from planted_swarm import plant


def curve(deficit, sizes=(12, 16, 24, 32, 48, 64), runs=72):
    spearman = 1 - np.array([deficit(size) for size in sizes])
    rng = np.random.default_rng(0)
    draws = 1 - (1 - spearman) * np.exp(0.1 * rng.standard_normal((50, len(sizes))))
    return LearningCurve("m", runs, sizes, spearman, np.zeros(len(sizes)), draws)


def test_a_power_law_is_carried_on():
    found = curve(lambda n: 2 / n)
    assert found.at(144)[0] == pytest.approx(1 - 2 / 144, abs=2e-3)
    step = found.raised_by(72)
    assert step.low <= step.value <= step.high and step.value == pytest.approx(1 / 72, abs=3e-3)


def test_a_floor_is_found():
    laws, belief = power_laws(
        np.array([12.0, 16, 24, 32, 48, 64]),
        0.05 + 3 * np.array([12.0, 16, 24, 32, 48, 64]) ** -1.2,
    )
    assert belief.sum() == pytest.approx(1) and belief @ laws[:, 0] == pytest.approx(
        0.05, abs=0.005
    )


def test_the_rule_stops_where_a_quarter_more_is_worth_little():
    flat, steep = curve(lambda n: 0.02 + n**-2.0), curve(lambda n: 4 * n**-0.7)
    assert flat.answer().endswith(": stop") and flat.enough() == flat.runs
    assert "go on, to about" in steep.answer() and steep.enough() > steep.runs
    assert steep.raised_by(round(steep.enough() / 4), steep.enough()).value < 0.005
    assert steep.answer(more=7).startswith(
        "7 more runs would raise the rank correlation by about 0.0"
    )


def test_the_curve_rises_and_foresees_runs_it_has_not_seen():
    hits, steps = 0, []
    for seed in range(4):
        whole = plant(seed, runs=400, noise=0.1)
        part, rest = whole.seen.only(np.arange(48)), whole.seen.only(np.arange(200, 400))
        found = learning_curve("effective-data", {}, part, sizes=(12, 20, 30, 42), seed=seed)
        assert found.spearman[-1] > found.spearman[0]
        fitted = create("effective-data").fit(whole.seen.only(np.arange(96)))
        predicted = fitted.predict(rest.amounts)
        truth = np.mean([spearmanr(predicted[:, k], rest.losses[:, k]).statistic for k in range(3)])
        low, high = np.quantile(found.at(96)[1:], [0.025, 0.975])
        hits += low - 0.005 <= truth <= high + 0.005
        steps.append(found.raised_by(48).value)
    assert hits >= 3 and min(steps) >= 0


def test_subsets_are_nested_and_never_hold_the_runs_they_predict(monkeypatch):
    taken = []

    class Spy:
        def fit(self, seen):
            taken.append(set(seen.runs))
            return self

        def amounts_of(self, seen):
            return seen.amounts

        def predict(self, amounts):
            return np.zeros((len(amounts), 3))

    monkeypatch.setattr("mixwright.mixers.create", lambda name, settings: Spy())
    seen = plant(0, runs=30).seen
    learning_curve("effective-data", {}, seen, sizes=(10, 15, 20), folds=5)
    for fold in range(5):
        small, middle, large = taken[3 * fold : 3 * fold + 3]
        assert small < middle < large and [len(small), len(middle), len(large)] == [10, 15, 20]
    assert len({frozenset(runs) for runs in taken}) == 15


def test_permuted_runs_and_the_same_seed_give_the_same_curve():
    seen = plant(1, runs=30).seen
    first, again = (
        learning_curve("regmix-linear", {}, s, seed=3)
        for s in (seen, seen.only(np.arange(30)[::-1]))
    )
    assert first.spearman.tolist() == again.spearman.tolist() and first.answer() == again.answer()


def test_a_goal_of_one_target_reads_that_target_alone():
    seen = plant(1, runs=30).seen
    spoilt = replace(
        seen,
        losses=np.where(
            np.arange(3) == 2, np.random.default_rng(0).permutation(30)[:, None], seen.losses
        ),
    )
    one = learning_curve("regmix-linear", {}, spoilt, {"north": 1.0})
    assert (
        one.spearman.tolist()
        == learning_curve("regmix-linear", {}, seen, {"north": 1.0}).spearman.tolist()
    )
    assert one.spearman[-1] > learning_curve("regmix-linear", {}, spoilt).spearman[-1]


def test_what_has_no_curve_is_refused():
    seen = plant(0, runs=23).seen
    with pytest.raises(MixwrightError, match="train at least 24"):
        learning_curve("effective-data", {}, seen)
    with pytest.raises(MixwrightError, match="does not learn"):
        learning_curve("natural", {}, seen)
    with pytest.raises(MixwrightError, match="three or more up to 26"):
        learning_curve("effective-data", {}, plant(0, runs=30).seen, sizes=(10, 20, 30))
    with pytest.raises(MixwrightError, match="moon was never measured"):
        learning_curve("regmix-linear", {}, plant(0, runs=30).seen, {"moon": 1.0})


def test_the_command_writes_points_and_the_answer(tmp_path):
    import pandas as pd

    from mixwright import tables

    seen = plant(2, runs=30).seen
    weights = [
        (run, "swarm", "m", 10**6, 0, d, w)
        for run, row in zip(seen.runs, seen.weights, strict=True)
        for d, w in zip(seen.domains, row, strict=True)
    ]
    tables.write(
        pd.DataFrame(weights, columns=tables.DESIGN.schema.names),
        tmp_path / "design.parquet",
        tables.DESIGN,
    )
    losses = [
        (run, target, 1, 10**6, loss, loss, 10, 9.0, "ok")
        for run, row in zip(seen.runs, seen.losses, strict=True)
        for target, loss in zip(seen.targets, row, strict=True)
    ]
    tables.write(
        pd.DataFrame(losses, columns=tables.LOSSES.schema.names[:9]),
        tmp_path / "losses.parquet",
        tables.LOSSES,
    )
    where = [
        "--mixtures",
        str(tmp_path / "design.parquet"),
        "--losses",
        str(tmp_path / "losses.parquet"),
    ]
    assert (
        main(
            [
                "learning-curve",
                "--mixer",
                "regmix-linear",
                *where,
                "--more",
                "10",
                "--to",
                str(tmp_path / "c.json"),
            ]
        )
        == 0
    )
    found = json.loads((tmp_path / "c.json").read_text())
    assert (
        found["answer"].startswith("10 more runs would raise")
        and len(found["points"]) == 6
        and found["next"]["more"] == 10
    )


def test_a_raise_that_rounds_to_nothing_is_said_in_words():
    flat = curve(lambda n: 0.02 + n**-2.0)
    assert "0.000" not in flat.answer(more=1)
    assert "leave the rank correlation at" in flat.answer(more=1)


def test_the_expected_rank_correlation_is_the_one_that_the_answer_names():
    steep = curve(lambda n: 4 * n**-0.7)
    record = steep.as_json(more=7)
    assert f"to {record['expected']['spearman']:.3f}" in record["answer"]
    assert record["expected"]["runs"] == steep.runs + 7
    assert record["expected"]["low"] <= record["expected"]["spearman"]
