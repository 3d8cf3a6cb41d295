"""A study that chooses its mixture by how questions are answered, from files to the report."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

from asked_study import STUDY, Shop, study, write_texts
from least_config import CONFIG, LEAST
from mixwright.corpus.choices import Choices
from mixwright.errors import MixwrightError
from mixwright.jobs.answers import QUESTION_TOKENS
from mixwright.jobs.plan.work import works
from mixwright.report.figures import draw_figure
from mixwright.study.config import resolve
from mixwright.study.study import Study


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    """The whole study, chosen by normalised accuracy."""
    root = tmp_path_factory.mktemp("asked")
    write_texts(root)
    before = Path.cwd()
    os.chdir(root)
    done = Shop(study(root, "accuracy_norm"), root)
    done.texts()
    done.proxies()
    done.mixtures()
    done.finals()
    yield done
    os.chdir(before)


def losses_of(shop: Shop, target: str = "boxes") -> pd.DataFrame:
    losses = pd.read_parquet(shop.at("losses/swarm.parquet"))
    return losses[losses.target == target]


def record(shop: Shop, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(shop.at(name).read_text())
    return content


def test_every_proxy_answers_the_questions(shop: Shop) -> None:
    rows = losses_of(shop)
    assert len(rows) == 12
    assert set(rows.questions) == {48}
    np.testing.assert_allclose(rows.chance, 0.25)
    design = pd.read_parquet(shop.at("design/swarm.parquet"))
    facts = design[design.domain == "facts"].set_index("run").weight
    weights = facts.reindex(rows.run).to_numpy()
    accuracy = rows.accuracy_norm.to_numpy()
    # What lies teach is wrong, and worse than a guess.
    assert accuracy[weights.argmax()] == 1
    assert accuracy[weights.argmin()] < 0.25
    # Texts without questions have no such numbers.
    assert losses_of(shop, "facts").accuracy.isna().all()


def test_the_mixture_is_chosen_by_the_answers(shop: Shop) -> None:
    proposal = record(shop, "mixtures/effective-data.json")
    assert proposal["weights"]["facts"] > 0.9
    # a share of 1, not nats
    assert 0.9 < proposal["predicted"]["boxes"] <= 1
    assert proposal["units"]["predicted"] == {"boxes": "accuracy"}
    assert proposal["units"]["objective"] == "points of accuracy"
    fit = record(shop, "fits/effective-data/runs.json")
    assert fit["metrics"]["boxes"]["questions"] == 48
    assert fit["metrics"]["boxes"]["chance"] == 0.25


def test_finals_are_judged_by_their_answers(shop: Shop) -> None:
    summary = record(shop, "report/summary.json")
    assert [metric["name"] for metric in summary["metrics"]] == ["points", "loss"]
    assert summary["headline"] == "Use the mixture of the method effective-data."
    assert "points of accuracy" in summary["detail"][0]
    cells = summary["by_target"]["boxes"]
    assert cells["effective-data"]["value"] == 100
    assert cells["effective-data"]["verdict"] == "better"
    rows = {row["metric"]: row for row in summary["answers"]["finals"]}
    assert list(rows) == ["accuracy", "accuracy_norm", "probability"]
    assert rows["accuracy"]["cells"]["effective-data"]["verdict"] == "better"
    (proxies,) = summary["answers"]["proxies"]
    assert (proxies["target"], proxies["runs"]) == ("boxes", 12)
    assert 0 < proxies["above"] < 12
    page = shop.at("report/summary.html").read_text()
    assert "How questions are answered" in page
    assert "normalised accuracy" in page


def test_proposals_are_shown_in_the_units_of_answers(shop: Shop) -> None:
    proposals = record(shop, "report/proposals.json")
    assert proposals["unit"] == "points of accuracy"
    judged = proposals["judgement"]
    assert judged["losses"]["effective-data"]["boxes"] > judged["losses"]["natural"]["boxes"]
    assert 0 < judged["means"]["natural"] < 100
    assert proposals["answers"]["proxies"][0]["questions"] == 48
    page = shop.at("report/proposals.html").read_text()
    assert "runs above a guess" in page
    assert "In points of accuracy, at the proxies" in page


def plain_loglikelihoods(folder: str, choices: Choices) -> np.ndarray:
    """Each answer by itself, token by token, under a model of transformers."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    values = []
    starts = choices.answers.starts
    for number, first in enumerate(choices.answers.scored_from.tolist()):
        tokens = torch.from_numpy(choices.answers.tokens[starts[number] : starts[number + 1]])
        with torch.no_grad():
            logs = model(tokens[None]).logits[0].log_softmax(-1)
        scored = [float(logs[at - 1, tokens[at]]) for at in range(first, len(tokens))]
        values.append(sum(scored))
    return np.array(values)


