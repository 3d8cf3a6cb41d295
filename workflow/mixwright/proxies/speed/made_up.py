"""Made-up tokens, for what is learned does not matter for what learning costs."""

import hashlib
import json
from pathlib import Path

import numpy as np

from mixwright.corpus.shards import Examples, Shard, open_shard


def write_shards(
    folder: Path, vocabulary: int, domains: int = 3, tokens: int = 400_000
) -> list[Shard]:
    """Writes random tokens in the format of mixwright.corpus.shards, and opens them.

    Args:
        folder: where the folders of the domains go.
        vocabulary: at most 65,536.
        domains: how many.
        tokens: of each domain.
    """
    for index in range(domains):
        stream = np.random.default_rng(index).integers(0, vocabulary, tokens).astype(np.uint16)
        shard = folder / f"d{index:02}"
        shard.mkdir(parents=True)
        stream.tofile(shard / "train.bin")
        np.save(shard / "unigram.npy", np.bincount(stream, minlength=vocabulary).astype(np.int64))
        Examples.of([([], stream[:16], 4)], 0).save(shard / "validation.npz")
        train = {
            "tokens": tokens,
            "bytes": 4 * tokens,
            "documents": 1,
            "sha256": hashlib.sha256(stream.tobytes()).hexdigest(),
        }
        manifest = {
            "domain": shard.name,
            "dtype": "uint16",
            "vocabulary": vocabulary,
            "end_token": 0,
            "splits": {"train": train},
        }
        (shard / "manifest.json").write_text(json.dumps(manifest))
    return open_shards(folder)


def open_shards(folder: Path) -> list[Shard]:
    """Opens all shards of a folder, in the order of their names."""
    return [open_shard(path) for path in sorted(folder.iterdir())]
