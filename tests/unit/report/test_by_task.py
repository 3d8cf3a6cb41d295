"""What the report says of tasks, against planted answers."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import study_tables
from mixwright.report.by_task import LOGLIKELIHOOD, by_task, sentences_of
from mixwright.report.outputs import as_json
from mixwright.report.page import summary_page
from mixwright.report.summary import summarise
from mixwright.report.terminal import print_summary
from mixwright.study.study import Study
from planted_tasks import SEEDS, answers, scores


def test_the_verdicts_are_those_that_were_planted():
    accuracy, likelihood = by_task(scores("arc"), answers())
    verdicts = {mixer: cell.against.verdict for mixer, cell in accuracy.cells.items()}
    assert verdicts == {
        "natural": "identical",
        "regmix": "better",
        "mixmin": "worse",
        "uniform": "not distinguishable",
    }
    assert accuracy.questions == 400 and accuracy.metric.title == "accuracy"
    assert likelihood.metric is LOGLIKELIHOOD
    assert likelihood.cells["regmix"].against.verdict == "better"


def test_of_a_metric_of_which_less_is_better_the_verdicts_turn_round():
    losses = answers().assign(metric="bits_per_byte")
    row, _ = by_task(scores("arc", metric="bits_per_byte", higher=0), losses)
    assert row.cells["regmix"].against.verdict == "worse"
    assert row.cells["mixmin"].against.verdict == "better"


def test_values_and_errors_are_means_over_seeds_and_errors_over_questions():
    rows = answers()
    accuracy, _ = by_task(scores("arc"), rows)
    of_mixer = rows[rows.mixer == "regmix"]
    shares = of_mixer.groupby("example").value.mean()
    cell = accuracy.cells["regmix"]
    assert cell.value == pytest.approx(of_mixer.value.mean())
    assert cell.error == pytest.approx(shares.std(ddof=1) / np.sqrt(len(shares)))
    gap = (shares - rows[rows.mixer == "natural"].groupby("example").value.mean()).to_numpy()
    assert cell.against.document_error == pytest.approx(gap.std(ddof=1) / np.sqrt(len(gap)))
    # the same questions are hard for all: paired differences are surer than the two alone
    assert cell.against.document_error < np.hypot(cell.error, accuracy.cells["natural"].error)


def test_weights_count_a_question_more():
    rows = answers()
    rows["weight"] = np.where(rows.example < 40, 9.0, 1.0)
    accuracy, _ = by_task(scores("arc"), rows)
    of_mixer = rows[rows.mixer == "regmix"]
    expected = (of_mixer.value * of_mixer.weight).sum() / of_mixer.weight.sum()
    assert accuracy.cells["regmix"].value == pytest.approx(expected)


def test_as_many_right_answers_by_others_are_not_the_same_model():
    """At chance two models often have equal accuracies: that makes no mixture natural's."""
    rows = answers()
    same = rows[rows.mixer == "natural"].assign(mixer="uniform")
    nearly = same.assign(loglikelihood=same.loglikelihood - 0.001)
    rows = pd.concat([rows[rows.mixer != "uniform"], nearly], ignore_index=True)
    accuracy, _ = by_task(scores("arc"), rows)
    assert accuracy.cells["uniform"].against.verdict == "not distinguishable"
    # it counts beside the other three in the scatter over seeds
    three, _ = by_task(scores("arc"), rows[rows.mixer != "uniform"])
    gaps = [table.cells["regmix"].against.seed_error for table in (accuracy, three)]
    assert gaps[0] != pytest.approx(gaps[1])
    rows = pd.concat([rows[rows.mixer != "uniform"], same], ignore_index=True)
    accuracy, _ = by_task(scores("arc"), rows)
    assert accuracy.cells["uniform"].against.verdict == "identical"


def test_one_seed_gives_no_verdict():
    rows = answers()
    accuracy, _ = by_task(scores("arc"), rows[rows.seed == 1])
    assert accuracy.cells["regmix"].against.verdict == "undecided"
    assert "one seed" in sentences_of([accuracy], "regmix")[0]


def test_parts_of_a_group_have_no_row_and_texts_no_likelihood():
    parts = [
        answers("mmlu"),
        answers("mmlu/law", seed=1),
        answers("wiki").assign(loglikelihood=None),
    ]
    rows = by_task(scores("mmlu", "mmlu/law", "wiki"), pd.concat(parts, ignore_index=True))
    assert [(row.task, row.metric.name) for row in rows] == [
        ("mmlu", "accuracy"),
        ("mmlu", "loglikelihood"),
        ("wiki", "accuracy"),
    ]


@pytest.fixture
def summary():
    design, losses = study_tables.proxies()
    plain = summarise(
        Study(study_tables.study()),
        study_tables.scores(seeds=SEEDS),
        design,
        losses,
        study_tables.mixtures(),
        reads=study_tables.READS,
    )
    return replace(plain, tasks=by_task(scores("arc"), answers()))


def test_page_json_and_terminal_show_tasks_and_their_verdicts(summary, capsys):
    page = summary_page(summary)
    section = page.split("<h2>Tasks</h2>")[1].split("<h2>")[0]
    assert "arc" in section and "log-likelihood" in section and "±" in section
    assert "No mixture was chosen by a task" in section
    content = json.loads(json.dumps(as_json(summary), allow_nan=False))
    (accuracy, _) = content["tasks"]
    assert accuracy["arms"]["regmix"]["natural"]["verdict"] == "better"
    assert accuracy["metric"]["higher"] is True and accuracy["questions"] == 400
    print_summary(content)
    shown = " ".join(capsys.readouterr().out.split())
    assert "Tasks, by which nothing was chosen" in shown and "log-likelihood" in shown


def test_a_study_without_tasks_says_nothing_of_them(summary):
    plain = replace(summary, tasks=())
    assert "<h2>Tasks</h2>" not in summary_page(plain)
    assert as_json(plain)["tasks"] == []


def test_a_task_changes_no_choice_and_the_sentence_names_each(summary):
    (sentence,) = sentences_of(summary.tasks, "regmix")
    assert "not chosen by" in sentence and "better than natural on arc" in sentence
    assert sentences_of(summary.tasks, "natural") == ()
    assert sentences_of((), "regmix") == ()
