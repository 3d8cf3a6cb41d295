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

from mixwright.proxies.models import strategy
from mixwright.proxies.models.kernels import LayerNorm
from mixwright.proxies.models.parts import (
    Layer,
    Modules,
    biased_attention,
    biased_mlp,
    embedded,
    from_modules,
    initial_layers,
    layer_of,
    layers_of,
    named,
    shifted,
)
from mixwright.proxies.models.shape import FirstWeights, Parameters, Shape
from mixwright.proxies.models.states import State, module, scale_and_shift

GELU = {"gpt2": "tanh", "bert": "none"}
# numbers of bfloat16 in 16 bytes
ALIGNED = 8


def initial(shape: Shape, seed: int) -> Parameters:
    """Returns one member's first weights, a function of (shape, seed) alone.

    Returns:
        embedding (1, V, W); positions (1, T or more, W);
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
        "positions": first_weights.normal(shape.places, shape.width),
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
    epsilon = shape.norm_epsilon
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
    epsilon, approximate = shape.norm_epsilon, GELU[shape.architecture]
    normed = LayerNorm.apply(x, norms[0], epsilon)
    x = x + biased_attention(normed, layer, length, shape, turned=0, causal=True)
    normed = LayerNorm.apply(x, norms[1], epsilon)
    return x + biased_mlp(normed, layer, approximate)


def _bert_layer(
    x: Tensor, layer: Layer, norms: tuple[Tensor, Tensor], length: int, shape: Shape
) -> Tensor:
    """Returns the stream (K, B T, W) after one layer that norms after each part."""
    epsilon, approximate = shape.norm_epsilon, GELU[shape.architecture]
    x = x + biased_attention(x, layer, length, shape, turned=0, causal=False)
    x = LayerNorm.apply(x, norms[0], epsilon)
    x = x + biased_mlp(x, layer, approximate)
    normed: Tensor = LayerNorm.apply(x, norms[1], epsilon)
    return normed


def head(parameters: Parameters, states: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Returns the two factors of the logits, inputs (K, N, W') and matrix (K, W', V).

    GPT-2's are the states and the embedding. BERT's are

        y = layernorm(gelu(x T^T + b_t)),  logits = [y, 1] [E^T; b]

    so that the bias b of the head is one more row of the matrix: the fused head needs no bias. On a
    GPU rows of zeros follow, for products are slow where a row is no multiple of 16 bytes.
    """
    matrix = parameters["embedding"].mT
    if not shape.masked:
        return states, matrix
    product = torch.bmm(states, parameters["transform"].squeeze(1).mT)
    x = shifted(product, parameters["transform_bias"])
    x = gelu(x, approximate=GELU[shape.architecture])
    x = LayerNorm.apply(x, parameters["norms"][:, -1], shape.norm_epsilon)
    inputs = [x, torch.ones_like(x[..., :1])]
    bias = parameters["head_bias"].unsqueeze(1)
    rows = [matrix, bias]
    if strategy.as_one(x.device):
        inputs.append(x.new_zeros(*x.shape[:2], ALIGNED - 1))
        rows.append(bias.new_zeros(len(bias), ALIGNED - 1, bias.shape[2]))
    return torch.cat(inputs, -1), torch.cat(rows, 1)


def hf_state_dict(weights: Parameters, shape: Shape) -> dict[str, Tensor]:
    """Returns one member's weights under the names of GPT2LMHeadModel or BertForMaskedLM."""
    if shape.masked:
        return _bert_names(weights)
    return _gpt2_names(weights)


def _gpt2_names(weights: Parameters) -> dict[str, Tensor]:
    """Returns the weights under the names of GPT2LMHeadModel; its matrices are inputs x outputs."""
    renamed = {
        "transformer.wte.weight": weights["embedding"],
        "transformer.wpe.weight": weights["positions"],
        "lm_head.weight": weights["embedding"],
    }
    norms = weights["norms"]
    for number in range(len(weights["attention"])):
        layer = layer_of(weights, number)
        q, k, v, o = layer.attention
        up, down = layer.mlp
        modules: Modules = {
            "attn.c_attn": (torch.cat([q, k, v]).T, layer.attention_bias[:3].flatten()),
            "attn.c_proj": (o.T, layer.attention_bias[3]),
            "mlp.c_fc": (up, layer.up_bias),
            "mlp.c_proj": (down.T, layer.down_bias),
            "ln_1": norms[2 * number],
            "ln_2": norms[2 * number + 1],
        }
        renamed |= named(f"transformer.h.{number}.", modules)
    return renamed | named("transformer.", {"ln_f": norms[-1]})


