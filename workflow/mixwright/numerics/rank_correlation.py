"""Rank correlations of two lists of numbers: Spearman's rho and Kendall's tau-b.

They are written here because importing scipy.stats takes longer than most jobs compute.
"""

import numpy as np

from mixwright.mixture import Array


def spearman(first: Array, second: Array) -> float:
    """Returns Spearman's rank correlation of two lists (values,), from -1 to 1.

    Equal values share their mean rank. A constant list ranks nothing: the result is 0.
    """
    first_ranks = _centred_ranks(first)
    second_ranks = _centred_ranks(second)
    scale = np.sqrt((first_ranks @ first_ranks) * (second_ranks @ second_ranks))
    if scale > 0:
        return float(first_ranks @ second_ranks / scale)
    return 0.0


def kendall(first: Array, second: Array) -> float:
    """Returns Kendall's tau-b, from -1 to 1; a constant list ranks nothing and gives 0.

    Args:
        first: (pairs,) signs (-1, 0, 1) of the differences of all pairs of values in one list.
        second: (pairs,) the same of the other list, pair by pair.
    """
    untied = float(np.count_nonzero(first))
    scale = np.sqrt(untied * np.count_nonzero(second))
    if scale > 0:
        return float(first @ second / scale)
    return 0.0


def _centred_ranks(values: Array) -> Array:
    """Returns twice the ranks less twice their mean, equal values at their mean rank.

    Doubled ranks are whole numbers, so that two equal orders correlate exactly 1.
    """
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    last = ties.cumsum()
    doubled = np.asarray((2 * last - ties + 1)[place], dtype=float)
    return doubled - (len(values) + 1)
