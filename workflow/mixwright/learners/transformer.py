"""A Llama-shaped transformer with every parameter stacked over K members: one batched product does the work of K models."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, scaled_dot_product_attention, silu

from mixwright.errors import MixwrightError
from mixwright.learners.kernels import RMSNorm, Rotation

Parameters = dict[str, Tensor]
THETA = 10_000.0
EXPLICIT_BELOW = 512  # context under which torch's fused attention in bfloat16 on CPU is 3 to 9 times slower than plain products


@dataclass(frozen=True)
class Shape:
    """Sizes of a model; Llama without biases, grouped keys or tied weights."""

    layers: int
    width: int
    heads: int
    hidden: int
    context: int
    vocabulary: int

    @classmethod
    def of(cls, shape: Mapping[str, Any], vocabulary: int) -> "Shape":
        """From a resolved study's model shape."""
        if shape["architecture"] != "llama":
            raise MixwrightError(f"proxy.model: no packed trainer for {shape['architecture']}; choose a model of architecture llama")
        if shape.get("key_value_heads", shape["heads"]) != shape["heads"]:
            raise MixwrightError("proxy.model: the packed trainer has no grouped keys; give the shape as many key_value_heads as heads")
        if shape["width"] % (2 * shape["heads"]):
            raise MixwrightError(
                f"proxy.model: width {shape['width']} is no multiple of twice its {shape['heads']} heads; change one of them"
            )
        return cls(*(shape[name] for name in ("layers", "width", "heads", "hidden", "context")), vocabulary)


def initial(shape: Shape, seed: int) -> Parameters:
    """One member's first weights, a function of (shape, seed) alone: zero head and zero residual outputs, the rest normal(0, 0.02).

    embedding (1, V, W); head (1, W, V); attention (1, L, 4, W, W), rows are outputs, slots q k v o; mlp (1, L, 3, W, H), slots gate and up
    (inputs x outputs) and down (outputs x inputs), so that equal shapes stack; norms (1, 2 L + 1, W).
    """
    generator = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(f"first weights {seed}".encode()).digest()[:8], "little"))
    layers, width, hidden = shape.layers, shape.width, shape.hidden

    def normal(*size: int) -> Tensor:
        return torch.randn(1, *size, generator=generator) * 0.02

    attention, mlp = normal(layers, 4, width, width), normal(layers, 3, width, hidden)
    attention[:, :, 3] = 0
    mlp[:, :, 2] = 0
    return {
        "embedding": normal(shape.vocabulary, width),
        "head": torch.zeros(1, width, shape.vocabulary),
        "attention": attention,
        "mlp": mlp,
        "norms": torch.ones(1, 2 * layers + 1, width),
    }


def stack(members: list[Parameters]) -> Parameters:
    """Members of one shape, side by side."""
    return {name: torch.cat([member[name] for member in members]) for name in members[0]}


def hidden_states(parameters: Parameters, tokens: Tensor, shape: Shape) -> Tensor:
    """(K, B T, W) final normed states; `tokens` is (K, B, T) int64, or (1, B, T) when all members read the same."""
    norms = parameters["norms"].unbind(1)
    x = _embedded(parameters["embedding"], tokens)
    rows, length = tokens.shape[1:]
    for layer, (attention, mlp) in enumerate(zip(parameters["attention"].unbind(1), parameters["mlp"].unbind(1), strict=True)):
        x = x + _attention(RMSNorm.apply(x, norms[2 * layer]), attention, rows, length, shape)
        x = x + _mlp(RMSNorm.apply(x, norms[2 * layer + 1]), mlp)
    return RMSNorm.apply(x, norms[-1])


def _embedded(table: Tensor, tokens: Tensor) -> Tensor:
    """(K, B T, W), looked up in one table of K V rows."""
    members, vocabulary, width = table.shape
    offsets = torch.arange(members, device=table.device).mul_(vocabulary).view(-1, 1)
    return embedding(tokens.flatten(1) + offsets, table.reshape(-1, width))


def _attention(x: Tensor, weights: Tensor, rows: int, length: int, shape: Shape) -> Tensor:
    members, _, _, width = weights.shape
    project, out = weights.split((3, 1), dim=1)
    mixed = torch.bmm(x, project.reshape(members, 3 * width, width).mT)
    heads = mixed.view(members * rows, length, 3, shape.heads, -1).permute(2, 0, 3, 1, 4)  # (3, K B, heads, T, width / heads)
    q, k = Rotation.apply(heads[:2], *rotation(length, width // shape.heads, x.device)).to(mixed.dtype).unbind(0)
    v = heads[2].contiguous()  # strided values slow the attention on CPU down to half its speed
    seen = _explicit(q, k, v) if _wants_explicit(q) else scaled_dot_product_attention(q, k, v, is_causal=True)
    return torch.bmm(seen.transpose(1, 2).reshape(members, rows * length, width), out.squeeze(1).mT)


def _wants_explicit(q: Tensor) -> bool:
    return q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.shape[2] < EXPLICIT_BELOW


def _explicit(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention by plain products; all are (n, heads, T, d)."""
    future = torch.full((q.shape[2], q.shape[2]), -math.inf, dtype=q.dtype, device=q.device).triu(1)
    heads = q.shape[1]
    q, k, v = (part.flatten(0, 1) for part in (q, k, v))
    scores = torch.baddbmm(future.expand(len(q), -1, -1), q, k.mT, alpha=q.shape[-1] ** -0.5)
    return torch.bmm(torch.softmax(scores, -1).to(v.dtype), v).unflatten(0, (-1, heads))


def _mlp(x: Tensor, weights: Tensor) -> Tensor:
    gate, up, down = weights.unbind(1)
    return torch.bmm(silu(torch.bmm(x, gate)) * torch.bmm(x, up), down.mT)


@lru_cache(maxsize=64)
def rotation(length: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, size / 2) of the rotary embedding (RoFormer, arXiv 2104.09864), pairs half a head apart."""
    frequencies = THETA ** -(torch.arange(0, size, 2, device=device).float() / size)
    angles = torch.outer(torch.arange(length, device=device).float(), frequencies)
    return angles.cos(), angles.sin()


def hf_state_dict(parameters: Parameters, member: int) -> dict[str, Tensor]:
    """One member's weights under the names of transformers' LlamaForCausalLM."""
    own = {name: tensor[member].detach().cpu() for name, tensor in parameters.items()}
    found = {"model.embed_tokens.weight": own["embedding"], "lm_head.weight": own["head"].T, "model.norm.weight": own["norms"][-1]}
    for layer, (attention, (gate, up, down)) in enumerate(zip(own["attention"], own["mlp"], strict=True)):
        at = f"model.layers.{layer}."
        found |= {f"{at}self_attn.{name}_proj.weight": matrix for name, matrix in zip("qkvo", attention, strict=True)}
        found |= {f"{at}mlp.gate_proj.weight": gate.T, f"{at}mlp.up_proj.weight": up.T, f"{at}mlp.down_proj.weight": down}
        found |= {f"{at}input_layernorm.weight": own["norms"][2 * layer]}
        found |= {f"{at}post_attention_layernorm.weight": own["norms"][2 * layer + 1]}
    return {name: tensor.contiguous() for name, tensor in found.items()}
