"""Model shapes from transformers' config.json. Read at parse time; nothing heavy is imported."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.learners import HEAD_MULTIPLE, NORM_EPSILON, THETA

CONFIG = "config.json"
# The architecture of shapes that the packed trainer does not have.
OTHER = "transformers"
# Size of a shape -> what configurations call it.
NAMES = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "width": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "hidden": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "d_ff"),
    "context": ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"),
    "vocabulary": ("vocab_size",),
}
# Where hidden is null it is so many times the width.
USUAL_HIDDEN = 4


@dataclass(frozen=True)
class Family:
    """A kind of model of transformers that the packed trainer has, and what it computes of it."""

    architecture: str
    # key -> the values that the packed trainer computes; a key that is missing has the first
    computed: Mapping[str, tuple[Any, ...]]
    # what the epsilon of its norms is called, and what transformers takes where it is missing
    epsilon: tuple[str, float]
    # share of a head's dimensions that positions turn
    turned: float = 1.0


# by transformers' model_type
FAMILIES = {
    "llama": Family(
        "llama",
        {"hidden_act": ("silu",), "attention_bias": (False,), "mlp_bias": (False,)},
        ("rms_norm_eps", 1e-6),
    ),
    "gpt2": Family(
        "gpt2",
        {
            "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
            "add_cross_attention": (False,),
            "tie_word_embeddings": (True,),
        },
        ("layer_norm_epsilon", 1e-5),
    ),
    "gpt_neox": Family(
        "neox",
        {
            "hidden_act": ("gelu",),
            "use_parallel_residual": (True,),
            "attention_bias": (True,),
            "tie_word_embeddings": (False,),
        },
        ("layer_norm_eps", 1e-5),
        turned=0.25,
    ),
    "bert": Family(
        "bert",
        {
            "hidden_act": ("gelu",),
            "position_embedding_type": ("absolute",),
            "is_decoder": (False,),
            "add_cross_attention": (False,),
            "tie_word_embeddings": (True,),
        },
        ("layer_norm_eps", 1e-12),
    ),
}


def read_configuration(folder: Path, where: str) -> dict[str, Any]:
    """Returns the content of a config.json.

    Args:
        folder: a model folder, or the file itself.
        where: what messages begin with.

    Raises:
        MixwrightError: there is none, or it is no configuration of a model.
    """
    path = folder / CONFIG if folder.is_dir() else folder
    if not path.is_file():
        raise MixwrightError(
            f"{where}: {folder} holds no {CONFIG}; name a folder that save_pretrained wrote"
        )
    configuration = read_json(path)
    if not isinstance(configuration, dict) or "model_type" not in configuration:
        raise MixwrightError(
            f"{where}: {path} names no model_type; name a {CONFIG} of transformers"
        )
    return configuration


def shape_of(configuration: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns the shape of a configuration, with the keys of config/models.

    Its architecture is one of the packed trainer's where that computes the same, else
    `transformers`.

    Args:
        configuration: the content of a config.json.
        where: what messages begin with.

    Raises:
        MixwrightError: it lacks a size.
    """
    sizes = _sizes(configuration, where)
    kind = configuration["model_type"]
    if kind in FAMILIES and not differences(configuration, where):
        return _packed(configuration, FAMILIES[kind], sizes)
    shape = {"architecture": OTHER, **sizes}
    if configuration.get("tie_word_embeddings"):
        shape["tied"] = True
    return shape


def _packed(
    configuration: Mapping[str, Any], family: Family, sizes: Mapping[str, int]
) -> dict[str, Any]:
    """The shape of a model that the packed trainer computes; what is usual is not named."""
    architecture = family.architecture
    shape: dict[str, Any] = {"architecture": architecture, **sizes}
    name, usual = family.epsilon
    epsilon = float(configuration.get(name, usual))
    if epsilon != NORM_EPSILON[architecture]:
        shape["epsilon"] = epsilon
    theta = _rotary(configuration)["theta"]
    if theta != THETA:
        shape["theta"] = theta
    if architecture == "llama" and configuration.get("tie_word_embeddings"):
        shape["tied"] = True
    return shape


def differences(configuration: Mapping[str, Any], where: str) -> list[str]:
    """Returns what the packed trainer does not compute of a model, in words; empty: it is all.

    Raises:
        MixwrightError: the configuration lacks a size.
    """
    kind = configuration["model_type"]
    if kind not in FAMILIES:
        return [f"model_type {kind}"]
    family = FAMILIES[kind]
    words = []
    for name, values in family.computed.items():
        value = configuration.get(name, values[0])
        if value not in values:
            words.append(f"{name} {value}")
    words += _of_heads(configuration, family, _sizes(configuration, where))
    rotary = _rotary(configuration)
    if rotary["type"] != "default":
        words.append(f"positions of rope type {rotary['type']}")
    turned = rotary["turned"]
    if turned is not None and turned != family.turned:
        words.append(f"positions that turn {turned:g} of a head")
    return words


def _of_heads(
    configuration: Mapping[str, Any], family: Family, sizes: Mapping[str, int]
) -> Iterator[str]:
    """What the packed trainer does not compute of a model's heads, in words."""
    heads, width = sizes["heads"], sizes["width"]
    keys = configuration.get("num_key_value_heads") or heads
    if keys != heads:
        yield f"grouped keys ({keys} for {heads} heads)"
    multiple = HEAD_MULTIPLE.get(family.architecture, 2)
    if width % (multiple * heads):
        yield f"{heads} heads in a width of {width}"
        return
    head = configuration.get("head_dim") or width // heads
    if head != width // heads:
        yield f"head_dim {head} in place of {width // heads}"


def _sizes(configuration: Mapping[str, Any], where: str) -> dict[str, int]:
    """The sizes of NAMES."""
    sizes: dict[str, int] = {}
    missing = []
    for size, names in NAMES.items():
        values = [configuration[name] for name in names if configuration.get(name) is not None]
        if values:
            sizes[size] = int(values[0])
        elif size == "hidden" and "width" in sizes:
            sizes[size] = USUAL_HIDDEN * sizes["width"]
        else:
            missing.append(names[0])
    if missing:
        raise MixwrightError(
            f"{where}: its {CONFIG} says nothing of {', '.join(missing)}, which the plan and the"
            " steps need; add them to a copy of the file, or take another model"
        )
    return sizes


def _rotary(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The type, base and share of rotary positions, as any version of transformers writes them."""
    present = configuration.get("rope_parameters") or {}
    older = configuration.get("rope_scaling") or {}
    kind = present.get("rope_type") or older.get("rope_type") or older.get("type") or "default"
    theta = THETA
    for value in (
        present.get("rope_theta"),
        configuration.get("rope_theta"),
        configuration.get("rotary_emb_base"),
    ):
        if value is not None:
            theta = float(value)
            break
    turned = present.get("partial_rotary_factor", configuration.get("rotary_pct"))
    return {"type": kind, "theta": theta, "turned": turned}
