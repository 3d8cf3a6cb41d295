"""Checkpoints of finals: how far apart they are, and whether one of Trainer's is whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

# the file that Trainer writes last
LAST = "trainer_state.json"
# files that torch.save writes: zip archives, whose table stands at their end
ARCHIVES = (".pt", ".pth", ".bin")
SAFETENSORS = ".safetensors"


def checkpoint_steps(spec: Mapping[str, Any]) -> int:
    """Returns the steps between checkpoints, also where the study gives them in tokens.

    Args:
        spec: the study's section `final`.
    """
    tokens = spec.get("checkpoint_tokens")
    if tokens is None:
        return int(spec["checkpoint_steps"])
    step_tokens = spec["batch"] * spec["shape"]["context"]
    return max(1, round(tokens / step_tokens))


def is_whole(checkpoint: Path) -> bool:
    """Returns whether a checkpoint can be gone on from, as far as its files' ends tell.

    A kill leaves one without its last file. Of two jobs that write the same one, where the file
    system has no locks, each may cut off the other's files.
    """
    try:
        json.loads((checkpoint / LAST).read_text())
        return all(map(_is_whole, checkpoint.iterdir()))
    except (OSError, ValueError):
        return False


def _is_whole(path: Path) -> bool:
    if path.suffix in ARCHIVES:
        return is_zipfile(path)
    if path.suffix == SAFETENSORS:
        return _has_its_tensors(path)
    return True


def _has_its_tensors(path: Path) -> bool:
    """Whether a file is as long as its head says: 8 bytes of its length, JSON, then tensors."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            return False
        head = json.loads(file.read(length))
    ends = [0]
    for name, entry in head.items():
        if name != "__metadata__":
            ends.append(entry["data_offsets"][1])
    return path.stat().st_size == 8 + length + max(ends)
