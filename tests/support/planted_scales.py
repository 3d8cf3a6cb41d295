"""Planted laws, seen at several scales."""

import numpy as np

from mixwright.goal import Goal
from mixwright.mixers.laws.law import Law
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds

NAMES = ("ants", "bees", "cats", "dogs")


UNIT = 1e6


def planted(seed):
    rng = np.random.default_rng((seed, 4, 7))
    level, scale, power, offset = (
        rng.uniform(low, high, 2) for low, high in ((1, 3), (0.5, 2), (0.15, 0.5), (0.02, 0.5))
    )
    return Law(
        level,
        scale,
        power,
        offset,
        np.exp(rng.normal(-1, 1, (2, 4))),
        rng.uniform(0.4, 0.95, (2, 4)),
        np.zeros((2, 4)),
    )


def observed(law, totals=(UNIT / 4, UNIT), noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    base = np.array([0.1, 0.2, 0.3, 0.4])
    changes = 3.0 ** np.concatenate([np.zeros((1, 4)), np.eye(4), -np.eye(4)])
    amounts = np.concatenate(
        [base * total * changes for total in totals] + [totals[-1] * rng.dirichlet(np.ones(4), 24)]
    )
    losses = law.predict(amounts / UNIT)
    roles = ("perturb",) * (9 * len(totals)) + ("swarm",) * 24
    runs = tuple(f"r{i:02}" for i in range(len(amounts)))
    return Observations(
        NAMES,
        ("north", "south"),
        runs,
        roles,
        amounts,
        losses + noise * rng.standard_normal(losses.shape),
    )


def goal(tokens, available=10**12, **bounds):
    domains = tuple(Domain(name, available) for name in NAMES)
    return Goal(domains, {"north": 0.5, "south": 0.5}, tokens, Bounds.of(domains, tokens, **bounds))
