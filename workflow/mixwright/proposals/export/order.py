"""What is asked of a trainer: mixtures by stage, and the prepared sources that they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array, Mixture
from mixwright.proposals.export.blend import Budget, Size


@dataclass(frozen=True)
class Source:
    """Prepared text of a domain: what the trainer's file calls it, and how much of it there is.

    A number is None where nobody knows it.
    """

    domain: str
    # a path, a prefix of paths, the name of a data set, or a key, as the trainer takes it
    path: str
    # the files, for trainers that list them; empty: the path alone
    files: tuple[str, ...] = ()
    # training tokens of the whole source
    tokens: float | None = None
    documents: float | None = None
    # of the data set that the trainer reads: examples, packed or not
    rows: float | None = None

    @property
    def listed(self) -> tuple[str, ...]:
        """The files, or the path where none are listed."""
        return self.files or (self.path,)

    @property
    def size(self) -> Size:
        """How much there is of it."""
        return Size(self.tokens, self.documents, self.rows)


@dataclass(frozen=True)
class Stage:
    """A phase of the training, and the mixture of tokens that it reads."""

    mixture: Mixture
    # empty where the whole training has one mixture
    name: str = ""
    # training tokens of the stage; None where nobody said
    tokens: float | None = None

    def titled(self, sentence: str) -> str:
        """Returns a sentence with the name of the stage before it, where it has one."""
        if not self.name:
            return sentence
        return f"{self.name}: {sentence}"


@dataclass(frozen=True)
class Order:
    """What one training is asked to read."""

    stages: tuple[Stage, ...]
    # of every domain of the stages; a domain may have several
    sources: tuple[Source, ...]
    # tokens of a sequence of the trainer; None where nobody said
    sequence: int | None = None
    # whether rows are packed: each holds one sequence's tokens
    packed: bool = False
    seed: int = 0

    @property
    def tokens(self) -> float | None:
        """Training tokens of all stages; None where a stage's are unknown."""
        total = 0.0
        for stage in self.stages:
            if stage.tokens is None:
                return None
            total += stage.tokens
        return total

    def with_weight(self) -> "Order":
        """Returns the order of the sources whose domain has weight in a stage.

        Of the others nothing is read, and nothing needs to be known.
        """
        sources = []
        for source in self.sources:
            if any(stage.mixture.as_dict().get(source.domain) for stage in self.stages):
                sources.append(source)
        return replace(self, sources=tuple(sources))

    def shares(self, stage: Stage) -> Array:
        """Returns (sources,) shares of a stage's tokens; several sources of a domain share its.

        Raises:
            MixwrightError: a domain has no source, or several of which one has no token count.
        """
        shares = np.zeros(len(self.sources))
        for domain, weight in stage.mixture.as_dict().items():
            if weight == 0:
                continue
            places = self._places(domain)
            if not places:
                raise MixwrightError(
                    f"{domain}: no prepared source is named for it; add it to --sources"
                )
            shares[places] = weight * self._parts(domain, places)
        return shares

    def _places(self, domain: str) -> list[int]:
        places = []
        for place, source in enumerate(self.sources):
            if source.domain == domain:
                places.append(place)
        return places

    def _parts(self, domain: str, places: Sequence[int]) -> Array:
        """Returns the shares of a domain's sources in its tokens."""
        if len(places) == 1:
            return np.ones(1)
        sizes = []
        for place in places:
            tokens = self.sources[place].tokens
            if not tokens:
                raise MixwrightError(
                    f"{domain}: it has {len(places)} sources, and the tokens of"
                    f" {self.sources[place].path} are unknown; add `tokens:` to each"
                )
            sizes.append(tokens)
        return np.array(sizes) / sum(sizes)


def budget_of(order: Order, stage: Stage) -> Budget:
    """Returns the budget of a stage: its tokens, and what there is of each source."""
    sizes = {source.path: source.size for source in order.sources}
    return Budget(stage.tokens, order.sequence, order.packed, sizes)
