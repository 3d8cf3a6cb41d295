"""Who trains the finals of a study, and how many share a job; nothing heavy is imported."""

from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.learners import HEAD_MULTIPLE, LEARNERS, MASKED, PACKED
from mixwright.study.lengths import vocabulary_rows
from mixwright.study.recipes import keyed

PACKED_TRAINER = "packed"
TRANSFORMERS = "transformers"
# What `trainer: auto` takes for small: side by side, larger models gain little.
SMALL = 100e6
# Finals in one job of the packed trainer, at most.
TOGETHER = 16
# Settings of a final that transformers' Trainer alone has, each with its value where it is unused.
ITS_OWN: Mapping[str, Any] = {
    "compile": False,
    "activation_checkpointing": False,
    "attention": "auto",
    "cross_entropy": "auto",
    "track": "none",
}
# Settings of a final that change none of its numbers, or are told apart otherwise.
ASIDE = (
    "seeds",
    "per_job",
    "nodes",
    "processes",
    "parallel",
    "trainer",
    "batch_tokens",
    "workers",
    "track",
    "max_minutes",
    "checkpoint_tokens",
    "checkpoint_minutes",
)


def trainer_of(config: Mapping[str, Any]) -> str:
    """Returns who trains the finals of a study: `packed` or `transformers`."""
    trainer = str(config["final"].get("trainer", "auto"))
    if trainer != "auto":
        return trainer
    return TRANSFORMERS if why_transformers(config) else PACKED_TRAINER


def why_transformers(config: Mapping[str, Any]) -> str:
    """Returns why `trainer: auto` leaves finals to transformers; empty: it does not."""
    obstacle = _obstacle(config)
    if obstacle:
        return obstacle
    size = weights_of(config, "final")
    if size > SMALL:
        return f"it has about {size / 1e6:,.0f} M parameters, more than {SMALL / 1e6:.0f} M"
    return ""


def check_trainer(config: Mapping[str, Any]) -> None:
    """Checks that the packed trainer can do what a study asks of it.

    Raises:
        MixwrightError: it cannot.
    """
    if config["final"]["trainer"] != PACKED_TRAINER:
        return
    obstacle = _obstacle(config)
    if obstacle:
        raise MixwrightError(
            f"config: final.trainer packed cannot train this final: {obstacle};"
            " set final.trainer to transformers"
        )


def final_settings(final: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a section `final` that its numbers depend on."""
    settings = {}
    for key, value in final.items():
        if key not in ASIDE:
            settings[key] = value
    return keyed(settings)


def computed_by(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a final's key says of who computes it; empty: as finals were from the start.

    Once transformers' finals had torch's Muon: products in bfloat16, and queries, keys and values
    of one matrix in one.
    """
    final = config["final"]
    if trainer_of(config) == PACKED_TRAINER:
        return {"trainer": PACKED_TRAINER}
    if final["optimizer"].get("name", "muon-adamw") == "adamw":
        return {}
    shape = final.get("shape") or {}
    in_slots = shape.get("architecture") in ("gpt2", "neox")
    if final["precision"] == "float32" or in_slots:
        return {"muon": 2}
    return {}


def finals_a_job(config: Mapping[str, Any], arms: int) -> int:
    """Returns how many finals a job trains, of a study with so many arms."""
    per_job = config["final"]["per_job"]
    if per_job != "auto":
        return int(per_job)
    if LEARNERS[config["learner"]].sized and trainer_of(config) == PACKED_TRAINER:
        # a job a seed, so that an added seed leaves the others' jobs as they are
        return min(arms, TOGETHER)
    return 1


def _obstacle(config: Mapping[str, Any]) -> str:
    """What of a study the packed trainer cannot do; empty: nothing."""
    final = config["final"]
    if final["nodes"] * final["processes"] > 1:
        return "several processes train it together"
    for key, unused in ITS_OWN.items():
        if final.get(key, unused) != unused:
            return f"final.{key} is a setting of transformers alone"
    shape = final["shape"]
    architecture = shape["architecture"]
    heads = shape["heads"]
    if architecture not in PACKED:
        return f"its architecture is {architecture}"
    if shape.get("key_value_heads", heads) != heads:
        return "its keys are grouped"
    if final.get("init") and architecture in MASKED:
        return "a masked checkpoint has kinds of sentences"
    if shape["width"] % (HEAD_MULTIPLE.get(architecture, 2) * heads):
        return f"its width {shape['width']} does not fit {heads} heads"
    return ""


def weights_of(config: Mapping[str, Any], part: str) -> float:
    """Returns the parameters of a model, about: its large matrices.

    `part` is proxy or final.
    """
    shape = config[part]["shape"]
    width = shape["width"]
    mlp = (3 if shape["architecture"] == "llama" else 2) * width * shape["hidden"]
    body = shape["layers"] * (4 * width**2 + mlp)
    tables = 2 * width * vocabulary_rows(config, part)
    return float(body + tables)
