"""Rank correlations against scipy's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from mixwright.numerics.rank_correlation import kendall, spearman, spearman_of_rows


@pytest.mark.parametrize("seed", range(5))
def test_correlations_are_scipy_s_ties_or_none(seed):
    rng = np.random.default_rng(seed)
    for first, second in (rng.normal(size=(2, 50)), rng.integers(0, 6, (2, 50))):
        assert spearman(first, second) == pytest.approx(
            spearmanr(first, second).statistic, abs=1e-12
        )
        assert kendall(first, second) == pytest.approx(
            kendalltau(first, second).statistic, abs=1e-12
        )


def test_a_perfect_order_is_exactly_one_and_a_constant_ranks_nothing():
    order = np.random.default_rng(0).normal(size=37)
    assert spearman(order, np.exp(order)) == 1 and spearman(order, -order) == -1
    assert spearman(order, np.ones(37)) == 0 == kendall(order, np.ones(37))


def test_rows_are_ranked_as_they_are_one_by_one():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 9, (3, 40)), rng.normal(size=(2, 3, 40))
    second[1, 2] = 7.0
    ranks = spearman_of_rows(first, second)
    assert ranks.shape == (2, 3) and ranks[1, 2] == 0
    for size in range(2):
        for target in range(3):
            assert ranks[size, target] == spearman(first[target], second[size, target])


def test_proposing_and_validating_do_without_scipy_stats():
    code = (
        "import sys, mixwright.trust.bootstrap, mixwright.report.summary, "
        "mixwright.trust.validation\n"
        "assert 'scipy.stats' not in sys.modules"
    )
    paths = {"PYTHONPATH": str(Path(__file__).parents[3] / "workflow")}
    subprocess.run([sys.executable, "-c", code], check=True, env=paths)
