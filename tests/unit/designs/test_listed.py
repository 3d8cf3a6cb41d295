"""Mixtures that a study lists, and a mixture without one domain each: parts of the swarm."""

import numpy as np
import pytest

from least_study import names, study
from mixwright.designs.resolve import resolve_mixtures
from mixwright.errors import MixwrightError
from mixwright.mixture import Domain

DOMAINS = [Domain("cpp", 500_000), Domain("prose", 300_000), Domain("pycode", 200_000)]
EVEN = [{"cpp": number / 10, "prose": 1 - number / 10} for number in range(11)]


def resolved(asked):
    mixtures = resolve_mixtures(asked.runs["swarm"], DOMAINS)
    return np.array([mixture.weights for mixture in mixtures.values()])


def test_the_natural_mixture_stands_whole_and_without_each_domain():
    asked = study(designs={"swarm": {"runs": 10}, "leave_one_out": {}})
    expected = [[0.5, 0.3, 0.2], [0, 0.6, 0.4], [5 / 7, 0, 2 / 7], [0.625, 0.375, 0]]
    np.testing.assert_allclose(resolved(asked)[10:], expected)
    # the swarm's own runs keep their names, and mixers read all as one swarm
    assert names(asked, "swarm")[:10] == names(study(designs={"swarm": {"runs": 10}}), "swarm")
    assert list(asked.tables) == list(study().tables)


def test_a_mixture_may_be_named_and_a_domain_without_weight_is_no_row():
    mixture = {"cpp": 0.25, "prose": 0.75}
    asked = study(designs={"swarm": {"runs": 10}, "leave_one_out": {"mixture": mixture}})
    np.testing.assert_allclose(resolved(asked)[10:], [[0.25, 0.75, 0], [0, 1, 0], [1, 0, 0]])


def test_nothing_may_be_left_of_no_mixture():
    with pytest.raises(MixwrightError, match="one domain has all the weight"):
        _ = study(designs={"leave_one_out": {"mixture": {"cpp": 1}}}).runs


def test_listed_mixtures_may_be_the_whole_swarm():
    asked = study(designs={"swarm": {"runs": 0}, "listed": EVEN})
    expected = [[mixture["cpp"], mixture["prose"], 0] for mixture in EVEN]
    np.testing.assert_allclose(resolved(asked), expected, atol=1e-12)
    assert {run.seed for run in asked.runs["swarm"]} == {asked.seed}


def test_a_mixture_that_is_listed_again_has_another_seed():
    asked = study(designs={"swarm": {"runs": 10}, "listed": [EVEN[3], EVEN[4], EVEN[3]]})
    seeds = [run.seed for run in asked.runs["swarm"][10:]]
    assert seeds == [asked.seed, asked.seed, asked.seed + 1]


def test_further_rounds_come_after_what_is_listed():
    swarm = {"runs": 20, "rounds": 2}
    asked = study(designs={"swarm": swarm, "listed": EVEN[:2]})
    assert [len(asked.tables[table]) for table in ("swarm", "swarm-2")] == [12, 10]
    plain = study(designs={"swarm": swarm})
    assert asked.tables["swarm-2"] == plain.tables["swarm-2"]


@pytest.mark.parametrize(
    ("designs", "message"),
    [
        ({"swarm": {"runs": 3}}, "designs.swarm.runs is 3, below 10"),
        ({"swarm": {"runs": 0}, "listed": EVEN[:9]}, "which has 9"),
        ({"listed": [{"cpp": 0.5}]}, r"designs.listed\[0\]: the weights sum to 0.5"),
        ({"listed": [{"cpp": 0.5, "code": 0.5}]}, r"designs.listed\[0\].code is not a domain"),
        ({"leave_one_out": {"mixture": {"cup": 1}}}, "designs.leave_one_out.mixture.cup"),
    ],
)
def test_wrong_settings_are_answered(designs, message):
    with pytest.raises(MixwrightError, match=message):
        study(designs=designs)
