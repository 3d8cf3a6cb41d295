"""GPT-2- and BERT-shaped transformers, stacked over K members.

Both have learned positions, LayerNorm, GELU, biases and a head tied to the embedding. GPT-2
(Radford et al., 2019, "Language Models are Unsupervised Multitask Learners") normalises before a
part and looks back. A layer is

    x <- x + attention(layernorm(x))
    x <- x + mlp(layernorm(x))

BERT (Devlin et al., arXiv 1810.04805) normalises after a part and looks both ways:

    x <- layernorm(x + attention(x))
    x <- layernorm(x + mlp(x))

BERT's embedding of a sentence's kind is left out: with one kind it is a constant, which the
positions hold already. There is no dropout.
"""

import torch
from torch import Tensor
from torch.nn.functional import gelu

from mixwright.proxies.models.kernels import LayerNorm
from mixwright.proxies.models.parts import (
    Layer,
    biased_attention,
    biased_mlp,
    embedded,
    initial_layers,
    layers_of,
    named,
    shifted,
)
from mixwright.proxies.models.shape import FirstWeights, Parameters, Shape

EPSILON = {"gpt2": 1e-5, "bert": 1e-12}
GELU = {"gpt2": "tanh", "bert": "none"}
# Where transformers' BERT keeps the slots q k v o of a layer's attention.
BERT_ATTENTION = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
)


def initial(shape: Shape, seed: int) -> Parameters:
    """Returns one member's first weights, a function of (shape, seed) alone.

    Returns:
        embedding (1, V, W); positions (1, T, W);
        the weights of `parts.initial_layers`, with 2 L + 1 norms for gpt2 and 2 L + 2 for bert:
            after the embedding, two a layer, and in the head;
        only for bert, its head: transform (1, 1, W, W), transform_bias (1, W), head_bias (1, V).
    """
    first_weights = FirstWeights(seed)
    norms = 2 * shape.layers + 1
    if shape.masked:
        norms += 1
    layers = initial_layers(shape, first_weights, norms)
    parameters = {
        "embedding": first_weights.normal(shape.vocabulary, shape.width),
        "positions": first_weights.normal(shape.context, shape.width),
        **layers,
    }
    if shape.masked:
        parameters["transform"] = first_weights.normal(1, shape.width, shape.width)
        parameters["transform_bias"] = torch.zeros(1, shape.width)
        parameters["head_bias"] = torch.zeros(1, shape.vocabulary)
    return parameters


def hidden_states(parameters: Parameters, tokens: Tensor, shape: Shape) -> Tensor:
    """Returns the final states (K, B T, W) of tokens (K, B, T) or (1, B, T).

    GPT-2's are normed. BERT's are those before its head.
    """
    norms = parameters["norms"].unbind(1)
    epsilon = EPSILON[shape.architecture]
    x = _with_positions(parameters, tokens)
    if shape.masked:
        x = LayerNorm.apply(x, norms[0], epsilon)
        for number, layer in enumerate(layers_of(parameters)):
            two_norms = norms[2 * number + 1], norms[2 * number + 2]
            x = _bert_layer(x, layer, two_norms, tokens.shape[2], shape)
        return x
    for number, layer in enumerate(layers_of(parameters)):
        two_norms = norms[2 * number], norms[2 * number + 1]
        x = _gpt2_layer(x, layer, two_norms, tokens.shape[2], shape)
    states: Tensor = LayerNorm.apply(x, norms[-1], epsilon)
    return states


def _with_positions(parameters: Parameters, tokens: Tensor) -> Tensor:
    """Returns the sum (K, B T, W) of the embeddings of tokens and of their positions."""
    rows, length = tokens.shape[1:]
    x = embedded(parameters["embedding"], tokens)
    # (K, T W), the same for each of the B sequences
    positions = parameters["positions"][:, :length].flatten(1)
    return shifted(x.view(len(x), rows, -1), positions).view(x.shape)


def _gpt2_layer(
    x: Tensor, layer: Layer, norms: tuple[Tensor, Tensor], length: int, shape: Shape
) -> Tensor:
    """Returns the stream (K, B T, W) after one layer that norms before each part."""
    epsilon, approximate = EPSILON[shape.architecture], GELU[shape.architecture]
    normed = LayerNorm.apply(x, norms[0], epsilon)
    x = x + biased_attention(normed, layer, length, shape, turned=0, causal=True)
    normed = LayerNorm.apply(x, norms[1], epsilon)
    return x + biased_mlp(normed, layer, approximate)


