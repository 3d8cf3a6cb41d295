"""A final model by transformers: its shape and its first weights."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    BertConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
)

from mixwright.errors import MixwrightError
from mixwright.learners import HEAD_MULTIPLE, MASKED, table_rows

Shape = Mapping[str, Any]


def _llama(shape: Shape, vocabulary: int, end_token: int) -> PreTrainedConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape["width"],
        intermediate_size=shape["hidden"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape.get("key_value_heads", shape["heads"]),
        max_position_embeddings=shape["context"],
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        bos_token_id=end_token,
        eos_token_id=end_token,
        pad_token_id=None,  # the embedding of padding is never trained, and here it would be the end token's
    )


def _gpt2(shape: Shape, vocabulary: int, end_token: int) -> PreTrainedConfig:
    return GPT2Config(
        vocab_size=vocabulary,
        n_positions=shape["context"],
        n_embd=shape["width"],
        n_inner=shape["hidden"],
        n_layer=shape["layers"],
        n_head=shape["heads"],
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=end_token,
        eos_token_id=end_token,
        pad_token_id=None,
    )


def _neox(shape: Shape, vocabulary: int, end_token: int) -> PreTrainedConfig:
    return GPTNeoXConfig(
        vocab_size=vocabulary,
        hidden_size=shape["width"],
        intermediate_size=shape["hidden"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        max_position_embeddings=shape["context"],
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "partial_rotary_factor": 0.25,
        },
        tie_word_embeddings=False,
        bos_token_id=end_token,
        eos_token_id=end_token,
        pad_token_id=None,
    )


def _bert(shape: Shape, vocabulary: int, end_token: int) -> PreTrainedConfig:
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=shape["width"],
        intermediate_size=shape["hidden"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        max_position_embeddings=shape["context"],
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        eos_token_id=end_token,
        pad_token_id=None,
    )


CONFIGS: dict[str, Callable[[Shape, int, int], PreTrainedConfig]] = {
    "llama": _llama,
    "gpt2": _gpt2,
    "neox": _neox,
    "bert": _bert,
}

OUTPUTS = (  # of a block to the residual stream
    *("o_proj.weight", "down_proj.weight"),
    *("c_proj.weight", "output.dense.weight"),
    *("attention.dense.weight", "dense_4h_to_h.weight"),
)


def build(shape: Shape, tokens: int, end_token: int, seed: int) -> PreTrainedModel:
    """A model of `shape` in float32, for a tokenizer of so many tokens, whose first weights follow from `seed` alone."""
    if shape["architecture"] not in CONFIGS:
        raise MixwrightError(
            f"model: no final of architecture {shape['architecture']}; there are {', '.join(sorted(CONFIGS))}"
        )
    heads, width = shape["heads"], shape["width"]
    if width % (HEAD_MULTIPLE.get(shape["architecture"], 2) * heads) or heads % shape.get(
        "key_value_heads", heads
    ):
        raise MixwrightError(
            f"final.model: width {width} and key_value_heads do not fit {heads} heads; change one of them"
        )
    kind = AutoModelForMaskedLM if shape["architecture"] in MASKED else AutoModelForCausalLM
    config = CONFIGS[shape["architecture"]](shape, table_rows("final", shape, tokens), end_token)
    model = kind.from_config(config, dtype=torch.float32)
    _initialise(model, torch.Generator().manual_seed(seed))
    return model


@torch.no_grad()
def _initialise(model: PreTrainedModel, generator: torch.Generator) -> None:
    """Zero biases, residual outputs and head, where it has weights of its own; other matrices normal(0, 0.02), norms one.

    BERT's embedding of a sentence's kind stays zero: with one kind it is a constant that the positions hold already, as in proxies.
    """
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        elif name.startswith("lm_head") or name.endswith(OUTPUTS):
            parameter.zero_()
        elif name.endswith("token_type_embeddings.weight"):
            parameter.zero_().requires_grad_(False)
        else:
            parameter.normal_(0.0, 0.02, generator=generator)
