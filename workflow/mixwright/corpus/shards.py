"""Token shards: the format on disk that learners, finals and evaluation read."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
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

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Examples:
    """Texts to score.

    Example j is tokens[starts[j]:starts[j + 1]]. It opens with the end token, and is scored from
    its token number scored_from[j] on.
    """

    # (tokens,) all examples, end to end
    tokens: Ints
    # (examples + 1,)
    starts: Ints
    # (examples,) each >= 1
    scored_from: Ints
    # (examples,) UTF-8 bytes of the scored text
    scored_bytes: Ints

    @classmethod
    def of(cls, rows: Iterable[tuple[Any, Any, int]], end_token: int) -> "Examples":
        """Returns the examples of rows; those without a scored token are left out.

        Args:
            rows: (context tokens, scored tokens, bytes of the scored text).
            end_token: id of the token that opens each example.
        """
        pieces = [np.zeros(0, np.int64)]
        lengths = [0]
        scored_from = []
        scored_bytes = []
        for context, scored, size in rows:
            if len(scored) == 0:
                continue
            for part in ([end_token], context, scored):
                pieces.append(np.asarray(part, np.int64))
            lengths.append(1 + len(context) + len(scored))
            scored_from.append(1 + len(context))
            scored_bytes.append(size)
        return cls(
            tokens=np.concatenate(pieces),
            starts=np.cumsum(lengths, dtype=np.int64),
            scored_from=np.array(scored_from, np.int64),
            scored_bytes=np.array(scored_bytes, np.int64),
        )

    def __len__(self) -> int:
        return len(self.scored_from)

    @property
    def scored_tokens(self) -> Ints:
        """Returns (examples,): tokens whose loss counts."""
        return np.diff(self.starts) - self.scored_from

    def save(self, path: str | Path, counts: Mapping[str, Any] | None = None) -> None:
        """Writes a compressed .npz, atomically and byte for byte reproducible.

        Args:
            path: the file.
            counts: of what was left out of the texts, for `read_counts`.
        """
        words = json.dumps(counts or {}).encode()
        with written(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                tokens=self.tokens,
                starts=self.starts,
                scored_from=self.scored_from,
                scored_bytes=self.scored_bytes,
                counts=np.frombuffer(words, np.uint8),
            )

    @classmethod
    def load(cls, path: str | Path) -> "Examples":
        """Reads what `save` wrote; a missing or broken file is a MixwrightError."""
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
                f"{path}: not a file of examples ({error.__class__.__name__});"
                " tokenize the corpus again"
            ) from None

    def first(
        self,
        tokens: int | None = None,
        examples: int | None = None,
        example_tokens: int | None = None,
    ) -> "Examples":
        """Returns the first whole examples, each cut to a length.

        An example that is too long keeps the end token, the last tokens of its context (at least
        half the room, if it has them) and the start of its scored text, so that short answers
        after long contexts stay scored. Bytes shrink in proportion, rounded.

        Args:
            tokens: scored tokens to reach, by one example at least; None for all.
            examples: examples at most; None for all.
            example_tokens: tokens of an example at most; None for its length.
        """
        context = self.scored_from - 1
        scored = self.scored_tokens
        if example_tokens is not None:
            room = example_tokens - 1
            context = np.minimum(context, np.maximum(room - scored, room // 2))
            scored = np.minimum(scored, room - context)
        count = len(self)
        if examples is not None:
            count = min(examples, count)
        if tokens is not None:
            count = min(count, int(np.searchsorted(np.cumsum(scored), tokens)) + 1)
        end_token = int(self.tokens[0]) if len(self) else 0
        return Examples.of(self._cut(context[:count], scored[:count]), end_token)

    def _cut(self, context: Ints, scored: Ints) -> Iterable[tuple[Ints, Ints, int]]:
        """Rows of the first examples with so many tokens before and after scoring starts."""
        # Places where scoring starts.
        count = len(context)
        opens = self.starts[:count] + self.scored_from[:count]
        whole = np.maximum(self.scored_tokens[:count], 1)
        share = scored / whole
        sizes = np.rint(self.scored_bytes[:count] * share).astype(np.int64)
        for at, before, after, size in zip(opens, context, scored, sizes.tolist(), strict=True):
            yield self.tokens[at - before : at], self.tokens[at : at + after], size

    def whole(self) -> "Examples":
        """Returns the same examples with their context scored too.

        Bytes grow in proportion, rounded.
        """
        growth = (np.diff(self.starts) - 1) / np.maximum(self.scored_tokens, 1)
        return Examples(
            self.tokens,
            self.starts,
            np.ones_like(self.scored_from),
            np.rint(self.scored_bytes * growth).astype(np.int64),
        )


def read_counts(path: str | Path) -> dict[str, Any]:
    """Returns the counts that were saved with a file of examples; {} for older files."""
    try:
        with np.load(path) as arrays:
            if "counts" not in arrays:
                return {}
            counts: dict[str, Any] = json.loads(arrays["counts"].tobytes())
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise MixwrightError(
            f"{path}: not a file of examples ({error.__class__.__name__});"
            " tokenize the corpus again"
        ) from None
    return counts


@dataclass(frozen=True, eq=False)
class Shard:
    """A domain's tokens: one flat stream for training, and examples for validation.

    In the stream every document is followed by the end token.
    """

    domain: str
    # (tokens,) uint16 or uint32, a memory map of train.bin
    tokens: NDArray[Any]
    end_token: int
    # one more than the greatest token id
    vocabulary: int
    # SHA-256 of train.bin
    fingerprint: str
    # (vocabulary,) counts in the training tokens
    unigram: Ints
    validation: Examples
    # of a tokenizer that has one
    mask_token: int | None = None

    def sequences(self, context: int) -> int:
        """Returns the number of blocks of `context` tokens; each needs the token after it too."""
        return max(0, (len(self.tokens) - 1) // context)

    def sequence(self, block: int, context: int) -> NDArray[Any]:
        """Returns (context + 1,) tokens; block b starts at token b * context."""
        return self._plain[block * context : (block + 1) * context + 1]

    @cached_property
    def _plain(self) -> NDArray[Any]:
        """The tokens without memmap's class, of which a slice costs several times as much."""
        return np.asarray(self.tokens)


