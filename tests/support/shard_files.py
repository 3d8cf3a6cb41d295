"""Small synthetic shards on disk, in the format of mixwright.corpus.shards."""

import hashlib
import json
from pathlib import Path

import numpy as np

from mixwright.corpus.shards import Examples, Shard, open_shard

END = 0
VOCABULARY = 64


def text(
    rng: np.random.Generator, length: int, domain: int, vocabulary: int = VOCABULARY
) -> np.ndarray:
    """Draws a walk that mostly takes the step of its domain.

    It is easy to learn from context, and a unigram model learns nothing from it.
    """
    steps = np.where(
        rng.random(length) < 0.8, 3 + 4 * domain, rng.integers(1, vocabulary - 1, length)
    )
    return 1 + np.cumsum(steps) % (vocabulary - 1)


def examples(domain: int, seed: int = 7, count: int = 6, length: int = 50) -> Examples:
    rng = np.random.default_rng([seed, domain])
    rows = [
        (
            text(rng, int(rng.integers(0, 5)), domain),
            text(rng, length + 3 * i, domain),
            4,
        )
        for i in range(count)
    ]
    return Examples.of(rows, END)


def write_shard(
    folder: Path,
    name: str,
    tokens: np.ndarray,
    validation: Examples,
    vocabulary: int = VOCABULARY,
    mask_token: int | None = None,
) -> Shard:
    folder = folder / name
    folder.mkdir(parents=True)
    stream = tokens.astype(np.uint16)
    stream.tofile(folder / "train.bin")
    np.save(folder / "unigram.npy", np.bincount(stream, minlength=vocabulary).astype(np.int64))
    validation.save(folder / "validation.npz")
    train = {
        "tokens": len(stream),
        "bytes": 4 * len(stream),
        "documents": 1,
        "sha256": hashlib.sha256(stream.tobytes()).hexdigest(),
    }
    manifest = {
        "domain": name,
        "dtype": "uint16",
        "vocabulary": vocabulary,
        "end_token": END,
        "splits": {"train": train},
    }
    manifest["mask_token"] = mask_token
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return open_shard(folder)


def split(shard: Shard, folder: Path, sizes: list[int]) -> Shard:
    """Writes a shard of the same tokens in parts: of these sizes, and the rest."""
    source = Path(shard.parts[0].filename).parent
    parts = []
    for number, part in enumerate(np.split(shard.tokens, np.cumsum(sizes))):
        place = folder / "tokens" / shard.domain / str(number)
        place.mkdir(parents=True)
        part.tofile(place / "train.bin")
        digest = hashlib.sha256(part.tobytes()).hexdigest()
        relative = f"../../tokens/{shard.domain}/{number}"
        parts.append({"folder": relative, "tokens": len(part), "sha256": digest})
    joined = folder / "shards" / shard.domain
    joined.mkdir(parents=True)
    for name in ("unigram.npy", "validation.npz"):
        (joined / name).write_bytes((source / name).read_bytes())
    manifest = json.loads((source / "manifest.json").read_text())
    (joined / "manifest.json").write_text(json.dumps(manifest | {"parts": parts}))
    return open_shard(joined)


def make_shards(
    folder: Path, sizes: tuple[int, ...] = (4000, 900, 2500), masked: bool = False
) -> list[Shard]:
    """Writes domains a, b, c, ... with `sizes` tokens.

    With `masked` there is one more token, the mask, that no text holds.
    """
    rng = np.random.default_rng(3)
    mask = {"vocabulary": VOCABULARY + 1, "mask_token": VOCABULARY} if masked else {}
    return [
        write_shard(folder, "abcdefgh"[i], text(rng, size, i), examples(i), **mask)
        for i, size in enumerate(sizes)
    ]