def _bert_layer(
    x: Tensor, layer: Layer, norms: tuple[Tensor, Tensor], length: int, shape: Shape
) -> Tensor:
    """Returns the stream (K, B T, W) after one layer that norms after each part."""
    epsilon, approximate = EPSILON[shape.architecture], GELU[shape.architecture]
    x = x + biased_attention(x, layer, length, shape, turned=0, causal=False)
    x = LayerNorm.apply(x, norms[0], epsilon)
    x = x + biased_mlp(x, layer, approximate)
    normed: Tensor = LayerNorm.apply(x, norms[1], epsilon)
    return normed


def head(parameters: Parameters, states: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Returns the two factors of the logits, inputs (K, N, W') and matrix (K, W', V).

    GPT-2's are the states and the embedding. BERT's are

        y = layernorm(gelu(x T^T + b_t)),  logits = [y, 1] [E^T; b]

    so that the bias b of the head is one more row of the matrix: the fused head needs no bias.
    """
    matrix = parameters["embedding"].mT
    if not shape.masked:
        return states, matrix
    product = torch.bmm(states, parameters["transform"].squeeze(1).mT)
    x = shifted(product, parameters["transform_bias"])
    x = gelu(x, approximate=GELU[shape.architecture])
    x = LayerNorm.apply(x, parameters["norms"][:, -1], EPSILON[shape.architecture])
    inputs = torch.cat([x, torch.ones_like(x[..., :1])], -1)
    bias = parameters["head_bias"].unsqueeze(1)
    return inputs, torch.cat([matrix, bias], 1)


def hf_state_dict(weights: Parameters, shape: Shape) -> dict[str, Tensor]:
    """Returns one member's weights under the names of GPT2LMHeadModel or BertForMaskedLM."""
    if shape.masked:
        return _bert_names(weights)
    return _gpt2_names(weights)


def _gpt2_names(weights: Parameters) -> dict[str, Tensor]:
    """Returns the weights under the names of GPT2LMHeadModel, whose matrices are inputs x outputs."""
    renamed = {
        "transformer.wte.weight": weights["embedding"],
        "transformer.wpe.weight": weights["positions"],
        "lm_head.weight": weights["embedding"],
    }
    for layer in range(len(weights["attention"])):
        at = f"transformer.h.{layer}."
        q, k, v, o = weights["attention"][layer]
        bias = weights["attention_bias"][layer]
        up, down = weights["mlp"][layer]
        norm_1, norm_2 = weights["norms"][2 * layer : 2 * layer + 2]
        renamed |= named(f"{at}attn.c_attn", torch.cat([q, k, v]).T, bias[:3].flatten())
        renamed |= named(f"{at}attn.c_proj", o.T, bias[3])
        renamed |= named(f"{at}mlp.c_fc", up, weights["up_bias"][layer])
        renamed |= named(f"{at}mlp.c_proj", down.T, weights["down_bias"][layer])
        renamed |= named(f"{at}ln_1", *norm_1)
        renamed |= named(f"{at}ln_2", *norm_2)
    return renamed | named("transformer.ln_f", *weights["norms"][-1])


def _bert_names(weights: Parameters) -> dict[str, Tensor]:
    """Returns the weights under the names of BertForMaskedLM, with zeros for a sentence's kind."""
    kinds = torch.zeros_like(weights["positions"][:1])
    renamed = {
        "bert.embeddings.word_embeddings.weight": weights["embedding"],
        "bert.embeddings.position_embeddings.weight": weights["positions"],
        "bert.embeddings.token_type_embeddings.weight": kinds,
    }
    renamed |= named("bert.embeddings.LayerNorm", *weights["norms"][0])
    for layer in range(len(weights["attention"])):
        at = f"bert.encoder.layer.{layer}."
        matrices = weights["attention"][layer]
        biases = weights["attention_bias"][layer]
        up, down = weights["mlp"][layer]
        norm_1, norm_2 = weights["norms"][2 * layer + 1 : 2 * layer + 3]
        for name, matrix, bias in zip(BERT_ATTENTION, matrices, biases, strict=True):
            renamed |= named(at + name, matrix, bias)
        renamed |= named(f"{at}intermediate.dense", up.T, weights["up_bias"][layer])
        renamed |= named(f"{at}output.dense", down, weights["down_bias"][layer])
        renamed |= named(f"{at}attention.output.LayerNorm", *norm_1)
        renamed |= named(f"{at}output.LayerNorm", *norm_2)
    at = "cls.predictions."
    transform = weights["transform"][0]
    renamed |= named(f"{at}transform.dense", transform, weights["transform_bias"])
    renamed |= named(f"{at}transform.LayerNorm", *weights["norms"][-1])
    renamed |= named(f"{at}decoder", weights["embedding"], weights["head_bias"])
    renamed[f"{at}bias"] = weights["head_bias"]
    return renamed
