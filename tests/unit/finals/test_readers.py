"""Processes that read for a training: their order, and what they do when a job ends."""

import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from final_study import study, write_tokenizer
from killed_finals import same
from mixwright.files import is_running
from mixwright.finals.callbacks import Progress
from mixwright.finals.loop import latest
from mixwright.finals.trainer import FinalTrainer
from shard_files import make_shards
from trained_finals import curve, folder_of, train, train_together


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


@pytest.fixture(scope="module")
def undisturbed(shards, tokenizer, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    train(shards, tokenizer, folder)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder_of(folder) / "model/model.safetensors")


def checkpoint_of(folder: Path) -> str:
    (checkpoints,) = (folder / "store/finals").glob("*.checkpoint")
    return latest(checkpoints)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_read_does_not_depend_on_how_many_read(workers, shards, tokenizer, tmp_path):
    """A reader's seed is its number's, so nothing that is read may be drawn by it."""
    step = FinalTrainer.training_step
    batches: dict[int, list] = {0: [], workers: []}
    for number, of_number in batches.items():

        def stepped(self, model, inputs, *rest, of_number=of_number):
            of_number.append({name: tensor.clone() for name, tensor in inputs.items()})
            return step(self, model, inputs, *rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FinalTrainer, "training_step", stepped)
            train(shards, tokenizer, tmp_path / str(number), study(workers=number, steps=6))
    one, other = batches.values()
    assert len(one) == len(other) == 6
    assert all(map(same, one, other))


def test_a_warning_to_every_process_of_a_job_costs_no_step(
    undisturbed, shards, tokenizer, tmp_path, monkeypatch
):
    """Slurm sends SIGTERM to the readers too; a dead one would end the training at once."""

    def send(self, args, state, control, **_) -> None:
        if state.global_step == 7:
            readers = multiprocessing.active_children()
            assert len(readers) == 2
            # torch forgives a reader that its own training ends
            subprocess.run(["kill", *(str(reader.pid) for reader in readers)], check=True)
            # they would be gone by then
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGTERM)

    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(Progress, "on_step_end", send)
            train(shards, tokenizer, tmp_path, study(workers=2))
        except SystemExit as error:
            os._exit(error.code)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 143
    assert checkpoint_of(tmp_path).endswith("checkpoint-7")
    train(shards, tokenizer, tmp_path, study(workers=2))
    assert same(weights(tmp_path), weights(undisturbed))
    assert curve(tmp_path).equals(curve(undisturbed))


def test_readers_end_with_a_training_that_is_killed(shards, tokenizer, tmp_path, monkeypatch):
    listed = tmp_path / "readers"

    def die(self, args, state, control, **_) -> None:
        if state.global_step == 7:
            readers = multiprocessing.active_children()
            listed.write_text(" ".join(str(reader.pid) for reader in readers))
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(Progress, "on_step_end", die)
            train(shards, tokenizer, tmp_path, study(workers=2))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    readers = list(map(int, listed.read_text().split()))
    assert len(readers) == 2
    # torch's readers look every five seconds whether their training is there
    for _ in range(600):
        if not any(map(is_running, readers)):
            break
        time.sleep(0.1)
    assert not any(map(is_running, readers))


def test_processes_that_share_a_final_have_readers_each(shards, tokenizer, tmp_path):
    train_together(shards, tokenizer, tmp_path / "none", study(processes=2))
    train_together(shards, tokenizer, tmp_path / "some", study(processes=2, workers=2))
    assert same(weights(tmp_path / "none"), weights(tmp_path / "some"))
