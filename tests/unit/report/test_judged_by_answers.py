"""Finals that are compared by how they answer questions: planted scores and questions."""

import numpy as np
import pandas as pd
import pytest

from mixwright.goal import Readout
from mixwright.learners import CHOSEN, LOSS, MIXED, POINTS, PROBABILITY_POINTS, TEXT
from mixwright.measured.chosen import by_chosen
from mixwright.report.by_target import by_target
from mixwright.report.comparison import compare
from mixwright.report.totals import totals
from mixwright.study.study import Study

SEEDS = (1, 2)
QUESTIONS = 200
# mixer -> (share of right answers, loss)
ARMS = {"natural": (0.4, 2.0), "other": (0.5, 1.9), "third": (0.4, 2.1)}


def planted(noise: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables SCORES and DOCUMENTS: two targets, one of questions."""
    rng = np.random.default_rng(0)
    scores = []
    documents = []
    for mixer, (share, loss) in ARMS.items():
        for seed in SEEDS:
            right = np.zeros(QUESTIONS)
            right[: round(share * QUESTIONS)] = 1
            names = {"mixer": mixer, "seed": seed}
            of_seed = loss + noise * rng.normal()
            for task in ("asked", "text"):
                scores.append(row(names, task, "loss", of_seed))
                examples = {
                    **names,
                    "task": task,
                    "example": np.arange(QUESTIONS),
                    "loglikelihood": -rng.normal(of_seed, 0.1, QUESTIONS),
                    "scored_tokens": 1,
                    "accuracy": right if task == "asked" else np.nan,
                }
                documents.append(pd.DataFrame(examples))
            scores.append(row(names, "asked", "accuracy", share, unigram=0.25))
            scores.append(row(names, "asked", "probability", share, unigram=0.25))
    return pd.DataFrame(scores), pd.concat(documents, ignore_index=True)


def row(names: dict, task: str, metric: str, value: float, unigram: float = 3.0) -> dict:
    numbers = {"value": value, "stderr": 0.01, "n": QUESTIONS, "unigram": unigram}
    return {**names, "task": task, "metric": metric, **numbers}


def judging(chosen: dict[str, str], targets: dict[str, float]):
    metrics = {target: CHOSEN[column] for target, column in chosen.items()}
    shown = Readout.of(targets, tuple(targets), metrics).metric
    return TEXT.choosing_by(chosen, shown)


def test_accuracies_are_compared_in_points_with_the_error_of_their_questions() -> None:
    scores, documents = planted()
    learner = judging({"asked": "accuracy"}, {"asked": 1.0})
    assert learner.judged is POINTS
    comparison = compare(scores, {"asked": 1.0}, learner, documents)
    assert comparison.means.to_dict() == pytest.approx({"other": 50, "natural": 40, "third": 40})
    gap = comparison.difference("other")
    assert gap.value == pytest.approx(10)
    # 20 of 200 questions are answered by one of the two alone
    error = 100 * np.std([1] * 20 + [0] * 180, ddof=1) / np.sqrt(QUESTIONS)
    assert gap.document_error == pytest.approx(error)
    assert gap.verdict == "better"


def test_as_many_right_answers_are_no_sign_of_one_model() -> None:
    scores, documents = planted()
    learner = judging({"asked": "accuracy"}, {"asked": 1.0})
    comparison = compare(scores, {"asked": 1.0}, learner, documents)
    assert comparison.difference("third").verdict == "not distinguishable"
    assert len(comparison.distinct) == 3
    design = pd.DataFrame({"run": ["a", "b"], "tokens": [10, 20]})
    trained = totals(Study({"goal": {"tokens": 100}}), design, scores, comparison)
    assert trained["final models"] == 6 and trained["final tokens"] == 600
    copies = scores.assign(mixer=scores.mixer.replace({"third": "natural"}))
    copies = copies.drop_duplicates(["mixer", "seed", "task", "metric"])
    natural = copies[copies.mixer == "natural"].assign(mixer="copy")
    same = compare(pd.concat([copies, natural]), {"asked": 1.0}, learner)
    assert same.difference("copy").verdict == "identical"


def test_probabilities_have_points_of_their_own() -> None:
    scores, _ = planted()
    learner = judging({"asked": "probability"}, {"asked": 1.0})
    assert learner.judged is PROBABILITY_POINTS
    comparison = compare(scores, {"asked": 1.0}, learner)
    assert comparison.means["other"] == pytest.approx(50)
    assert "points of probability" in comparison.difference("other").sentence


def test_targets_of_several_units_are_compared_by_what_mixers_minimise() -> None:
    scores, documents = planted(0.01)
    targets = {"asked": 0.5, "text": 0.5}
    learner = judging({"asked": "accuracy"}, targets)
    assert learner.judged is MIXED
    comparison = compare(scores, targets, learner, documents)
    losses = scores[(scores.task == "text") & (scores.metric == "loss")]
    text = losses.groupby("mixer").value.mean()
    expected = 0.5 * (-np.log(0.5) + text["other"]) - 0.5 * (-np.log(0.4) + text["natural"])
    assert comparison.difference("other").value == pytest.approx(expected)
    assert comparison.difference("other").verdict == "better"
    # Each target by itself has its own unit.
    cells = by_target(scores, targets, learner, documents)
    assert cells["asked"]["other"].value == pytest.approx(50)
    assert cells["text"]["other"].value == pytest.approx(text["other"])
    assert cells["text"]["other"].against.metric == LOSS


def table(rows: list[tuple[str, str, int, float | None, float | None]]) -> pd.DataFrame:
    """A LOSSES table of (run, target, step, loss, accuracy)."""
    frame = pd.DataFrame(rows, columns=["run", "target", "step", "loss", "accuracy"])
    return frame.assign(questions=100, chance=0.25, unigram_loss=4.0)


def test_losses_of_a_chosen_target_are_what_mixers_minimise() -> None:
    rows = [
        ("a", "asked", 1, 3.0, None),
        ("a", "asked", 2, 2.0, 0.5),
        ("b", "asked", 2, 2.1, 0.0),
        ("c", "asked", 2, None, None),
        ("a", "text", 2, 1.5, None),
    ]
    losses, metrics = by_chosen(table(rows), {"asked": "accuracy"})
    by_run = losses.set_index(["run", "target"])
    assert by_run.loss["a", "asked"] == pytest.approx(-np.log(0.5))
    # no right answer counts as half a one
    assert by_run.loss["b", "asked"] == pytest.approx(-np.log(0.5 / 100))
    assert np.isnan(by_run.loss["c", "asked"])
    assert by_run.loss["a", "text"] == 1.5
    assert by_run.unigram_loss["a", "asked"] == pytest.approx(-np.log(0.25))
    assert (metrics["asked"].questions, metrics["asked"].chance) == (100, 0.25)


def test_a_probability_has_no_binomial_error() -> None:
    frame = table([("a", "asked", 2, 2.0, 0.5)]).rename(columns={"accuracy": "probability"})
    _, metrics = by_chosen(frame, {"asked": "probability"})
    assert metrics["asked"].questions is None
    assert metrics["asked"].noise(np.array([0.3])) is None
    assert metrics["asked"].chance == 0.25
    assert metrics["asked"].measured(metrics["asked"].minimised(np.array([0.3]))) == pytest.approx(
        0.3
    )
