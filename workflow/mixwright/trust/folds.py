"""Runs held out: by how much a mixer misses mixtures that it has not seen."""

import numpy as np
from numpy.typing import NDArray

from mixwright import mixers
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.alike import mixture_folds, same_mixture

# of the mixtures; with under twice as many, each is a fold of its own
FOLDS = 8
# a mixer that may be refitted so often is cheap enough to be fitted afresh without each fold
CHEAP = 1_000

# positions of runs
Rows = NDArray[np.int64]


def held_out_residuals(full: Mixer, observations: Observations, rows: Rows, seed: int) -> Array:
    """Returns (rows, targets) measured minus predicted, by fits without the run's mixture.

    Runs of one mixture are in one fold. A mixer that is cheap is fitted from scratch: a refit that
    starts at the full fit has seen the runs that it should not know.

    Args:
        rows: positions of the runs that the mixer reads.
    """
    entry = mixers.entry(full.name)
    fit = full.refit
    cheap = entry.draws >= CHEAP
    if cheap and entry.reads == {"swarm"}:
        fit = full.fit
    fold = folds_of(observations, rows, seed)
    folds = int(fold.max()) + 1
    everything = np.arange(len(observations.runs))
    predicted = np.empty_like(observations.losses)
    for k in range(folds):
        out = rows[fold == k]
        inside = np.setdiff1d(everything, out)
        others = observations.only(inside)
        fitted = fit(others)
        amounts = fitted.amounts_of(observations)
        predicted[out] = fitted.predict(amounts[out])
    residuals = observations.losses[rows] - predicted[rows]
    return np.asarray(residuals)


def folds_of(observations: Observations, rows: Rows, seed: int) -> NDArray[np.int64]:
    """Returns (rows,) the fold of each run: whole mixtures, drawn at random."""
    shares = shares_of(observations, rows)
    group = same_mixture(shares)
    mixtures = int(group.max()) + 1
    folds = FOLDS
    if mixtures < 2 * FOLDS:
        folds = len(rows)
    rng = np.random.default_rng(seed)
    return mixture_folds(shares, folds, rng)


def shares_of(observations: Observations, rows: Rows) -> Array:
    """Returns (rows, domains) amounts over the longest run's: equal for one mixture and length."""
    amounts = observations.amounts[rows]
    tokens = amounts.sum(axis=1)
    return np.asarray(amounts / tokens.max())
