"""Mixtures that need no model of the loss: what each proposes, free and inside bounds."""

from dataclasses import replace

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds

SIZES = {"big": 6_000, "middle": 3_000, "small": 1_000}


def goal(tokens=6_000, **bounds):
    domains = tuple(Domain(name, count) for name, count in SIZES.items())
    return Goal(domains, {"t": 1.0}, tokens, Bounds.of(domains, tokens, **bounds))


def weights(name, aim, **settings):
    return create(name, settings).fit(None).propose(aim).weights


def test_natural_keeps_its_proportions_under_a_cap():
    assert weights("natural", goal()) == pytest.approx([0.6, 0.3, 0.1])
    capped = weights("natural", goal(caps={"big": 0.4}))
    assert capped == pytest.approx([0.4, 0.45, 0.15])


def test_uniform_is_uniform_and_says_when_it_was_moved():
    assert weights("uniform", goal()) == pytest.approx([1 / 3] * 3)
    assert create("uniform").propose(goal()).notes == ()
    assert "moved by up to 0.167" in create("uniform").propose(goal(max_epochs=1)).notes[0]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        # nothing repeats: uniform
        (1_000, [1 / 3, 1 / 3, 1 / 3]),
        # the small domain stops at one epoch, the others share the rest
        (6_000, [5 / 12, 5 / 12, 1 / 6]),
        # more than all there is: the same passes over everything
        (20_000, [0.6, 0.3, 0.1]),
    ],
)
def test_unimax_fills_equal_budgets_under_epoch_caps(tokens, expected):
    assert weights("unimax", goal(tokens), max_epochs=1.0) == pytest.approx(expected)


def test_a_given_mixture_is_normalised_and_checked():
    assert weights("given", goal(), weights={"big": 3, "small": 1}) == pytest.approx(
        [0.75, 0, 0.25]
    )
    with pytest.raises(MixwrightError, match=r"given.weights.huge is no domain"):
        weights("given", goal(), weights={"huge": 1})
    with pytest.raises(MixwrightError, match="positive"):
        weights("given", goal())


def test_best_of_swarm_takes_the_best_run_inside_the_bounds():
    amounts = np.array([[0.9, 0.1, 0.0], [0.2, 0.4, 0.4], [0.4, 0.3, 0.3]])
    losses = np.array([[1.0], [2.0], [3.0]])
    swarm = Observations(tuple(SIZES), ("t",), ("r0", "r1", "r2"), ("swarm",) * 3, amounts, losses)
    best = create("best-of-swarm").fit(swarm)
    free = best.propose(goal())
    capped = best.propose(goal(caps={"big": 0.5}))
    tight = best.propose(goal(caps={"big": 0.1}))
    assert free.weights == pytest.approx(amounts[0]) and free.predicted == {"t": 1.0}
    assert capped.weights == pytest.approx(amounts[1]) and capped.predicted == {"t": 2.0}
    assert "projected" in tight.notes[1] and tight.predicted == {} and tight.weights[0] <= 0.1


def test_own_data_is_a_reference_outside_the_bounds_and_says_so():
    barred = replace(goal(caps={"small": 0.0}), targets={"small": 1.0})
    proposal = create("own-data").propose(barred)
    assert proposal.weights.tolist() == [0, 0, 1]
    assert "outside the goal's bounds on purpose" in proposal.notes[0]
    allowed = replace(goal(), targets={"big": 0.25, "small": 0.75})
    assert create("own-data").propose(allowed).notes == ()
    with pytest.raises(MixwrightError, match="t is none; leave own-data out"):
        create("own-data").propose(goal())


def vertices(names=("big", "middle", "small")):
    rows = [list(SIZES).index(name) for name in names]
    weights = np.eye(3)[rows]
    losses = np.array([[2.0], [1.0], [1.5]])[rows]
    return Observations(
        tuple(SIZES), ("t",), tuple(names), ("vertex",) * len(names), weights, losses
    )


def test_the_best_source_is_alone_where_the_bounds_allow_it():
    fitted = create("best-source").fit(vertices())
    assert fitted.propose(goal()).weights.tolist() == [0, 1, 0]
    assert fitted.propose(goal(caps={"middle": 0.0})).weights.tolist() == [0, 0, 1]
    shared = fitted.propose(goal(caps={"middle": 0.7}))
    assert shared.weights == pytest.approx([0, 0.7, 0.3])
    assert "2 have weight" in shared.notes[1]
    assert not shared.predicted


def test_a_best_source_needs_every_vertex():
    with pytest.raises(MixwrightError, match="no vertex run of small"):
        create("best-source").fit(vertices(("big", "middle")))
