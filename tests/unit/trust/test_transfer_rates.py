"""Rankings at several sizes and learning rates.

Tested: planted orders that depend on the rate, what is recommended, and what is not shown.
"""

import json

import numpy as np
import pytest

from mixwright.observations import Observations
from mixwright.trust.transfer import MEAN, remarks_of, transfer_of_runs
from mixwright.trust.transfer_rates import Point, rates_of, transfers_json

TARGETS = {"prose": 0.75, "code": 0.25}
RUNS = 24


def observed(losses, weights, role="transfer", name="t"):
    runs = tuple(f"{name}{k:02d}" for k in range(len(weights)))
    roles = (role,) * len(weights)
    return Observations(
        tuple("abc"), ("code", "prose"), runs, roles, 1e5 * weights, np.stack([losses, losses], 1)
    )


def planted(noise=0.0, seed=0):
    """The large model's order is that of the small one at rate .3; at rate 1 it is another."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(3), RUNS)
    truth, other = weights @ [1.0, 2.0, 3.0], weights @ [3.0, 1.0, 2.2]

    def at(model, rate, losses, parameters):
        losses = losses + noise * rng.standard_normal(RUNS)
        return Point(model, 100_000, rate, parameters, observed(losses, weights))

    own = Point("tiny", 100_000, 1, 1e5, observed(other, weights, "swarm", "s"))
    points = [
        at("tiny", 0.3, truth, 1e5),
        at("small", 0.3, 2 - 0.1 + 0.8 * truth, 1e6),
        at("small", 1, 2 + 0.8 * truth, 1e6),
    ]
    return own, points


def test_the_rate_that_ranks_like_the_largest_size_is_recommended():
    own, points = planted()
    rates = rates_of([own, *points], TARGETS)
    assert rates.best == 0.3 and rates.reference == "small, 100,000 tokens, rate x 0.3"
    assert rates.ranks[0.3].value == pytest.approx(1)
    by_hand = transfer_of_runs(own.runs, points[2].runs, TARGETS).ranks[MEAN]
    assert rates.ranks[1] == by_hand, "the same order, compared as two sizes are"
    assert rates.gain.low > 0 and "multiply muon_lr and adam_lr" in rates.advice


def test_a_difference_within_chance_is_not_recommended():
    own, points = planted()
    alike = Point("tiny", 100_000, 1, 1e5, points[0].runs)
    rates = rates_of([alike, *points], TARGETS)
    assert rates.best == 1 and "own rate ranks most like it" in rates.advice
    rng = np.random.default_rng(3)
    weights = own.runs.weights
    truth = weights @ [1.0, 2.0, 3.0]
    noisy = [truth + 0.5 * rng.standard_normal(RUNS) for _ in range(2)]
    orders = [observed(losses, weights) for losses in noisy]
    by_truth = transfer_of_runs(points[2].runs, orders[0], TARGETS).ranks[MEAN].value
    other = transfer_of_runs(points[2].runs, orders[1], TARGETS).ranks[MEAN].value
    worse, better = (orders[0], orders[1]) if by_truth < other else (orders[1], orders[0])
    usual = Point("tiny", 100_000, 1, 1e5, worse)
    lucky = Point("tiny", 100_000, 3, 1e5, better)
    rates = rates_of([usual, lucky, points[2]], TARGETS)
    assert rates.best == 3 and rates.gain.low <= 0 and "is not shown" in rates.advice


def test_what_is_written_holds_every_combination_and_the_dependence():
    own, points = planted()
    content = json.loads(json.dumps(transfers_json(own.runs, points, TARGETS, own)))
    assert [entry["rate"] for entry in content["combinations"]] == [0.3, 0.3, 1]
    assert content["compared"] == "small, 100,000 tokens", "the largest, at the swarm's own rate"
    assert content["ranks"] == content["combinations"][2]["ranks"]
    assert content["dependence"].startswith("The order of mixtures depends on the learning rate")
    assert remarks_of(content) == (
        content["dependence"],
        f"{content['rates']['advice'][0].upper()}{content['rates']['advice'][1:]}.",
    )


def test_rates_that_agree_are_no_dependence_and_one_rate_gives_no_advice():
    own, points = planted()
    same = Point("tiny", 100_000, 3, 1e5, own.runs)
    content = transfers_json(own.runs, [same, points[2]], TARGETS, own)
    assert content["dependence"] == "" and content["rates"]["best"] == 1
    content = transfers_json(own.runs, points[2:], TARGETS, own)
    assert "rates" not in content and remarks_of(content) == ()
    assert rates_of([own, points[0]], TARGETS) is None, "no larger size"


def test_mixtures_that_diverged_somewhere_are_left_out_everywhere():
    own, points = planted()
    fewer = Point("tiny", 100_000, 0.3, 1e5, points[0].runs.only(np.arange(RUNS) % 3 > 0))
    rates = rates_of([own, fewer, *points[1:]], TARGETS)
    kept = np.arange(RUNS) % 3 > 0
    left = transfer_of_runs(own.runs.only(kept), points[1].runs, TARGETS).ranks[MEAN]
    assert rates.ranks[1].value == pytest.approx(left.value)
