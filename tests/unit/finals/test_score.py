import math

import numpy as np
import pandas as pd
import pytest
import torch

from final_study import SHAPE, study
from mixwright import tables
from mixwright.corpus.shards import Examples
from mixwright.corpus.unigram import unigram_losses
from mixwright.errors import MixwrightError
from mixwright.finals import score as evaluation
from mixwright.finals.models import build
from mixwright.finals.score import evaluate_finals, model_losses, score
from shard_files import END, VOCABULARY, examples, make_shards


@pytest.fixture(scope="module")
def model():
    model = build(SHAPE, VOCABULARY, END, seed=1).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
    return model


@pytest.fixture
def finals(model, tmp_path):
    model.save_pretrained(tmp_path / "one")
    taken = [
        {"domain": name, "tokens": tokens, "epochs": 1.0}
        for name, tokens in (("a", 640), ("b", 0), ("c", 640))
    ]
    row = {
        "seed": 1,
        "store_key": "k",
        "folder": str(tmp_path / "one"),
        "tokens": 1280,
        "seconds": 1.0,
        "train_loss": 3.0,
        "realised": taken,
    }
    return pd.DataFrame([{"mixer": mixer, "goal": None} | row for mixer in ("natural", "uniform")])


def alone(model, examples: Examples) -> list[float]:
    """Each example by itself, token by token."""
    losses = []
    for start, end, first in zip(
        examples.starts[:-1], examples.starts[1:], examples.scored_from, strict=True
    ):
        tokens = torch.from_numpy(examples.tokens[start:end])
        logs = model(tokens[None]).logits[0].log_softmax(-1).detach()
        losses.append(-sum(float(logs[at - 1, tokens[at]]) for at in range(first, len(tokens))))
    return losses


@pytest.mark.parametrize("size", [1, 24, 10_000])
def test_losses_do_not_depend_on_batches_and_count_only_what_is_scored(model, monkeypatch, size):
    monkeypatch.setattr("mixwright.proxies.scoring.BATCH_TOKENS", size)
    rows = [
        ([], [1, 2, 3], 1),
        ([9, 8, 7, 6], [5], 1),
        ([4], list(range(1, 12)), 1),
        ([], [60], 1),
    ]
    texts = Examples.of(rows, END)
    losses = model_losses(model, {"t": texts}, SHAPE["context"])["t"]
    np.testing.assert_allclose(losses, alone(model, texts), rtol=1e-5)


def test_both_metrics_tell_the_same_losses_in_their_units():
    texts = Examples.of([([], [1, 2], 2), ([], [3, 4], 2)], END)
    loss, bits = score("t", np.array([2.0, 4.0]), texts, unigram=3.0)
    assert loss == {
        "task": "t",
        "metric": "loss",
        "value": 1.5,
        "stderr": pytest.approx(0.5),
        "n": 2,
        "unigram": 3.0,
    }
    assert bits["value"] == pytest.approx(6 / math.log(2) / 8) and bits["unigram"] == pytest.approx(
        12 / math.log(2) / 8
    )


def test_scores_are_a_table_of_every_task_and_equal_finals_are_scored_once(
    finals, tmp_path, monkeypatch
):
    calls = []
    losses = evaluation.folder_losses
    monkeypatch.setattr(
        evaluation, "folder_losses", lambda *arguments: calls.append(1) or losses(*arguments)
    )
    shards = make_shards(tmp_path / "shards")
    scored = evaluate_finals(
        finals, {"held": examples(5, count=9)}, shards, study(), log=lambda line: None
    )
    scores = tables.check(scored.scores, tables.SCORES, "scores")
    assert calls == [1]
    assert set(scores.task) == {"a", "b", "c", "held"} and len(scores) == 2 * 4 * 2
    natural, uniform = (
        scores[scores.mixer == mixer].drop(columns="mixer").reset_index(drop=True)
        for mixer in ("natural", "uniform")
    )
    pd.testing.assert_frame_equal(natural, uniform)
    assert len(tables.check(scored.documents, tables.DOCUMENTS, "documents")) == 2 * (3 * 6 + 9)
    held = scored.documents[
        (scored.documents.task == "held") & (scored.documents.mixer == "natural")
    ]
    value = natural[(natural.task == "held") & (natural.metric == "loss")].value.item()
    assert value == pytest.approx(-held.loglikelihood.sum() / held.scored_tokens.sum())


def test_an_arm_with_a_goal_of_its_own_is_scored_on_that_alone(finals, tmp_path):
    shards = make_shards(tmp_path / "shards")
    scored = evaluate_finals(
        finals.assign(goal=["a", "b"]),
        {"held": examples(5)},
        shards,
        study(),
        log=lambda line: None,
    )
    assert set(zip(scored.scores.mixer, scored.scores.task, strict=True)) == {
        ("natural", "a"),
        ("uniform", "b"),
    }
    assert set(scored.documents.task) == {"a", "b"}


def test_the_unigram_model_is_that_of_the_tokens_taken(finals, tmp_path):
    shards = make_shards(tmp_path / "shards")
    scores = evaluate_finals(finals, {}, shards, study(), log=lambda line: None).scores
    unigram = scores[
        (scores.task == "b") & (scores.metric == "loss") & (scores.mixer == "natural")
    ].unigram.item()
    counts = np.stack([shard.unigram for shard in shards])
    assert unigram == pytest.approx(
        float(unigram_losses([0.5, 0.0, 0.5], counts, shards[1].validation))
    )


def test_a_model_that_is_gone_and_an_empty_task_name_the_fix(finals, tmp_path):
    shards = make_shards(tmp_path / "shards")
    with pytest.raises(MixwrightError, match="held: no held-out example"):
        evaluate_finals(finals, {"held": Examples.of([], END)}, shards, study())
    with pytest.raises(MixwrightError, match="is gone; train it again"):
        evaluate_finals(finals.assign(folder=str(tmp_path / "nowhere")), {}, shards, study())
