"""The two lists of a study's texts: what proxies learn from, and what they are scored on.

Each holds hashes, so that it is another file where one of the texts is another. They are two, so
that another target is no change of what is trained.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mixwright.files import read_json, sha256
from mixwright.mixture import digest

# Of a shard's manifest: what training depends on. Its counts of what was cleaned are no part.
TRAINING = ("dtype", "vocabulary", "end_token", "mask_token", "parts")


def training_list(shards: Sequence[Path], domains: Path) -> dict[str, Any]:
    """Returns what training reads: folders, and hashes of the training text alone.

    Args:
        shards: A folder a domain; its manifest holds the hashes of its tokens or rows.
        domains: The table of domains.
    """
    hashes = {str(domains): _training_counts(domains)}
    for folder in shards:
        manifest = read_json(folder / "manifest.json")
        hashes[str(folder)] = _training_hash(manifest)
    return {
        "shards": list(map(str, shards)),
        "domains": str(domains),
        "sha256": dict(sorted(hashes.items())),
    }


def scored_list(
    shards: Sequence[Path], targets: Sequence[Path], domains: Path, scoring: str
) -> dict[str, Any]:
    """Returns what scoring reads: all texts, with hashes of the whole of them.

    Args:
        shards: A folder a domain, with its validation split.
        targets: Tokenized targets.
        domains: The table of domains.
        scoring: The hash of what the study asks to score, and how.
    """
    hashes = {}
    for path in (*_manifests(shards), *targets, domains):
        hashes[str(path)] = sha256(path)
    return {
        "shards": list(map(str, shards)),
        "targets": list(map(str, targets)),
        "domains": str(domains),
        "sha256": hashes,
        "scoring": scoring,
    }


def _manifests(shards: Sequence[Path]) -> list[Path]:
    """The manifests of shards, which hold the hashes of their tokens."""
    return [folder / "manifest.json" for folder in shards]


def _training_hash(manifest: Mapping[str, Any]) -> str:
    """The hash of what training depends on in a domain."""
    facts = {key: manifest.get(key) for key in TRAINING}
    facts["train"] = manifest["splits"]["train"]
    # of data sets of rows, where all of them are learned or choose settings
    facts["rows"] = manifest.get("sha256")
    return digest(facts, 32)


def _training_counts(domains: Path) -> str:
    """The hash of the training tokens of each domain, and of its source."""
    rows = pq.read_table(domains).to_pylist()
    return digest([row for row in rows if row["split"] == "train"], 32)
