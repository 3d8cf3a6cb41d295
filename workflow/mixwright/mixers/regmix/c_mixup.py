"""C-Mixup (arXiv 2210.05775): more rows for a regressor, by mixing runs whose losses are near.

x = s x_i + (1 - s) x_k,   y = s y_i + (1 - s) y_k,   s ~ Beta(2, 2)
probability of partner k for run i:  proportional to exp( -((y_i - y_k) / h)^2 / 2 )

x_i  mixture of run i
y_i  its loss, nats/token
h    bandwidth, nats/token
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.simplex.alike import mixture_folds

# Combined rows a run.
COPIES = 3
# Of the losses' standard deviation: partners further away are rare.
BANDWIDTH = 0.2
# Of the Beta distribution of the share.
STRENGTH = 2.0


def augmented(weights: Array, losses: Array) -> tuple[Array, Array]:
    """Returns the runs, then COPIES combinations of each run with a partner near in loss.

    The combinations are the same every time.

    Args:
        weights: (runs, domains) mixtures.
        losses: (runs,) nats/token.

    Returns:
        ((1 + COPIES) * runs, domains) mixtures and their losses.
    """
    rng = np.random.default_rng(0)
    runs = len(losses)
    partner = _partners(losses, rng)
    share = rng.beta(STRENGTH, STRENGTH, (COPIES, runs))
    rest = 1 - share
    y = share * losses + rest * losses[partner]
    # One share for all domains of a combination.
    share = share[..., None]
    rest = rest[..., None]
    x = share * weights + rest * weights[partner]
    x = x.reshape(COPIES * runs, -1)
    mixtures = np.concatenate([weights, x])
    return mixtures, np.concatenate([losses, y.ravel()])


def _partners(losses: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """(COPIES, runs) positions of runs that are near in loss, drawn at random."""
    runs = len(losses)
    bandwidth = max(BANDWIDTH * float(losses.std()), 1e-12)
    difference = losses[:, None] - losses[None]
    distance = difference / bandwidth
    chance = np.exp(-0.5 * distance**2)
    # No run is its own partner.
    np.fill_diagonal(chance, 1e-300)
    cumulated = np.cumsum(chance, axis=1)
    total = cumulated[:, -1]
    drawn = rng.random((COPIES, runs)) * total
    below = cumulated[None] < drawn[..., None]
    partner = below.sum(axis=2)
    return np.minimum(partner, runs - 1)


def helps(
    fit_predict: Callable[[Array, Array, Array], Array],
    weights: Array,
    losses: Array,
    folds: int = 4,
) -> bool:
    """Tells whether combined rows lower the squared error on held-out folds of the runs.

    Args:
        fit_predict: (weights, losses, new weights) -> predicted losses of the new weights.
        weights: (runs, domains) mixtures.
        losses: (runs,) nats/token.
        folds: how many.
    """
    rng = np.random.default_rng(0)
    fold = mixture_folds(weights, folds, rng)
    plain = 0.0
    combined = 0.0
    for k in range(int(fold.max()) + 1):
        inside = fold != k
        outside = fold == k
        truth = losses[outside]
        new = weights[outside]
        x = weights[inside]
        y = losses[inside]
        error = fit_predict(x, y, new) - truth
        plain += (error**2).sum()
        x, y = augmented(x, y)
        error = fit_predict(x, y, new) - truth
        combined += (error**2).sum()
    return bool(combined < plain)