def test_scores_of_a_final_are_those_of_its_answers_one_by_one(shop: Shop) -> None:
    (models,) = shop.folder.glob("finals/*.parquet")
    (scored,) = shop.folder.glob("scores/*.parquet")
    final = pd.read_parquet(models).query("mixer == 'natural' and seed == 1").iloc[0]
    choices = Choices.load(shop.targets[0])
    assert choices is not None
    values = plain_loglikelihoods(final.folder, choices)
    rows = pd.read_parquet(scored).query("mixer == 'natural' and seed == 1 and task == 'boxes'")
    scores = rows.set_index("metric")
    right = []
    shares = []
    for question, gold in enumerate(choices.right.tolist()):
        of_question = np.flatnonzero(choices.question == question)
        right.append(of_question[values[of_question].argmax()] == gold)
        shares.append(np.exp(values[gold]) / np.exp(values[of_question]).sum())
    assert scores.n["accuracy"] == len(choices)
    assert scores.value["accuracy"] == pytest.approx(np.mean(right))
    assert scores.value["probability"] == pytest.approx(np.mean(shares), abs=1e-4)
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert scores.stderr["probability"] == pytest.approx(error, rel=1e-3)
    assert scores.unigram["accuracy"] == 0.25
    (documents,) = shop.folder.glob("final_documents/*.parquet")
    by_question = pd.read_parquet(documents).query(
        "mixer == 'natural' and seed == 1 and task == 'boxes'"
    )
    assert by_question.accuracy.mean() == pytest.approx(np.mean(right))


def test_choosing_by_something_else_trains_and_scores_nothing(shop: Shop) -> None:
    root = shop.folder.parents[1]
    other = study(root, "probability")
    assert other.packs == shop.plan.packs
    assert other.scoring == shop.plan.scoring
    assert [arm[:2] for arm in other.final_packs] == [arm[:2] for arm in shop.plan.final_packs]


def test_more_questions_train_nothing(shop: Shop) -> None:
    root = shop.folder.parents[1]
    trained = {path: path.stat().st_mtime_ns for path in shop.store.glob("[0-9a-f]*/*.parquet")}
    assert trained
    evaluation = {**STUDY["evaluation"], "questions": 20}
    fewer = Shop(study(root, "accuracy_norm", evaluation=evaluation), root)
    losses = losses_of(shop).set_index("run").loss
    fewer.measured()
    rows = losses_of(fewer)
    assert set(rows.questions) == {20}
    pd.testing.assert_series_equal(rows.set_index("run").loss, losses)
    after = {path: path.stat().st_mtime_ns for path in shop.store.glob("[0-9a-f]*/*.parquet")}
    assert after == trained
    Shop(shop.plan, root).measured()


def test_tables_of_before_are_refused(shop: Shop, tmp_path: Path) -> None:
    from mixwright.stages.mixers import fit_mixer

    path = tmp_path / "losses.parquet"
    losses = pd.read_parquet(shop.at("losses/swarm.parquet"))
    losses.drop(columns=["accuracy", "accuracy_norm", "probability", "questions"]).to_parquet(path)
    with pytest.raises(MixwrightError, match=r"has no accuracy_norm on boxes; .*metric: loss"):
        fit_mixer(
            "effective-data",
            [shop.at("design/swarm.parquet")],
            [path],
            tmp_path / "fit",
            study=shop.file,
        )


@pytest.mark.parametrize("figure", ["finals", "predicted", "domains", "noise"])
def test_figures_name_what_chooses(shop: Shop, figure: str, tmp_path: Path) -> None:
    from mixwright.report.layout import figure_paths

    paths = figure_paths(shop.plan, shop.folder, figure)
    draw_figure(figure, {**paths, "study": shop.file}, tmp_path / "drawn.svg")
    words = (tmp_path / "drawn.svg").read_text()
    assert "accuracy" in words or "guess" in words


def test_losses_in_training_are_in_nats_whatever_chooses(shop: Shop) -> None:
    assert "loss, nats/token" in shop.at("report/loss_curves.svg").read_text()


def test_the_plan_counts_the_answers(shop: Shop) -> None:
    root = shop.folder.parents[1]
    evaluation = {**STUDY["evaluation"], "questions": 480}
    more = study(root, "accuracy_norm", evaluation=evaluation)
    scored = []
    for plan in (shop.plan, more):
        scored.append(sum(work.scored for work in works(plan) if work.stage == "swarm"))
    # twelve runs, each asked so many questions more
    assert scored[1] - scored[0] == 12 * (480 - 48) * QUESTION_TOKENS


QUESTIONS = {
    "source": "files",
    "files": "questions.jsonl",
    "query": "query",
    "choices": "choices",
    "gold": "gold",
}


@pytest.mark.parametrize(
    ("target", "sections", "message"),
    [
        ({"source": "installed", "metric": "accuracy"}, {}, "name no answers to choose from"),
        (
            {**QUESTIONS, "choices": None, "metric": "probability"},
            {},
            "targets.t.metric is probability, .* set metric: loss",
        ),
        (
            {**QUESTIONS, "metric": "accuracy"},
            {"evaluation": {"questions": 0}},
            "evaluation.questions is 0, and targets.t chooses by accuracy",
        ),
        (
            {**QUESTIONS, "metric": "accuracy"},
            {"mixers": {"mixmin": {}}},
            "mixers.mixmin mixes the likelihoods of right answers",
        ),
    ],
)
def test_what_cannot_choose_is_refused(
    target: dict[str, Any], sections: dict[str, Any], message: str
) -> None:
    with pytest.raises(MixwrightError, match=message):
        Study(resolve({**LEAST, "targets": {"t": target}, **sections}, CONFIG))


def test_answers_that_do_not_choose_leave_mixmin_alone() -> None:
    plan = Study(resolve({**LEAST, "targets": {"t": QUESTIONS}, "mixers": {"mixmin": {}}}, CONFIG))
    assert plan.chosen == {}
