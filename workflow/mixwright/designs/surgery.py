"""Domains that come, go, join or part, while the runs of before stay evidence.

A run is evidence for the new domains where it read text that a mixture of them reads too. `carry`
says so of each run. With w the weights of old domains, v those of the new ones:

    v = w C / (sum of w C)        where each old domain's share goes
    w' = v B                      the mixture of old domains that v reads

The run is the new mixture's where w' = w. Otherwise it was trained on other text, and only a law
can tell what v would have reached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError, nearest
from mixwright.mixture import Array
from mixwright.simplex.alike import EQUAL

# What a run is for the new domains.
VALID, ASSUMED, MOVED, LOST = "valid", "valid under an assumption", "moved by the law", "not valid"
STATES = (VALID, ASSUMED, MOVED, LOST)
# How the reason of a run that stands under an assumption begins, and what is between reasons.
ASSUMPTION, REASONS = "if the text of", "; "
# Shares of parts may miss a sum of 1 by so much.
SUM_TOLERANCE = 1e-6
# A run that read more than this of what is dropped tells too little of the others.
MOST_DROPPED = 0.5


@dataclass(frozen=True)
class Add:
    """A domain that there was not."""

    name: str


@dataclass(frozen=True)
class Drop:
    """A domain that goes."""

    name: str


@dataclass(frozen=True)
class Merge:
    """Domains that become one, whose text is theirs in frozen shares."""

    name: str
    # old domain -> share of the text, summing to 1
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Split:
    """A domain that becomes several."""

    name: str
    # new domain -> its share of the old domain's text, summing to 1
    parts: Mapping[str, float]


Operation = Add | Drop | Merge | Split


@dataclass(frozen=True, eq=False)
class Surgery:
    """Operations on domains, each of which takes part in one of them at most."""

    old: tuple[str, ...]
    # sorted by name
    new: tuple[str, ...]
    operations: tuple[Operation, ...]

    @classmethod
    def of(cls, domains: Sequence[str], operations: Sequence[Operation]) -> "Surgery":
        """Returns the surgery of these operations on domains.

        Raises:
            MixwrightError: a domain is unknown or named twice, shares do not sum to 1, or fewer
                than two domains are left.
        """
        if not operations:
            raise MixwrightError(
                "surgery: nothing is changed; give --add, --drop, --merge or --split"
            )
        gone: list[str] = []
        come: list[str] = []
        for operation in operations:
            before, after = _ends(operation)
            gone += before
            come += after
        for name in gone:
            if name not in domains:
                raise MixwrightError(f"surgery: {name} is no domain; {nearest(name, domains)}")
            if gone.count(name) > 1:
                raise MixwrightError(
                    f"surgery: {name} is changed twice; change it in two calls, one after the other"
                )
        stay = [name for name in domains if name not in gone]
        new = sorted([*stay, *come])
        for name in come:
            if new.count(name) > 1:
                raise MixwrightError(f"surgery: {name} would stand there twice; give a new name")
        if len(new) < 2:
            raise MixwrightError("surgery: fewer than two domains are left, nothing is to mix")
        return cls(tuple(domains), tuple(new), tuple(operations))

    @property
    def untouched(self) -> tuple[str, ...]:
        """The domains that stay as they were; one that was changed may keep its name."""
        touched: list[str] = []
        for operation in self.operations:
            before, _ = _ends(operation)
            touched += before
        return tuple(name for name in self.old if name not in touched)

    @property
    def forward(self) -> Array:
        """(old, new) where an old domain's share goes; a row of zeros where it is dropped."""
        matrix = np.zeros((len(self.old), len(self.new)))
        self._keep(matrix)
        for operation in self.operations:
            if isinstance(operation, Merge):
                for part in operation.parts:
                    self._mark(matrix, part, operation.name, 1.0)
            if isinstance(operation, Split):
                for part, share in operation.parts.items():
                    self._mark(matrix, operation.name, part, share)
        return matrix

    @property
    def backward(self) -> Array:
        """(new, old) whose text a new domain is; a row of zeros where it is nobody's."""
        matrix = np.zeros((len(self.old), len(self.new)))
        self._keep(matrix)
        for operation in self.operations:
            if isinstance(operation, Merge):
                for part, share in operation.parts.items():
                    self._mark(matrix, part, operation.name, share)
            if isinstance(operation, Split):
                for part in operation.parts:
                    self._mark(matrix, operation.name, part, 1.0)
        return matrix.T

    def _keep(self, matrix: Array) -> None:
        """Marks the domains that stay in (old, new)."""
        for name in self.untouched:
            self._mark(matrix, name, name, 1.0)

    def _mark(self, matrix: Array, old: str, new: str, share: float) -> None:
        """Writes the share of an old and a new domain into (old, new)."""
        row = self.old.index(old)
        column = self.new.index(new)
        matrix[row, column] = share

    def middle(self, weights: Array) -> Array:
        """Returns (new,) a mixture (old,) over the new domains; an added one has an even share."""
        added = [operation for operation in self.operations if isinstance(operation, Add)]
        carried = weights @ self.forward
        share = 1 / len(self.new)
        total = carried.sum()
        if total > 0:
            carried *= (1 - share * len(added)) / total
        for operation in added:
            carried[self.new.index(operation.name)] = share
        return np.asarray(carried / carried.sum())


