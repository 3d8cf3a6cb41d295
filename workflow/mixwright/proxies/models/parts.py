"""Parts of a transformer that several architectures share, stacked over K members.

GPT-2, BERT and GPT-NeoX have the same attention and MLP, with biases:

    attention(x) = concat_i(softmax(q_i k_i^T / sqrt(d)) v_i) W_o^T + b_o,
                   [q, k, v] = x [W_q, W_k, W_v]^T + [b_q, b_k, b_v]
    mlp(x)       = gelu(x U + b_u) D^T + b_d
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, gelu

from mixwright.proxies.models.attention import Heads, attend, turns
from mixwright.proxies.models.kernels import Shift
from mixwright.proxies.models.shape import FirstWeights, Parameters, Shape

# Of each module by its name: weight and bias, or a norm (2, W) of scale and shift.
Modules = Mapping[str, Iterable[Tensor]]


class Layer(NamedTuple):
    """The weights of one layer with biases, of K members.

    What is added to the residual stream comes from the products o and down.
    """

    attention: Tensor  # (K, 4, W, W), slots q k v o, rows are outputs
    attention_bias: Tensor  # (K, 4, W)
    mlp: Tensor  # (K, 2, W, H), slots up (inputs x outputs) and down (outputs x inputs)
    up_bias: Tensor  # (K, H)
    down_bias: Tensor  # (K, W)


def initial_layers(shape: Shape, first_weights: FirstWeights, norms: int) -> Parameters:
    """Returns one member's first weights of all layers with biases, and of their norms.

    attention (1, L, 4, W, W), mlp (1, L, 2, W, H), norms (1, norms, 2, W) with slots scale and
    shift, and the biases of `Layer` with L as second dimension. Products whose results are added
    to the residual stream (o and down) and biases are 0, scales 1, the rest normal(0, 0.02).
    """
    layers, width = shape.layers, shape.width
    attention = first_weights.normal(layers, 4, width, width)
    mlp = first_weights.normal(layers, 2, width, shape.hidden)
    attention[:, :, 3] = 0
    mlp[:, :, 1] = 0
    scales_and_shifts = torch.zeros(1, norms, 2, width)
    scales_and_shifts[:, :, 0] = 1
    return {
        "attention": attention,
        "mlp": mlp,
        "norms": scales_and_shifts,
        "attention_bias": torch.zeros(1, layers, 4, width),
        "up_bias": torch.zeros(1, layers, shape.hidden),
        "down_bias": torch.zeros(1, layers, width),
    }


def layers_of(parameters: Parameters) -> Iterator[Layer]:
    """Yields the weights of one layer after another."""
    columns = [parameters[name].unbind(1) for name in Layer._fields]
    for weights in zip(*columns, strict=True):
        yield Layer(*weights)


def embedded(table: Tensor, tokens: Tensor) -> Tensor:
    """Returns the rows (K, B T, W) of the table (K, V, W) for tokens (K, B, T) or (1, B, T)."""
    members, vocabulary, width = table.shape
    # One look-up in a table of K V rows.
    offsets = torch.arange(members, device=table.device).mul_(vocabulary).view(-1, 1)
    return embedding(tokens.flatten(1) + offsets, table.reshape(-1, width))


def attention_of(mixed: Tensor, length: int, shape: Shape, turned: int, causal: bool) -> Tensor:
    """Returns attention (K, B T, W), before its last product.

    Args:
        mixed: queries, keys and values side by side, (K, B T, 3 W).
        length: T.
        shape: the members' sizes.
        turned: dimensions of a head that rotary embedding turns, 0 for none.
        causal: whether a place sees only those up to itself.
    """
    members = len(mixed)
    by_head = mixed.view(-1, length, 3, shape.heads, shape.head_width)
    q, k, v = Heads.apply(by_head, turns(length, turned, mixed.device, shape.theta))
    attended = attend(q, k, v, causal=causal, kernel=shape.attention)
    return attended.transpose(1, 2).reshape(members, -1, shape.width)


def biased_attention(
    x: Tensor, layer: Layer, length: int, shape: Shape, turned: int, causal: bool
) -> Tensor:
    """Returns attention (K, B T, W) of states x (K, B T, W), with biases.

    The other arguments are those of `attention_of`.
    """
    project, out = layer.attention.split((3, 1), dim=1)
    product = torch.bmm(x, project.flatten(1, 2).mT)
    # The bias is float32; attention is computed in the precision of the product.
    mixed = shifted(product, layer.attention_bias[:, :3].flatten(1)).to(product.dtype)
    attended = attention_of(mixed, length, shape, turned, causal)
    return shifted(torch.bmm(attended, out.squeeze(1).mT), layer.attention_bias[:, 3])


def biased_mlp(x: Tensor, layer: Layer, approximate: str) -> Tensor:
    """Returns the MLP (K, N, W) of x (K, N, W), with the `tanh` or the exact (`none`) GELU."""
    up, down = layer.mlp.unbind(1)
    inner = gelu(shifted(torch.bmm(x, up), layer.up_bias), approximate=approximate)
    return shifted(torch.bmm(inner, down.mT), layer.down_bias)


def shifted(x: Tensor, bias: Tensor) -> Tensor:
    """Returns x (K, N, M) + bias (K, M)."""
    result: Tensor = Shift.apply(x, bias)
    return result


def layer_of(weights: Parameters, number: int) -> Layer:
    """Returns the weights of one layer of one member, without the leading K."""
    return Layer(*(weights[name][number] for name in Layer._fields))


def named(prefix: str, modules: Modules) -> dict[str, Tensor]:
    """Returns modules' weights and biases under transformers' names.

    Args:
        prefix: what each module's name is put behind.
        modules: their weights and biases.
    """
    renamed = {}
    for name, (weight, bias) in modules.items():
        renamed[f"{prefix}{name}.weight"] = weight
        renamed[f"{prefix}{name}.bias"] = bias
    return renamed


def from_modules(layers: Sequence[Layer], norms: Sequence[Tensor]) -> Parameters:
    """Returns the weights of layers and norms (2, W) of one member, each with a leading 1."""
    stacked = {}
    for name in Layer._fields:
        of_layers = [getattr(layer, name) for layer in layers]
        stacked[name] = torch.stack(of_layers).unsqueeze(0)
    return stacked | {"norms": torch.stack(list(norms)).unsqueeze(0)}
