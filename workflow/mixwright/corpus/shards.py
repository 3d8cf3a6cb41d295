"""Token shards: the format on disk that learners, finals and evaluation read."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.files import read_json, written
from mixwright.mixture import Domain, digest

if TYPE_CHECKING:
    import pandas as pd
from typing import TYPE_CHECKING

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Examples:
    """Texts to score: example j is tokens[starts[j]:starts[j + 1]], opens with the end token, scored from its scored_from[j]-th on."""

    tokens: Ints  # all examples, end to end
    starts: Ints  # (examples + 1,)
    scored_from: Ints  # (examples,), each >= 1
    scored_bytes: Ints  # (examples,) UTF-8 bytes of the scored text

    @classmethod
    def of(cls, rows: Iterable[tuple[Any, Any, int]], end_token: int) -> "Examples":
        """From (context tokens, scored tokens, bytes of the scored text); examples without a scored token are left out."""
        kept = [(context, scored, size) for context, scored, size in rows if len(scored)]
        pieces = [part for context, scored, _ in kept for part in ([end_token], context, scored)]
        return cls(
            tokens=np.concatenate([np.asarray(piece, np.int64) for piece in pieces])
            if pieces
            else np.zeros(0, np.int64),
            starts=np.cumsum(
                [0] + [1 + len(context) + len(scored) for context, scored, _ in kept],
                dtype=np.int64,
            ),
            scored_from=np.array([1 + len(context) for context, _, _ in kept], np.int64),
            scored_bytes=np.array([size for _, _, size in kept], np.int64),
        )

    def __len__(self) -> int:
        return len(self.scored_from)

    @property
    def scored_tokens(self) -> Ints:
        """(examples,) tokens whose loss counts."""
        return np.diff(self.starts) - self.scored_from

    def save(self, path: str | Path) -> None:
        """Writes a compressed .npz, atomically and byte for byte reproducible."""
        with written(path) as beside, beside.open("wb") as file:
            np.savez_compressed(
                file,
                tokens=self.tokens,
                starts=self.starts,
                scored_from=self.scored_from,
                scored_bytes=self.scored_bytes,
            )

    @classmethod
    def load(cls, path: str | Path) -> "Examples":
        try:
            with np.load(path) as arrays:
                return cls(
                    arrays["tokens"],
                    arrays["starts"],
                    arrays["scored_from"],
                    arrays["scored_bytes"],
                )
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise MixwrightError(
                f"{path}: not a file of examples ({error.__class__.__name__}); tokenize the corpus again"
            ) from None

    def first(
        self,
        tokens: int | None = None,
        examples: int | None = None,
        example_tokens: int | None = None,
    ) -> "Examples":
        """The first whole examples until `tokens` scored tokens are reached (at least one), each cut to `example_tokens`.

        An example that is too long keeps the end token, the last tokens of its context (at least half the room, if it has them) and the
        start of its scored text, so that short answers after long contexts stay scored; bytes shrink in proportion, rounded.
        """
        context, scored = self.scored_from - 1, self.scored_tokens
        if example_tokens is not None:
            room = example_tokens - 1
            context = np.minimum(context, np.maximum(room - scored, room // 2))
            scored = np.minimum(scored, room - context)
        count = len(self) if examples is None else min(examples, len(self))
        if tokens is not None:
            count = min(count, int(np.searchsorted(np.cumsum(scored), tokens)) + 1)
        opens = self.starts[:count] + self.scored_from[:count]
        rows = (
            (self.tokens[at - before : at], self.tokens[at : at + after], size)
            for at, before, after, size in zip(
                opens, context, scored, self._bytes_of(scored), strict=False
            )
        )
        return Examples.of(rows, int(self.tokens[0]) if len(self) else 0)

    def whole(self) -> "Examples":
        """The same with their context scored too; bytes grow in proportion, rounded."""
        growth = (np.diff(self.starts) - 1) / np.maximum(self.scored_tokens, 1)
        return Examples(
            self.tokens,
            self.starts,
            np.ones_like(self.scored_from),
            np.rint(self.scored_bytes * growth).astype(np.int64),
        )

    def _bytes_of(self, scored: Ints) -> list[int]:
        return (
            np.rint(self.scored_bytes * (scored / np.maximum(self.scored_tokens, 1)))
            .astype(np.int64)
            .tolist()
        )


@dataclass(frozen=True, eq=False)
class Shard:
    """A domain's tokens: one flat stream for training, every document followed by the end token, and examples for validation."""

    domain: str
    tokens: NDArray[Any]  # (tokens,) uint16 or uint32, a memory map of train.bin
    end_token: int
    vocabulary: int
    fingerprint: str  # SHA-256 of train.bin
    unigram: Ints  # (vocabulary,) counts in the training tokens
    validation: Examples
    mask_token: int | None = None  # of a tokenizer that has one

    def sequences(self, context: int) -> int:
        """Whole blocks of `context` tokens (each needs the token after it too)."""
        return max(0, (len(self.tokens) - 1) // context)

    def sequence(self, block: int, context: int) -> NDArray[Any]:
        """(context + 1,) of `tokens`' kind: block b is tokens[b * context : b * context + context + 1]."""
        return self._plain[block * context : (block + 1) * context + 1]

    @cached_property
    def _plain(self) -> NDArray[Any]:
        """The tokens without memmap's class, of which a slice costs several times as much."""
        return np.asarray(self.tokens)


def open_shard(folder: str | Path) -> Shard:
    """Opens `shards/<domain>`; a shard that is missing or does not have the tokens its manifest says is refused."""
    folder = Path(folder)
    try:
        manifest = read_json(folder / "manifest.json")
        tokens = np.memmap(folder / "train.bin", dtype=manifest["dtype"], mode="r")
        unigram = np.load(folder / "unigram.npy")
    except (MixwrightError, OSError, ValueError) as error:
        raise MixwrightError(
            f"{folder}: not a token shard ({error.__class__.__name__}); tokenize this domain again"
        ) from None
    train = manifest["splits"]["train"]
    if len(tokens) != train["tokens"]:
        raise MixwrightError(
            f"{folder}: train.bin has {len(tokens)} tokens, its manifest {train['tokens']}; tokenize this domain again"
        )
    return Shard(
        domain=manifest["domain"],
        tokens=tokens,
        end_token=manifest["end_token"],
        vocabulary=manifest["vocabulary"],
        fingerprint=train["sha256"],
        unigram=unigram,
        validation=Examples.load(folder / "validation.npz"),
        mask_token=manifest.get("mask_token"),
    )


def count_domains(shards: Sequence[str | Path]) -> "pd.DataFrame":
    """The DOMAINS table of these shards, from their manifests."""
    import pandas as pd

    manifests = [read_json(Path(folder) / "manifest.json") for folder in shards]
    rows = [
        {"domain": manifest["domain"], "split": split}
        | {key: counts[key] for key in ("tokens", "bytes", "documents", "sha256")}
        for manifest in manifests
        for split, counts in manifest["splits"].items()
    ]
    return pd.DataFrame(rows).sort_values(["domain", "split"], ignore_index=True)


def train_domains(path: Path) -> tuple[Domain, ...]:
    """Returns the domains of a DOMAINS table with their training tokens, or their natural shares."""
    counts = _domains(path)
    domains = []
    for row in counts[counts.split == "train"].itertuples():
        tokens = None if math.isnan(row.tokens) else int(row.tokens)
        share = None if math.isnan(row.share) else float(row.share)
        domains.append(Domain(str(row.domain), tokens, share))
    return tuple(domains)


def corpus_fingerprint(domains: Path) -> str:
    """What the results rest on: a hash of every domain's training tokens."""
    counts = _domains(domains)
    return digest(
        {str(row.domain): str(row.sha256) for row in counts[counts.split == "train"].itertuples()}
    )


def _domains(path: Path) -> "pd.DataFrame":
    from mixwright import tables

    return tables.read(path, tables.DOMAINS)