def open_shard(folder: str | Path) -> Shard:
    """Opens the folder `shards/<domain>`.

    Raises:
        MixwrightError: the shard is missing, or has other tokens than its manifest says.
    """
    folder = Path(folder)
    try:
        manifest = read_json(folder / "manifest.json")
        tokens = _tokens(folder, manifest)
        unigram = np.load(folder / "unigram.npy")
    except (MixwrightError, OSError, ValueError) as error:
        raise MixwrightError(
            f"{folder}: not a token shard ({error.__class__.__name__}); tokenize this domain again"
        ) from None
    train = manifest["splits"]["train"]
    if len(tokens) != train["tokens"]:
        raise MixwrightError(
            f"{folder}: train.bin has {len(tokens)} tokens, its manifest {train['tokens']};"
            " tokenize this domain again"
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


def _tokens(folder: Path, manifest: Mapping[str, Any]) -> NDArray[Any]:
    """(tokens,) of a shard, end to end."""
    if "parts" not in manifest:
        return np.memmap(folder / "train.bin", dtype=manifest["dtype"], mode="r")
    streams = []
    for part in manifest["parts"]:
        file = folder / part["folder"] / "train.bin"
        streams.append(np.memmap(file, dtype=manifest["dtype"], mode="r"))
    if len(streams) == 1:
        return streams[0]
    return np.concatenate(streams)


def count_domains(shards: Sequence[str | Path]) -> "pd.DataFrame":
    """Returns the DOMAINS table of shards, from their manifests."""
    import pandas as pd

    rows = []
    for folder in shards:
        manifest = read_json(Path(folder) / "manifest.json")
        for split, counts in manifest["splits"].items():
            row = {"domain": manifest["domain"], "split": split}
            for key in ("tokens", "bytes", "documents", "sha256"):
                row[key] = counts[key]
            rows.append(row)
    return pd.DataFrame(rows).sort_values(["domain", "split"], ignore_index=True)


def train_domains(path: Path) -> tuple[Domain, ...]:
    """Returns the domains of a DOMAINS table: training tokens, or shares of natural."""
    domains = []
    for row in _train_rows(path):
        tokens = None if math.isnan(row.tokens) else int(row.tokens)
        share = None if math.isnan(row.share) else float(row.share)
        domains.append(Domain(str(row.domain), tokens, share))
    return tuple(domains)


def corpus_fingerprint(domains: Path) -> str:
    """Returns what results rest on: a hash of every domain's training tokens."""
    return digest({str(row.domain): str(row.sha256) for row in _train_rows(domains)})


def _train_rows(domains: Path) -> Iterable[Any]:
    """Rows of the split train of a file of the DOMAINS table."""
    from mixwright import tables

    counts = tables.read(domains, tables.DOMAINS)
    return counts[counts.split == "train"].itertuples()
