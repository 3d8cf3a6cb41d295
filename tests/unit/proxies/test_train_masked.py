"""Masked models, GPT-2 and GPT-NeoX through the packed trainer, as test_train.py tests Llama."""

import signal
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from mixwright.mixture import Mixture
from mixwright.proxies.models.fused_head import loglikelihoods
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.models.transformer import head, hidden_states, initial, stack
from mixwright.proxies.scoring import Exam
from mixwright.proxies.train import Member, train
from shard_files import examples, make_shards
from small_bert import BERT
from small_packs import FOURS, LONG, SETTINGS, SHAPE, eight, numbers, opened, run, started

GPT2 = replace(SHAPE, architecture="gpt2")
NEOX = replace(SHAPE, architecture="neox")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shards")


@pytest.fixture(scope="module", params=[BERT, GPT2, NEOX], ids=["bert", "gpt2", "neox"])
def shape(request) -> Shape:
    return request.param


@pytest.fixture(scope="module")
def texts(folder, shape) -> Path:
    return folder / shape.architecture


@pytest.fixture(scope="module")
def pack_of_eight(texts, shape):
    return run(texts, eight(), shape=shape)


def test_a_member_learns_from_context_what_its_mixture_holds(texts, shape):
    """A masked model is told 15 % of what it reads, and starts slower."""
    settings = replace(SETTINGS, batch=16 if shape.masked else 4)
    only = run(
        texts,
        [Member("only", Mixture(tuple("abc"), (0.0, 0.0, 1.0)), 300, seed=0)],
        settings,
        shape,
    )["only"]
    last = {row["target"]: row for row in only.losses}
    assert last["c"]["loss"] < last["c"]["unigram_loss"] - 0.5
    assert last["held"]["loss"] < last["held"]["unigram_loss"] - 0.5
    assert last["a"]["loss"] > last["c"]["loss"] + 1


@pytest.mark.parametrize("wave", [1, 2, 3])
def test_numbers_are_the_same_alone_in_twos_in_threes_and_in_a_pack_of_eight(
    texts, shape, pack_of_eight, wave
):
    results = run(texts, eight(), replace(SETTINGS, wave=wave), shape)
    assert {key: numbers(result) for key, result in results.items()} == {
        key: numbers(result) for key, result in pack_of_eight.items()
    }


def test_bfloat16_is_as_independent_of_company_and_near_float32(texts, shape, pack_of_eight):
    halves = replace(SETTINGS, precision="bfloat16")
    packed, alone = (
        run(texts, eight(), halves, shape),
        run(texts, eight()[:3], replace(halves, wave=1), shape),
    )
    assert {key: numbers(packed[key]) for key in alone} == {
        key: numbers(result) for key, result in alone.items()
    }
    pairs = [
        (row["loss"], exact["loss"])
        for key in packed
        for row, exact in zip(packed[key].losses, pack_of_eight[key].losses, strict=True)
    ]
    assert 0 < max(abs(near - exact) for near, exact in pairs) < 0.1


@pytest.fixture(scope="module")
def unbroken(texts, shape) -> dict[str, list]:
    return {key: numbers(result) for key, result in run(texts, eight(LONG), FOURS, shape).items()}


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_pack_goes_on_where_it_was_and_ends_with_the_same_numbers(
    texts, shape, tmp_path, unbroken, blow
):
    opened(texts, shape.masked)
    child = started(texts, tmp_path, shape)
    child.send_signal(blow)
    assert child.wait(60) == (143 if blow == signal.SIGTERM else -9)
    (path,) = tmp_path.glob("*.pt")
    assert 0 < torch.load(path, weights_only=True)["step"] < LONG
    resumed = run(texts, eight(LONG), FOURS, shape, checkpoints=tmp_path)
    assert {key: numbers(result) for key, result in resumed.items()} == unbroken


def test_losses_and_loglikelihoods_are_over_all_scored_tokens(folder):
    result = run(folder / "bert", eight(), shape=BERT)["key1"]
    scored = examples(2, seed=9).scored_tokens
    assert result.losses[-4]["scored_tokens"] == scored.sum()
    assert np.isclose(
        -result.loglikelihoods["held"].sum() / scored.sum(), result.losses[-4]["loss"], rtol=1e-12
    )


