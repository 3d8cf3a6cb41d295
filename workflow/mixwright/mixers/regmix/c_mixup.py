"""C-Mixup (arXiv 2210.05775): more rows for a regressor, convex combinations of runs whose losses are near each other."""

from collections.abc import Callable

import numpy as np

from mixwright.mixture import Array

COPIES = 3  # combined rows a run
BANDWIDTH = 0.2  # of the losses' standard deviation: partners further off are rare
STRENGTH = 2.0  # of the Beta distribution of the share


def augmented(weights: Array, losses: Array) -> tuple[Array, Array]:
    """The runs (runs, domains) and (runs,), followed by COPIES combinations of each with a partner near in loss; the same every time."""
    rng = np.random.default_rng(0)
    apart = (losses[:, None] - losses[None]) / max(BANDWIDTH * float(losses.std()), 1e-12)
    near = np.exp(-0.5 * apart**2)
    np.fill_diagonal(near, 1e-300)
    reach = np.cumsum(near, axis=1)
    drawn = rng.random((COPIES, len(losses))) * reach[:, -1]
    partner = np.minimum((reach[None] < drawn[..., None]).sum(axis=2), len(losses) - 1)
    share = rng.beta(STRENGTH, STRENGTH, (COPIES, len(losses)))
    x = share[..., None] * weights + (1 - share)[..., None] * weights[partner]
    y = share * losses + (1 - share) * losses[partner]
    return np.concatenate([weights, x.reshape(-1, weights.shape[1])]), np.concatenate(
        [losses, y.ravel()]
    )


def helps(
    fit_predict: Callable[[Array, Array, Array], Array],
    weights: Array,
    losses: Array,
    folds: int = 4,
) -> bool:
    """Whether runs of held-out folds are predicted better (squared error) from combined rows; fit_predict(weights, losses, new weights)."""
    fold = np.random.default_rng(0).permutation(len(losses)) % folds
    error = np.zeros(2)
    for k in range(folds):
        seen = weights[fold != k], losses[fold != k]
        for i, (x, y) in enumerate((seen, augmented(*seen))):
            error[i] += ((fit_predict(x, y, weights[fold == k]) - losses[fold == k]) ** 2).sum()
    return bool(error[1] < error[0])
