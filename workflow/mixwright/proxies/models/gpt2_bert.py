"""GPT-2- and BERT-shaped transformers stacked over K members: learned positions, LayerNorm, GELU, biases, a head tied to the embedding.

GPT-2 (Radford et al., 2019) normalises before a layer and looks back; BERT (arXiv 1810.04805) normalises after it and looks both ways.
BERT's embedding of a sentence's kind is left out: with one kind it is a constant that the positions hold already. No dropout.
"""

import torch
from torch import Tensor
from torch.nn.functional import gelu

from mixwright.proxies.models.attention import Heads, attend, turns
from mixwright.proxies.models.kernels import LayerNorm, Shift
from mixwright.proxies.models.llama import embedded
from mixwright.proxies.models.shape import FirstWeights, Parameters, Shape

EPSILON = {"gpt2": 1e-5, "bert": 1e-12}
GELU = {"gpt2": "tanh", "bert": "none"}


def initial(shape: Shape, seed: int) -> Parameters:
    """Zero residual outputs and biases, norms one, the rest normal(0, 0.02).

    embedding (1, V, W); positions (1, T, W); attention (1, L, 4, W, W), rows are outputs, slots q k v o; mlp (1, L, 2, W, H), slots up
    (inputs x outputs) and down (outputs x inputs); norms (1, 2 L + 1, 2, W), scale and shift, one more in BERT's head; its transform
    (1, 1, W, W).
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
    norms = torch.zeros(1, 2 * layers + 1 + shape.masked, 2, width)
    norms[:, :, 0] = 1
    found = {
        "embedding": normal(shape.vocabulary, width),
        "positions": normal(shape.context, width),
        "attention": attention,
        "mlp": mlp,
        "norms": norms,
        "attention_bias": torch.zeros(1, layers, 4, width),
        "up_bias": torch.zeros(1, layers, hidden),
        "down_bias": torch.zeros(1, layers, width),
    }
    own = {
        "transform": normal(1, width, width),
        "transform_bias": torch.zeros(1, width),
        "head_bias": torch.zeros(1, shape.vocabulary),
    }
    return found | (own if shape.masked else {})


def hidden_states(parameters: Parameters, tokens: Tensor, shape: Shape) -> Tensor:
    """(K, B T, W) final normed states, before BERT's head; `tokens` is (K, B, T) or (1, B, T) int64."""
    rows, length = tokens.shape[1:]
    norms, epsilon, first = (
        parameters["norms"].unbind(1),
        EPSILON[shape.architecture],
        int(shape.masked),
    )
    x = embedded(parameters["embedding"], tokens)
    places = parameters["positions"][:, :length].flatten(1)  # (K, T W), the same for every row
    x = Shift.apply(x.view(len(x), rows, -1), places).view(x.shape)
    x = LayerNorm.apply(x, norms[0], epsilon) if shape.masked else x
    names = ("attention", "attention_bias", "mlp", "up_bias", "down_bias")
    for layer, (attention, bias, mlp, up, down) in enumerate(
        zip(*(parameters[name].unbind(1) for name in names), strict=True)
    ):
        before, after = norms[2 * layer + first], norms[2 * layer + 1 + first]
        if shape.masked:
            x = LayerNorm.apply(
                x + _attention(x, attention, bias, rows, length, shape), before, epsilon
            )
            x = LayerNorm.apply(x + _mlp(x, mlp, up, down, shape), after, epsilon)
        else:
            x = x + _attention(
                LayerNorm.apply(x, before, epsilon), attention, bias, rows, length, shape
            )
            x = x + _mlp(LayerNorm.apply(x, after, epsilon), mlp, up, down, shape)
    return x if shape.masked else LayerNorm.apply(x, norms[-1], epsilon)


