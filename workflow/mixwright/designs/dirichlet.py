"""A swarm: Dirichlet mixtures around a middle (RegMix, arXiv 2407.01492, section 3.1), exact inside the goal's bounds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs import Row, middle
from mixwright.mixture import Array, Domain
from mixwright.simplex.bounds import Bounds

STRENGTHS = 15  # log-spaced concentrations, as published
BOUNDS = ("tokens", "caps", "floors", "max_epochs", "groups", "fixed")
SMALLEST = 2e-4  # published: a smaller weight is not worth a sequence


def rows(study: Mapping[str, Any]) -> list[Row]:
    """Row i is a pure function of (seed, i), so that growing the swarm keeps every earlier row."""
    design, goal = study["designs"]["swarm"], study["goal"]
    parameters = {key: design[key] for key in ("around", "temperature", "strengths")} | {
        key: goal[key] for key in ("tokens", "max_epochs", "caps", "floors")
    }
    parameters |= {
        key: goal[key] for key in ("groups", "fixed") if goal[key]
    }  # absent, a run is named as it was before they were known
    return [
        Row(parameters, row, study["proxy"]["tokens"], study["seed"])
        for row in range(design["runs"])
    ]


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Dirichlet(s p^temperature), s drawn from the strengths, truncated to the bounds; weights under 2e-4 are dropped."""
    from mixwright.simplex.geometry import settle
    from mixwright.simplex.sampling import sample_rows

    parameters = rows[0].parameters  # one swarm, one set of them
    bounds = Bounds.of(domains, **{key: parameters[key] for key in BOUNDS if key in parameters})
    rngs = [np.random.default_rng([row.seed, row.row]) for row in rows]
    tempered = middle(parameters["around"], domains) ** parameters["temperature"]
    least, greatest = parameters["strengths"]
    strengths = np.array([rng.choice(np.geomspace(least, greatest, STRENGTHS)) for rng in rngs])
    drawn = sample_rows(
        strengths[:, None] * tempered / tempered.sum(),
        bounds.lower,
        bounds.upper,
        rngs,
        bounds.groups,
    )
    kept = np.where((drawn < SMALLEST) & (bounds.lower < SMALLEST), 0.0, drawn)
    return np.stack([settle(row / row.sum(), *bounds.parts) for row in kept])
