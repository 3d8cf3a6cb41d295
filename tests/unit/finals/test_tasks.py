"""Final models on tasks of lm-evaluation-harness, beside our own scorer on the same tokens."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from transformers import AutoModelForCausalLM

import local_tasks
from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.finals.processes import ALONE
from mixwright.finals.tasks import catalogue, evaluate
from mixwright.finals.tasks.evaluate import evaluate_tasks
from mixwright.sources.tokens.tokenizer_folder import open_tokenizer

ROWS = local_tasks.questions()
MIXERS = ("natural", "uniform")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tasks of made-up questions: all of them, the first five, a group of both, their texts."""
    folder = tmp_path_factory.mktemp("tasks")
    data = local_tasks.write_questions(folder / "data" / "all.jsonl", ROWS)
    few = local_tasks.write_questions(folder / "data" / "few.jsonl", ROWS[:5])
    local_tasks.write_task(folder, "all", data)
    local_tasks.write_task(folder, "few", few)
    local_tasks.write_task(folder, "texts", data, local_tasks.TEXTS)
    for name, by_size in (("pooled", True), ("halves", False)):
        metric = {"metric": "acc_norm", "weight_by_size": by_size}
        group = {"group": name, "task": ["all", "few"], "aggregate_metric_list": [metric]}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(group))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    texts = [f"{row['query']} {' '.join(row['choices'])}" for row in ROWS]
    place = tmp_path_factory.mktemp("models")
    return {
        mixer: local_tasks.write_final(place / mixer, texts * 20, seed)
        for seed, mixer in enumerate(MIXERS)
    }


def own_losses(model_folder: Path, pairs: list[tuple[str, str]]) -> np.ndarray:
    """Nats of each continuation after its context, by the scorer of targets."""
    encoder, end = open_tokenizer(model_folder)
    rows = []
    for context, continuation in pairs:
        before = encoder.encode(context, add_special_tokens=False).ids
        whole = encoder.encode(context + continuation, add_special_tokens=False).ids
        rows.append((before, whole[len(before) :]))
    model = AutoModelForCausalLM.from_pretrained(model_folder).eval()
    return local_tasks.own_losses(model, rows, end)


def own_answers(model_folder: Path, rows: list[dict]) -> pd.DataFrame:
    """Of each question: whether it is answered right, plain and by length; the right one's nats."""
    pairs = []
    for row in rows:
        pairs += [(f"{row['query']}\nAnswer:", f" {choice}") for choice in row["choices"]]
    losses = iter(own_losses(model_folder, pairs))
    answers = []
    for row in rows:
        nats = np.array([next(losses) for _ in row["choices"]])
        lengths = np.array([len(choice) for choice in row["choices"]])
        plain, by_length = np.argmin(nats), np.argmin(nats / lengths)
        gold = row["gold"]
        answers.append((plain == gold, by_length == gold, -nats[gold]))
    return pd.DataFrame(answers, columns=["accuracy", "accuracy_norm", "loglikelihood"])


def value(scores: pd.DataFrame, mixer: str, task: str, metric: str) -> pd.Series:
    rows = scores[(scores.mixer == mixer) & (scores.task == task) & (scores.metric == metric)]
    return rows.iloc[0]


def check_equal(result, mixer: str, task: str, expected: pd.DataFrame) -> None:
    count = len(expected)
    for metric in ("accuracy", "accuracy_norm"):
        score = value(result.scores, mixer, task, metric)
        assert score.value == expected[metric].mean() and score.n == count
        error = expected[metric].std(ddof=1) / math.sqrt(count)
        assert score.stderr == pytest.approx(error)
    score = value(result.scores, mixer, task, "loglikelihood")
    assert score.value == pytest.approx(expected.loglikelihood.mean(), abs=1e-3)
    rows = result.answers[(result.answers.mixer == mixer) & (result.answers.task == task)]
    rows = rows.set_index("example").sort_index()
    assert list(rows.value) == list(expected.accuracy_norm)
    np.testing.assert_allclose(rows.loglikelihood, expected.loglikelihood, atol=1e-3)


@pytest.mark.parametrize("name", ["arc_easy", "piqa", "openbook_qa"])
def test_questions_of_the_mirror_are_answered_as_our_own_scorer_answers_them(name, tmp_path):
    data = local_tasks.mirror_targets() / f"{name}.parquet"
    rows = pq.read_table(data).to_pylist()[:40]
    texts = [row["text"] for row in rows]
    models = {}
    for seed, mixer in enumerate(MIXERS):
        models[mixer] = local_tasks.write_final(tmp_path / mixer, texts, seed, context=1024)
    local_tasks.write_task(tmp_path / "tasks", name, data)
    study = local_tasks.study(tmp_path / "tasks", name, limit=40)
    result = evaluate_tasks(local_tasks.finals(models), study, log=str)
    for mixer in MIXERS:
        check_equal(result, mixer, name, own_answers(models[mixer], rows))


