"""A GPT-NeoX-shaped transformer stacked over K members, as Pythia's: attention and MLP read the same stream side by side.

Rotary embedding on a quarter of a head's dimensions, LayerNorm, exact GELU, biases, a head of its own (arXiv 2204.06745).
"""

import torch
from torch import Tensor
from torch.nn.functional import gelu

from mixwright.proxies.models.attention import Heads, apart, attend, turns
from mixwright.proxies.models.kernels import LayerNorm, Shift
from mixwright.proxies.models.llama import embedded
from mixwright.proxies.models.shape import FirstWeights, Parameters, Shape

EPSILON = 1e-5
TURNED = 4  # a head's dimensions over those that positions turn


def initial(shape: Shape, seed: int) -> Parameters:
    """Zero head, residual outputs and biases, norms one, the rest normal(0, 0.02).

    embedding (1, V, W); head (1, W, V); attention (1, L, 4, W, W), rows are outputs, slots q k v o, pairs that
    positions turn side by side in q and k; mlp (1, L, 2, W, H), slots up (inputs x outputs) and down
    (outputs x inputs); norms (1, 2 L + 1, 2, W), scale and shift.
    """
    layers, width, hidden, normal = (
        shape.layers,
        shape.width,
        shape.hidden,
        FirstWeights(seed).normal,
    )
    attention, mlp = normal(layers, 4, width, width), normal(layers, 2, width, hidden)
    attention[:, :, 3] = 0
    mlp[:, :, 1] = 0
    norms = torch.zeros(1, 2 * layers + 1, 2, width)
    norms[:, :, 0] = 1
    return {
        "embedding": normal(shape.vocabulary, width),
        "head": torch.zeros(1, width, shape.vocabulary),
        "attention": attention,
        "mlp": mlp,
        "norms": norms,
        "attention_bias": torch.zeros(1, layers, 4, width),
        "up_bias": torch.zeros(1, layers, hidden),
        "down_bias": torch.zeros(1, layers, width),
    }


def hidden_states(parameters: Parameters, tokens: Tensor, shape: Shape) -> Tensor:
    """(K, B T, W) final normed states; `tokens` is (K, B, T) int64, or (1, B, T) when all members read the same."""
    rows, length = tokens.shape[1:]
    norms = parameters["norms"].unbind(1)
    x = embedded(parameters["embedding"], tokens)
    names = ("attention", "attention_bias", "mlp", "up_bias", "down_bias")
    for layer, (attention, bias, mlp, up, down) in enumerate(
        zip(*(parameters[name].unbind(1) for name in names), strict=True)
    ):
        seen = _attention(
            LayerNorm.apply(x, norms[2 * layer], EPSILON), attention, bias, rows, length, shape
        )
        x = x + seen + _mlp(LayerNorm.apply(x, norms[2 * layer + 1], EPSILON), mlp, up, down)
    return LayerNorm.apply(x, norms[-1], EPSILON)


def _attention(
    x: Tensor, weights: Tensor, bias: Tensor, rows: int, length: int, shape: Shape
) -> Tensor:
    members, _, _, width = weights.shape
    project, out = weights.split((3, 1), dim=1)
    mixed = torch.bmm(x, project.reshape(members, 3 * width, width).mT)
    mixed = Shift.apply(mixed, bias[:, :3].flatten(1)).to(mixed.dtype)
    heads = mixed.view(members * rows, length, 3, shape.heads, -1)
    seen = attend(
        *Heads.apply(heads, turns(length, heads.shape[-1] // TURNED, x.device)),
        causal=True,
        kernel=shape.attention,
    )
    return _shifted(
        torch.bmm(seen.transpose(1, 2).reshape(members, rows * length, width), out.squeeze(1).mT),
        bias[:, 3],
    )


def _mlp(x: Tensor, weights: Tensor, up_bias: Tensor, down_bias: Tensor) -> Tensor:
    up, down = weights.unbind(1)
    return _shifted(torch.bmm(gelu(_shifted(torch.bmm(x, up), up_bias)), down.mT), down_bias)


def _shifted(x: Tensor, bias: Tensor) -> Tensor:
    found: Tensor = Shift.apply(x, bias)
    return found


def hf_state_dict(own: Parameters, shape: Shape) -> dict[str, Tensor]:
    """One member's weights under the names of GPTNeoXForCausalLM, whose rows of queries, keys and values alternate head by head."""
    found = {"gpt_neox.embed_in.weight": own["embedding"], "lm_head.weight": own["head"].T}
    for layer, (attention, bias, (up, down)) in enumerate(
        zip(own["attention"], own["attention_bias"], own["mlp"], strict=True)
    ):
        at = f"gpt_neox.layers.{layer}."
        found |= _named(
            f"{at}attention.query_key_value", _by_head(attention, shape), _by_head(bias, shape)
        )
        found |= _named(f"{at}attention.dense", attention[3], bias[3])
        found |= _named(f"{at}mlp.dense_h_to_4h", up.T, own["up_bias"][layer])
        found |= _named(f"{at}mlp.dense_4h_to_h", down, own["down_bias"][layer])
        found |= _named(f"{at}input_layernorm", *own["norms"][2 * layer])
        found |= _named(f"{at}post_attention_layernorm", *own["norms"][2 * layer + 1])
    return found | _named("gpt_neox.final_layer_norm", *own["norms"][-1])


def _by_head(slots: Tensor, shape: Shape) -> Tensor:
    """Slots q k v o (4, W, ...) as (3 W, ...): for every head its queries', keys' and values' rows."""
    q, k, v, _ = slots
    turned = shape.width // shape.heads // TURNED
    rows = torch.stack([apart(q, shape.heads, turned), apart(k, shape.heads, turned), v])
    return rows.unflatten(1, (shape.heads, -1)).transpose(0, 1).flatten(0, 2)


def _named(name: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    return {f"{name}.weight": weight, f"{name}.bias": bias}
