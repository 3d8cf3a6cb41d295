"""A Llama-shaped transformer with every parameter stacked over K members: one batched product does the work of K models."""

import torch
from torch import Tensor
from torch.nn.functional import embedding

from mixwright.proxies.models.attention import Heads, apart, attend, turns
from mixwright.proxies.models.kernels import Gated, NormedProducts, RMSNorm
from mixwright.proxies.models.shape import FirstWeights, Parameters, Shape


def initial(shape: Shape, seed: int) -> Parameters:
    """One member's first weights, a function of (shape, seed) alone: zero head and zero residual outputs, the rest normal(0, 0.02).

    embedding (1, V, W); head (1, W, V); attention (1, L, 4, W, W), rows are outputs, slots q k v o, pairs that
    positions turn side by side in q and k; mlp (1, L, 3, W, H), slots gate and up
    (inputs x outputs) and down (outputs x inputs), so that equal shapes stack; norms (1, 2 L + 1, W).
    """
    layers, width, hidden, normal = (
        shape.layers,
        shape.width,
        shape.hidden,
        FirstWeights(seed).normal,
    )
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


def hidden_states(parameters: Parameters, tokens: Tensor, shape: Shape) -> Tensor:
    """(K, B T, W) final normed states; `tokens` is (K, B, T) int64, or (1, B, T) when all members read the same."""
    norms = parameters["norms"].unbind(1)
    x = embedded(parameters["embedding"], tokens)
    rows, length = tokens.shape[1:]
    for layer, (attention, mlp) in enumerate(
        zip(parameters["attention"].unbind(1), parameters["mlp"].unbind(1), strict=True)
    ):
        x = x + _attention(x, norms[2 * layer], attention, rows, length, shape)
        x = x + _mlp(x, norms[2 * layer + 1], mlp)
    return RMSNorm.apply(x, norms[-1])


def embedded(table: Tensor, tokens: Tensor) -> Tensor:
    """(K, B T, W), looked up in one table of K V rows."""
    members, vocabulary, width = table.shape
    offsets = torch.arange(members, device=table.device).mul_(vocabulary).view(-1, 1)
    return embedding(tokens.flatten(1) + offsets, table.reshape(-1, width))


def _attention(
    x: Tensor, norm: Tensor, weights: Tensor, rows: int, length: int, shape: Shape
) -> Tensor:
    members, _, _, width = weights.shape
    project, out = weights.split((3, 1), dim=1)
    (mixed,) = NormedProducts.apply(x, norm, project.reshape(members, 3 * width, width).mT)
    heads = mixed.view(members * rows, length, 3, shape.heads, -1)
    seen = attend(
        *Heads.apply(heads, turns(length, width // shape.heads, x.device)),
        causal=True,
        kernel=shape.attention,
    )
    return torch.bmm(seen.transpose(1, 2).reshape(members, rows * length, width), out.squeeze(1).mT)


def _mlp(x: Tensor, norm: Tensor, weights: Tensor) -> Tensor:
    gate, up, down = weights.unbind(1)
    return torch.bmm(Gated.apply(*NormedProducts.apply(x, norm, gate, up)), down.mT)


def hf_state_dict(own: Parameters, shape: Shape) -> dict[str, Tensor]:
    """One member's weights under the names of LlamaForCausalLM."""
    found = {
        "model.embed_tokens.weight": own["embedding"],
        "lm_head.weight": own["head"].T,
        "model.norm.weight": own["norms"][-1],
    }
    for layer, (attention, (gate, up, down)) in enumerate(
        zip(own["attention"], own["mlp"], strict=True)
    ):
        at = f"model.layers.{layer}."
        q, k, v, o = attention
        matrices = (apart(q, shape.heads), apart(k, shape.heads), v, o)
        found |= {
            f"{at}self_attn.{name}_proj.weight": matrix
            for name, matrix in zip("qkvo", matrices, strict=True)
        }
        found |= {
            f"{at}mlp.gate_proj.weight": gate.T,
            f"{at}mlp.up_proj.weight": up.T,
            f"{at}mlp.down_proj.weight": down,
        }
        found |= {f"{at}input_layernorm.weight": own["norms"][2 * layer]}
        found |= {f"{at}post_attention_layernorm.weight": own["norms"][2 * layer + 1]}
    return found