def test_last_words_of_the_mirror_have_the_losses_of_our_own_scorer(tmp_path):
    data = local_tasks.mirror_targets() / "lambada.parquet"
    rows = pq.read_table(data).to_pylist()
    texts = [row["text"] for row in rows[:200]]
    final = local_tasks.write_final(tmp_path / "one", texts, 0, context=512)
    encoder, _ = open_tokenizer(final)
    rows = rows[:40]
    lengths = [len(encoder.encode(row["query"] + " " + row["choices"][0]).ids) for row in rows]
    assert max(lengths) < 512
    local_tasks.write_task(tmp_path / "tasks", "lambada", data, local_tasks.LAST_WORD)
    study = local_tasks.study(tmp_path / "tasks", "lambada", limit=40)
    result = evaluate_tasks(local_tasks.finals({"natural": final}), study, log=str)
    # the harness takes a text's last spaces to what follows
    pairs = [(row["query"].rstrip(), " " + row["choices"][0]) for row in rows]
    assert all(row["query"] == row["query"].rstrip() for row in rows)
    losses = own_losses(final, pairs)
    np.testing.assert_allclose(-result.answers.loglikelihood, losses, atol=1e-3)
    perplexity = value(result.scores, "natural", "lambada", "perplexity")
    assert math.log(perplexity.value) == pytest.approx(losses.mean(), abs=1e-3)
    assert perplexity.higher == 0 and perplexity.stderr > 0


def test_made_up_questions_are_answered_as_our_own_scorer_answers_them(folder, models):
    lines: list[str] = []
    arms = {**models, "regmix": models["uniform"], "lost": None}
    study = local_tasks.study(folder, "all")
    result = evaluate_tasks(local_tasks.finals(arms), study, log=lambda line: lines.append(line))
    tables.check(result.scores, tables.SCORES, "scores")
    tables.check(result.answers, tables.TASK_ANSWERS, "answers")
    # a final that diverged has no score, and equal finals are asked once
    assert set(result.scores.mixer) == {*MIXERS, "regmix"} and len(lines) == 2
    for mixer, model in (*models.items(), ("regmix", models["uniform"])):
        check_equal(result, mixer, "all", own_answers(model, ROWS))
    assert set(result.answers.metric) == {"accuracy_norm"}
    assert "all: accuracy_norm" in lines[0] and "12 questions" in lines[0]


def test_a_text_is_scored_as_a_target_is(folder, models):
    study = local_tasks.study(folder, "texts")
    finals = local_tasks.finals({"natural": models["natural"]})
    result = evaluate_tasks(finals, study, log=str)
    losses = own_losses(models["natural"], [("", row["query"]) for row in ROWS])
    sizes = [len(row["query"].encode()) for row in ROWS]
    bits = value(result.scores, "natural", "texts", "bits_per_byte")
    assert bits.value == pytest.approx(losses.sum() / math.log(2) / sum(sizes), abs=1e-4)
    assert bits.higher == 0 and bits.stderr > 0
    assert set(result.answers.metric) == {"bits_per_byte"} and list(result.answers.weight) == sizes


@pytest.mark.parametrize("name", ["pooled", "halves"])
def test_a_group_has_one_score_of_all_its_questions(folder, models, name):
    study = local_tasks.study(folder, name)
    finals = local_tasks.finals({"natural": models["natural"]})
    result = evaluate_tasks(finals, study, log=str)
    every = own_answers(models["natural"], ROWS).accuracy_norm
    parts = (every.mean(), every[:5].mean())
    expected = np.mean(parts) if name == "halves" else (every.sum() + every[:5].sum()) / 17
    assert value(result.scores, "natural", name, "accuracy_norm").value == pytest.approx(expected)
    part = value(result.scores, "natural", f"{name}/few", "accuracy_norm")
    assert part.value == parts[1] and part.n == 5
    assert parts[0] != parts[1]  # else the two ways are one
    rows = result.answers[result.answers.task == name]
    assert (rows.value * rows.weight).sum() / rows.weight.sum() == pytest.approx(expected)


def test_an_answer_longer_than_the_context_is_read_in_windows(tmp_path, models):
    """Each window of half a context comes after all that the model can see of what is before."""
    from mixwright.finals.tasks.model import FinalModel

    texts = [f"{row['query']} {' '.join(row['choices'])}" for row in ROWS]
    final = local_tasks.write_final(tmp_path / "short", texts * 20, 0, context=16)
    model = FinalModel(final, "cpu", 4, ALONE)
    encoder, end = open_tokenizer(final)
    context = [end, *encoder.encode("beside the cat").ids]
    answer = encoder.encode(" the tree by the river and a stone" * 3).ids
    assert len(answer) > 16
    ((total, _),) = model._loglikelihood_tokens([(("", ""), context, answer)])
    tokens = context + answer
    expected = 0.0
    for start in range(0, len(answer), 8):
        at = len(context) + start
        stop = min(at + 8, len(tokens))
        first = max(0, stop - 17)  # sixteen are read, and one more is predicted
        window = (tokens[first + 1 : at], tokens[at:stop])
        (loss,) = local_tasks.own_losses(model.model, [window], tokens[first])
        expected -= loss
    assert total == pytest.approx(expected, abs=1e-3)
    assert model.cut == 1


