import numpy as np
import pytest
import torch

from mixwright.corpus.shards import Examples
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
