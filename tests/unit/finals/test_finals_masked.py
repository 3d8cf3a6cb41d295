"""Masked final models: shape, reading and scoring are those of the proxies, by transformers."""

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForMaskedLM, AutoTokenizer

from final_study import FINAL, SHAPE, write_tokenizer
from killed_finals import in_a_process_that_dies, same, weights
from mixwright import tables
from mixwright.corpus.allocation import Schedule
from mixwright.corpus.unigram import unigram_losses
from mixwright.finals.arm import Arm
from mixwright.finals.score import evaluate_finals, model_losses
from mixwright.finals.train import train_finals
from mixwright.mixture import Mixture
from mixwright.proxies.models.masking import Masking
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.train import train as train_packed
from mixwright.proxies.wave import Member, Settings
from mixwright.study.study import Study
from shard_files import VOCABULARY, make_shards

BERT = SHAPE | {"architecture": "bert", "context": 32}
ARM = Arm("regmix", 1, Mixture(("a", "b", "c"), (0.2, 0.2, 0.6)))


def study(steps: int, batch: int = 4) -> Study:
    goal = {"tokens": steps * batch * BERT["context"]}
    final = FINAL | {"shape": BERT, "batch": batch}
    config = {
        "learner": "masked-lm",
        "store": "use",
        "goal": goal,
        "evaluation": {"final_tokens": 500},
        "final": final,
    }
    return Study(config)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"), masked=True)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


def train(shards, tokenizer, folder: Path, config):
    train_finals(
        [ARM],
        shards,
        tokenizer,
        config,
        folder / "store",
        folder / "finals.parquet",
        log=lambda line: None,
    )
    return tables.read(folder / "finals.parquet", tables.FINALS)


@pytest.fixture(scope="module")
def trained(shards, tokenizer, tmp_path_factory):
    return train(shards, tokenizer, tmp_path_factory.mktemp("trained"), study(300, batch=16))


def test_a_masked_final_learns_and_loads_like_any_model(shards, trained):
    model = AutoModelForMaskedLM.from_pretrained(trained.folder[0])
    assert (
        type(model).__name__ == "BertForMaskedLM"
        and AutoTokenizer.from_pretrained(trained.folder[0]) is not None
    )
    assert not model.bert.embeddings.token_type_embeddings.weight.any()
    texts = shards[2].validation.first(example_tokens=32)
    losses = model_losses(model, {"c": texts}, BERT["context"], mask=VOCABULARY)["c"]
    loss = losses.sum() / texts.scored_tokens.sum()
    counts = np.stack([shard.unigram for shard in shards])
    assert loss < unigram_losses(ARM.mixture.weights, counts, texts) - 0.2


def test_a_proxy_of_the_same_shape_and_recipe_ends_at_a_comparable_loss(shards, trained):
    """Sequences, masks and optimizer are the same.

    First weights differ, and torch's Muon rounds to bfloat16.
    """
    results = {}
    settings = Settings(batch=16, optimizer=FINAL["optimizer"], evaluations=1)
    cut = {"c": shards[2].validation.first(tokens=500, example_tokens=32)}
    keep = {
        "targets": cut,
        "likelihoods": {},
        "on_finished": lambda member, result: results.update({member.key: result}),
    }
    train_packed(
        [Member("m", ARM.mixture, 300, seed=1)],
        Shape.of(BERT, VOCABULARY + 1),
        shards,
        settings=settings,
        **keep,
    )
    scores = evaluate_finals(
        trained, {}, shards, study(300, batch=16), log=lambda line: None
    ).scores
    final = scores[(scores.task == "c") & (scores.metric == "loss")].value.item()
    assert results["m"].losses[-1]["loss"] == pytest.approx(final, abs=0.3)


def test_a_killed_masked_final_goes_on_to_the_same_weights(
    shards, tokenizer, tmp_path, monkeypatch
):
    whole = train(shards, tokenizer, tmp_path / "whole", study(20))
    work = lambda: train(shards, tokenizer, tmp_path / "killed", study(20))  # noqa: E731
    assert in_a_process_that_dies(monkeypatch, 13, signal.SIGKILL, work) == signal.SIGKILL
    assert same(weights(work()), weights(whole))


def test_another_seed_masks_other_tokens(shards):
    schedule = Schedule.of(ARM.mixture.weights, shards, 32, 20, seed=1)
    one, other = (Masking.of(shards[0], seed).read(schedule, np.arange(20))[1] for seed in (1, 2))
    assert (one != other).any()
    assert replace(Masking.of(shards[0], 1), seed=2) == Masking.of(shards[0], 2)
