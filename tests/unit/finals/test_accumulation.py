"""A batch in pieces and among processes: the same numbers as at once, but for rounding."""

import numpy as np
import pytest

from final_study import OPTIMIZER, SHAPE, study, write_tokenizer
from mixwright.finals.memory import micro_batch, sequence_mb
from mixwright.finals.sequences import Shares
from shard_files import make_shards
from trained_finals import curve, train, train_together

# nats after 50 steps; measured 3e-6 at most
CLOSE = 1e-4
STEPS = 50


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


def sized(batch: int, **final):
    """A study whose finals take 50 steps, whatever their batch."""
    return study(steps=STEPS * batch // 4, batch=batch, **final)


@pytest.fixture(scope="module")
def at_once(shards, tokenizer, tmp_path_factory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("at_once")
    train(shards, tokenizer, folder, sized(8, micro_batch=8))
    losses = curve(folder).loss.to_numpy()
    assert len(losses) == STEPS and losses[-1] < losses[0] - 1
    return losses


@pytest.mark.parametrize(
    "how",
    [
        {"micro_batch": 2},
        {"micro_batch": 1},
        {"micro_batch": 3},
        {"micro_batch": 1, "activation_checkpointing": True},
        {"processes": 2},
        {"processes": 2, "micro_batch": 1},
        {"processes": 3, "micro_batch": 1},
        {"processes": 2, "micro_batch": 2, "parallel": "fsdp"},
        {"processes": 3, "micro_batch": 1, "parallel": "fsdp"},
        {"processes": 2, "micro_batch": 1, "parallel": "fsdp", "activation_checkpointing": True},
    ],
    ids=lambda how: "-".join(str(value) for value in how.values()),
)
def test_pieces_and_processes_change_nothing_but_rounding(
    how, at_once, shards, tokenizer, tmp_path
):
    """4 and 8 pieces; uneven ones; 8 sequences among three processes, of which one has two."""
    train_together(shards, tokenizer, tmp_path, sized(8, **how))
    assert np.abs(curve(tmp_path).loss.to_numpy() - at_once).max() < CLOSE


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_in_bfloat16_processes_agree_to_its_rounding(parallel, shards, tokenizer, tmp_path):
    final = {"precision": "bfloat16", "optimizer": OPTIMIZER | {"name": "adamw"}}
    train(shards, tokenizer, tmp_path / "one", sized(8, **final))
    two = sized(8, **final, processes=2, parallel=parallel, micro_batch=1)
    train_together(shards, tokenizer, tmp_path / "two", two)
    one, other = (curve(tmp_path / name).loss.to_numpy() for name in ("one", "two"))
    assert one[-1] < one[0] - 1 and np.abs(one - other).max() < 0.05


def test_processes_share_a_batch_in_the_order_of_the_schedule():
    for batch, size in ((8, 2), (7, 3), (3, 3), (5, 1)):
        shares = [list(Shares(4, batch, rank, size)) for rank in range(size)]
        read = [
            position for step in zip(*shares, strict=True) for part in step for position in part
        ]
        assert read == list(range(4 * batch))
        sizes = {len(part) for parts in shares for part in parts}
        assert max(sizes) - min(sizes) <= 1


def test_readers_beside_a_process_change_nothing(shards, tokenizer, tmp_path):
    """Workers read the next batches; a curve and its resumed half are those without them."""
    train(shards, tokenizer, tmp_path / "alone")
    train(shards, tokenizer, tmp_path / "beside", study(workers=2))
    assert curve(tmp_path / "alone").equals(curve(tmp_path / "beside"))


def test_memory_decides_how_many_sequences_are_computed_at_a_time():
    final = {"shape": SHAPE, "batch": 64, "device": "cpu", "precision": "float32"}
    assert micro_batch(final, 64) == 64
    assert micro_batch(final, 64, processes=3) == 22
    large = SHAPE | {"width": 2048, "hidden": 8192, "layers": 24, "context": 2048}
    at_real_size = final | {"shape": large}
    assert micro_batch(at_real_size, 50_000) == 1
    gpu = at_real_size | {"device": "cuda", "precision": "bfloat16"}
    fitting = micro_batch(gpu, 50_000, memory_mb=140_000, weights=10**9)
    assert 4 < fitting < 64
    again = gpu | {"activation_checkpointing": True}
    assert micro_batch(again, 50_000, memory_mb=140_000, weights=10**9) > fitting
    assert micro_batch(gpu, 50_000, memory_mb=1_000, weights=10**9) == 1
    assert micro_batch(gpu | {"micro_batch": 3}, 50_000, memory_mb=140_000) == 3
    assert micro_batch(gpu | {"micro_batch": 300}, 50_000, processes=2) == 32
    scores = sequence_mb(gpu | {"attention": "eager"}) / sequence_mb(gpu)
    assert scores > 1


def test_full_memory_halves_the_pieces_and_keeps_the_numbers(
    at_once, shards, tokenizer, tmp_path, monkeypatch
):
    from mixwright.finals.fused_loss import Head

    whole = Head.loss
    sizes = []

    def loss(self, model, tokens, labels):
        if len(tokens) > 2:
            raise MemoryError
        sizes.append(len(tokens))
        return whole(self, model, tokens, labels)

    monkeypatch.setattr(Head, "loss", loss)
    train(shards, tokenizer, tmp_path, sized(8))
    assert set(sizes) == {2} and len(sizes) == 4 * STEPS
    assert np.abs(curve(tmp_path).loss.to_numpy() - at_once).max() < CLOSE
