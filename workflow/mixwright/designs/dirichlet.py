"""A swarm: Dirichlet mixtures around a middle, exact inside the goal's bounds.

The strengths of the Dirichlet vary as in RegMix (arXiv 2407.01492, section 3.1).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs.row import Row, mixture_weights
from mixwright.mixture import Array, Domain
from mixwright.simplex.bounds import Bounds

# number of log-spaced strengths, as published
STRENGTHS = 15
# as published: a smaller weight is not worth a sequence
SMALLEST = 2e-4
# parameters of a row that the bounds follow from
BOUNDS = ("tokens", "caps", "floors", "max_epochs", "groups", "fixed")


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns the rows of the swarm.

    Row i is a function of (seed, i) alone, so that a larger swarm keeps every earlier row.
    """
    swarm = config["designs"]["swarm"]
    goal = config["goal"]
    parameters = {key: swarm[key] for key in ("around", "temperature", "strengths")}
    parameters |= {key: goal[key] for key in ("tokens", "max_epochs", "caps", "floors")}
    for key in ("groups", "fixed"):
        # left out where empty: runs keep the names that they had before these keys were known
        if goal[key]:
            parameters[key] = goal[key]
    tokens, seed = config["proxy"]["tokens"], config["seed"]
    return [Row(parameters, row, tokens, seed) for row in range(swarm["runs"])]


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) draws of Dirichlet(s p^temperature) truncated to the bounds.

    p is the mixture in the middle, s is drawn from the strengths. Weights under 2e-4 are dropped.
    """
    from mixwright.simplex.geometry import settle
    from mixwright.simplex.sampling import sample_rows

    # the rows are of one swarm and share their parameters
    parameters = rows[0].parameters
    limits = {key: parameters[key] for key in BOUNDS if key in parameters}
    bounds = Bounds.of(domains, **limits)
    rngs = [np.random.default_rng([row.seed, row.row]) for row in rows]
    tempered = mixture_weights(parameters["around"], domains) ** parameters["temperature"]
    weakest, strongest = parameters["strengths"]
    choices = np.geomspace(weakest, strongest, STRENGTHS)
    strengths = np.array([rng.choice(choices) for rng in rngs])
    alpha = strengths[:, None] * tempered / tempered.sum()
    drawn = sample_rows(alpha, bounds.lower, bounds.upper, rngs, bounds.groups)
    dropped = (drawn < SMALLEST) & (bounds.lower < SMALLEST)
    remaining = np.where(dropped, 0.0, drawn)
    return np.stack([settle(row / row.sum(), *bounds.parts) for row in remaining])
