import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from final_study import FINAL, OPTIMIZER, SHAPE, study, write_tokenizer
from killed_finals import in_a_process_that_dies, same, weights
from mixwright import tables
from mixwright.corpus import allocation, turns
from mixwright.corpus.allocation import Schedule
from mixwright.corpus.unigram import unigram_losses
from mixwright.errors import MixwrightError
from mixwright.files import alone
from mixwright.finals import job
from mixwright.finals import loop as finishing
from mixwright.finals.arm import Arm, content_key
from mixwright.finals.loop import latest
from mixwright.finals.models import build
from mixwright.finals.score import model_losses
from mixwright.finals.sequences import Sequences
from mixwright.finals.train import train_finals
from mixwright.mixture import Mixture
from shard_files import END, VOCABULARY, make_shards

ARM = Arm("regmix", 1, Mixture(("a", "b", "c"), (0.5, 0.2, 0.3)))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


def train(arms, shards, tokenizer, folder: Path, config=None):
    train_finals(
        arms,
        shards,
        tokenizer,
        config or study(),
        folder / "store",
        folder / "finals.parquet",
        log=lambda line: None,
    )
    return tables.read(folder / "finals.parquet", tables.FINALS)


def test_a_final_beats_the_unigram_model_and_loads_like_any_model(shards, tokenizer, tmp_path):
    finals = train([ARM], shards, tokenizer, tmp_path, study(steps=150))
    model = AutoModelForCausalLM.from_pretrained(finals.folder[0])
    assert AutoTokenizer.from_pretrained(finals.folder[0]).convert_ids_to_tokens([1]) == ["w1"]
    counts = np.stack([shard.unigram for shard in shards])
    for shard in shards:
        examples = shard.validation.first(example_tokens=16)
        losses = model_losses(model, {"t": examples}, SHAPE["context"])["t"]
        loss = losses.sum() / examples.scored_tokens.sum()
        assert loss < unigram_losses(ARM.mixture.weights, counts, examples) - 0.3
    assert model.config.use_cache
    assert finals.train_loss[0] < 3.5 and finals.tokens[0] == 150 * 64


def test_it_says_what_it_took_from_each_domain(shards, tokenizer, tmp_path):
    finals = train([ARM], shards, tokenizer, tmp_path)
    taken = {row["domain"]: row for row in finals.realised[0]}
    assert {name: row["tokens"] for name, row in taken.items()} == {"a": 640, "b": 256, "c": 384}
    assert taken["b"]["epochs"] == 16 / shards[1].sequences(16)


def test_a_killed_final_goes_on_to_the_same_weights(shards, tokenizer, tmp_path, monkeypatch):
    whole = train([ARM], shards, tokenizer, tmp_path / "whole")
    work = lambda: train([ARM], shards, tokenizer, tmp_path / "killed")  # noqa: E731
    monkeypatch.setattr(allocation, "WINDOW", 8)
    assert (
        os.WTERMSIG(in_a_process_that_dies(monkeypatch, 13, signal.SIGKILL, work)) == signal.SIGKILL
    )
    (checkpoints,) = (tmp_path / "killed/store/finals").glob("*.checkpoint")
    (checkpoints / "checkpoint-12").mkdir()  # half-written
    assert latest(checkpoints) == str(checkpoints / "checkpoint-10")
    reads = []
    monkeypatch.setattr(
        Sequences,
        "__getitems__",
        lambda self, at: reads.extend(at) or self._schedule.read(np.asarray(at)),
    )
    laid_out = []
    monkeypatch.setattr(
        allocation,
        "allocate_next",
        lambda *args: laid_out.append(args[2]) or turns.allocate_next(*args),
    )
    finals = work()
    assert same(weights(finals), weights(whole))
    assert list(finals.realised[0]) == list(whole.realised[0])
    assert min(reads) == 40  # of 80: what was trained before is not read again
    assert min(laid_out) == 40
    assert not checkpoints.exists()


def test_sigterm_saves_and_exits_143(shards, tokenizer, tmp_path, monkeypatch):
    work = lambda: train([ARM], shards, tokenizer, tmp_path / "ended")  # noqa: E731
    status = in_a_process_that_dies(monkeypatch, 7, signal.SIGTERM, work)
    assert os.WEXITSTATUS(status) == 143
    (checkpoints,) = (tmp_path / "ended/store/finals").glob("*.checkpoint")
    assert latest(checkpoints) == str(checkpoints / "checkpoint-7")
    assert same(weights(work()), weights(train([ARM], shards, tokenizer, tmp_path / "whole")))


def test_equal_arms_train_once_and_refresh_trains_them_once_again(
    shards, tokenizer, tmp_path, monkeypatch
):
    trained = []
    monkeypatch.setattr(finishing, "finish", lambda *_: trained.append(1) or np.full(20, 1.5))
    arms = [
        ARM,
        replace(ARM, mixer="uniform", mixture=Mixture(tuple("abc"), (0.5 + 1e-15, 0.2, 0.3))),
        replace(ARM, seed=2),
    ]
    finals = train(arms, shards, tokenizer, tmp_path).set_index(["mixer", "seed"])
    assert len(trained) == 2
    assert finals.folder["regmix", 1] == finals.folder["uniform", 1] != finals.folder["regmix", 2]
    train(arms, shards, tokenizer, tmp_path)
    assert len(trained) == 2
    train(arms, shards, tokenizer, tmp_path, study(store="refresh"))
    assert len(trained) == 4


