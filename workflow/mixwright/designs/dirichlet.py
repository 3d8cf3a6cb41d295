"""A swarm: Dirichlet mixtures around a middle, exact inside the goal's bounds.

The strengths of the Dirichlet vary as in RegMix (arXiv 2407.01492, section 3.1).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator

from mixwright.designs.row import Row, mixture_weights, round_sizes
from mixwright.mixture import Array, Domain
from mixwright.simplex.bounds import Bounds

# number of log-spaced strengths, as published
STRENGTHS = 15
# as published: a smaller weight is not worth a sequence
SMALLEST = 2e-4
# parameters of a row that the bounds follow from
BOUNDS = ("tokens", "caps", "floors", "max_epochs", "groups", "fixed")


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns the rows of the swarm's first round, which mostly is all of it.

    Row i is a function of (seed, i) alone, so that a larger swarm keeps every earlier row.
    """
    swarm = config["designs"]["swarm"]
    goal = config["goal"]
    parameters = {}
    for key in ("around", "temperature", "strengths"):
        parameters[key] = swarm[key]
    for key in ("tokens", "max_epochs", "caps", "floors"):
        parameters[key] = goal[key]
    for key in ("groups", "fixed"):
        # left out where empty: runs keep the names that they had before these keys were known
        if goal[key]:
            parameters[key] = goal[key]
    rows = []
    for number in range(round_sizes(swarm)[0]):
        row = Row(
            parameters=parameters,
            row=number,
            tokens=config["proxy"]["tokens"],
            seed=config["seed"],
        )
        rows.append(row)
    return rows


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) draws of Dirichlet(s p^temperature) truncated to the bounds.

    p is the mixture in the middle, s is drawn from the strengths. Weights under 2e-4 are dropped.
    """
    # the rows are of one swarm and share their parameters
    parameters = rows[0].parameters
    bounds = _bounds(parameters, domains)
    middle = mixture_weights(parameters["around"], domains)
    tempered = middle ** parameters["temperature"]
    rngs = [np.random.default_rng([row.seed, row.row]) for row in rows]
    return draw(tempered, parameters["strengths"], bounds, rngs)


def draw(
    tempered: Array, strengths: Sequence[float], bounds: Bounds, rngs: Sequence[Generator]
) -> Array:
    """Returns (rows, domains) Dirichlet mixtures inside the bounds, row i by rngs[i] alone.

    Args:
        tempered: (domains,) the middle to the power of the temperature.
        strengths: the least and the greatest strength.
    """
    from mixwright.simplex.geometry import settle
    from mixwright.simplex.sampling import sample_rows

    weakest, strongest = strengths
    choices = np.geomspace(weakest, strongest, STRENGTHS)
    strength = np.zeros(len(rngs))
    for i, rng in enumerate(rngs):
        strength[i] = rng.choice(choices)
    drawn = sample_rows(
        alpha=strength[:, None] * tempered / tempered.sum(),
        lower=bounds.lower,
        upper=bounds.upper,
        rngs=rngs,
        groups=bounds.groups,
    )
    dropped = (drawn < SMALLEST) & (bounds.lower < SMALLEST)
    drawn[dropped] = 0.0
    for i, mixture in enumerate(drawn):
        drawn[i] = settle(mixture / mixture.sum(), *bounds.parts)
    return drawn


def _bounds(parameters: Mapping[str, Any], domains: Sequence[Domain]) -> Bounds:
    """The goal's bounds, from the parameters of the rows."""
    limits = {}
    for key in BOUNDS:
        if key in parameters:
            limits[key] = parameters[key]
    return Bounds.of(domains, **limits)
