"""What was measured of trained members, by training and by text. Imports no torch.

A member's file holds log-likelihoods under the digest of the text and of how it was scored. So
another target, or more of its tokens, is measured once, and nothing is trained for it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mixwright.corpus.shards import Examples
from mixwright.files import alone, written
from mixwright.mixture import digest
from mixwright.progress import say
from mixwright.versions import VERSIONS

Floats = NDArray[np.float64]

SCHEMA = pa.schema(
    [
        pa.field("digest", pa.string(), False),
        pa.field("loglikelihoods", pa.list_(pa.float64()), False),
    ]
)


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts that are scored in one way."""

    # target -> what is scored
    examples: Mapping[str, Examples]
    # whether every scored token counts as an example
    by_token: bool = False
    # whether a masked model predicts one token at a time; None for a causal model
    alone: bool | None = None

    @cached_property
    def digests(self) -> dict[str, str]:
        """Target -> the name under which its log-likelihoods are stored."""
        digests = {}
        for target, examples in self.examples.items():
            facts = {
                "text": _text_digest(examples),
                "by_token": self.by_token,
                "alone": self.alone,
                "version": VERSIONS["measure"],
            }
            digests[target] = digest(facts, 32)
        return digests

    def of(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Returns target -> its values, of values by digest; those that are not there are left out.

        Args:
            values: Digest -> (examples,) or (scored tokens,) in nats.
        """
        chosen = {}
        for target, name in self.digests.items():
            if name in values:
                chosen[target] = values[name]
        return chosen

    def only(self, targets: set[str]) -> "Texts":
        """Returns some of the texts."""
        chosen = {}
        for target, examples in self.examples.items():
            if target in targets:
                chosen[target] = examples
        return Texts(chosen, self.by_token, self.alone)


class Measurements:
    """A folder of parquet files, one a trained member, under the key of its training.

    Studies that share runs may add to one file at the same time: each keeps what the other added.
    """

    def __init__(self, store: Path) -> None:
        self._folder = store / "measured"

    def get(self, key: str) -> dict[str, Floats]:
        """Returns digest -> log-likelihoods in nats; nothing where there is no readable file."""
        path = self._path(key)
        if not path.exists():
            return {}
        try:
            rows = pq.read_table(path, schema=SCHEMA).to_pydict()
        except (OSError, pa.ArrowInvalid) as error:
            reason = error.__class__.__name__
            say(f"{path}: measurements not readable ({reason}); they are made again")
            path.unlink(missing_ok=True)
            return {}
        values = {}
        for name, numbers in zip(rows["digest"], rows["loglikelihoods"], strict=True):
            values[name] = np.array(numbers, np.float64)
        return values

    def put(self, key: str, values: Mapping[str, Floats], anew: bool = False) -> None:
        """Adds log-likelihoods, by digest, to those of a member.

        Args:
            key: Of the member's training.
            values: Digest -> (examples,) or (scored tokens,) in nats.
            anew: Whether what was measured before is dropped: the member was trained again.
        """
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path.with_name(f".{key}.lock")):
            merged = {}
            if not anew:
                merged = self.get(key)
            merged |= values
            _write(merged, path)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.parquet"


def _write(values: Mapping[str, Floats], path: Path) -> None:
    columns = {
        "digest": list(values),
        "loglikelihoods": [numbers.tolist() for numbers in values.values()],
    }
    with written(path) as partial:
        pq.write_table(pa.table(columns, SCHEMA), partial, compression="zstd")


def _text_digest(examples: Examples) -> str:
    """Returns the SHA-256 of the arrays that log-likelihoods depend on."""
    content = hashlib.sha256()
    for array in (examples.tokens, examples.starts, examples.scored_from):
        content.update(array.tobytes())
    return content.hexdigest()
