"""How many seeds tell a difference: checked by studies that are drawn with that many."""

from math import nan

import numpy as np
import pandas as pd
import pytest

from mixwright.report.comparison import Comparison
from mixwright.trust.intervals import Difference
from mixwright.trust.power import POWER, runs_to_tell, seeds_to_tell, share_to_tell

STUDIES = 700


def studies(seeds: int, arms: int, value: float, scatter: float):
    """Finals of many studies in which one mixture is better than natural by `value`."""
    rng = np.random.default_rng(7)
    names = ["natural", "better", *(f"other{i}" for i in range(arms - 2))]
    for _ in range(STUDIES):
        losses = rng.normal(0, scatter, (arms, seeds)) + rng.normal(0, 1, seeds)
        losses[1] -= value
        yield Comparison(pd.DataFrame(losses, names, range(seeds)), {"text": 1.0})


def measured(value: float, scatter: float, seeds: int, document_error: float = nan) -> Difference:
    """A difference that is measured exactly, with an exact scatter."""
    error = float(np.sqrt(2 * scatter**2 / seeds))
    return Difference("better", "natural", -value, -1.0, 1.0, seeds, error, document_error)


@pytest.mark.parametrize(
    ("arms", "value", "comparisons"), [(3, 0.6, 1), (8, 0.8, 7), (4, 1.5, 3), (9, 0.4, 1)]
)
def test_so_many_seeds_tell_and_one_less_does_not(arms, value, comparisons):
    needed = seeds_to_tell(measured(value, 0.5, 2), arms, comparisons)
    shares = []
    for seeds in (needed, needed - 1):
        told = 0
        for study in studies(seeds, arms, value, 0.5):
            told += study.difference("better", comparisons=comparisons).verdict == "better"
        shares.append(told / STUDIES)
    error = np.sqrt(POWER * (1 - POWER) / STUDIES)
    assert shares[0] > POWER - 3 * error
    assert shares[1] < POWER + 3 * error


def test_the_number_does_not_depend_on_how_many_seeds_measured_the_scatter():
    numbers = {seeds_to_tell(measured(0.3, 0.5, seeds), 5) for seeds in (2, 3, 10)}
    assert len(numbers) == 1


def test_smaller_differences_and_more_comparisons_need_more_seeds():
    needed = [seeds_to_tell(measured(value, 0.5, 2), 5) for value in (1.0, 0.5, 0.25)]
    assert needed == sorted(set(needed))
    assert seeds_to_tell(measured(0.5, 0.5, 2), 5, 8) > seeds_to_tell(measured(0.5, 0.5, 2), 5)


def test_an_error_over_documents_that_stays_leaves_no_number():
    assert seeds_to_tell(measured(0.5, 0.5, 2, document_error=0.4), 5) is None
    few = seeds_to_tell(measured(0.5, 0.5, 2, document_error=0.05), 5)
    assert few >= seeds_to_tell(measured(0.5, 0.5, 2), 5)


def test_without_a_scatter_or_a_difference_nothing_is_said():
    unknown = Difference("better", "natural", -0.1, nan, nan, 1, nan, nan)
    assert seeds_to_tell(unknown, 5) is None
    assert seeds_to_tell(measured(0.0, 0.5, 2), 5) is None
    assert share_to_tell(0.0, 0.1) is None and share_to_tell(0.1, nan) is None


@pytest.mark.parametrize("value", [0.3, 0.1])
def test_so_many_times_the_runs_tell(value):
    """Means of draws, whose error falls with the root of their number."""
    rng = np.random.default_rng(3)
    runs = 40
    half = 1.959964 / np.sqrt(runs)
    needed = runs_to_tell(value, value - half, value + half, runs)
    means = rng.normal(value, 1, (STUDIES, needed)).mean(axis=1)
    told = np.mean(means - 1.959964 / np.sqrt(needed) > 0)
    assert abs(told - POWER) < 3 * np.sqrt(POWER * (1 - POWER) / STUDIES)


def test_runs_that_tell_already_are_enough():
    assert runs_to_tell(1.0, 0.9, 1.1, 32) == 32
