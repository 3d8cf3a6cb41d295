"""A Llama-shaped transformer, stacked over K members (Touvron et al., arXiv 2302.13971).

One batched product does the work of K models. A layer is

    x <- x + attention(rmsnorm(x)),  q and k turned by rotary embedding (arXiv 2104.09864)
    x <- x + (silu(y G) * (y U)) D^T,  y = rmsnorm(x)  (SwiGLU, arXiv 2002.05202)

and the logits are rmsnorm(x) times a head of its own, or times the embedding where that is tied.
There are no biases and no dropout.
"""

import torch
from torch import Tensor

from mixwright.proxies.models.attention import apart, together
from mixwright.proxies.models.kernels import Gated, NormedProducts, RMSNorm
from mixwright.proxies.models.parts import attention_of, embedded
from mixwright.proxies.models.shape import FirstWeights, Parameters, Shape
from mixwright.proxies.models.states import State


def initial(shape: Shape, seed: int) -> Parameters:
    """Returns one member's first weights, a function of (shape, seed) alone.

    The head and the products whose results are added to the residual stream are 0, norms 1, the
    rest normal(0, 0.02).

    Returns:
        embedding (1, V, W); head (1, W, V), unless it is tied to the embedding;
        attention (1, L, 4, W, W), slots q k v o, rows are outputs; in q and k the two dimensions
            that positions turn as a pair stand side by side;
        mlp (1, L, 3, W, H), slots gate and up (inputs x outputs) and down (outputs x inputs), so
            that equal shapes stack;
        norms (1, 2 L + 1, W).
    """
    layers, width = shape.layers, shape.width
    first_weights = FirstWeights(seed)
    attention = first_weights.normal(layers, 4, width, width)
    mlp = first_weights.normal(layers, 3, width, shape.hidden)
    attention[:, :, 3] = 0
    mlp[:, :, 2] = 0
    parameters = {"embedding": first_weights.normal(shape.vocabulary, width)}
    if not shape.tied:
        parameters["head"] = torch.zeros(1, width, shape.vocabulary)
    return parameters | {
        "attention": attention,
        "mlp": mlp,
        "norms": torch.ones(1, 2 * layers + 1, width),
    }


def hidden_states(parameters: Parameters, tokens: Tensor, shape: Shape) -> Tensor:
    """Returns the final normed states (K, B T, W) of tokens (K, B, T) or (1, B, T)."""
    length = tokens.shape[2]
    norms = parameters["norms"].unbind(1)
    x = embedded(parameters["embedding"], tokens)
    layers = zip(parameters["attention"].unbind(1), parameters["mlp"].unbind(1), strict=True)
    for layer, (attention, mlp) in enumerate(layers):
        x = x + _attention(x, norms[2 * layer], attention, length, shape)
        x = x + _mlp(x, norms[2 * layer + 1], mlp, shape)
    states: Tensor = RMSNorm.apply(x, norms[-1], shape.norm_epsilon)
    return states


def _attention(x: Tensor, norm: Tensor, weights: Tensor, length: int, shape: Shape) -> Tensor:
    """Returns attention (K, B T, W) of the normed x (K, B T, W)."""
    project, out = weights.split((3, 1), dim=1)
    (mixed,) = NormedProducts.apply(x, norm, shape.norm_epsilon, project.flatten(1, 2).mT)
    attended = attention_of(mixed, length, shape, turned=shape.head_width, causal=True)
    return torch.bmm(attended, out.squeeze(1).mT)


def _mlp(x: Tensor, norm: Tensor, weights: Tensor, shape: Shape) -> Tensor:
    """Returns the gated MLP (K, N, W) of the normed x (K, N, W)."""
    gate, up, down = weights.unbind(1)
    products = NormedProducts.apply(x, norm, shape.norm_epsilon, gate, up)
    inner = Gated.apply(*products)
    return torch.bmm(inner, down.mT)


def hf_state_dict(weights: Parameters, shape: Shape) -> dict[str, Tensor]:
    """Returns one member's weights under the names of LlamaForCausalLM."""
    norms = weights["norms"]
    head = weights["embedding"] if shape.tied else weights["head"].T
    renamed = {
        "model.embed_tokens.weight": weights["embedding"],
        "lm_head.weight": head,
        "model.norm.weight": norms[-1],
    }
    layers = zip(weights["attention"], weights["mlp"], strict=True)
    for layer, (attention, mlp) in enumerate(layers):
        q, k, v, o = attention
        gate, up, down = mlp
        matrices = {
            "self_attn.q_proj": apart(q, shape.heads),
            "self_attn.k_proj": apart(k, shape.heads),
            "self_attn.v_proj": v,
            "self_attn.o_proj": o,
            "mlp.gate_proj": gate.T,
            "mlp.up_proj": up.T,
            "mlp.down_proj": down,
            "input_layernorm": norms[2 * layer],
            "post_attention_layernorm": norms[2 * layer + 1],
        }
        for name, matrix in matrices.items():
            renamed[f"model.layers.{layer}.{name}.weight"] = matrix
    return renamed


def from_state_dict(state: State, shape: Shape) -> Parameters:
    """Returns one member's weights, each with a leading 1, from those of LlamaForCausalLM."""
    attention = []
    mlp = []
    norms = []
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        q = together(state[f"{prefix}self_attn.q_proj.weight"], shape.heads)
        k = together(state[f"{prefix}self_attn.k_proj.weight"], shape.heads)
        v = state[f"{prefix}self_attn.v_proj.weight"]
        o = state[f"{prefix}self_attn.o_proj.weight"]
        attention.append(torch.stack([q, k, v, o]))
        gate = state[f"{prefix}mlp.gate_proj.weight"].T
        up = state[f"{prefix}mlp.up_proj.weight"].T
        down = state[f"{prefix}mlp.down_proj.weight"]
        mlp.append(torch.stack([gate, up, down]))
        norms.append(state[f"{prefix}input_layernorm.weight"])
        norms.append(state[f"{prefix}post_attention_layernorm.weight"])
    norms.append(state["model.norm.weight"])
    parameters = {"embedding": state["model.embed_tokens.weight"].unsqueeze(0)}
    if not shape.tied:
        parameters["head"] = state["lm_head.weight"].T.unsqueeze(0)
    return parameters | {
        "attention": torch.stack(attention).unsqueeze(0),
        "mlp": torch.stack(mlp).unsqueeze(0),
        "norms": torch.stack(norms).unsqueeze(0),
    }
