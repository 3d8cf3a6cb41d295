"""The standard error of a ratio of sums, as losses per token and per byte are."""

from math import inf

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating] | NDArray[np.integer]


def ratio(numerators: Numbers, denominators: Numbers) -> tuple[float, float]:
    """Returns sum(numerators) / sum(denominators) over independent documents, and its error.

    The error is the standard error of the ratio estimator, from numerator - ratio * denominator.
    It is infinite where there is one document only.
    """
    total = denominators.sum()
    value = numerators.sum() / total
    count = len(numerators)
    if count < 2:
        return float(value), inf
    residuals = numerators - value * denominators
    error = np.sqrt(count / (count - 1) * (residuals**2).sum()) / total
    return float(value), float(error)
