"""One text, one score: proxies and finals of equal weights, on texts long and short."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, PreTrainedModel

from final_study import FINAL, SHAPE
from mixwright.corpus.shards import Examples
from mixwright.finals import score as scoring
from mixwright.finals.models import build
from mixwright.finals.score import evaluate_finals, model_losses
from mixwright.proxies import readout
from mixwright.proxies.loss_rows import losses
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import hf_state_dict, initial, stack
from mixwright.proxies.scored import scored_texts
from mixwright.proxies.scoring import Exam
from mixwright.proxies.work import Work
from mixwright.study.study import Study
from shard_files import END, VOCABULARY, make_shards
from study_runs import STUDY

RNG = np.random.default_rng(5)
ARCHITECTURES = ("llama", "gpt2", "neox", "bert")


def drawn(*lengths: tuple[int, int]) -> Examples:
    rows = []
    for context, scored in lengths:
        tokens = RNG.integers(1, VOCABULARY, context + scored)
        sizes = RNG.integers(0, 6, context + scored)
        rows.append((tokens[:context], tokens[context:], sizes))
    return Examples.of(rows, END)


TEXTS = {
    "documents": drawn((0, 100), (0, 3), (0, 16), (0, 17), (0, 15), (0, 40), (0, 300)),
    "questions": drawn((4, 2), (30, 5), (40, 1), (10, 20), (60, 33)),
}


def both(architecture: str, context: int) -> tuple[Parameters, Shape, PreTrainedModel]:
    """Packed weights of one member, and the model of transformers that has them."""
    described = SHAPE | {"architecture": architecture, "context": context}
    shape = Shape.of(described, VOCABULARY)
    torch.manual_seed(0)
    parameters = {}
    for name, tensor in stack([initial(shape, 1)]).items():
        parameters[name] = tensor + 0.2 * torch.randn_like(tensor)
    model = build(described, VOCABULARY, END, seed=0).eval()
    model.load_state_dict(hf_state_dict(parameters, 0, shape))
    return parameters, shape, model


@pytest.mark.parametrize("context", [16, 64, 512])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_proxy_and_a_final_of_equal_weights_have_equal_losses(architecture, context):
    parameters, shape, model = both(architecture, context)
    mask = VOCABULARY - 1 if architecture == "bert" else None
    texts = {"all": TEXTS["documents"]}
    for tokens in (100, 101, 119, 200):
        for name, examples in TEXTS.items():
            texts[f"{name}-{tokens}"] = examples.first(tokens)
    exam = Exam.of(texts, context, mask=mask)
    of_proxy = exam.loglikelihoods(parameters, shape, torch.float32)
    of_final = model_losses(model, texts, context, mask=mask)
    for name, examples in texts.items():
        np.testing.assert_allclose(of_final[name], -of_proxy[name][0], rtol=1e-5, atol=1e-5)
        loss, _ = losses(of_proxy[name], examples)
        tokens = examples.scored_tokens.sum()
        assert of_final[name].sum() / tokens == pytest.approx(loss[0], abs=1e-5)


def studies() -> tuple[Study, Study]:
    """A study as its proxies and as its finals see it: contexts differ, what is scored must not."""
    evaluation = {
        "tokens": 130,
        "steps": 1,
        "final_tokens": 130,
        "example_tokens": 20,
        "document_tokens": 45,
        "examples": 5,
        "likelihood": "answer",
    }
    config = STUDY | {"evaluation": evaluation, "final": FINAL}
    return Study(config), Study(config)


def test_proxies_and_finals_score_the_same_tokens(tmp_path, monkeypatch):
    shards = [
        replace(shard, validation=drawn((0, 60), (0, 45), (0, 70), (0, 80), (0, 90), (0, 99)))
        for shard in make_shards(tmp_path / "shards")
    ]
    of_proxies, of_finals = studies()
    held = {"held": drawn((30, 8), (2, 90), (5, 50), (0, 70), (0, 70))}
    work = Work.of([], {}, shards, held, of_proxies)
    scored = []

    def scored_by_finals(folder, texts, study, mask, processes):
        scored.append(texts)
        return {name: np.zeros(len(examples)) for name, examples in texts.items()}

    monkeypatch.setattr(scoring, "folder_losses", scored_by_finals)
    realised = [{"domain": "a", "tokens": 10, "epochs": 1.0}]
    final = {"mixer": "natural", "goal": None, "seed": 1, "folder": "f", "realised": realised}
    evaluate_finals(pd.DataFrame([final]), held, shards, of_finals, log=lambda line: None)
    assert list(scored[0]) == list(work.targets) == ["a", "b", "c", "held"]
    for name, texts in scored[0].items():
        other = work.targets[name]
        for array in ("tokens", "starts", "scored_from", "token_bytes"):
            assert (getattr(texts, array) == getattr(other, array)).all()
    # Documents of 45 tokens until there are 130; "b" is a target too, of 20 tokens at most.
    assert scored[0]["a"].scored_tokens.tolist() == [45, 45, 40]
    assert scored[0]["b"].scored_tokens.tolist() == [19] * 6
    assert scored[0]["held"].scored_tokens.tolist() == [8, 17, 14, 19, 19]


def test_nothing_but_the_two_keys_cuts_a_text(tmp_path):
    shards = make_shards(tmp_path)
    limits = {"document_tokens": None, "example_tokens": None}
    study = Study(STUDY | {"evaluation": limits})
    texts = scored_texts(TEXTS, shards, study, 10**9)
    for name, examples in TEXTS.items():
        assert (texts[name].tokens == examples.tokens).all()
    assert (texts["a"].tokens == sorted(shards, key=lambda s: s.domain)[0].validation.tokens).all()


def gemma() -> PreTrainedModel:
    """A model that caps its logits, so that its head is no plain product."""
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        final_logit_softcapping=2.0,
        attn_implementation="eager",
    )
    model = Gemma2ForCausalLM(config).eval()
    with torch.no_grad():
        model.get_output_embeddings().weight.normal_(0.0, 1.0)
    return model


@pytest.mark.parametrize("logits", [1, 3 * 16 * VOCABULARY, 2**24])
def test_a_model_of_another_head_is_scored_by_its_own_logits(logits, monkeypatch):
    monkeypatch.setattr(readout, "LOGITS", logits)
    model = gemma()
    texts = {"t": drawn((0, 12), (5, 6), (0, 2), (9, 1))}
    result = model_losses(model, texts, context=16)["t"]
    examples = texts["t"]
    for number, scored in enumerate(examples.scored_from):
        tokens = torch.from_numpy(
            examples.tokens[examples.starts[number] : examples.starts[number + 1]]
        )
        with torch.no_grad():
            logs = model(input_ids=tokens[None]).logits[0].log_softmax(-1)
        expected = -logs[scored - 1 : -1].gather(1, tokens[scored:, None]).sum()
        assert result[number] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_logits_of_models_we_build_are_computed_only_where_a_token_counts(
    architecture, monkeypatch
):
    _, _, model = both(architecture, 64)
    calls = []
    plain = type(model).forward
    monkeypatch.setattr(
        type(model),
        "forward",
        lambda self, *args, **named: (
            calls.append(named["input_ids"].shape) or plain(self, *args, **named)
        ),
    )
    model_losses(model, TEXTS, 64, mask=3 if architecture == "bert" else None)
    # The head is tried once, on a few tokens.
    assert len(calls) == 1 and calls[0].numel() <= readout.PROBED


def test_batches_shrink_until_they_fit_the_memory(monkeypatch):
    _, _, model = both("llama", 16)
    expected = model_losses(model, TEXTS, 16)
    sizes = []
    plain = Exam.loglikelihoods_of

    def full(exam: Exam, of_model: PreTrainedModel):
        largest = max(batch.tokens.numel() for batch in exam.batches)
        sizes.append(largest)
        if largest > 100:
            raise torch.OutOfMemoryError("out of memory")
        return plain(exam, of_model)

    monkeypatch.setattr(Exam, "loglikelihoods_of", full)
    result = model_losses(model, TEXTS, 16)
    assert sizes[0] > 500 and 16 <= sizes[-1] <= 100
    for name, values in expected.items():
        np.testing.assert_allclose(result[name], values, rtol=1e-5)


def test_a_final_reads_as_many_tokens_as_it_was_trained_on(tmp_path, monkeypatch):
    _, _, model = both("llama", 64)
    model.save_pretrained(tmp_path / "model")
    contexts = []

    def seen_context(model, texts, context, device, mask, processes):
        contexts.append(context)
        return {}

    monkeypatch.setattr(scoring, "model_losses", seen_context)
    for context in (64, 32):
        study = Study({"final": FINAL | {"shape": SHAPE | {"context": context}}})
        scoring.folder_losses(str(Path(tmp_path / "model")), {}, study, None)
    assert contexts == [64, 32]