def _bert_names(weights: Parameters) -> dict[str, Tensor]:
    """Returns the weights under the names of BertForMaskedLM, with zeros for a sentence's kind."""
    kinds = torch.zeros_like(weights["positions"][:1])
    renamed = {
        "bert.embeddings.word_embeddings.weight": weights["embedding"],
        "bert.embeddings.position_embeddings.weight": weights["positions"],
        "bert.embeddings.token_type_embeddings.weight": kinds,
    }
    norms = weights["norms"]
    renamed |= named("bert.embeddings.", {"LayerNorm": norms[0]})
    for number in range(len(weights["attention"])):
        layer = layer_of(weights, number)
        q, k, v, o = zip(layer.attention, layer.attention_bias, strict=True)
        up, down = layer.mlp
        modules: Modules = {
            "attention.self.query": q,
            "attention.self.key": k,
            "attention.self.value": v,
            "attention.output.dense": o,
            "intermediate.dense": (up.T, layer.up_bias),
            "output.dense": (down, layer.down_bias),
            "attention.output.LayerNorm": norms[2 * number + 1],
            "output.LayerNorm": norms[2 * number + 2],
        }
        renamed |= named(f"bert.encoder.layer.{number}.", modules)
    head_modules: Modules = {
        "transform.dense": (weights["transform"][0], weights["transform_bias"]),
        "transform.LayerNorm": norms[-1],
        "decoder": (weights["embedding"], weights["head_bias"]),
    }
    renamed |= named("cls.predictions.", head_modules)
    renamed["cls.predictions.bias"] = weights["head_bias"]
    return renamed


def from_state_dict(state: State, shape: Shape) -> Parameters:
    """Returns one member's weights, each with a leading 1, of GPT2LMHeadModel or BertForMaskedLM.

    Places that the shape does not have are left out.
    """
    if shape.masked:
        return _from_bert(state, shape)
    return _from_gpt2(state, shape)


def _from_gpt2(state: State, shape: Shape) -> Parameters:
    """Returns one member's weights, each with a leading 1, from those of GPT2LMHeadModel."""
    layers = []
    norms = []
    for number in range(shape.layers):
        prefix = f"transformer.h.{number}."
        mixed, mixed_bias = module(state, f"{prefix}attn.c_attn")
        out, out_bias = module(state, f"{prefix}attn.c_proj")
        up, up_bias = module(state, f"{prefix}mlp.c_fc")
        down, down_bias = module(state, f"{prefix}mlp.c_proj")
        attention = torch.stack([*mixed.T.chunk(3), out.T])
        attention_bias = torch.stack([*mixed_bias.chunk(3), out_bias])
        mlp = torch.stack([up, down.T])
        layers.append(Layer(attention, attention_bias, mlp, up_bias, down_bias))
        norms.append(scale_and_shift(state, f"{prefix}ln_1"))
        norms.append(scale_and_shift(state, f"{prefix}ln_2"))
    norms.append(scale_and_shift(state, "transformer.ln_f"))
    positions = state["transformer.wpe.weight"][: shape.places]
    return {
        "embedding": state["transformer.wte.weight"].unsqueeze(0),
        "positions": positions.unsqueeze(0),
        **from_modules(layers, norms),
    }


def _from_bert(state: State, shape: Shape) -> Parameters:
    """Returns one member's weights, each with a leading 1, from those of BertForMaskedLM.

    The embedding of a sentence's first kind, which all text has here, is added to the positions.
    """
    embeddings = "bert.embeddings."
    layers = []
    norms = [scale_and_shift(state, f"{embeddings}LayerNorm")]
    for number in range(shape.layers):
        prefix = f"bert.encoder.layer.{number}."
        q, q_bias = module(state, f"{prefix}attention.self.query")
        k, k_bias = module(state, f"{prefix}attention.self.key")
        v, v_bias = module(state, f"{prefix}attention.self.value")
        o, o_bias = module(state, f"{prefix}attention.output.dense")
        up, up_bias = module(state, f"{prefix}intermediate.dense")
        down, down_bias = module(state, f"{prefix}output.dense")
        attention = torch.stack([q, k, v, o])
        attention_bias = torch.stack([q_bias, k_bias, v_bias, o_bias])
        mlp = torch.stack([up.T, down])
        layers.append(Layer(attention, attention_bias, mlp, up_bias, down_bias))
        norms.append(scale_and_shift(state, f"{prefix}attention.output.LayerNorm"))
        norms.append(scale_and_shift(state, f"{prefix}output.LayerNorm"))
    norms.append(scale_and_shift(state, "cls.predictions.transform.LayerNorm"))
    transform, transform_bias = module(state, "cls.predictions.transform.dense")
    kind = state[f"{embeddings}token_type_embeddings.weight"][0]
    positions = state[f"{embeddings}position_embeddings.weight"][: shape.places] + kind
    return {
        "embedding": state[f"{embeddings}word_embeddings.weight"].unsqueeze(0),
        "positions": positions.unsqueeze(0),
        "transform": transform.unsqueeze(0).unsqueeze(0),
        "transform_bias": transform_bias.unsqueeze(0),
        "head_bias": state["cls.predictions.bias"].unsqueeze(0),
        **from_modules(layers, norms),
    }
