import math

import numpy as np
import pytest

from mixwright.numerics.ratio import ratio


def test_the_standard_error_is_that_of_a_ratio_over_documents():
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 200, 400)
    sums = sizes * rng.normal(3.0, 0.5, 400)
    value, stderr = ratio(sums, sizes)
    assert value == pytest.approx(sums.sum() / sizes.sum())
    draws = rng.integers(0, 400, (2000, 400))
    assert stderr == pytest.approx(np.std(sums[draws].sum(1) / sizes[draws].sum(1)), rel=0.1)
    assert ratio(np.array([6.0]), np.array([2])) == (3.0, math.inf)


def test_the_error_is_the_mean_s_for_equal_documents():
    values = np.random.default_rng(0).normal(size=50)
    _, error = ratio(values * 7.0, np.full(50, 7.0))
    assert error == pytest.approx(values.std(ddof=1) / np.sqrt(50))
