"""Token shards: the format on disk that learners, finals and evaluation read."""

import json
import os
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.files import read_json, written

Ints = NDArray[np.int64]
# Of Examples, in their file.
ARRAYS = ("tokens", "starts", "scored_from", "token_bytes")


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
    # (tokens,) UTF-8 bytes of each token's text, 0 for the end token
    token_bytes: Ints

    @classmethod
    def of(cls, rows: Iterable[tuple[Any, Any, Any]], end_token: int) -> "Examples":
        """Returns the examples of rows; those without a scored token are left out.

        Args:
            rows: (context tokens, scored tokens, UTF-8 bytes of each of these tokens, the
                context's first; one number where all have as many).
            end_token: id of the token that opens each example.
        """
        tokens = [np.zeros(0, np.int64)]
        token_bytes = [np.zeros(0, np.int64)]
        lengths = [0]
        scored_from = []
        for context, scored, sizes in rows:
            if len(scored) == 0:
                continue
            for part in ([end_token], context, scored):
                tokens.append(np.asarray(part, np.int64))
            length = len(context) + len(scored)
            of_each = np.asarray(sizes, np.int64)
            token_bytes += (np.zeros(1, np.int64), np.broadcast_to(of_each, length))
            lengths.append(1 + length)
            scored_from.append(1 + len(context))
        return cls(
            tokens=np.concatenate(tokens),
            starts=np.cumsum(lengths, dtype=np.int64),
            scored_from=np.array(scored_from, np.int64),
            token_bytes=np.concatenate(token_bytes),
        )

    def __len__(self) -> int:
        return len(self.scored_from)

    @property
    def scored_tokens(self) -> Ints:
        """Returns (examples,): tokens whose loss counts."""
        return np.diff(self.starts) - self.scored_from

    @cached_property
    def scored_bytes(self) -> Ints:
        """Returns (examples,): UTF-8 bytes of the scored tokens."""
        before = np.concatenate([[0], np.cumsum(self.token_bytes)])
        opens = self.starts[:-1] + self.scored_from
        return np.asarray(before[self.starts[1:]] - before[opens], np.int64)

    def save(self, path: str | Path, counts: Mapping[str, Any] | None = None) -> None:
        """Writes a compressed .npz, atomically and byte for byte reproducible.

        Args:
            path: the file.
            counts: of what was left out of the texts, for `read_counts`.
        """
        words = json.dumps(counts or {}).encode()
        arrays: dict[str, Any] = {name: _narrow(getattr(self, name)) for name in ARRAYS}
        with written(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, counts=np.frombuffer(words, np.uint8), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Examples":
        """Reads what `save` wrote.

        Raises:
            MixwrightError: the file is missing or broken, or of a version that did not write the
                bytes of each token.
        """
        try:
            with np.load(path) as arrays:
                return cls(*(arrays[name].astype(np.int64) for name in ARRAYS))
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
        """Returns the first examples, each cut to a length, and the last to a number of tokens.

        An example that is too long keeps the end token, the last tokens of its context (at least
        half the room, if it has them) and the start of its scored text, so that short answers
        after long contexts stay scored.

        Args:
            tokens: scored tokens to reach; None for all. The example that reaches them is cut
                there, so that exactly so many are scored. If it has a context it stays whole: a
                cut answer would be another answer.
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
            total = np.cumsum(scored)
            last = int(np.searchsorted(total, tokens))
            count = min(count, last + 1)
            if last < len(self) and self.scored_from[last] == 1:
                scored[last] -= total[last] - tokens
        end_token = int(self.tokens[0]) if len(self) else 0
        return Examples.of(self._cut(context[:count], scored[:count]), end_token)

    def _cut(self, context: Ints, scored: Ints) -> Iterable[tuple[Ints, Ints, Ints]]:
        """Rows of the first examples with so many tokens before and after scoring starts."""
        # Places where scoring starts.
        count = len(context)
        opens = self.starts[:count] + self.scored_from[:count]
        for at, before, after in zip(opens, context, scored, strict=True):
            first = at - before
            last = at + after
            yield self.tokens[first:at], self.tokens[at:last], self.token_bytes[first:last]

    def rows(self) -> Iterable[tuple[Ints, Ints, Ints]]:
        """Yields each example as `of` takes it: its context, what is scored, and the bytes."""
        return self._cut(self.scored_from - 1, self.scored_tokens)

    def whole(self) -> "Examples":
        """Returns the same examples with their context scored too."""
        everywhere = np.ones_like(self.scored_from)
        return Examples(self.tokens, self.starts, everywhere, self.token_bytes)


def _narrow(array: Ints) -> NDArray[Any]:
    """Numbers from 0 on in the smallest type that holds them."""
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))


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
    """A domain's tokens: streams for training, and examples for validation.

    In a stream every document is followed by the end token. No sequence goes from one stream, a
    part of the domain, over to the next.
    """

    domain: str
    # each (tokens,) uint16 or uint32, a memory map of a part's train.bin; one or more
    parts: tuple[NDArray[Any], ...]
    end_token: int
    # one more than the greatest token id
    vocabulary: int
    # SHA-256 of train.bin, or of those of several parts
    fingerprint: str
    # (vocabulary,) counts in the training tokens
    unigram: Ints
    validation: Examples
    # of a tokenizer that has one
    mask_token: int | None = None
    # training tokens of the source, of which these are a sample; None: these are all there is
    source_tokens: int | None = None

    @property
    def times_sampled(self) -> float:
        """Returns how many times the tokens here its source holds, 1 or more."""
        if self.source_tokens is None:
            return 1.0
        return max(1.0, self.source_tokens / max(self.size, 1))

    @property
    def size(self) -> int:
        """Returns the number of training tokens."""
        return sum(len(part) for part in self.parts)

    @property
    def tokens(self) -> NDArray[Any]:
        """Returns (size,) tokens: the map of the only part; of several parts a copy in memory."""
        return self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)

    def sequences(self, context: int) -> int:
        """Returns the number of blocks of `context` tokens; each needs the token after it too.

        They are counted on from part to part.
        """
        return self.firsts(context)[-1]

    def firsts(self, context: int) -> list[int]:
        """Returns (parts + 1,): the number of each part's first block, and of all blocks."""
        if context not in self._firsts:
            blocks = [max(0, (len(part) - 1) // context) for part in self.parts]
            self._firsts[context] = [0, *accumulate(blocks)]
        return self._firsts[context]

    def sequence(self, block: int, context: int) -> NDArray[Any]:
        """Returns (context + 1,) tokens; block b of a part starts at its token b * context."""
        part = 0
        if len(self.parts) > 1:
            firsts = self.firsts(context)
            part = bisect_right(firsts, block) - 1
            block -= firsts[part]
        return self._plain[part][block * context : (block + 1) * context + 1]

    @cached_property
    def _plain(self) -> list[NDArray[Any]]:
        """The parts without memmap's class, of which a slice costs several times as much."""
        return [np.asarray(part) for part in self.parts]

    @cached_property
    def _firsts(self) -> dict[int, list[int]]:
        """Context -> what `firsts` returns."""
        return {}


def open_shard(folder: str | Path) -> Shard:
    """Opens the folder `shards/<domain>`; no token is read until it is asked for.

    Raises:
        MixwrightError: the shard, or a part of it, is missing, or has other tokens than its
            manifest says.
    """
    folder = Path(folder)
    try:
        manifest = read_json(folder / "manifest.json")
    except (MixwrightError, OSError) as error:
        raise _no_shard(folder, error) from None
    try:
        train = manifest["splits"]["train"]
        only = {"folder": "", "tokens": train["tokens"]}
        parts = []
        for part in manifest.get("parts") or [only]:
            parts.append(_open_part(folder, part, manifest["dtype"]))
        shard = Shard(
            domain=manifest["domain"],
            parts=tuple(parts),
            end_token=manifest["end_token"],
            vocabulary=manifest["vocabulary"],
            fingerprint=train["sha256"],
            unigram=np.load(folder / "unigram.npy"),
            validation=Examples.load(folder / "validation.npz"),
            mask_token=manifest.get("mask_token"),
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _no_shard(folder, error) from None
    if shard.size != train["tokens"]:
        raise MixwrightError(
            f"{folder}: its parts have {shard.size} tokens, its manifest {train['tokens']};"
            " tokenize this domain again"
        )
    return shard


def _open_part(folder: Path, part: Mapping[str, Any], dtype: str) -> NDArray[Any]:
    """The tokens of one part of a manifest, whose folder is relative to the shard's."""
    place = Path(os.path.normpath(folder / part["folder"]))
    path = place / "train.bin"
    tokens: NDArray[Any] = np.zeros(0, dtype)
    try:
        # An empty file cannot be mapped.
        if path.stat().st_size:
            tokens = np.memmap(path, dtype=dtype, mode="r")
    except (OSError, ValueError) as error:
        raise _no_shard(place, error) from None
    if len(tokens) != part["tokens"]:
        raise MixwrightError(
            f"{place}: train.bin has {len(tokens)} tokens, its manifest {part['tokens']};"
            " tokenize this domain again"
        )
    return tokens


def _no_shard(folder: Path, error: Exception) -> MixwrightError:
    return MixwrightError(
        f"{folder}: not a token shard ({error.__class__.__name__}); tokenize this domain again"
    )