@dataclass(frozen=True, eq=False)
class Carried:
    """Runs of old domains as mixtures of new ones, and what each is worth."""

    surgery: Surgery
    # (runs, old) as they were trained
    before: Array
    # (runs, new); rows of zeros where a run is not valid
    weights: Array
    # (runs, old) the mixture of old domains that reads what the new mixture reads
    same_text: Array
    # of each run: one of STATES, and why in words
    states: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def used(self) -> NDArray[np.int64]:
        """Positions of the runs that are evidence, if only by an assumption or a law."""
        places = [place for place, state in enumerate(self.states) if state != LOST]
        return np.array(places, dtype=np.int64)

    @property
    def unchanged(self) -> NDArray[np.bool_]:
        """(runs,) whether all that a run read is domains that stay as they were."""
        stay = np.array([name in self.surgery.untouched for name in self.surgery.new])
        elsewhere = self.weights[:, ~stay].sum(axis=1)
        unmoved = self.distance < SUM_TOLERANCE**2
        return np.asarray(unmoved & (elsewhere == 0))

    @property
    def assumed(self) -> dict[str, int]:
        """Assumption -> how many of the runs that are evidence stand under it."""
        numbers: dict[str, int] = {}
        for place in self.used.tolist():
            for part in self.reasons[place].split(REASONS):
                if not part.startswith(ASSUMPTION):
                    continue
                before = numbers.get(part, 0)
                numbers[part] = before + 1
        return numbers

    @property
    def distance(self) -> Array:
        """(runs,) share of its text that a run would have to change; 0: it is the new mixture."""
        same = np.minimum(self.same_text, self.before).sum(axis=1)
        return np.maximum(self.before.sum(axis=1) - same, 0.0)


def carry(surgery: Surgery, weights: Array, law: bool = True) -> Carried:
    """Returns runs (runs, old) over the new domains, and says of each what it is worth.

    Args:
        law: whether runs may be moved to the new mixture that is nearest; else they are lost.
    """
    moved = weights @ surgery.forward
    total = moved.sum(axis=1, keepdims=True)
    moved = moved / np.where(total > 0, total, 1.0)
    same_text = moved @ surgery.backward
    states: list[str] = []
    reasons: list[str] = []
    for row in range(len(weights)):
        state, reason = _judged(surgery, weights[row], same_text[row])
        if state == MOVED and not law:
            state = LOST
        states.append(state)
        reasons.append(reason)
    lost = [state == LOST for state in states]
    moved[lost] = 0.0
    return Carried(surgery, weights, moved, same_text, tuple(states), tuple(reasons))


def _judged(surgery: Surgery, weights: Array, same_text: Array) -> tuple[str, str]:
    """What a run (old,) is worth for the new domains, and why."""
    share = dict(zip(surgery.old, weights.tolist(), strict=True))
    there = dict(zip(surgery.old, same_text.tolist(), strict=True))
    reasons = []
    state = VALID
    for operation in surgery.operations:
        if isinstance(operation, Drop) and share[operation.name] > EQUAL:
            reasons.append(f"{operation.name} had {share[operation.name]:.3f}")
            state = MOVED
        if isinstance(operation, Merge) and _has_other_shares(operation, share):
            reasons.append(f"{operation.name} is frozen in other shares")
            state = MOVED
    for operation in surgery.operations:
        if isinstance(operation, Split) and share[operation.name] > 0:
            parts = ", ".join(f"{part} {value:g}" for part, value in operation.parts.items())
            reasons.append(f"{ASSUMPTION} {operation.name} was read as {parts}")
            state = ASSUMED if state == VALID else state
    dropped = [name for name in surgery.old if share[name] > 0 and there[name] == 0]
    if sum(share[name] for name in dropped) > MOST_DROPPED:
        state = LOST
    return state, REASONS.join(reasons)


def _has_other_shares(merge: Merge, share: Mapping[str, float]) -> bool:
    """Whether a run read the parts of a merged domain in other shares than the frozen ones."""
    total = sum(share[part] for part in merge.parts)
    apart = [abs(share[part] - frozen * total) for part, frozen in merge.parts.items()]
    return max(apart) > EQUAL


def _ends(operation: Operation) -> tuple[list[str], list[str]]:
    """Returns the old domains that an operation takes, and the new ones that it makes."""
    if isinstance(operation, Add):
        return [], [operation.name]
    if isinstance(operation, Drop):
        return [operation.name], []
    _check_parts(operation)
    if isinstance(operation, Merge):
        return list(operation.parts), [operation.name]
    return [operation.name], list(operation.parts)


def _check_parts(operation: Merge | Split) -> None:
    """Refuses parts that are fewer than two, have no share, or do not sum to 1."""
    word = "merge" if isinstance(operation, Merge) else "split"
    if len(operation.parts) < 2:
        raise MixwrightError(f"--{word} {operation.name}: name two parts or more")
    for part, share in operation.parts.items():
        if not share > 0:
            raise MixwrightError(
                f"--{word} {operation.name}: {part} has share {share:g}; give more"
            )
    total = sum(operation.parts.values())
    if abs(total - 1) > SUM_TOLERANCE:
        raise MixwrightError(
            f"--{word} {operation.name}: the shares of its parts sum to {total:g}, not to 1"
        )
