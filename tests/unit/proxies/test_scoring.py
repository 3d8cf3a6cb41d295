from dataclasses import replace

import numpy as np
import pytest
import torch

from mixwright.corpus.shards import Examples
from mixwright.proxies import scoring
from mixwright.proxies.loss_rows import losses
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.models.transformer import hidden_states, initial, stack
from mixwright.proxies.scoring import Exam

SHAPE = Shape(layers=1, width=16, heads=2, hidden=24, context=8, vocabulary=40)
RNG = np.random.default_rng(0)


def drawn(*lengths: tuple[int, int]) -> Examples:
    rows = [
        (RNG.integers(1, 40, context), RNG.integers(1, 40, scored), 3)
        for context, scored in lengths
    ]
    return Examples.of(rows, 0)


TARGETS = {"long": drawn((0, 30), (17, 3), (0, 8)), "short": drawn((2, 1), (0, 5), (3, 4), (9, 1))}


@pytest.fixture
def parameters() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    stacked = stack([initial(SHAPE, seed) for seed in range(3)])
    return {name: tensor + 0.3 * torch.randn_like(tensor) for name, tensor in stacked.items()}


def window_start(at: int, scored: int, length: int) -> int:
    """The first token of the window that predicts the token `at`, worked out from the rule.

    The first window predicts what fits, and half a context of what is scored at least; each later
    one half a context more.
    """
    half = SHAPE.context // 2
    first_end = max(SHAPE.context + 1, scored + half)
    if at < first_end:
        return max(0, min(first_end, length) - 1 - SHAPE.context)
    steps = (at - first_end) // half + 1
    return first_end + steps * half - 1 - SHAPE.context


def one_by_one(parameters: dict[str, torch.Tensor], examples: Examples) -> np.ndarray:
    """Every token on its own, with the text that its window holds before it."""
    scores = np.zeros((3, len(examples)))
    for j in range(len(examples)):
        text = examples.tokens[examples.starts[j] : examples.starts[j + 1]]
        for at in range(examples.scored_from[j], len(text)):
            start = window_start(at, examples.scored_from[j], len(text))
            states = hidden_states(
                parameters, torch.from_numpy(text[start:at]).view(1, 1, -1), SHAPE
            )[:, -1:]
            logs = torch.log_softmax(torch.bmm(states, parameters["head"])[:, 0].double(), -1)
            scores[:, j] += logs[:, text[at]].numpy()
    return scores


def test_every_scored_token_counts_once_whatever_the_batches(parameters, monkeypatch):
    expected = {name: one_by_one(parameters, examples) for name, examples in TARGETS.items()}
    for size in (8, 24, 10_000):
        monkeypatch.setattr("mixwright.proxies.scoring.BATCH_TOKENS", size)
        scores = Exam.of(TARGETS, SHAPE.context).loglikelihoods(parameters, SHAPE, torch.float32)
        assert all(np.allclose(scores[name], expected[name], atol=1e-5) for name in TARGETS)


def test_windows_without_a_scored_token_are_not_read():
    exam = Exam.of({"late": drawn((17, 3))}, SHAPE.context)
    assert sum(len(batch.tokens) for batch in exam.batches) == 1
    assert sum(len(batch.labels) for batch in exam.batches) == 3


def test_losses_are_per_token_and_per_byte():
    nats, bits = losses(np.array([[-10.0, -6.0, -4.0], [0.0, -41.0, 0.0]]), TARGETS["long"])
    assert nats.tolist() == [20 / 41, 1.0]
    assert bits.tolist() == pytest.approx([20 / np.log(2) / 123, 41 / np.log(2) / 123])


def test_no_texts_no_work(parameters):
    assert Exam.of({}, SHAPE.context).loglikelihoods(parameters, SHAPE, torch.float32) == {}


def test_every_token_can_count_for_itself(parameters, monkeypatch):
    whole = Exam.of(TARGETS, SHAPE.context).loglikelihoods(parameters, SHAPE, torch.float32)
    for size in (8, 10_000):
        monkeypatch.setattr("mixwright.proxies.scoring.BATCH_TOKENS", size)
        tokens = Exam.of(TARGETS, SHAPE.context, by_token=True).loglikelihoods(
            parameters, SHAPE, torch.float32
        )
        for name, examples in TARGETS.items():
            assert tokens[name].shape == (3, examples.scored_tokens.sum())
            sums = np.add.reduceat(
                tokens[name], np.concatenate([[0], np.cumsum(examples.scored_tokens)[:-1]]), axis=1
            )
            assert np.allclose(sums, whole[name], atol=1e-5)


