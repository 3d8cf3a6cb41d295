"""Affine maps to a larger scale, on planted maps and on the published 1M and 1B runs."""

import os

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.mixers import create
from mixwright.trust.anchors import COMMON, fit_anchors
from published_pile import pile

NAMES = ("a", "b", "c")
SLOPES, LEVELS = np.array([0.5, 0.6, 0.9]), np.array([0.1, 0.3, -0.2])


def anchors(count, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(3, 6, (count, 3))
    return predicted, LEVELS + SLOPES * predicted + noise * rng.standard_normal((count, 3))


def test_enough_exact_anchors_give_the_map_itself():
    found = fit_anchors(NAMES, *anchors(8))
    assert found.pull == 0 and found.error < 1e-9
    assert found.slope == pytest.approx(SLOPES) and found.level == pytest.approx(LEVELS)
    elsewhere = np.array([[3.0, 4.0, 5.0]])
    assert found.apply(elsewhere) == pytest.approx(LEVELS + SLOPES * elsewhere)


def test_one_anchor_shifts_and_its_error_is_unknown():
    predicted, measured = anchors(1)
    found = fit_anchors(NAMES, predicted, measured)
    assert found.slope.tolist() == [1, 1, 1] and found.apply(predicted) == pytest.approx(measured)
    assert np.isnan(found.error) and "train a second" in found.sentence


def test_two_anchors_share_one_slope_between_their_own_and_1():
    found = fit_anchors(NAMES, *anchors(2))
    assert found.pull == COMMON and np.ptp(found.slope) == 0 and SLOPES.min() < found.slope[0] < 1


def test_anchors_that_do_not_differ_keep_slope_1():
    found = fit_anchors(NAMES, np.full((3, 3), 4.0), np.full((3, 3), 2.0))
    assert found.slope.tolist() == [1, 1, 1] and found.apply(np.full((1, 3), 4.0)) == pytest.approx(
        np.full((1, 3), 2.0)
    )


def test_the_error_left_out_is_the_error_elsewhere():
    told, met = [], []
    for seed in range(40):
        predicted, measured = anchors(40, noise=0.1, seed=seed)
        found = fit_anchors(NAMES, predicted[:6], measured[:6])
        told.append(found.error)
        met.append(np.sqrt(((found.apply(predicted[6:]) - measured[6:]) ** 2).mean()))
    assert np.mean(told) == pytest.approx(np.mean(met), rel=0.2)


def test_the_order_of_anchors_and_targets_does_not_matter():
    predicted, measured = anchors(6, noise=0.1)
    found, back = (
        fit_anchors(NAMES, predicted, measured),
        fit_anchors(NAMES[::-1], predicted[::-1, ::-1], measured[::-1, ::-1]),
    )
    assert (
        back.slope[::-1] == pytest.approx(found.slope)
        and back.error == pytest.approx(found.error)
        and back.pull == found.pull
    )


def test_anchors_must_match_and_be_finite():
    predicted, measured = anchors(4)
    with pytest.raises(MixwrightError, match="one row an anchor"):
        fit_anchors(NAMES, predicted, measured[:3])
    with pytest.raises(MixwrightError, match="NaN"):
        fit_anchors(NAMES, predicted, np.where(np.eye(4, 3) > 0, np.nan, measured))


@pytest.mark.skipif(not os.environ.get("MIXWRIGHT_MIRROR"), reason="MIXWRIGHT_MIRROR is not set")
def test_eight_of_the_billion_runs_give_the_level_of_the_others():
    large = pile("test_mixture_1B", "test_pile_loss_1B")
    predicted = (
        create("effective-data")
        .fit(pile("train_mixture_1m", "train_pile_loss_1m"))
        .predict(large.amounts)
    )
    errors = {2: [], 8: []}
    constant = []
    for seed in range(40):
        order = np.random.default_rng(seed).permutation(len(large.runs))
        for count, found in errors.items():
            chosen, others = order[:count], order[count:]
            left = (
                fit_anchors(large.targets, predicted[chosen], large.losses[chosen]).apply(
                    predicted[others]
                )
                - large.losses[others]
            )
            found.append(np.sqrt((left**2).mean()))
        constant.append(
            np.sqrt(((large.losses[chosen].mean(axis=0) - large.losses[others]) ** 2).mean())
        )
    assert np.mean(errors[8]) == pytest.approx(
        0.074, abs=0.004
    )  # a plain least-squares map through the same anchors: .074
    assert np.mean(constant) == pytest.approx(0.21, abs=0.01)
    assert np.mean(errors[2]) < 0.18  # least squares through two: 3.0