def test_shots_and_limits_are_those_of_the_study(folder, models, tmp_path):
    finals = local_tasks.finals({"natural": models["natural"]})
    plain = evaluate_tasks(finals, local_tasks.study(folder, "all", limit=5), log=str)
    shown = evaluate_tasks(finals, local_tasks.study(folder, "all", limit=5, shots=2), log=str)
    again = evaluate_tasks(finals, local_tasks.study(folder, "all", limit=5, shots=2), log=str)
    assert len(plain.answers) == len(shown.answers) == 5
    assert not np.allclose(plain.answers.loglikelihood, shown.answers.loglikelihood)
    pd.testing.assert_frame_equal(shown.answers, again.answers)


def test_two_processes_share_the_questions(folder, models, tmp_path):
    """Started by torchrun, as the rule starts them."""
    finals = local_tasks.finals(models)
    tables.write(finals, tmp_path / "finals.parquet", tables.FINALS)
    study = local_tasks.study(folder, "all", "texts", processes=2, limit=7)
    study.write(tmp_path / "study.json")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc-per-node=2", "-m", "mixwright", "evaluate-tasks"]
    for option, file in (
        ("study", "study.json"),
        ("finals", "finals.parquet"),
        ("scores", "scores.parquet"),
        ("answers", "answers.parquet"),
    ):
        command += [f"--{option}", str(tmp_path / file)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr[-3000:]
    # one line a final and a task, by the leader; no bar of the harness
    assert done.stderr.count("7 questions") == 4 and "it/s" not in done.stderr
    alone = evaluate_tasks(finals, local_tasks.study(folder, "all", "texts", limit=7), log=str)
    together = tables.read(tmp_path / "scores.parquet", tables.SCORES)
    expected = tables.check(alone.scores, tables.SCORES, "scores")
    key = list(tables.SCORES.key)
    expected = expected.sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(
        together.sort_values(key, ignore_index=True), expected, rtol=1e-4, check_dtype=False
    )


@pytest.mark.parametrize(
    ("settings", "names", "message"),
    [
        ({}, ["al"], "no task is called al; did you mean all?"),
        ({}, ["broken"], "broken cannot be read .*correct .*broken.yaml"),
        ({"limit": 1}, ["all"], "all has 1 question for 2 processes"),
    ],
)
def test_what_cannot_be_asked_names_the_fix(folder, models, settings, names, message, tmp_path):
    local_tasks.write_task(tmp_path, "all", folder / "data" / "all.jsonl")
    (tmp_path / "bad.jsonl").write_text("{")
    local_tasks.write_task(tmp_path, "broken", tmp_path / "bad.jsonl")
    study = local_tasks.study(tmp_path, *names, **settings)
    finals = local_tasks.finals({"natural": models["natural"]})
    processes = ALONE
    if "limit" in settings:
        processes = type(ALONE)(rank=0, size=2)
    with pytest.raises(MixwrightError, match=message) as refusal:
        evaluate_tasks(finals, study, processes, log=str)
    assert "\n" not in str(refusal.value)


def test_a_task_of_a_hub_without_network_names_the_task_and_the_remedy(models, tmp_path):
    """In a process of its own: whether there is a network is asked once."""
    task = {"task": "far", "dataset_path": "nobody/nothing", "test_split": "test"}
    (tmp_path / "far.yaml").write_text(yaml.safe_dump(task | local_tasks.CHOICES))
    tables.write(local_tasks.finals(models), tmp_path / "finals.parquet", tables.FINALS)
    local_tasks.study(tmp_path, "far").write(tmp_path / "study.json")
    command = [sys.executable, "-m", "mixwright", "evaluate-tasks"]
    for option, file in (("study", "study.json"), ("finals", "finals.parquet")):
        command += [f"--{option}", str(tmp_path / file)]
    command += ["--scores", str(tmp_path / "s.parquet"), "--answers", str(tmp_path / "a.parquet")]
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=offline)
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 1 and "far cannot be read" in line and "HF_HOME" in line


def test_a_harness_that_is_not_installed_is_named(folder, models, monkeypatch):
    monkeypatch.setattr(catalogue, "find_spec", lambda name: None)
    with pytest.raises(MixwrightError, match=r"pip install 'mixwright\[tasks\]'"):
        evaluate_tasks(local_tasks.finals(models), local_tasks.study(folder, "all"), log=str)


def test_a_model_that_is_gone_names_the_fix(folder, tmp_path):
    finals = local_tasks.finals({"natural": tmp_path / "nowhere"})
    with pytest.raises(MixwrightError, match="forcerun train_finals"):
        evaluate_tasks(finals, local_tasks.study(folder, "all"), log=str)


def test_no_final_is_no_row(folder):
    result = evaluate.evaluate_tasks(
        local_tasks.finals({"natural": None}), local_tasks.study(folder, "all"), log=str
    )
    assert result.scores.empty and result.answers.empty
    tables.check(result.scores, tables.SCORES, "scores")
    tables.check(result.answers, tables.TASK_ANSWERS, "answers")