def test_refresh_leaves_the_old_model_to_its_readers_until_the_new_one_is_whole(
    shards, tokenizer, tmp_path, monkeypatch
):
    folder = Path(train([ARM], shards, tokenizer, tmp_path).folder[0])
    there = []
    monkeypatch.setattr(
        finishing,
        "finish",
        lambda *_: there.append((folder / "config.json").exists()) or np.full(20, 1.5),
    )
    train([ARM], shards, tokenizer, tmp_path, study(store="refresh"))
    assert there == [True]


def test_a_final_takes_one_gpu_of_several(tmp_path, monkeypatch):
    """With more, Trainer would feed each of them a whole batch."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    arguments = finishing._arguments(FINAL | {"device": "cuda"}, 20, 1, tmp_path)
    assert arguments.train_batch_size == FINAL["batch"]


def test_a_gpu_that_is_not_there_is_told_in_one_line(shards, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MixwrightError, match="device: cuda is asked for, and torch finds none"):
        train([ARM], shards, tokenizer, tmp_path, study(device="cuda"))


def test_the_key_holds_what_the_numbers_depend_on_and_nothing_else(shards, tokenizer):
    arm, config = Arm("regmix", 1, Mixture(("a", "b", "c"), (0.6, 0.0, 0.4))), study()
    key = content_key(arm, shards, tokenizer, config)
    unused = [shards[0], replace(shards[1], fingerprint="other"), shards[2]]
    changed = [replace(shards[0], fingerprint="other"), *shards[1:]]
    assert content_key(replace(arm, mixer="uniform"), shards, tokenizer, config) == key
    assert content_key(arm, unused, tokenizer, config) == key
    assert content_key(arm, shards, tokenizer, study(checkpoint_steps=7, per_job=3)) == key
    others = [
        content_key(arm, changed, tokenizer, config),
        content_key(replace(arm, seed=2), shards, tokenizer, config),
        content_key(
            replace(arm, mixture=Mixture(tuple("abc"), (0.59, 0.0, 0.41))),
            shards,
            tokenizer,
            config,
        ),
        content_key(arm, shards, tokenizer, study(steps=21)),
        content_key(arm, shards, tokenizer, study(optimizer=OPTIMIZER | {"clip": 2.0})),
    ]
    assert len({key, *others}) == 6


def test_a_diverged_final_is_recorded_and_leaves_no_model(shards, tokenizer, tmp_path):
    config = study(optimizer=OPTIMIZER | {"adam_lr": 1e38})
    finals = train([ARM], shards, tokenizer, tmp_path, config)
    assert finals.status[0] == "diverged" and finals.folder.isna()[0]
    (folder,) = (tmp_path / "store/finals").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["curve.parquet", "result.json"]


def test_batches_follow_the_schedule_and_labels_are_the_next_tokens(shards):
    schedule = Schedule.of(ARM.mixture.weights, shards, 16, 12, seed=1)
    sequences = Sequences(schedule)
    batch = sequences.batched(sequences.__getitems__([4, 5, 6]))
    assert np.array_equal(batch["input_ids"], schedule.read(np.arange(4, 7))[:, :-1])
    assert np.array_equal(batch["labels"], schedule.read(np.arange(4, 7))[:, 1:])
    assert np.array_equal(sequences[4], schedule.read(np.arange(4, 5))[0])


def test_training_reads_each_sequence_once_in_order(shards, tokenizer, tmp_path, monkeypatch):
    reads = []
    monkeypatch.setattr(
        Sequences,
        "__getitems__",
        lambda self, at: reads.extend(at) or self._schedule.read(np.asarray(at)),
    )
    train([ARM], shards, tokenizer, tmp_path)
    assert reads == list(range(80))


def test_first_weights_follow_from_the_seed_and_know_nothing():
    one, again, other = (build(SHAPE, VOCABULARY, END, seed).state_dict() for seed in (1, 1, 2))
    assert same(one, again) and not same(one, other)
    assert (
        not one["lm_head.weight"].any() and not one["model.layers.0.self_attn.o_proj.weight"].any()
    )
    assert one["model.embed_tokens.weight"][END].any()  # the end token is no padding


def test_an_unknown_architecture_is_told_what_there_is():
    with pytest.raises(
        MixwrightError, match="no final of architecture mamba; there are bert, gpt2, llama, neox"
    ):
        build(SHAPE | {"architecture": "mamba"}, VOCABULARY, END, 1)


@pytest.mark.parametrize(
    "wrong", [{"width": 30, "heads": 4}, {"width": 12, "heads": 4}, {"key_value_heads": 3}]
)
def test_a_shape_that_no_heads_fit_is_refused(wrong):
    with pytest.raises(
        MixwrightError, match=r"final\.model: width .* do not fit \d heads; change one of them"
    ):
        build(SHAPE | wrong, VOCABULARY, END, 1)


def test_bfloat16_trains_master_weights_in_float32(shards, tokenizer, tmp_path):
    finals = train([ARM], shards, tokenizer, tmp_path, study(steps=40, precision="bfloat16"))
    assert {tensor.dtype for tensor in weights(finals).values()} == {torch.float32}
    assert finals.train_loss[0] < np.log(VOCABULARY) - 0.2


def test_a_waiting_job_finds_what_the_other_trained(tmp_path):
    """The lock is held while a key is trained, by one process at a time."""
    folder = tmp_path / "finals" / "key"
    with alone(job.lock_of(folder)):
        child = os.fork()
        if child == 0:
            with alone(job.lock_of(folder)):
                os._exit(0 if folder.exists() else 3)
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        folder.mkdir()
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 0


assert FINAL["batch"] * SHAPE["context"] == 64  # what the counts above rest on
