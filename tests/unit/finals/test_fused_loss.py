"""The head and its loss in one, for models of transformers of any kind."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    GPTJConfig,
    GraniteConfig,
    LlamaConfig,
    Qwen2Config,
)

from mixwright.errors import MixwrightError
from mixwright.finals import fused_loss
from mixwright.finals.fused_loss import UNSCORED, Head, returns_logits_of_head
from mixwright.finals.kernels import attention
from mixwright.finals.models import build

VOCABULARY = 600
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "pad_token_id": None,
}
CONFIGS = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=False),
    "tied": Qwen2Config(**SIZES, tie_word_embeddings=True),
    "gpt2": GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=1, n_head=2, n_positions=64),
    # a head with a bias
    "bias": GPTJConfig(vocab_size=VOCABULARY, n_embd=16, n_layer=1, n_head=2, rotary_dim=4),
    "capped": Gemma2Config(**SIZES, head_dim=8, final_logit_softcapping=2.0),
    "scaled": GraniteConfig(**SIZES, logits_scaling=3.0),
}
SHAPE_OF_BERT = {
    "architecture": "bert",
    "layers": 1,
    "width": 24,
    "heads": 3,
    "hidden": 48,
    "context": 32,
}
CHANGED = ("capped", "scaled")


def model_of(kind: str):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(CONFIGS[kind]).eval()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    tokens = torch.randint(VOCABULARY, (3, 41))
    return tokens[:, :-1], tokens[:, 1:]


def slopes(model, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("kind", CONFIGS)
def test_losses_and_gradients_are_those_of_the_models_logits(kind):
    model = model_of(kind)
    tokens, labels = batch()
    logits = model(input_ids=tokens).logits.flatten(0, 1)
    plain = cross_entropy(logits, labels.flatten(), reduction="sum")
    wanted = slopes(model, plain / 7)

    head = Head(model, "chunked", "cpu")
    with head.attached():
        loss = head.loss(model, tokens, labels)
        ours = slopes(model, loss / 7)
    assert loss.item() == pytest.approx(plain.item(), rel=1e-6)
    for name, slope in wanted.items():
        assert torch.allclose(ours[name], slope, atol=1e-5), name
    # the model is again what it was
    assert torch.equal(model(input_ids=tokens).logits.flatten(0, 1), logits)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_model_that_changes_its_logits_is_noticed(kind):
    assert returns_logits_of_head(model_of(kind)) == (kind not in CHANGED)


def test_a_first_head_of_zeros_hides_no_cap():
    model = model_of("capped")
    with torch.no_grad():
        model.get_output_embeddings().weight.zero_()
    assert not returns_logits_of_head(model)


@pytest.mark.parametrize("kind", ["llama", "capped"])
def test_few_rows_of_logits_are_float32_at_a_time(kind, monkeypatch):
    """In bfloat16, no float32 tensor has a row of the vocabulary for each token of the batch."""
    model = model_of(kind)
    tokens = torch.randint(VOCABULARY, (20, 40))
    largest = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            for tensor in result if isinstance(result, tuple) else (result,):
                if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float32:
                    continue
                if tensor.shape[-1:] == (VOCABULARY,):
                    largest.append(tensor.numel() // VOCABULARY)
            return result

    monkeypatch.setattr("mixwright.proxies.models.fused_head.LOGITS", 1)
    head = Head(model, "chunked", "cpu")
    with head.attached(), Watch(), torch.autocast("cpu", torch.bfloat16):
        head.loss(model, tokens, tokens).backward()
    assert max(largest) == 256 < tokens.numel()


def test_masked_models_compute_the_labelled_rows_alone(monkeypatch):
    model = build(SHAPE_OF_BERT, VOCABULARY, 0, seed=1).eval()
    torch.nn.init.normal_(model.get_output_embeddings().weight, std=0.02)
    tokens, labels = (part[:, :32] for part in batch())
    labels = torch.where(torch.rand(labels.shape) < 0.2, labels, UNSCORED)
    logits = model(input_ids=tokens).logits.flatten(0, 1)
    plain = cross_entropy(logits, labels.flatten(), ignore_index=UNSCORED, reduction="sum")
    rows = []
    chunked = fused_loss._chunked
    monkeypatch.setattr(
        fused_loss,
        "_chunked",
        lambda states, *rest: rows.append(len(states)) or chunked(states, *rest),
    )
    head = Head(model, "auto", "cpu", masked=True)
    with head.attached():
        loss = head.loss(model, tokens, labels)
    assert loss.item() == pytest.approx(plain.item(), rel=1e-6)
    assert rows == [int((labels != UNSCORED).sum())]


def test_liger_without_its_package_is_told_in_one_line():
    with pytest.raises(MixwrightError, match="liger: the package liger-kernel is not installed"):
        Head(model_of("llama"), "liger", "cuda")


def test_liger_is_refused_where_it_would_pass_over_the_models_own_logits():
    with pytest.raises(MixwrightError, match="Gemma2ForCausalLM changes the logits of its head"):
        Head(model_of("capped"), "liger", "cuda")


def test_attention_takes_what_is_there():
    assert attention("auto", "cpu", "float32") == "sdpa"
    assert attention("auto", "cpu", "bfloat16") == "eager"
    # flash attention is not installed where this runs
    assert attention("auto", "cuda", "bfloat16") == "sdpa"
    assert attention("eager", "cuda", "float32") == "eager"
    with pytest.raises(MixwrightError, match="flash_attention_2: its package is not installed"):
        attention("flash_attention_2", "cuda", "bfloat16")
    with pytest.raises(MixwrightError, match="needs device cuda and precision bfloat16"):
        attention("flash_attention_2", "cuda", "float32")
