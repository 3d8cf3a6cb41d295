"""A study of the worst target is told what its final models did for their worst target."""

import json

import numpy as np
import pytest

import study_tables
from mixwright.learners import LOSS, TEXT
from mixwright.report.comparison import compare
from mixwright.report.conclusion import conclude
from mixwright.report.leads import gain_words
from mixwright.report.measured_answer import answer_of_swarm
from mixwright.report.mixture_words import mean_words, on_judged
from mixwright.report.outputs import as_json
from mixwright.report.page import summary_page
from mixwright.report.predictions import predicted_gains
from mixwright.report.proposed import Proposed
from mixwright.report.summary import summarise
from mixwright.report.worst import candidates_of
from mixwright.study.study import Study
from page_words import words

TARGETS = dict.fromkeys(study_tables.TARGETS, 1 / 3)
# mixer -> true gains on comments, cython and pytests
SPECIALIST = {"regmix": (0.3, 0.3, -0.1)}
EVEN = {"effective-data": (0.06, 0.05, 0.04)}


def config(objective="worst"):
    plain = study_tables.study()
    return plain | {"goal": plain["goal"] | {"objective": objective}}


def finals(gains, seed=0, seeds=(1, 2, 3), noise=0.004):
    """Scores of finals with these gains on each target, and of others that gain nothing."""
    arms = dict.fromkeys(("natural", "uniform", *gains), 0.0)
    scores = study_tables.scores(seed, seeds, noise, arms)
    rng = np.random.default_rng(seed)
    for mixer, of_targets in gains.items():
        for target, gain in zip(study_tables.TARGETS, of_targets, strict=True):
            rows = (scores.mixer == mixer) & (scores.task == target) & (scores.metric == "loss")
            scores.loc[rows, "value"] -= gain + rng.normal(0, noise, rows.sum())
    return scores


def compared(gains, objective="worst", **more):
    scores = finals(gains, **more)
    study = Study(config(objective))
    return candidates_of(study, TEXT, compare(scores, TARGETS), scores)


def summed(gains, objective="worst", documents=None, **more):
    design, losses = study_tables.proxies()
    return summarise(
        Study(config(objective)),
        finals(gains, **more),
        design,
        losses,
        study_tables.mixtures(),
        documents=documents,
        reads=study_tables.READS,
    )


def test_a_mixture_that_gains_on_the_mean_and_loses_on_a_target_is_not_the_answer():
    both = SPECIALIST | EVEN
    assert conclude(compared(both, "mean"))[2] == "regmix"
    comparison = compared(both)
    assert conclude(comparison)[2] == "effective-data"
    gap = comparison.difference("regmix")
    assert (gap.verdict, gap.target) == ("worse", "pytests")
    assert gap.sentence.startswith("worse than natural on the worst target (pytests) by 0.")
    assert comparison.of_mean("regmix").verdict == "better"
    headline, detail, chosen = conclude(compared(SPECIALIST))
    assert chosen == "natural" and "worst target" not in headline
    assert detail == ("Every other mixture lost to natural on a target.",)


def test_the_headline_names_the_worst_target_and_the_mean_stands_beside_it():
    summary = summed(SPECIALIST | EVEN)
    headline = summary.answer.headline
    gap = summary.arm("effective-data").worst
    assert summary.chosen == "effective-data" and gap.target == "pytests"
    worth = f"{-gap.value:.3f}".rstrip("0")
    assert f"{worth} nats/token better than natural on the worst target (pytests)" in headline
    mean = summary.arm("effective-data").natural
    assert "; on the mean of the targets 0.05" in headline and mean.value == pytest.approx(
        -0.05, abs=0.01
    )
    assert any(
        "On the mean of the targets its final models are better" in s for s in summary.detail
    )
    page = words(summary_page(summary))
    assert "regmix: better than natural by 0.1" in page
    assert "; worse than natural on the worst target (pytests) by" in page
    content = json.loads(json.dumps(as_json(summary), allow_nan=False))
    arms = {arm["mixer"]: arm for arm in content["arms"]}
    assert arms["regmix"]["worst"]["target"] == "pytests"
    assert arms["regmix"]["worst"]["verdict"] == "worse"
    assert arms["regmix"]["natural"]["verdict"] == "better"
    assert all("worst" not in arm for arm in as_json(summed(EVEN, "mean"))["arms"])


def test_without_a_winner_the_words_are_of_the_worst_target():
    lone = summed({"regmix": (0.3, 0.3, 0.001)}, noise=0.02)
    assert lone.chosen == "natural"
    assert lone.answer.headline.endswith("on its worst target.")
    one = summed(EVEN, seeds=(1,))
    assert "one seed cannot tell which is better on its worst target" in one.answer.headline
    json.dumps(as_json(one), allow_nan=False)
    assert "on the worst target (pytests), but one seed" in one.detail[0]


def test_the_interval_holds_the_true_worst_gain_also_where_targets_are_level():
    held = []
    for seed in range(30):
        gap = compared({"regmix": (0.05, 0.05, 0.05)}, seed=seed).difference("regmix")
        held.append(gap.low <= -0.05 <= gap.high)
    assert np.mean(held) >= 0.93
    ahead = []
    for seed in range(12):
        mixers = {"regmix": (0.05, 0.08, 0.2), "effective-data": (0.2, 0.02, 0.06)}
        gap = compared(mixers, seed=seed).difference("effective-data", "regmix")
        ahead.append(gap.low <= 0.03 <= gap.high)
    assert np.mean(ahead) >= 0.9


def test_documents_widen_the_interval_of_the_worst_target():
    gains = {"effective-data": (0.06, 0.05, 0.04)}
    arms = {"natural": 0.0, "uniform": 0.0, "effective-data": 0.05}
    documents = study_tables.documents(arms=arms, seeds=(1, 2, 3))
    wide = summed(gains, documents=documents).arm("effective-data").worst
    narrow = summed(gains).arm("effective-data").worst
    assert wide.value == narrow.value and wide.document_error > 0
    assert wide.high - wide.low > narrow.high - narrow.low


GAIN = {"value": 0.02, "low": 0.01, "high": 0.03}
INTERVALS = {
    "objective": {"value": 3.0, "low": 2.9, "high": 3.1},
    "gain": GAIN,
    "verdict": "better than natural on the worst target (cython) by 0.020 nats/token [0.01, 0.03]",
    "worst_target": "cython",
    "mean": {"objective": GAIN, "gain": GAIN | {"value": 0.07}},
}


def test_predictions_name_the_worst_target_and_keep_the_mean_beside_it():
    proposal = Proposed("effective-data", {"cpp": 1.0}, intervals=INTERVALS)
    answer = answer_of_swarm("demo", LOSS, [proposal], (), natural=3.0, targets=tuple(TARGETS))
    assert "0.02 nats/token better than natural on the worst target (cython)" in answer.headline
    assert "; on the mean of the targets 0.07 nats/token better than natural" in answer.headline
    assert on_judged({}, ["a"]) == " on a" and mean_words({}, LOSS) == ""
    table = words(predicted_gains({"effective-data": INTERVALS}, LOSS))
    assert "cython" in table and "Of the target that gains least" in table
    plain = {"objective": GAIN, "gain": GAIN}
    assert "Means over the targets" in words(predicted_gains({"regmix": plain}, LOSS))


def test_what_was_predicted_of_the_worst_target_is_held_against_what_came_of_it():
    measured = compared(EVEN).difference("effective-data")
    assert "a gain on the worst target (pytests) of 0.02" in gain_words(INTERVALS, measured)
