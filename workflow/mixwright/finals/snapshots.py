"""Copies of a final as it was after some tokens, which the store keeps beside the last one."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# folder of the copies, among a final's checkpoints and then in the store
SNAPSHOTS = "snapshots"


def snapshot_steps(spec: Mapping[str, Any], steps: int) -> dict[int, str]:
    """Returns step -> the tokens trained on after it, of each copy that a study asks for.

    It is the step that comes nearest to the tokens; the last step's copy is the model itself.

    Args:
        spec: the study's section `final`. Under 1 a number is a share of the training.
        steps: of the training.
    """
    step_tokens = spec["batch"] * spec["shape"]["context"]
    taken = {}
    for tokens in spec.get("snapshots", ()):
        places = tokens * steps if tokens < 1 else tokens / step_tokens
        step = max(1, round(places))
        if step < steps:
            taken[step] = str(step * step_tokens)
    return taken


def missing_copies(folder: Path, spec: Mapping[str, Any], steps: int) -> list[str]:
    """Returns the tokens of the copies that a study asks for and a stored final lacks.

    Args:
        folder: `<store>/finals/<key>`.
        spec: the study's section `final`.
        steps: of the training.
    """
    wanted = snapshot_steps(spec, steps).values()
    return [name for name in wanted if not (folder / SNAPSHOTS / name).exists()]


def taken_over(copies: Path, to: Path) -> None:
    """Brings the copies of a finished final to their place in the store.

    They stay where they are too, for a kill on the way must not lose them; disks that can hold a
    file under two names do not hold it twice.
    """
    if copies.exists():
        shutil.copytree(copies, to, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
