"""Swarms whose truth is known.

The truth is a law of the effective-data family, or sums of separate powers that no such law can
follow.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mixwright.goal import Goal
from mixwright.mixers.laws.law import Law
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds

TARGETS = ("north", "south", "west")
TOKENS = 1e6


@dataclass(frozen=True)
class Planted:
    seen: Observations
    goal: Goal
    losses: Callable[
        [np.ndarray], np.ndarray
    ]  # (mixtures, domains) weights -> (mixtures, targets), without noise
    noise: np.ndarray  # (targets,) of a run

    def objective(self, weights):
        return float(self.losses(np.atleast_2d(weights))[0].mean())


def plant(
    seed: int,
    runs: int = 48,
    domains: int = 6,
    noise: float = 0.05,
    repeats: int = 0,
    family: str = "law",
    cap: float = 0.6,
):
    """Draws `runs` Dirichlet mixtures around natural, and `repeats` runs of natural.

    `noise` is in shares of a target's spread.
    """
    rng = np.random.default_rng([seed, 7])
    losses = _law(rng, domains) if family == "law" else _powers(rng, domains)
    names = tuple(f"d{i:02}" for i in range(domains))
    natural = rng.dirichlet(np.full(domains, 3.0))
    available = tuple(
        Domain(name, int(1e7 * share)) for name, share in zip(names, natural, strict=True)
    )
    goal = Goal(
        available,
        dict.fromkeys(TARGETS, 1 / 3),
        TOKENS,
        Bounds.of(available, TOKENS, dict.fromkeys(names, cap)),
        seed,
    )
    weights = rng.dirichlet(np.maximum(natural * domains * 0.7, 0.1), runs)
    sigma = noise * losses(weights).std(axis=0)
    weights = np.concatenate([weights, np.tile(goal.natural, (repeats, 1))])
    roles = ("swarm",) * runs + ("repeat",) * repeats
    measured = losses(weights) + sigma * rng.standard_normal((len(weights), len(TARGETS)))
    labels = tuple(f"{role}{i:03}" for i, role in enumerate(roles))
    return Planted(
        Observations(names, TARGETS, labels, roles, weights * TOKENS, measured), goal, losses, sigma
    )


def _law(rng, domains):
    shape = (len(TARGETS), domains)
    level, scale = rng.uniform(1, 3, len(TARGETS)), rng.uniform(0.5, 2, len(TARGETS))
    power, offset = rng.uniform(0.1, 0.6, len(TARGETS)), rng.uniform(0.01, 0.2, len(TARGETS))
    return Law(
        level,
        scale,
        power,
        offset,
        np.exp(rng.normal(-1, 1, shape)),
        rng.uniform(0.4, 0.95, shape),
        np.zeros(shape),
    ).predict


def _powers(rng, domains):
    needs = 0.05 * rng.gamma(1, 1, (len(TARGETS), domains))
    return lambda weights: 2 + (needs * (weights[:, None, :] + 0.02) ** -0.4).sum(axis=2)
