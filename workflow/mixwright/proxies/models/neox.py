"""A GPT-NeoX-shaped transformer, stacked over K members (Black et al., arXiv 2204.06745).

It is the shape of Pythia (arXiv 2304.01373): attention and MLP read the same stream side by side.
A layer is

    x <- x + attention(layernorm_1(x)) + mlp(layernorm_2(x))

with biases, the exact GELU, and rotary embedding (arXiv 2104.09864) on the first quarter of a
head's dimensions. The logits are layernorm(x) times a head of its own. There is no dropout.
"""

import torch
from torch import Tensor

from mixwright.proxies.models.attention import apart, together
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
)
from mixwright.proxies.models.shape import FirstWeights, Parameters, Shape
from mixwright.proxies.models.states import State, module, scale_and_shift

TURNED = 4  # a head's dimensions over those that positions turn


def initial(shape: Shape, seed: int) -> Parameters:
    """Returns one member's first weights, a function of (shape, seed) alone.

    Returns:
        embedding (1, V, W); head (1, W, V), zeros;
        the weights of `parts.initial_layers` with 2 L + 1 norms; in q and k the two dimensions
            that positions turn as a pair stand side by side.
    """
    first_weights = FirstWeights(seed)
    layers = initial_layers(shape, first_weights, norms=2 * shape.layers + 1)
    return {
        "embedding": first_weights.normal(shape.vocabulary, shape.width),
        "head": torch.zeros(1, shape.width, shape.vocabulary),
        **layers,
    }


def hidden_states(parameters: Parameters, tokens: Tensor, shape: Shape) -> Tensor:
    """Returns the final normed states (K, B T, W) of tokens (K, B, T) or (1, B, T)."""
    length = tokens.shape[2]
    norms = parameters["norms"].unbind(1)
    x = embedded(parameters["embedding"], tokens)
    for number, layer in enumerate(layers_of(parameters)):
        x = _layer(x, layer, norms[2 * number], norms[2 * number + 1], length, shape)
    states: Tensor = LayerNorm.apply(x, norms[-1], shape.norm_epsilon)
    return states


def _layer(
    x: Tensor, layer: Layer, norm_1: Tensor, norm_2: Tensor, length: int, shape: Shape
) -> Tensor:
    """Returns the stream (K, B T, W) after one layer."""
    turned = shape.head_width // TURNED
    normed = LayerNorm.apply(x, norm_1, shape.norm_epsilon)
    attended = biased_attention(normed, layer, length, shape, turned, causal=True)
    normed = LayerNorm.apply(x, norm_2, shape.norm_epsilon)
    return x + attended + biased_mlp(normed, layer, approximate="none")


def hf_state_dict(weights: Parameters, shape: Shape) -> dict[str, Tensor]:
    """Returns one member's weights under the names of GPTNeoXForCausalLM."""
    renamed = {
        "gpt_neox.embed_in.weight": weights["embedding"],
        "lm_head.weight": weights["head"].T,
    }
    norms = weights["norms"]
    for number in range(shape.layers):
        layer = layer_of(weights, number)
        up, down = layer.mlp
        mixed = _by_head(layer.attention, shape), _by_head(layer.attention_bias, shape)
        modules: Modules = {
            "attention.query_key_value": mixed,
            "attention.dense": (layer.attention[3], layer.attention_bias[3]),
            "mlp.dense_h_to_4h": (up.T, layer.up_bias),
            "mlp.dense_4h_to_h": (down, layer.down_bias),
            "input_layernorm": norms[2 * number],
            "post_attention_layernorm": norms[2 * number + 1],
        }
        renamed |= named(f"gpt_neox.layers.{number}.", modules)
    return renamed | named("gpt_neox.", {"final_layer_norm": norms[-1]})


def _by_head(slots: Tensor, shape: Shape) -> Tensor:
    """Returns slots q k v o (4, W, ...) as (3 W, ...), without o.

    transformers lays them head by head: a head's rows of queries, then of keys, then of values.
    """
    q, k, v, _ = slots
    turned = shape.head_width // TURNED
    q = apart(q, shape.heads, turned)
    k = apart(k, shape.heads, turned)
    rows = torch.stack([q, k, v])
    return rows.unflatten(1, (shape.heads, -1)).transpose(0, 1).flatten(0, 2)


def from_state_dict(state: State, shape: Shape) -> Parameters:
    """Returns one member's weights, each with a leading 1, from those of GPTNeoXForCausalLM."""
    layers = []
    norms = []
    for number in range(shape.layers):
        prefix = f"gpt_neox.layers.{number}."
        mixed, mixed_bias = module(state, f"{prefix}attention.query_key_value")
        out, out_bias = module(state, f"{prefix}attention.dense")
        up, up_bias = module(state, f"{prefix}mlp.dense_h_to_4h")
        down, down_bias = module(state, f"{prefix}mlp.dense_4h_to_h")
        attention = torch.stack([*_by_slot(mixed, shape), out])
        attention_bias = torch.stack([*_by_slot(mixed_bias, shape), out_bias])
        mlp = torch.stack([up.T, down])
        layers.append(Layer(attention, attention_bias, mlp, up_bias, down_bias))
        norms.append(scale_and_shift(state, f"{prefix}input_layernorm"))
        norms.append(scale_and_shift(state, f"{prefix}post_attention_layernorm"))
    norms.append(scale_and_shift(state, "gpt_neox.final_layer_norm"))
    return {
        "embedding": state["gpt_neox.embed_in.weight"].unsqueeze(0),
        "head": state["lm_head.weight"].T.unsqueeze(0),
        **from_modules(layers, norms),
    }


def _by_slot(rows: Tensor, shape: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """Returns slots q k v, each (W, ...), of rows (3 W, ...): the inverse of `_by_head`."""
    by_head = rows.unflatten(0, (shape.heads, 3, -1))
    q, k, v = by_head.transpose(0, 1).flatten(1, 2)
    turned = shape.head_width // TURNED
    return together(q, shape.heads, turned), together(k, shape.heads, turned), v
