"""The curve of a final, its checkpoints and its copies: through kills, and where it diverges."""

import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from final_study import OPTIMIZER, study, write_tokenizer
from killed_finals import in_a_process_that_dies, same
from mixwright import tables
from mixwright.finals import curve as curves
from mixwright.finals.callbacks import Watch
from mixwright.finals.checkpoints import checkpoint_steps
from mixwright.finals.loop import latest
from mixwright.finals.muon_adamw import MuonAdamW
from mixwright.finals.snapshots import snapshot_steps
from mixwright.finals.trainer import FinalTrainer
from shard_files import make_shards
from trained_finals import ARM, curve, folder_of, train

LONG = {"optimizer": OPTIMIZER | {"schedule": "wsd", "decay": 0.5, "minimum": 0.1, "warmup": 3}}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


@pytest.fixture(scope="module")
def whole(shards, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    train(shards, tokenizer, folder, study(snapshots=[640, 1000], **LONG))
    return folder


def checkpoints_of(folder):
    (path,) = (folder / "store/finals").glob("*.checkpoint")
    return path


def test_a_curve_has_the_mean_loss_since_its_last_row_and_the_rate_of_its_step():
    losses = np.arange(1.0, 2501.0)
    rows = curves.rows(losses, {"adam_lr": 0.5, "warmup": 0}, step_tokens=64, steps=2500)
    assert len(rows) == 834 <= curves.MOST_ROWS
    assert rows.step.tolist()[:2] == [3, 6] and rows.step.iloc[-1] == 2500
    assert rows.loss.tolist()[:2] == [2.0, 5.0] and rows.loss.iloc[-1] == 2500.0
    assert (rows.tokens == 64 * rows.step).all()
    assert rows.learning_rate[0] == 0.5 * 2498 / 2500


def test_a_curve_ends_where_the_loss_does():
    losses = np.array([3.0, 2.0, np.inf])
    assert curves.first_spoilt(losses) == 3 and curves.first_spoilt(losses[:2]) is None
    rows = curves.rows(losses, {"adam_lr": 1.0, "warmup": 0}, step_tokens=1, steps=10)
    assert rows.loss.tolist() == [3.0, 2.0]
    assert curves.first_spoilt(np.full(4, np.nan)) == 1
    assert curves.rows(np.full(4, np.nan), {"adam_lr": 1.0, "warmup": 0}, 1, 10).empty


def test_every_step_of_a_short_final_is_a_row(whole):
    rows = curve(whole)
    assert rows.step.tolist() == list(range(1, 21)) and (rows.tokens == 64 * rows.step).all()
    assert rows.learning_rate[0] == pytest.approx(0.02 / 4)
    assert rows.learning_rate[9] == 0.02 and rows.learning_rate[19] == pytest.approx(0.0038)
    result = tables.read(whole / "results/finals/pack.parquet", tables.FINALS)
    assert result.train_loss[0] == pytest.approx(rows.loss.tail(2).mean(), abs=1e-6)


def test_a_final_killed_twice_has_the_curve_the_copies_and_the_weights_of_one_that_was_not(
    whole, shards, tokenizer, tmp_path, monkeypatch
):
    config = study(snapshots=[640, 1000], **LONG)
    work = lambda: train(shards, tokenizer, tmp_path, config)  # noqa: E731
    killed = in_a_process_that_dies(monkeypatch, 7, signal.SIGKILL, work)
    assert os.WTERMSIG(killed) == signal.SIGKILL
    ended = in_a_process_that_dies(monkeypatch, 13, signal.SIGTERM, work)
    assert os.WEXITSTATUS(ended) == 143
    assert latest(checkpoints_of(tmp_path)).endswith("checkpoint-13")
    work()
    assert curve(tmp_path).equals(curve(whole))
    for name in ("model", "snapshots/640", "snapshots/1024"):
        one, other = (
            load_file(folder_of(folder) / name / "model.safetensors")
            for folder in (tmp_path, whole)
        )
        assert same(one, other), name


def test_copies_are_models_of_the_steps_nearest_to_their_tokens(whole):
    copies = folder_of(whole) / "snapshots"
    assert sorted(path.name for path in copies.iterdir()) == ["1024", "640"]
    AutoTokenizer.from_pretrained(copies / "640")
    early, late, last = (
        AutoModelForCausalLM.from_pretrained(path).state_dict()
        for path in (copies / "640", copies / "1024", folder_of(whole) / "model")
    )
    assert not same(early, late) and not same(late, last)
    spec = {"batch": 4, "shape": {"context": 16}, "snapshots": [1, 100, 640, 1280]}
    assert snapshot_steps(spec, 20) == {1: "64", 2: "128", 10: "640"}


def test_a_stored_final_that_lacks_a_copy_is_told(shards, tokenizer, tmp_path):
    lines = []
    train(shards, tokenizer, tmp_path)
    train(
        shards,
        tokenizer,
        tmp_path,
        study(snapshots=[640]),
        log=lambda news: lines.append(str(news)),
    )
    assert lines[0].startswith("regmix, seed 1: trained before without a copy at 640 tokens; store")
    train(shards, tokenizer, tmp_path, study(snapshots=[640], store="refresh"))
    assert (folder_of(tmp_path) / "snapshots/640/config.json").exists()
    lines.clear()
    train(
        shards,
        tokenizer,
        tmp_path,
        study(snapshots=[640]),
        log=lambda news: lines.append(str(news)),
    )
    assert not [line for line in lines if "copy" in line]


def test_checkpoints_by_tokens_and_by_minutes(shards, tokenizer, tmp_path, monkeypatch):
    spec = {"batch": 4, "shape": {"context": 16}, "checkpoint_steps": 5}
    assert checkpoint_steps(spec) == 5
    assert checkpoint_steps(spec | {"checkpoint_tokens": 450}) == 7
    assert checkpoint_steps(spec | {"checkpoint_tokens": 1}) == 1
    # a clock that goes a minute a step
    now = iter(range(0, 10_000, 60))
    clock = SimpleNamespace(monotonic=lambda: next(now))
    monkeypatch.setattr("mixwright.finals.callbacks.time", clock)
    saved = []
    save = FinalTrainer._save_checkpoint

    def counted(self, *args):
        saved.append(self.state.global_step)
        save(self, *args)

    monkeypatch.setattr(FinalTrainer, "_save_checkpoint", counted)
    train(shards, tokenizer, tmp_path, study(checkpoint_minutes=6))
    # six minutes after the last one was saved; none after the last step
    assert saved == [6, 12, 18]


def test_no_checkpoint_and_no_copy_holds_spoilt_weights(shards, tokenizer, tmp_path, monkeypatch):
    """An update spoils the weights at step 10, when a checkpoint is due and the loss was finite."""
    plain = MuonAdamW.step
    taken = []

    def spoilt(self, closure=None):
        plain(self, closure)
        taken.append(1)
        if len(taken) == 10:
            self.param_groups[0]["params"][0].data[3, 3] = torch.inf

    monkeypatch.setattr(MuonAdamW, "step", spoilt)
    saved = []
    save = FinalTrainer._save_checkpoint
    monkeypatch.setattr(
        FinalTrainer,
        "_save_checkpoint",
        lambda self, *args: saved.append(self.state.global_step) or save(self, *args),
    )
    train(shards, tokenizer, tmp_path, study(snapshots=[320, 640]))
    row = tables.read(tmp_path / "results/finals/pack.parquet", tables.FINALS).iloc[0]
    assert row.status == "diverged" and row.step in (10, 11) and saved == [5]
    assert sorted(path.name for path in folder_of(tmp_path).iterdir()) == [
        "curve.parquet",
        "result.json",
    ]
    assert curve(tmp_path).step.tolist() == list(range(1, 11))


def test_a_training_ends_within_a_step_of_a_loss_that_is_not_finite(
    shards, tokenizer, tmp_path, monkeypatch
):
    steps = []
    watch = Watch.on_step_end

    def counted(self, args, state, control, **rest):
        steps.append(state.global_step)
        watch(self, args, state, control, **rest)

    monkeypatch.setattr(Watch, "on_step_end", counted)
    config = study(steps=400, optimizer=OPTIMIZER | {"adam_lr": 1e38})
    train(shards, tokenizer, tmp_path, config)
    row = tables.read(tmp_path / "results/finals/pack.parquet", tables.FINALS).iloc[0]
    assert row.step == steps[-1] < 5


def test_curves_of_a_study_have_the_names_of_its_arms(whole, shards, tokenizer, tmp_path):
    arms = [ARM, replace(ARM, mixer="uniform", goal="prose")]
    train(shards, tokenizer, tmp_path, arms=arms)
    finals = tables.read(tmp_path / "results/finals/pack.parquet", tables.FINALS)
    rows = curves.of_finals(finals, tmp_path / "store/finals")
    tables.write(rows, tmp_path / "curves.parquet", tables.CURVES)
    again = tables.read(tmp_path / "curves.parquet", tables.CURVES)
    assert again.groupby(["mixer", "seed"]).size().to_dict() == {
        ("regmix", 1): 20,
        ("uniform", 1): 20,
    }
    assert set(again.goal.dropna()) == {"prose"}
    # finals of before have none
    (folder_of(tmp_path) / "curve.parquet").unlink()
    none = curves.of_finals(finals, tmp_path / "store/finals")
    assert isinstance(none, pd.DataFrame) and none.empty


def test_a_checkpoint_of_before_is_still_a_start(whole, shards, tokenizer, tmp_path, monkeypatch):
    """It has the losses of the last tenth of the steps alone: the curve begins there."""
    work = lambda: train(shards, tokenizer, tmp_path, study(**LONG))  # noqa: E731
    in_a_process_that_dies(monkeypatch, 12, signal.SIGTERM, work)
    path = next(checkpoints_of(tmp_path).glob("checkpoint-12")) / "losses_0.pt"
    losses = torch.load(path, weights_only=True)
    assert len(losses) == 12
    torch.save(losses[-2:], path)
    work()
    assert curve(tmp_path).equals(curve(whole)[10:].reset_index(drop=True))
