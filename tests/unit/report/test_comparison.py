"""Intervals of paired differences, against planted effects and known formulas."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t, ttest_rel

import study_tables
from mixwright.errors import MixwrightError
from mixwright.report.comparison import Comparison, objective

TARGETS = dict.fromkeys(study_tables.TARGETS, 1 / 3)


def compared(**settings):
    return Comparison(objective(study_tables.scores(**settings), TARGETS), TARGETS)


def test_objective_is_the_weighted_mean_of_the_targets():
    scores = study_tables.scores()
    rows = (
        scores[(scores.mixer == "regmix") & (scores.seed == 1) & (scores.metric == "loss")]
        .set_index("task")
        .value
    )
    values = objective(scores, {"comments": 1.0, "pytests": 3.0})
    assert values.loc["regmix", 1] == pytest.approx((rows["comments"] + 3 * rows["pytests"]) / 4)


def test_objective_names_a_target_without_scores():
    with pytest.raises(MixwrightError, match="arc_easy"):
        objective(study_tables.scores(), {"arc_easy": 1.0})


def test_two_arms_give_the_paired_t_interval():
    comparison = compared(arms={"natural": 0.0, "regmix": 0.02}, seeds=(1, 2, 3, 4))
    gap = comparison.difference("regmix")
    known = ttest_rel(
        comparison.values.loc["regmix"], comparison.values.loc["natural"]
    ).confidence_interval(0.95)
    assert (gap.low, gap.high) == pytest.approx((known.low, known.high))


def test_intervals_cover_the_planted_difference():
    hits, studies = 0, 200
    for seed in range(studies):
        gap = compared(seed=seed).difference("regmix")
        hits += gap.low <= -0.044 <= gap.high
    assert 0.90 <= hits / studies <= 0.99


def test_pooling_over_arms_narrows_two_seeds():
    pooled, alone = compared(), compared(arms={"natural": 0.0, "regmix": 0.044})
    assert pooled.scatter()[1] == 6  # seven distinct arms: unimax is uniform again
    assert alone.scatter()[1] == 1
    width = [
        gap.high - gap.low for gap in (pooled.difference("regmix"), alone.difference("regmix"))
    ]
    assert width[0] == pytest.approx(2 * t.ppf(0.975, 6) * np.sqrt(2 * pooled.scatter()[0] / 2))


@pytest.mark.parametrize(
    ("arm", "verdict"),
    [("effective-data", "better"), ("mixmin", "not distinguishable"), ("autoscale", "worse")],
)
def test_verdicts_of_planted_differences(arm, verdict):
    assert compared(noise=0.004).difference(arm).verdict == verdict


def test_sentences_count_in_the_direction_of_their_words():
    comparison = compared(noise=0.004)
    better, worse = comparison.difference("effective-data"), comparison.difference("autoscale")
    assert (
        better.sentence == f"better than natural by {-better.value:.3f} nats/token"
        f" [{-better.high:.3f}, {-better.low:.3f}]"
    )
    assert (
        worse.sentence
        == f"worse than natural by {worse.value:.3f} nats/token [{worse.low:.3f}, {worse.high:.3f}]"
    )
    assert comparison.difference("mixmin").sentence.startswith(
        "not distinguishable from natural ([-"
    )


def test_equal_models_are_the_same_mixture_and_one_seed_decides_nothing():
    assert compared().difference("unimax", "uniform").verdict == "identical"
    alone = compared(seeds=(1,)).difference("effective-data")
    assert alone.verdict == "undecided" and np.isnan(alone.low)


def test_more_comparisons_widen():
    comparison = compared()
    once, six = comparison.difference("regmix"), comparison.difference("regmix", comparisons=6)
    assert six.low < once.low and six.high > once.high and six.value == once.value


def test_documents_add_their_paired_error():
    scores, documents = study_tables.scores(), study_tables.documents(spread=2.0)
    losses = objective(scores, TARGETS)
    without, paired = (
        Comparison(losses, TARGETS, table).difference("regmix") for table in (None, documents)
    )
    assert np.isnan(without.document_error)
    assert paired.document_error == pytest.approx(
        0.2 / np.sqrt(60 * 3), rel=0.25
    )  # two arms, two seeds: sqrt(2 / 2) x 0.2 a document
    assert paired.high - paired.low > without.high - without.low


def test_differences_between_documents_cancel():
    losses = objective(study_tables.scores(), TARGETS)
    documents = study_tables.documents(spread=0.2)
    level = (
        documents.loglikelihood / documents.scored_tokens
        + documents.groupby(["task", "example"]).ngroup() * 0.1
    )
    far = documents.assign(loglikelihood=level * documents.scored_tokens)
    near, spread = (
        Comparison(losses, TARGETS, table).difference("regmix").document_error
        for table in (documents, far)
    )
    assert spread == pytest.approx(near)


def test_a_missing_arm_and_unshared_seeds_are_named():
    with pytest.raises(MixwrightError, match="no final of natural"):
        compared(arms={"uniform": 0.0, "regmix": 0.1}).difference("regmix")
    scores = pd.concat(
        [
            study_tables.scores(seeds=(1,), arms={"natural": 0.0}),
            study_tables.scores(seeds=(2,), arms={"regmix": 0.1}),
        ]
    )
    with pytest.raises(MixwrightError, match="share no seed"):
        Comparison(objective(scores, TARGETS), TARGETS).difference("regmix")