def head(parameters: Parameters, states: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """States and matrix whose product is the logits; the bias of BERT's head is one more row, for an input that is always one."""
    matrix = parameters["embedding"].mT
    if not shape.masked:
        return states, matrix
    x = Shift.apply(
        torch.bmm(states, parameters["transform"].squeeze(1).mT), parameters["transform_bias"]
    )
    x = LayerNorm.apply(
        gelu(x, approximate=GELU[shape.architecture]),
        parameters["norms"][:, -1],
        EPSILON[shape.architecture],
    )
    return torch.cat([x, torch.ones_like(x[..., :1])], -1), torch.cat(
        [matrix, parameters["head_bias"].unsqueeze(1)], 1
    )


def _attention(
    x: Tensor, weights: Tensor, bias: Tensor, rows: int, length: int, shape: Shape
) -> Tensor:
    members, _, _, width = weights.shape
    project, out = weights.split((3, 1), dim=1)
    mixed = torch.bmm(x, project.reshape(members, 3 * width, width).mT)
    mixed = Shift.apply(mixed, bias[:, :3].flatten(1)).to(mixed.dtype)
    heads = Heads.apply(
        mixed.view(members * rows, length, 3, shape.heads, -1), turns(length, 0, x.device)
    )
    seen = attend(*heads, causal=not shape.masked, kernel=shape.attention)
    return _shifted(
        torch.bmm(seen.transpose(1, 2).reshape(members, rows * length, width), out.squeeze(1).mT),
        bias[:, 3],
    )


def _mlp(x: Tensor, weights: Tensor, up_bias: Tensor, down_bias: Tensor, shape: Shape) -> Tensor:
    up, down = weights.unbind(1)
    inner = gelu(_shifted(torch.bmm(x, up), up_bias), approximate=GELU[shape.architecture])
    return _shifted(torch.bmm(inner, down.mT), down_bias)


def _shifted(x: Tensor, bias: Tensor) -> Tensor:
    found: Tensor = Shift.apply(x, bias)
    return found


def hf_state_dict(own: Parameters, shape: Shape) -> dict[str, Tensor]:
    """One member's weights under the names of GPT2LMHeadModel or BertForMaskedLM."""
    return _bert_names(own) if shape.masked else _gpt2_names(own)


def _gpt2_names(own: Parameters) -> dict[str, Tensor]:
    found = {
        "transformer.wte.weight": own["embedding"],
        "transformer.wpe.weight": own["positions"],
        "lm_head.weight": own["embedding"],
    }
    for layer in range(len(own["attention"])):
        at = f"transformer.h.{layer}."
        (q, k, v, o), bias, (up, down) = (
            own["attention"][layer],
            own["attention_bias"][layer],
            own["mlp"][layer],
        )
        found |= _named(f"{at}attn.c_attn", torch.cat([q, k, v]).T, bias[:3].flatten()) | _named(
            f"{at}attn.c_proj", o.T, bias[3]
        )
        found |= _named(f"{at}mlp.c_fc", up, own["up_bias"][layer]) | _named(
            f"{at}mlp.c_proj", down.T, own["down_bias"][layer]
        )
        found |= _named(f"{at}ln_1", *own["norms"][2 * layer]) | _named(
            f"{at}ln_2", *own["norms"][2 * layer + 1]
        )
    return found | _named("transformer.ln_f", *own["norms"][-1])


def _bert_names(own: Parameters) -> dict[str, Tensor]:
    names = {"word_embeddings": own["embedding"], "position_embeddings": own["positions"]}
    names["token_type_embeddings"] = torch.zeros_like(own["positions"][:1])
    found = {f"bert.embeddings.{name}.weight": tensor for name, tensor in names.items()}
    found |= _named("bert.embeddings.LayerNorm", *own["norms"][0])
    for layer in range(len(own["attention"])):
        at = f"bert.encoder.layer.{layer}."
        matrices, bias, (up, down) = (
            own["attention"][layer],
            own["attention_bias"][layer],
            own["mlp"][layer],
        )
        places = (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
        )
        for name, matrix, row in zip(places, matrices, bias, strict=True):
            found |= _named(at + name, matrix, row)
        found |= _named(f"{at}intermediate.dense", up.T, own["up_bias"][layer]) | _named(
            f"{at}output.dense", down, own["down_bias"][layer]
        )
        found |= _named(f"{at}attention.output.LayerNorm", *own["norms"][2 * layer + 1])
        found |= _named(f"{at}output.LayerNorm", *own["norms"][2 * layer + 2])
    at = "cls.predictions."
    found |= _named(f"{at}transform.dense", own["transform"][0], own["transform_bias"]) | _named(
        f"{at}transform.LayerNorm", *own["norms"][-1]
    )
    return (
        found
        | _named(f"{at}decoder", own["embedding"], own["head_bias"])
        | {f"{at}bias": own["head_bias"]}
    )


def _named(name: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    return {f"{name}.weight": weight, f"{name}.bias": bias}
