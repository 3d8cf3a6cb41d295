"""Copies of finals on the way: made by both trainers, scored as the finals are, or said to lack."""

import os
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from final_study import study, write_tokenizer
from killed_finals import same
from mixwright import tables
from mixwright.finals.score import evaluate_finals, model_losses
from mixwright.finals.snapshot_scores import evaluate_snapshots
from mixwright.finals.snapshots import missing_copies, snapshot_steps
from mixwright.proxies.wave import Wave
from mixwright.study.study import Study
from shard_files import examples, make_shards
from trained_finals import ARM, folder_of, train

HELD = {"held": examples(5, count=9)}
COPIES = [0.5, 1000]


def scored_study(trainer: str, **changes) -> Study:
    plan = study(trainer=trainer, snapshots=COPIES, **changes)
    return Study(plan.config | {"targets": {"held": {}, "a": {}}, "learner": "causal-lm"})


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


@pytest.fixture(scope="module", params=["packed", "transformers"])
def trained(request, shards, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    plan = scored_study(request.param)
    train(shards, tokenizer, folder, plan)
    return folder, plan


def finals_of(folder: Path) -> pd.DataFrame:
    return tables.read(folder / "results/finals/pack.parquet", tables.FINALS)


def silent(line) -> None:
    pass


def test_under_one_a_snapshot_is_a_share_of_the_training():
    spec = {"batch": 4, "shape": {"context": 16}, "snapshots": [0.25, 0.999, 640]}
    assert snapshot_steps(spec, 20) == {5: "320", 10: "640"}


def test_copies_are_scored_on_the_targets_as_the_final_is(trained, shards):
    folder, plan = trained
    finals = finals_of(folder)
    scores = evaluate_snapshots(finals, HELD, shards, plan, log=silent)
    scores = tables.check(scores, tables.SNAPSHOT_SCORES, "scores")
    assert set(zip(scores.tokens, scores.task, strict=True)) == {
        (tokens, task) for tokens in (640, 1024) for task in ("held", "a")
    }
    copy = AutoModelForCausalLM.from_pretrained(folder_of(folder) / "snapshots/640").eval()
    held = HELD["held"].first(plan.evaluation["final_tokens"])
    losses = model_losses(copy, {"held": held}, plan.final["shape"]["context"])["held"]
    rows = scores[(scores.tokens == 640) & (scores.task == "held") & (scores.metric == "loss")]
    assert rows.value.item() == pytest.approx(losses.sum() / held.scored_tokens.sum())


def test_a_final_in_the_place_of_a_copy_gets_the_scores_of_the_final(trained, shards, tmp_path):
    folder, plan = trained
    shutil.copytree(folder_of(folder) / "model", tmp_path / "model")
    for name in ("640", "1024"):
        shutil.copytree(folder_of(folder) / "model", tmp_path / "snapshots" / name)
    finals = finals_of(folder).assign(folder=str(tmp_path / "model"))
    scores = evaluate_snapshots(finals, HELD, shards, plan, log=silent)
    ends = evaluate_finals(finals, HELD, shards, plan, log=silent).scores
    columns = ["task", "metric", "value", "stderr", "n"]
    expected = ends[ends.task.isin(["a", "held"])][columns].reset_index(drop=True)
    for _, of_copy in scores.groupby("tokens"):
        pd.testing.assert_frame_equal(of_copy[columns].reset_index(drop=True), expected)


def test_equal_mixtures_share_copies_and_a_goal_of_its_own_is_scored_alone(trained, shards):
    folder, plan = trained
    one = finals_of(folder)
    two = pd.concat([one, one.assign(mixer="other", goal="held")])
    lines = []
    scores = evaluate_snapshots(two, HELD, shards, plan, log=lines.append)
    assert len(lines) == 2 and "regmix, seed 1; other for held, seed 1" in lines[0]
    assert set(scores[scores.mixer == "other"].task) == {"held"}
    shared = scores[scores.task == "held"].drop(columns="mixer")
    assert len(shared) == 2 * len(shared.drop_duplicates())


def test_a_copy_that_is_missing_is_said_and_left_out(shards, tokenizer, tmp_path):
    train(shards, tokenizer, tmp_path, study(trainer="packed"))
    plan = scored_study("packed")
    said = []
    train(shards, tokenizer, tmp_path, plan, log=lambda news: said.append(str(news)))
    assert "trained before without a copy at 640, 1024 tokens; store: refresh" in said[0]
    lines = []
    finals = finals_of(tmp_path)
    scores = evaluate_snapshots(finals, HELD, shards, plan, log=lines.append)
    assert scores.empty and list(scores) == tables.SNAPSHOT_SCORES.schema.names
    tables.write(scores, tmp_path / "scores.parquet", tables.SNAPSHOT_SCORES)
    assert lines[0].startswith("regmix, seed 1: no copy at 640, 1024 tokens, which is left out")
    diverged = finals.assign(folder=None, train_loss=None, status="diverged")
    assert evaluate_snapshots(diverged, HELD, shards, plan, log=lines.append).empty


def test_side_by_side_a_kill_leaves_the_copies_of_a_training_that_was_not(
    shards, tokenizer, tmp_path, monkeypatch
):
    plan = scored_study("packed")
    train(shards, tokenizer, tmp_path / "whole", plan, arms=[ARM])
    advance = Wave.advance
    child = os.fork()
    if child == 0:

        def killed(wave):
            if wave.step == 13:
                os.kill(os.getpid(), signal.SIGKILL)
            advance(wave)

        Wave.advance = killed
        train(shards, tokenizer, tmp_path / "killed", plan, arms=[ARM])
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    (left,) = (tmp_path / "killed/store/finals").glob("*.checkpoint/snapshots/*")
    assert left.name == "640"
    train(shards, tokenizer, tmp_path / "killed", plan, arms=[ARM])
    whole, again = folder_of(tmp_path / "whole"), folder_of(tmp_path / "killed")
    for name in ("snapshots/640", "snapshots/1024", "model"):
        one, other = (load_file(folder / name / "model.safetensors") for folder in (whole, again))
        assert same(one, other), name
    assert missing_copies(again, plan.final, plan.final_steps) == []
