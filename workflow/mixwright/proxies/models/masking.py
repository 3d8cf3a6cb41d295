"""Which tokens a masked language model has to predict, and what it sees in their place.

BERT (Devlin et al., arXiv 1810.04805, section 3.1): 15 % of the tokens are chosen; 80 % of these
are replaced by the mask token, 10 % by a random token, and 10 % stay as they are.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints, Shard
from mixwright.errors import MixwrightError

SHARE = 0.15
# Every seventh token masked at a time: the nearest to SHARE at which all are masked once.
SETS = 7
# Shares of the chosen tokens; the rest stay as they are.
MASKED = 0.8
RANDOM = 0.1


@dataclass(frozen=True)
class Masking:
    """The masks of one run.

    A mask is a function of the run's seed, of the domain, and of how many of the domain's
    sequences the run has read before.
    """

    seed: int
    mask: int  # the token that stands for what is predicted
    end: int  # the token between documents
    vocabulary: int  # tokens

    @classmethod
    def of(cls, shard: Shard, seed: int) -> "Masking":
        """Returns the masks of a run with `seed` on shards like this one.

        Raises:
            MixwrightError: the shard's tokenizer has no mask token.
        """
        return cls(seed, mask_token(shard), shard.end_token, shard.vocabulary)

    def read(self, schedule: Schedule, positions: Ints) -> tuple[Ints, Ints, Ints]:
        """Reads the run's sequences at `positions` (n,).

        Returns:
            (n, T) what the model sees, (n, m) increasing places to predict, and (n, m) the tokens
            that stand there in the text.
        """
        tokens = schedule.read(positions)[:, :-1]
        inputs, places = self.masked(tokens, schedule.places(positions))
        return inputs, places, _at(tokens, places)

    def masked(self, tokens: Ints, sequences: Sequence[tuple[str, int]]) -> tuple[Ints, Ints]:
        """Masks sequences, many of them at once: that is several times faster than one by one.

        The draws are made on the host also where a GPU trains. They are numpy's, by a seed of
        each sequence, and a device draws by another rule: its masks would be others.

        Args:
            tokens: (n, T) the text.
            sequences: (n) whose text each is, and how many of the domain's sequences the run has
                read before.

        Returns:
            (n, T) what the model sees, and the increasing places (n, m) it predicts. m is the same
            in every sequence of T tokens. An end token is chosen only where no other token is left.
        """
        length = tokens.shape[1]
        count = max(1, round(SHARE * length))
        draws = np.empty((len(tokens), 3, length), np.float64)
        for row, (domain, number) in zip(draws, sequences, strict=True):
            row[:] = self._draws(domain, number, length)
        order, chance, token = draws.swapaxes(0, 1)
        ends_last = np.where(tokens == self.end, 1.0 + order, order)
        chosen = np.sort(np.argsort(ends_last, axis=1, kind="stable")[:, :count], axis=1)
        random_tokens = (_at(token, chosen) * self.vocabulary).astype(np.int64)
        chances = _at(chance, chosen)
        conditions = [chances < MASKED, chances < MASKED + RANDOM]
        replacements: list[Any] = [np.int64(self.mask), random_tokens]
        inputs = tokens.copy()
        replaced = np.select(conditions, replacements, _at(tokens, chosen))
        np.put_along_axis(inputs, chosen, replaced, axis=1)
        return inputs, chosen

    def _draws(self, domain: str, number: int, length: int) -> NDArray[np.float64]:
        """Returns (3, length) uniforms in [0, 1).

        They are made of raw 64-bit draws, whose stream numpy keeps between versions.
        """
        name = hashlib.sha256(f"mask {self.seed}/{domain}/{number}".encode()).digest()
        raw = np.random.PCG64(int.from_bytes(name[:16], "little")).random_raw((3, length))
        return np.asarray((raw >> np.uint64(11)) * 2.0**-53, np.float64)


def _at(values: NDArray[Any], places: Ints) -> NDArray[Any]:
    """Returns the values (n, T) of each row at its places (n, m)."""
    return np.take_along_axis(values, places, axis=1)


def mask_token(shard: Shard) -> int:
    """Returns the token that stands for what a masked model predicts.

    Raises:
        MixwrightError: the shard's tokenizer has none.
    """
    if shard.mask_token is None:
        raise MixwrightError(
            f"{shard.domain}: its tokenizer has no mask token; "
            "name one as mask_token in tokenizer_config.json, or train one"
        )
    return shard.mask_token


def masked_sets(scored: Ints, alone: bool) -> Iterator[Ints]:
    """Yields the sets of scored places (n,) that are masked at once; each place is in one set.

    Every seventh place is in the same set, or each place is `alone` in its set.
    """
    sets = len(scored) if alone else min(SETS, len(scored))
    for first in range(sets):
        yield scored[first::sets]
