"""How much more must be trained until a difference can be told from chance.

A difference d between two mixtures has a standard error of sqrt(2 s^2 / n) over n seeds; s^2, the
scatter, is pooled over m mixtures, which leaves it (m - 1)(n - 1) degrees of freedom. An interval
of level L, widened for c comparisons (Bonferroni), excludes zero where |t| is over the quantile
1 - (1 - L) / 2c of Student's t. If the true difference is d, t follows the noncentral t
distribution with noncentrality d / error. So the least n is looked for at which that happens in
POWER of all studies. The error over documents does not fall with seeds; it is added in quadrature,
with degrees of freedom by Welch and Satterthwaite.
"""

from math import ceil, isfinite, sqrt

import numpy as np
from scipy.special import nctdtr, ndtri, stdtrit

from mixwright.trust.intervals import LEVEL, Difference

# share of studies that shall tell a difference of the measured size from chance
POWER = 0.8
# more seeds are not looked for
MOST = 1000


def seeds_to_tell(gap: Difference, arms: int, comparisons: int = 1) -> int | None:
    """Returns the seeds after which a difference of the measured size is told from chance.

    Args:
        gap: the measured difference, with its errors.
        arms: mixtures that the scatter over seeds is pooled over.
        comparisons: that share the level of the interval.

    Returns:
        The number of seeds in all; None where the scatter is unknown, or no number up to MOST is
        enough.
    """
    if not isfinite(gap.seed_error) or arms < 2 or not gap.value:
        return None
    for seeds in range(2, MOST + 1):
        if _power(gap, seeds, arms, comparisons) >= POWER:
            return seeds
    return None


def share_to_tell(value: float, error: float, comparisons: int = 1) -> float | None:
    """Returns how many times as much must be measured to tell a difference from chance.

    The error is taken to fall with the root of what is measured: of runs, rows or documents.

    Args:
        value: the measured difference.
        error: its standard error.
        comparisons: that share the level of the interval.

    Returns:
        A factor; None where nothing was measured to differ, or the error is unknown.
    """
    if not value or not isfinite(error):
        return None
    tail = (1 - LEVEL) / (2 * comparisons)
    needed = float(ndtri(1 - tail) + ndtri(POWER))
    return (needed * error / abs(value)) ** 2


def runs_to_tell(value: float, low: float, high: float, runs: int) -> int | None:
    """Returns the runs after which a predicted gain is told from zero, by `share_to_tell`.

    Args:
        value: the gain.
        low: lower end of its 95% interval.
        high: upper end.
        runs: that the prediction was fitted to.
    """
    error = (high - low) / (2 * float(ndtri((1 + LEVEL) / 2)))
    factor = share_to_tell(value, error)
    if factor is None:
        return None
    return max(runs, ceil(runs * factor))


def _power(gap: Difference, seeds: int, arms: int, comparisons: int) -> float:
    """The share of studies of so many seeds whose interval lies on the difference's side."""
    over_seeds = gap.seed_error * sqrt(gap.seeds / seeds)
    over_documents = float(np.nan_to_num(gap.document_error))
    error = sqrt(over_seeds**2 + over_documents**2)
    if not isfinite(error):
        return 0.0
    if error == 0:
        return 1.0
    freedom = float((arms - 1) * (seeds - 1))
    if over_documents:
        # that over documents is known from many of them
        freedom = freedom * (error / max(over_seeds, 1e-12 * error)) ** 4
    freedom = min(freedom, 1e6)
    quantile = stdtrit(freedom, 1 - (1 - LEVEL) / (2 * comparisons))
    return float(1 - nctdtr(freedom, abs(gap.value) / error, quantile))
