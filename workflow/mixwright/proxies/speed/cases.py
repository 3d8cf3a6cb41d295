"""Shapes of models whose training is timed, and the settings that all of them share."""

from collections.abc import Mapping
from typing import Any

FIXED = {"architecture": "llama", "layers": 2}
SHAPES: dict[str, dict[str, Any]] = {
    "tiny": FIXED | {"width": 64, "heads": 4, "hidden": 192, "context": 64, "vocabulary": 512},
    "mid": FIXED | {"width": 256, "heads": 8, "hidden": 512, "context": 256, "vocabulary": 4_096},
    "50 k vocabulary": FIXED
    | {"width": 256, "heads": 8, "hidden": 512, "context": 512, "vocabulary": 50_432},
    "RegMix": FIXED
    | {"width": 256, "heads": 8, "hidden": 512, "context": 2_048, "vocabulary": 50_432},
    "8 k vocabulary": FIXED
    | {"width": 256, "heads": 8, "hidden": 512, "context": 2_048, "vocabulary": 8_192},
}
RECIPE = {
    "name": "muon-adamw",
    "muon_lr": 0.02,
    "adam_lr": 0.02,
    "weight_decay": 0.0,
    "warmup": 0.0,
    "betas": [0.9, 0.95],
    "clip": 1.0,
}
# sequences of a step, as in the schema
BATCH = 8


def proxy_of(
    shape: Mapping[str, Any], device: str, batch: int = BATCH, **fixed: Any
) -> dict[str, Any]:
    """Returns what a study's section `proxy` would say of such models.

    Args:
        shape: sizes by name, with `vocabulary` among them.
        device: cpu or cuda.
        batch: sequences of a step.
        fixed: settings that calibration has to obey, such as `wave`.
    """
    section = {"shape": shape, "batch": batch, "optimizer": RECIPE, "device": device}
    return section | fixed
