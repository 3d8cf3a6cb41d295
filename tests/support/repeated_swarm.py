"""A swarm of made-up runs with repeats, to validate mixers on."""

import numpy as np

from mixwright.observations import Likelihoods, Observations


def repeated_swarm(runs=40, repeats=4, spread=0.01):
    """Returns runs of a smooth truth over three domains, with repeats of one mixture."""
    rng = np.random.default_rng(0)
    amounts = np.concatenate([rng.dirichlet(np.ones(3), runs), np.full((repeats, 3), 1 / 3)]) * 1e5
    losses = (
        3
        + np.stack([1 / (0.1 + amounts[:, 0] / 1e5), 1 / (0.3 + amounts[:, 1] / 1e5)], axis=1) * 0.1
    )
    losses = losses + rng.normal(0, spread, losses.shape) * [0.1, 1]
    roles = ("swarm",) * runs + ("repeat",) * repeats
    likelihoods = {"first": Likelihoods(rng.normal(-50, 3, (20, 3)), np.full(20, 10.0))}
    return Observations(
        ("a", "b", "c"),
        ("first", "second"),
        tuple(f"r{i:02}" for i in range(len(roles))),
        roles,
        amounts,
        losses,
        likelihoods,
    )