@pytest.mark.parametrize("alone", [False, True])
def test_every_scored_token_is_predicted_once_with_its_set_masked(alone):
    """One forward pass of every window and set, by hand."""
    torch.manual_seed(0)
    mask, texts = BERT.vocabulary - 1, {"held": examples(2, seed=9), "b": examples(1)}
    parameters = {
        name: tensor + 0.3 * torch.randn_like(tensor)
        for name, tensor in stack([initial(BERT, 1), initial(BERT, 2)]).items()
    }
    scores = Exam.of(texts, BERT.context, mask=mask, alone=alone).loglikelihoods(
        parameters, BERT, torch.float32
    )
    tokens_of = Exam.of(texts, BERT.context, by_token=True, mask=mask, alone=alone).loglikelihoods(
        parameters, BERT, torch.float32
    )
    for name, held_out in texts.items():
        expected = np.zeros((2, len(held_out)))
        for j, (start, end) in enumerate(zip(held_out.starts, held_out.starts[1:], strict=False)):
            edges = (
                np.linspace(start, end, int(np.ceil((end - start) / BERT.context)) + 1)
                .round()
                .astype(int)
            )
            for at, until in pairwise(edges.tolist()):
                text = torch.from_numpy(held_out.tokens[at:until])
                scored = np.arange(max(at, start + held_out.scored_from[j]), until) - at
                sets = len(scored) if alone else min(7, len(scored))
                for places in (scored[k::sets] for k in range(sets)):
                    masked = text.clone()
                    masked[places] = mask
                    states, matrix = head(
                        parameters,
                        hidden_states(parameters, masked.view(1, 1, -1), BERT)[:, places],
                        BERT,
                    )
                    expected[:, j] += (
                        loglikelihoods(states, matrix, text[places], torch.float32)
                        .sum(1)
                        .double()
                        .numpy()
                    )
        assert np.allclose(scores[name], expected, atol=1e-4)
        sums = np.add.reduceat(
            tokens_of[name], np.concatenate([[0], np.cumsum(held_out.scored_tokens)[:-1]]), axis=1
        )
        assert np.allclose(sums, expected, atol=1e-4)


def test_simulated_epochs_cut_every_domain_to_the_run_s_share(tmp_path):
    """A final of ten times the tokens: a tenth of each domain's sequences is read, repeatedly."""
    shards = make_shards(tmp_path)
    settings = replace(SETTINGS, epochs_of=10 * 12 * SETTINGS.batch * SHAPE.context)
    results = {}
    keep = {
        "targets": {"held": examples(2)},
        "likelihoods": {},
        "on_finished": lambda member, result: results.update({member.key: result}),
    }
    for key, chosen in (("cut", settings), ("whole", SETTINGS)):
        train(
            [Member(key, Mixture(tuple("abc"), (0.5, 0.25, 0.25)), 12, seed=0)],
            SHAPE,
            shards,
            settings=chosen,
            **keep,
        )
    for shard, count in zip(shards, (24, 12, 12), strict=True):
        available = round(shard.sequences(SHAPE.context) / 10)
        assert results["cut"].realised[shard.domain] == (count * SHAPE.context, count / available)
        assert results["whole"].realised[shard.domain] == (
            count * SHAPE.context,
            count / shard.sequences(SHAPE.context),
        )


def test_simulated_epochs_are_those_of_the_source_as_far_as_the_sample_holds_it(tmp_path):
    """A tenth of what a is a sample of is three tenths of it; of c it is more than there is."""
    shards = make_shards(tmp_path)
    sources = {"a": 3 * 4000, "b": None, "c": 30 * 2500}
    sampled = [replace(shard, source_tokens=sources[shard.domain]) for shard in shards]
    settings = replace(SETTINGS, epochs_of=10 * 12 * SETTINGS.batch * SHAPE.context)
    results = {}
    train(
        [Member("cut", Mixture(tuple("abc"), (0.5, 0.25, 0.25)), 12, seed=0)],
        SHAPE,
        sampled,
        settings=settings,
        targets={"held": examples(2)},
        likelihoods={},
        on_finished=lambda member, result: results.update({member.key: result}),
    )
    realised = results["cut"].realised
    shares = {"a": 0.3, "b": 0.1, "c": 1.0}
    for shard in shards:
        tokens, epochs = realised[shard.domain]
        shown = round(shares[shard.domain] * shard.sequences(SHAPE.context))
        assert epochs == tokens / SHAPE.context / shown