def test_a_sequence_is_its_context_and_its_answer(parameters):
    answer = Exam.of(TARGETS, SHAPE.context).loglikelihoods(parameters, SHAPE, torch.float32)
    for name, examples in TARGETS.items():
        whole = examples.whole()
        assert (whole.scored_tokens == np.diff(examples.starts) - 1).all() and (
            whole.scored_bytes == 3 * whole.scored_tokens
        ).all()
        scores = Exam.of({name: whole}, SHAPE.context).loglikelihoods(
            parameters, SHAPE, torch.float32
        )[name]
        assert np.allclose(scores, one_by_one(parameters, whole), atol=1e-5)
        alike = examples.scored_from == 1
        assert np.allclose(scores[:, alike], answer[name][:, alike], atol=1e-6)
        assert (scores[:, ~alike] < answer[name][:, ~alike]).all()


def equal(one, other) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in TARGETS)


@pytest.mark.parametrize(("room", "most"), [(0.5, 1), (2.5, 2), (100, 3)])
def test_few_members_at_a_time_have_the_same_numbers(parameters, monkeypatch, room, most):
    """A pass takes its share of a device's memory; batches do not depend on it."""
    whole = Exam.of(TARGETS, SHAPE.context).loglikelihoods(parameters, SHAPE, torch.float32)
    members = []
    plain = scoring.hidden_states

    def watched(chosen, tokens, shape):
        members.append(len(chosen["embedding"]))
        return plain(chosen, tokens, shape)

    monkeypatch.setattr(scoring, "hidden_states", watched)
    exam = Exam.of(TARGETS, SHAPE.context)
    largest = max(batch.tokens.numel() for batch in exam.batches)
    bytes_of_a_pass = room * largest * scoring.token_bytes(SHAPE)
    monkeypatch.setattr(scoring, "room_bytes", lambda device: bytes_of_a_pass)
    assert equal(exam.loglikelihoods(parameters, SHAPE, torch.float32), whole)
    assert max(members) == most


def test_where_memory_is_full_fewer_members_are_scored_at_a_time(parameters, monkeypatch):
    cut = Exam.of(TARGETS, SHAPE.context, batch_tokens=24)
    whole = cut.loglikelihoods(parameters, SHAPE, torch.float32)
    plain = scoring.hidden_states
    refused = []

    def full(chosen, tokens, shape):
        if len(chosen["embedding"]) > 1:
            refused.append(len(chosen["embedding"]))
            raise torch.OutOfMemoryError("full")
        return plain(chosen, tokens, shape)

    monkeypatch.setattr(scoring, "hidden_states", full)
    exam = Exam.of(TARGETS, SHAPE.context, batch_tokens=24)
    assert len(exam.chunks) > 2
    assert equal(exam.loglikelihoods(parameters, SHAPE, torch.float32), whole)
    # The batches after the first do not try again.
    assert refused == [3, 2]
    monkeypatch.setattr(scoring, "hidden_states", lambda *_: full({"embedding": "ab"}, 0, 0))
    with pytest.raises(torch.OutOfMemoryError):
        exam.loglikelihoods(parameters, SHAPE, torch.float32)


def test_batches_and_sums_that_are_too_many_for_a_device_stay_on_the_host(parameters, monkeypatch):
    whole = Exam.of(TARGETS, SHAPE.context).loglikelihoods(parameters, SHAPE, torch.float32)
    monkeypatch.setattr(scoring, "_sent", lambda array, device: torch.from_numpy(array))
    exam = Exam.of(TARGETS, SHAPE.context, "cuda", batch_tokens=scoring.BATCH_TOKENS)
    held = sum(
        tensor.nbytes
        for batch in exam.batches
        for tensor in (batch.tokens, batch.places, batch.labels, batch.columns)
    )
    assert "_held_batches" in vars(exam) and held == exam.nbytes
    monkeypatch.setattr(scoring, "HELD_BYTES", exam.nbytes - 1)
    monkeypatch.setattr(scoring, "NUMBER_BYTES", 1 << 20)
    again = Exam.of(TARGETS, SHAPE.context, "cuda", batch_tokens=scoring.BATCH_TOKENS)
    assert equal(again.loglikelihoods(parameters, SHAPE, torch.float32), whole)
    assert "_held_batches" not in vars(again)


def test_a_batch_on_a_device_follows_the_shape_and_the_memory(monkeypatch):
    monkeypatch.setattr(scoring, "room_bytes", lambda device: 4.0 * 2**30)
    assert scoring.batch_tokens(SHAPE, "cpu") == scoring.BATCH_TOKENS
    assert scoring.batch_tokens(SHAPE, "cuda") == scoring.BATCH_TOKENS_ON_DEVICE
    wide = replace(SHAPE, width=4096, hidden=16_384, heads=32, context=2048)
    size = scoring.batch_tokens(wide, "cuda")
    assert wide.context <= size < scoring.BATCH_TOKENS_ON_DEVICE
    assert size * scoring.token_bytes(wide) <= 4 * 2**30
    # One window at least.
    monkeypatch.setattr(scoring, "room_bytes", lambda device: 1.0)
    assert scoring.batch_tokens(wide, "cuda") == wide.context
