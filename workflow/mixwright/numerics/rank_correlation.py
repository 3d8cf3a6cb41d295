"""Rank correlations, without scipy.stats: its import takes longer than most jobs of the workflow compute."""

import numpy as np

from mixwright.mixture import Array


def spearman(first: Array, second: Array) -> float:
    """Correlation of the ranks, ties at their mean; a constant ranks nothing and counts as 0."""
    a, b = _centred_ranks(first), _centred_ranks(second)
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else 0.0


def kendall(first: Array, second: Array) -> float:
    """Kendall's tau-b from the signs (pairs,) of all differences; a constant ranks nothing and counts as 0."""
    scale = np.sqrt(float(np.count_nonzero(first)) * np.count_nonzero(second))
    return float(first @ second / scale) if scale > 0 else 0.0


def _centred_ranks(values: Array) -> Array:
    """Twice the ranks less their mean: whole numbers, so that a perfect order correlates exactly 1."""
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    last = ties.cumsum()
    return np.asarray((2 * last - ties + 1)[place], dtype=float) - (len(values) + 1)
