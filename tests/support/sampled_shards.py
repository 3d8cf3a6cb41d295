"""Shards of domains of which a sample was read, as their manifests say it."""

import json
from pathlib import Path
from typing import Any

# UTF-8 bytes of a token of made-up text, and the share that is held out.
TOKEN_BYTES = 3
HELD_OUT = 0.1


def manifest(
    name: str, sample: int, source: int | None, whole: bool = False, **cleaning: int
) -> dict[str, Any]:
    """The manifest of a domain: bytes of its sample, and of its source (None: not known).

    Further counts of cleaning go by their names.
    """
    held_out = int(HELD_OUT * sample)
    splits = {}
    for split, size in (("train", sample - held_out), ("validation", held_out)):
        splits[split] = {
            "tokens": size // TOKEN_BYTES,
            "bytes": size,
            "documents": size // 600,
            "sha256": f"{name} {split} {size}",
        }
    counts = {"read": 10_000, "bytes": sample, "bytes_read": sample, "documents": sample // 600}
    if source is None or source > sample:
        counts["beyond_sample"] = 1_000
    return {
        "domain": name,
        "dtype": "uint16",
        "vocabulary": 64,
        "end_token": 0,
        "unknown": 0.0,
        "source": {"bytes": source or 0, "whole": whole},
        "cleaning": counts | cleaning,
        "splits": splits,
    }


def write(folder: Path, manifests: list[dict[str, Any]]) -> list[Path]:
    """Writes the manifests below `folder`, and returns the folders of their shards."""
    folders = []
    for content in manifests:
        shard = folder / content["domain"]
        shard.mkdir(parents=True)
        (shard / "manifest.json").write_text(json.dumps(content))
        folders.append(shard)
    return folders
