"""Rank correlations of two lists of numbers: Spearman's rho and Kendall's tau-b.

They are written here because importing scipy.stats takes longer than most jobs compute.
"""

import numpy as np

from mixwright.mixture import Array
from mixwright.numerics.pairs import Pairs


def spearman(first: Array, second: Array) -> float:
    """Returns Spearman's rank correlation of two lists (values,), from -1 to 1.

    Equal values share their mean rank. A constant list ranks nothing: the result is 0.
    """
    return float(spearman_of_rows(first, second))


def spearman_of_rows(first: Array, second: Array) -> Array:
    """Returns Spearman's correlation along the last axis, ties at their mean rank.

    The axes before the last broadcast: (targets, runs) and (sizes, targets, runs) give
    (sizes, targets). A constant row ranks nothing and counts as 0.
    """
    a = _centred_ranks(first)
    b = _centred_ranks(second)
    scale = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    product = (a * b).sum(axis=-1)
    return np.divide(product, scale, out=np.zeros(product.shape), where=scale > 0)


def kendall(first: Array, second: Array) -> float:
    """Returns Kendall's tau-b of two lists (values,), from -1 to 1.

    A constant list ranks nothing: the result is 0.
    """
    return Pairs.of(first, second).tau


def _centred_ranks(values: Array) -> Array:
    """Twice the ranks less their mean, along the last axis.

    These are whole numbers, so that a perfect order correlates exactly 1.
    """
    values = np.asarray(values)
    count = values.shape[-1]
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    # A tie is a run of equal values: where each starts, and how long it is
    starts = np.ones(values.shape, dtype=bool)
    starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    first = np.broadcast_to(np.arange(1, count + 1), values.shape)[starts]
    ties = np.diff(np.flatnonzero(starts), append=values.size)
    doubled = np.repeat(2 * first + ties - 1, ties).reshape(values.shape)
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, doubled - (count + 1.0), axis=-1)
    return ranks
