"""Which runs stay evidence when domains come, go, join or part."""

import re

import numpy as np
import pytest

from mixwright.designs.surgery import (
    ASSUMED,
    LOST,
    MOVED,
    VALID,
    Add,
    Drop,
    Merge,
    Split,
    Surgery,
    carry,
)
from mixwright.errors import MixwrightError

NAMES = ("code", "essays", "fiction", "law")


def carried(operations, *weights, **options):
    return carry(Surgery.of(NAMES, operations), np.array(weights), **options)


def test_old_runs_stay_valid_when_a_domain_comes():
    runs = carried([Add("chem")], [0.1, 0.2, 0.3, 0.4])
    assert runs.surgery.new == ("chem", "code", "essays", "fiction", "law")
    np.testing.assert_allclose(runs.weights, [[0, 0.1, 0.2, 0.3, 0.4]])
    assert runs.states == (VALID,) and runs.distance == pytest.approx(0)


def test_a_run_without_the_dropped_domain_is_what_it_was():
    runs = carried(
        [Drop("law")], [0.1, 0.2, 0.7, 0], [0.25, 0.25, 0.25, 0.25], [0.1, 0, 0, 0.9], [0, 0, 0, 1]
    )
    assert runs.states == (VALID, MOVED, LOST, LOST)
    np.testing.assert_allclose(runs.weights[:2], [[0.1, 0.2, 0.7], [1 / 3] * 3])
    # what is not valid has no mixture
    assert not runs.weights[2:].any() and runs.used.tolist() == [0, 1]
    # of a run of the dropped domain alone all text changes
    assert runs.distance == pytest.approx([0, 0.25, 0.9, 1])
    assert runs.reasons[1] == "law had 0.250"


def test_a_merged_domain_takes_runs_in_its_own_shares():
    frozen = Merge("books", {"fiction": 0.6, "essays": 0.4})
    runs = carried([frozen], [0.5, 0.2, 0.3, 0], [0.5, 0.3, 0.2, 0], [0.5, 0, 0, 0.5])
    assert runs.surgery.new == ("books", "code", "law")
    np.testing.assert_allclose(runs.weights, [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]])
    assert runs.states == (VALID, MOVED, VALID)
    np.testing.assert_allclose(runs.same_text[1], [0.5, 0.2, 0.3, 0])
    assert runs.distance == pytest.approx([0, 0.1, 0])


def test_runs_of_a_split_domain_read_its_parts_in_their_shares():
    runs = carried([Split("code", {"cpp": 0.3, "python": 0.7})], [0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0])
    assert runs.surgery.new == ("cpp", "essays", "fiction", "law", "python")
    np.testing.assert_allclose(runs.weights[0], [0.15, 0.5, 0, 0, 0.35])
    assert runs.states == (ASSUMED, VALID)
    assert runs.reasons[0] == "if the text of code was read as cpp 0.3, python 0.7"


def test_a_split_undone_by_a_merge_gives_the_runs_back():
    weights = np.random.default_rng(0).dirichlet(np.ones(4), 20)
    parts = {"cpp": 0.3, "python": 0.7}
    there = carry(Surgery.of(NAMES, [Split("code", parts)]), weights)
    back = carry(Surgery.of(there.surgery.new, [Merge("code", parts)]), there.weights)
    assert set(back.states) == {VALID}
    np.testing.assert_allclose(back.weights, weights, atol=1e-15)


def test_several_operations_are_done_at_once():
    operations = [Drop("law"), Merge("books", {"fiction": 0.5, "essays": 0.5}), Add("chem")]
    runs = carried(operations, [0.4, 0.3, 0.3, 0], [0.4, 0.4, 0.2, 0], [0.2, 0.2, 0.2, 0.4])
    assert runs.surgery.new == ("books", "chem", "code")
    assert runs.states == (VALID, MOVED, MOVED)
    np.testing.assert_allclose(runs.weights[2], [2 / 3, 0, 1 / 3])


def test_without_a_law_moved_runs_are_not_valid():
    runs = carried([Drop("law")], [0.1, 0.2, 0.7, 0], [0.25, 0.25, 0.25, 0.25], law=False)
    assert runs.states == (VALID, LOST)


def test_only_runs_of_domains_that_stay_are_found_again_in_a_store():
    runs = carried(
        [Split("code", {"cpp": 0.3, "python": 0.7}), Drop("law")],
        [0, 0.5, 0.5, 0],
        [0.2, 0.4, 0.4, 0],
        [0, 0.4, 0.4, 0.2],
    )
    assert runs.unchanged.tolist() == [True, False, False]


def test_a_merged_domain_with_an_old_name_is_a_new_domain():
    runs = carried(
        [Merge("law", {"law": 0.6, "essays": 0.4})], [0.5, 0.2, 0, 0.3], [0.5, 0, 0.5, 0]
    )
    assert runs.surgery.new == ("code", "fiction", "law")
    assert runs.surgery.untouched == ("code", "fiction")
    assert runs.unchanged.tolist() == [False, True]


def test_moved_runs_stand_under_assumptions_too():
    parts = {"cpp": 0.3, "python": 0.7}
    runs = carried(
        [Split("code", parts), Drop("law")], [0.5, 0.5, 0, 0], [0.5, 0.3, 0, 0.2], [0.2, 0, 0, 0.8]
    )
    assert runs.states == (ASSUMED, MOVED, LOST)
    assert runs.assumed == {"if the text of code was read as cpp 0.3, python 0.7": 2}


def test_an_added_domain_has_an_even_share_of_the_middle():
    surgery = Surgery.of(NAMES, [Drop("law"), Add("chem")])
    middle = surgery.middle(np.array([0.1, 0.2, 0.3, 0.4]))
    np.testing.assert_allclose(middle, [0.25, 0.125, 0.25, 0.375])


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([], "nothing is changed"),
        ([Drop("laws")], "laws is no domain; did you mean law"),
        ([Drop("law"), Split("law", {"a": 0.5, "b": 0.5})], "law is changed twice"),
        ([Add("law")], "law would stand there twice"),
        ([Drop("law"), Drop("code"), Drop("essays")], "fewer than two domains are left"),
        ([Merge("books", {"fiction": 0.5, "essays": 0.4})], "sum to 0.9, not to 1"),
        ([Merge("books", {"fiction": 1.0})], "name two parts or more"),
        ([Split("code", {"a": 1.0, "b": 0.0})], "b has share 0"),
    ],
)
def test_what_cannot_be_done_is_refused(operations, message):
    with pytest.raises(MixwrightError, match=re.escape(message)):
        Surgery.of(NAMES, operations)
