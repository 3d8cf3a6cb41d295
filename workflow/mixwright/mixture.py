"""The nouns that everything else speaks of: mixtures, domains, runs, and hashes that name runs."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from math import inf
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError

Array = NDArray[np.float64]
SUM_TOLERANCE = 1e-6


def digest(value: Any, length: int = 16) -> str:
    """Returns the first `length` hex digits of the SHA-256 of the canonical JSON of `value`."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Weights of named domains: each is 0 or more, and they sum to 1.

    Raises:
        MixwrightError: names repeat, or the weights are not one number a name on the simplex.
    """

    names: tuple[str, ...]
    # (domains,), in the order of the names
    weights: Array

    def __post_init__(self) -> None:
        weights = np.array(self.weights, dtype=np.float64)
        weights.setflags(write=False)
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "weights", weights)
        if not self.names:
            raise MixwrightError("mixture: no domain is named; a mixture has one domain or more")
        if len(set(self.names)) < len(self.names):
            raise MixwrightError(f"mixture: a domain stands there twice: {', '.join(self.names)}")
        if weights.shape != (len(self.names),):
            raise MixwrightError(
                f"mixture: {len(self.names)} domains and weights of shape {weights.shape};"
                " give one weight a domain"
            )
        total = float(weights.sum())
        if not (weights >= 0).all() or not abs(total - 1) <= SUM_TOLERANCE:
            raise MixwrightError(
                f"mixture: the weights sum to {total:.6f} and the least is {weights.min():.6f};"
                " give numbers from 0 on that sum to 1"
            )

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Self:
        """Returns the mixture of a mapping, domain -> weight, in the mapping's order."""
        return cls(tuple(weights), np.array(list(weights.values()), dtype=np.float64))

    def as_dict(self) -> dict[str, float]:
        """Returns domain -> weight."""
        return dict(zip(self.names, self.weights.tolist(), strict=True))

    def over(self, names: Iterable[str]) -> Self:
        """Returns the same mixture with its domains in the order of `names`.

        A name that the mixture lacks gets weight 0. A domain with weight may not be left out.
        """
        names = tuple(names)
        weights = self.as_dict()
        for name, weight in weights.items():
            if weight > 0 and name not in names:
                raise MixwrightError(
                    f"mixture: {name} has weight {weight:g} and is not among {', '.join(names)};"
                    " name every domain with weight"
                )
        return type(self).of({name: weights.get(name, 0.0) for name in names})

    def rounded(self, digits: int = 12) -> dict[str, float]:
        """Returns domain -> weight to so many digits, without domains of weight 0: for hashes."""
        weights = {}
        for name, weight in self.as_dict().items():
            if round(weight, digits) > 0:
                weights[name] = round(weight, digits)
        return weights

    def __getitem__(self, name: str) -> float:
        return float(self.weights[self.names.index(name)])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mixture):
            return NotImplemented
        return self.names == other.names and np.array_equal(self.weights, other.weights)

    def __hash__(self) -> int:
        return hash((self.names, self.weights.tobytes()))

    def __str__(self) -> str:
        order = np.argsort(-self.weights, kind="stable")
        parts = []
        for i in order:
            parts.append(f"{self.names[i]} {self.weights[i]:.1%}")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"Mixture({self})"


@dataclass(frozen=True)
class Domain:
    """A source of training text or of labelled rows, and how much of it there is.

    The source is all there is. The sample is what was read of it: proxies and finals learn from
    the sample, and natural proportions, passes and caps are counted of the source.
    """

    name: str
    # training tokens of the source; None where nobody counted
    tokens: int | None
    # share of the natural mixture, where tokens are not counted
    share: float | None = None
    # training tokens of the sample; None: the sample is the source
    sample: int | None = None
    # tokens of text beside the source that the models' checkpoint has read: they count in natural
    read_before: int = 0

    @property
    def available(self) -> float:
        """Tokens to train on; infinite where nobody counted them."""
        return inf if self.tokens is None else float(self.tokens)


def natural_weights(domains: Sequence[Domain]) -> Array:
    """Returns (domains,) weights in proportion to tokens, or to shares where none are counted.

    What a checkpoint has read beside a domain's source counts with the source.

    Raises:
        MixwrightError: some domains have tokens and others do not, or one has neither.
    """
    sizes: list[float | None] = []
    for domain in domains:
        if domain.tokens is None:
            sizes.append(None)
        else:
            sizes.append(domain.tokens + domain.read_before)
    if all(size is None for size in sizes):
        sizes = [domain.share for domain in domains]
    for domain, size in zip(domains, sizes, strict=True):
        if size is None:
            raise MixwrightError(
                f"natural: the size of {domain.name} is unknown;"
                " give the tokens of every domain, or the share of every one"
            )
    weights = np.array(sizes, dtype=np.float64)
    return weights / weights.sum()


@dataclass(frozen=True)
class Run:
    """What one training was asked to do: a recipe, never resolved weights.

    Its name is the recipe's hash, so that it is known before a token is counted.
    """

    role: str  # one of study.study.ROLES
    model: str
    tokens: int
    steps: int
    seed: int
    kind: str  # the design that resolves the weights
    parameters: Mapping[str, Any]
    row: int
    # hash of what all runs of a study share: corpus, shape, optimizer, the trainer's version
    context: str

    @cached_property
    def name(self) -> str:
        """The hash of the recipe."""
        # Not dataclasses.asdict: it copies the parameters, which took half of the parse time.
        return digest({part.name: getattr(self, part.name) for part in fields(self)})

    @property
    def table(self) -> str:
        """The table that the run stands in: its role's, or that of a further round of the role."""
        number = self.parameters.get("round", 1)
        if number == 1:
            return self.role
        return f"{self.role}-{number}"
