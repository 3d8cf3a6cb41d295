"""Mixtures for runs that are trained elsewhere: drawn inside bounds as a study draws its swarm."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixwright.designs import KINDS
from mixwright.errors import MixwrightError
from mixwright.mixture import Array, Domain, natural_weights
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import scale_into

# What a study calls its methods of drawing a swarm -> the kind of design.
METHODS = {"informative": "informative", "dirichlet": "swarm"}
# As a study's swarm has them where nobody says another thing (RegMix, arXiv 2407.01492).
TEMPERATURE = 0.5
STRENGTHS = (0.1, 5.0)
# Mixtures that `informative` chooses from: so many, or so many times the runs.
CANDIDATES = 512
CANDIDATES_OF_A_RUN = 4
MOST_RUNS = 10_000
NO_BOUNDS: Mapping[str, Any] = {
    "caps": {},
    "floors": {},
    "max_epochs": None,
    "groups": {},
    "fixed": {},
}
# Weights of two mixtures that differ by less are one mixture.
EQUAL = 1e-9
DIGITS = 3
# Ids as a design writes them: `m012`, and `m001-2` of a repeat.
NUMBERED = re.compile(r"m([0-9]{1,9})(?:-[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """Which mixtures are wanted."""

    # in the order of the table's columns
    domains: tuple[Domain, ...]
    # what mixwright.simplex.bounds.Bounds.of takes beside the domains
    limits: Mapping[str, Any]
    # different mixtures
    runs: int
    # one of METHODS
    method: str = "informative"
    # further runs of the first mixture, whose scatter is the noise of a run
    repeats: int = 0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Designed:
    """Mixtures with their ids; the first one is natural, moved into the bounds where it is out."""

    names: tuple[str, ...]
    ids: tuple[str, ...]
    # (mixtures, domains), in the order of the names
    weights: Array
    # how many of the last mixtures are the first one again
    repeats: int
    # whether the natural mixture lay outside the bounds
    moved: bool
    # how many mixtures equal an earlier one, the repeats aside
    equal: int

    def cells(self) -> list[list[str]]:
        """Returns the table as text, headings first; a weight is written to its last digit."""
        heading = [self.key, *self.names]
        table = [heading]
        rows = self.weights.tolist()
        for name, weights in zip(self.ids, rows, strict=True):
            cells = [repr(weight) for weight in weights]
            table.append([name, *cells])
        return table

    @property
    def key(self) -> str:
        """Heading of the ids: one that no domain has."""
        taken = {name.lower() for name in self.names}
        key = "id"
        while key in taken:
            key = f"run_{key}"
        return key


def designed(wanted: Wanted) -> Designed:
    """Returns the mixtures that are wanted: the natural one, and others of a study's design.

    The order of the domains changes no mixture. With the same seed and up to 128 runs, a longer
    design begins with the shorter one.

    Raises:
        MixwrightError: the method is unknown, the bounds leave no mixture or one alone, or the
            number of runs is out of range.
    """
    _check(wanted)
    by_name = sorted(wanted.domains, key=lambda domain: domain.name)
    bounds = Bounds.of(by_name, **wanted.limits)
    natural = natural_weights(by_name)
    first = scale_into(natural, *bounds.parts)
    drawn = _drawn(wanted, by_name)
    chosen, equal = _different_first(np.vstack([first, drawn]), wanted.runs)
    if wanted.runs > 1 and equal == wanted.runs - 1:
        raise MixwrightError(
            "bounds: they leave one mixture alone, so that there is nothing to compare;"
            " widen caps, floors or fixed weights"
        )
    repeats = np.tile(first, (wanted.repeats, 1))
    weights = np.vstack([chosen, repeats])
    order = [by_name.index(domain) for domain in wanted.domains]
    names = [domain.name for domain in wanted.domains]
    inside = bounds.contain(natural[None])
    return Designed(
        names=tuple(names),
        ids=_ids(wanted),
        weights=weights[:, order],
        repeats=wanted.repeats,
        moved=not inside[0],
        equal=equal,
    )


def candidates_of(wanted: Wanted) -> Array:
    """Returns (n, domains) the mixtures that can be chosen from, domains sorted by name.

    They are the natural one, moved into the bounds, and drawn ones.

    Raises:
        MixwrightError: the bounds leave no mixture.
    """
    _check(wanted)
    by_name = sorted(wanted.domains, key=lambda domain: domain.name)
    bounds = Bounds.of(by_name, **wanted.limits)
    first = scale_into(natural_weights(by_name), *bounds.parts)
    half = max(CANDIDATES, CANDIDATES_OF_A_RUN * wanted.runs) // 2
    drawn = _drawn(replace(wanted, runs=half, method="dirichlet"), by_name)
    return np.vstack([first, drawn])


def _check(wanted: Wanted) -> None:
    if wanted.method not in METHODS:
        known = ", ".join(METHODS)
        raise MixwrightError(f"--kind {wanted.method}: unknown; known: {known}")
    if not 0 < wanted.runs <= MOST_RUNS:
        raise MixwrightError(f"--runs {wanted.runs}: give a number from 1 to {MOST_RUNS:,}")
    if not 0 <= wanted.repeats <= MOST_RUNS:
        raise MixwrightError(f"--repeats {wanted.repeats}: give a number from 0 to {MOST_RUNS:,}")


def _drawn(wanted: Wanted, domains: Sequence[Domain]) -> Array:
    """(2 runs, domains) mixtures as a study of these settings draws them, in its order.

    They are more than are wanted, because some of them may be equal.
    """
    candidates = CANDIDATES_OF_A_RUN * wanted.runs
    swarm = {
        "runs": 2 * wanted.runs,
        "around": "natural",
        "temperature": TEMPERATURE,
        "strengths": list(STRENGTHS),
        "candidates": max(CANDIDATES, candidates),
    }
    goal = {**NO_BOUNDS, **wanted.limits}
    config = {
        "designs": {"swarm": swarm},
        "goal": goal,
        "proxy": {"tokens": goal["tokens"]},
        "seed": wanted.seed,
    }
    kind = METHODS[wanted.method]
    design = KINDS[kind]
    rows = design.rows(config)
    return design.weights(rows, domains)


def _different_first(mixtures: Array, runs: int) -> tuple[Array, int]:
    """Returns the first `runs` mixtures (runs, domains) that differ, and how many equal others.

    Equal ones fill up what is missing: a run of them with another seed tells the noise.
    """
    rounded = np.round(mixtures / EQUAL)
    different: list[int] = []
    equal: list[int] = []
    known: set[bytes] = set()
    for place, weights in enumerate(rounded):
        content = weights.tobytes()
        if content in known:
            equal.append(place)
        else:
            different.append(place)
        known.add(content)
    order = different + equal
    missing = runs - len(different)
    return mixtures[order[:runs]], max(0, missing)


def _ids(wanted: Wanted) -> tuple[str, ...]:
    """`m001` and on; the repeats of the first are `m001-2` and on."""
    digits = max(DIGITS, len(str(wanted.runs)))
    ids = []
    for number in range(wanted.runs):
        place = str(number + 1)
        ids.append("m" + place.zfill(digits))
    first = ids[0]
    for number in range(wanted.repeats):
        ids.append(f"{first}-{number + 2}")
    return tuple(ids)


def further_ids(earlier: Sequence[str], runs: int) -> tuple[str, ...]:
    """Ids of a further round: `m065` and on after 64 runs, and after every id of this form.

    Args:
        earlier: ids of all runs that the tables had, those that were left out among them.
    """
    last = len(earlier)
    for name in earlier:
        match = NUMBERED.fullmatch(name)
        if match:
            last = max(last, int(match[1]))
    ids = []
    for number in range(last + 1, last + 1 + runs):
        ids.append("m" + str(number).zfill(DIGITS))
    return tuple(ids)
