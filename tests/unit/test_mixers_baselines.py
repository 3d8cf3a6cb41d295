import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.mixers import create
from mixwright.mixture import Bounds, Domain, Goal
from mixwright.observations import Observations

SIZES = {"big": 6_000, "middle": 3_000, "small": 1_000}


def goal(tokens=6_000, **bounds):
    domains = tuple(Domain(name, count) for name, count in SIZES.items())
    return Goal(domains, {"t": 1.0}, tokens, Bounds.of(domains, tokens, **bounds))


def weights(name, wanted, **settings):
    return create(name, settings).fit(None).propose(wanted).weights


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
        (1_000, [1 / 3, 1 / 3, 1 / 3]),  # nothing repeats: uniform
        (6_000, [5 / 12, 5 / 12, 1 / 6]),  # the small domain stops at one epoch, the others share the rest
        (20_000, [0.6, 0.3, 0.1]),  # more than all of it: the same passes over everything
    ],
)
def test_unimax_fills_equal_budgets_under_epoch_caps(tokens, expected):
    assert weights("unimax", goal(tokens), max_epochs=1.0) == pytest.approx(expected)


def test_a_given_mixture_is_normalised_and_checked():
    assert weights("given", goal(), weights={"big": 3, "small": 1}) == pytest.approx([0.75, 0, 0.25])
    with pytest.raises(MixwrightError, match=r"given.weights.huge is no domain"):
        weights("given", goal(), weights={"huge": 1})
    with pytest.raises(MixwrightError, match="positive"):
        weights("given", goal())


def test_best_of_swarm_takes_the_best_run_inside_the_bounds():
    amounts = np.array([[0.9, 0.1, 0.0], [0.2, 0.4, 0.4], [0.4, 0.3, 0.3]])
    seen = Observations(tuple(SIZES), ("t",), ("r0", "r1", "r2"), ("swarm",) * 3, amounts, np.array([[1.0], [2.0], [3.0]]))
    best = create("best-of-swarm").fit(seen)
    free, capped, tight = best.propose(goal()), best.propose(goal(caps={"big": 0.5})), best.propose(goal(caps={"big": 0.1}))
    assert free.weights == pytest.approx(amounts[0]) and free.predicted == {"t": 1.0}
    assert capped.weights == pytest.approx(amounts[1]) and capped.predicted == {"t": 2.0}
    assert "projected" in tight.notes[1] and tight.predicted == {} and tight.weights[0] <= 0.1
