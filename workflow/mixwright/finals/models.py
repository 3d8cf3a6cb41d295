"""Builds a final model by transformers: its shape and its first weights."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
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
from mixwright.learners import HEAD_MULTIPLE, MASKED, NORM_EPSILON, THETA, table_rows
from mixwright.proxies.init import checkpoint_folder
from mixwright.proxies.start import loaded_model, without_dropout

Shape = Mapping[str, Any]


def _epsilon(shape: Shape) -> float:
    """What the model's norms add to a variance."""
    return float(shape.get("epsilon") or NORM_EPSILON[shape["architecture"]])


def _llama(shape: Shape, vocabulary: int, end_token: int) -> PreTrainedConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape["width"],
        intermediate_size=shape["hidden"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape.get("key_value_heads", shape["heads"]),
        max_position_embeddings=shape["context"],
        rms_norm_eps=_epsilon(shape),
        rope_parameters={"rope_type": "default", "rope_theta": shape.get("theta", THETA)},
        tie_word_embeddings=shape.get("tied", False),
        bos_token_id=end_token,
        eos_token_id=end_token,
        # the embedding of padding is never trained, and here it would be the end token's
        pad_token_id=None,
    )


def _gpt2(shape: Shape, vocabulary: int, end_token: int) -> PreTrainedConfig:
    return GPT2Config(
        vocab_size=vocabulary,
        n_positions=shape.get("positions") or shape["context"],
        n_embd=shape["width"],
        n_inner=shape["hidden"],
        n_layer=shape["layers"],
        n_head=shape["heads"],
        layer_norm_epsilon=_epsilon(shape),
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
            "rope_theta": shape.get("theta", THETA),
            "partial_rotary_factor": 0.25,
        },
        layer_norm_eps=_epsilon(shape),
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
        max_position_embeddings=shape.get("positions") or shape["context"],
        type_vocab_size=1,
        layer_norm_eps=_epsilon(shape),
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        eos_token_id=end_token,
        pad_token_id=None,
    )


# architecture -> its configuration, from (shape, vocabulary, end token)
CONFIGS: dict[str, Callable[[Shape, int, int], PreTrainedConfig]] = {
    "llama": _llama,
    "gpt2": _gpt2,
    "neox": _neox,
    "bert": _bert,
}

# weights with which a block adds to the residual stream
RESIDUAL_OUTPUTS = (
    "o_proj.weight",
    "down_proj.weight",
    "c_proj.weight",
    "output.dense.weight",
    "attention.dense.weight",
    "dense_4h_to_h.weight",
)


def build(shape: Shape, tokens: int, end_token: int, seed: int) -> PreTrainedModel:
    """Builds a model in float32 whose first weights follow from `seed` alone.

    Args:
        shape: a file of config/models.
        tokens: tokens that the tokenizer knows; the embedding has at least as many rows.
        end_token: the number of the token that ends a document.
        seed: of the first weights.

    Raises:
        MixwrightError: the architecture is unknown, or the width does not fit the heads.
    """
    architecture = shape["architecture"]
    if architecture not in CONFIGS:
        known = ", ".join(sorted(CONFIGS))
        raise MixwrightError(f"model: no final of architecture {architecture}; there are {known}")
    _check_heads(shape)
    config = CONFIGS[architecture](shape, table_rows("final", shape, tokens), end_token)
    kind = AutoModelForCausalLM
    if architecture in MASKED:
        kind = AutoModelForMaskedLM
    model = kind.from_config(config, dtype=torch.float32)
    _initialise(model, torch.Generator().manual_seed(seed))
    return model


def build_final(
    final: Mapping[str, Any], tokens: int, end_token: int, seed: int
) -> PreTrainedModel:
    """Builds the model of a study's section `final`, in float32.

    With `init` its weights are the checkpoint's, whatever the seed. With `from` they are first
    weights: as proxies have them where the packed trainer has such a model, else those that
    transformers draws, by the seed. No model has dropout.

    Args:
        final: the resolved section.
        tokens: tokens that the tokenizer knows.
        end_token: the number of the token that ends a document; of a shape of config/models.
        seed: of the first weights.

    Raises:
        MixwrightError: the model cannot be built or loaded, knows fewer tokens, or sees the tokens
            that it is to predict.
    """
    shape = final["shape"]
    start = final.get("init") or final.get("from")
    if not start:
        return build(shape, tokens, end_token, seed)
    table_rows("final", shape, tokens)
    masked = shape["architecture"] in MASKED
    if final.get("init"):
        folder = checkpoint_folder(start, "final.init")
        model = loaded_model(folder, f"final.init: {folder}", masked)
        if shape["architecture"] not in CONFIGS:
            _check_causal(model, f"final.init: {folder}")
        return model
    path = checkpoint_folder(start, "final.from", weights=False)
    model = _of_configuration(path, masked, seed)
    without_dropout(model, f"final.from: {start}")
    if shape["architecture"] in CONFIGS:
        _initialise(model, torch.Generator().manual_seed(seed))
    else:
        _check_causal(model, f"final.from: {start}")
    return model


@torch.no_grad()
def _check_causal(model: PreTrainedModel, where: str) -> None:
    """Refuses a model in which a place sees the tokens after it.

    transformers gives encoders such as RoBERTa a head for the next token too. Such a model copies
    the answer, and its loss says nothing.
    """
    tokens = torch.arange(1, 9).unsqueeze(0)
    others = tokens.clone()
    others[0, -1] = 0
    training = model.training
    model.eval()
    first, second = (model(input_ids=read).logits[0, :-1] for read in (tokens, others))
    model.train(training)
    if not torch.allclose(first, second, rtol=0.0, atol=1e-4 * float(first.abs().max())):
        raise MixwrightError(
            f"{where}: a {type(model).__name__} of this configuration sees the tokens that it is to"
            " predict; name a causal model, or set is_decoder in its config.json"
        )


def _of_configuration(path: Path, masked: bool, seed: int) -> PreTrainedModel:
    """A model of a configuration of transformers, with the weights that transformers draws."""
    kind = AutoModelForMaskedLM if masked else AutoModelForCausalLM
    # transformers draws by torch's global generator, which is put back
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            config = AutoConfig.from_pretrained(path, local_files_only=True)
            model: PreTrainedModel = kind.from_config(config, dtype=torch.float32)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().splitlines()[0]
            raise MixwrightError(
                f"final.from: transformers builds no model of {path} ({reason});"
                " name a configuration that it knows"
            ) from None
    return model


def _check_heads(shape: Shape) -> None:
    heads = shape["heads"]
    width = shape["width"]
    multiple = HEAD_MULTIPLE.get(shape["architecture"], 2)
    if width % (multiple * heads) or heads % shape.get("key_value_heads", heads):
        raise MixwrightError(
            f"final.model: width {width} and key_value_heads do not fit {heads} heads; "
            "change one of them"
        )


@torch.no_grad()
def _initialise(model: PreTrainedModel, generator: torch.Generator) -> None:
    """Sets the first weights, as proxies have them.

    Zero: biases, residual outputs, and the head where it has weights of its own. One: norms.
    Normal(0, 0.02): every other matrix. BERT's embedding of a sentence's kind stays zero: with
    one kind it is a constant, which the embedding of positions holds already.
    """
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        elif name.endswith("token_type_embeddings.weight"):
            parameter.zero_().requires_grad_(False)
        elif name.startswith("lm_head") or name.endswith(RESIDUAL_OUTPUTS):
            parameter.zero_()
        else:
            parameter.normal_(0.0, 0.02, generator=generator)
