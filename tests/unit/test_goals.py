"""A goal from options: what they set, what is assumed where they are silent, and what is refused."""

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.fits import Source
from mixwright.goals import read_options
from mixwright.mixture import Proposal

ALONE = Source("effective-data", 40, ("code", "web", "wiki"), ("prose", "questions"), (0.2, 0.5, 0.3), 1.0, 1.0)
COUNTED = Source("effective-data", 40, ("code", "web", "wiki"), ("prose", "questions"), (0.2, 0.5, 0.3), 1e6, 1e6)
AVAILABLE = ["web=6e9", "code=1e9", "wiki=3e9"]


def test_silence_means_the_plain_mean_of_all_targets_and_the_mean_mixture():
    options = read_options(ALONE)
    goal = options.goal(ALONE)
    assert goal.targets == {"prose": 0.5, "questions": 0.5} and goal.names == ALONE.domains and goal.tokens == 1
    np.testing.assert_allclose(goal.natural, ALONE.mean)
    assert goal.bounds.lower.tolist() == [0, 0, 0] and goal.bounds.upper.tolist() == [1, 1, 1]
    assert options.notes(ALONE) == (
        "the goal is the plain mean of all 2 targets",
        "natural stands for the mean of the 40 fitted mixtures, and epochs are unknown: no --available was given",
    )


def test_options_set_targets_bounds_and_the_corpus():
    options = read_options(ALONE, ["prose=3", "questions"], ["web=0.4"], ["wiki=0.1"], AVAILABLE, 1e9, 0.5, 7)
    goal = options.goal(ALONE)
    assert goal.targets == {"prose": 0.75, "questions": 0.25} and goal.seed == 7 and goal.tokens == 1e9
    np.testing.assert_allclose(goal.natural, [0.1, 0.6, 0.3])
    np.testing.assert_allclose(goal.bounds.upper, [0.5, 0.4, 1])  # code: half a pass over 1e9 tokens
    np.testing.assert_allclose(goal.bounds.lower, [0, 0, 0.1])
    assert options.notes(ALONE) == ()


def test_only_what_is_known_is_recorded():
    def keys(source, **options):
        asked = read_options(source, **options)
        goal = asked.goal(source)
        return set(asked.record(source, goal, Proposal("effective-data", goal.natural))) & {"tokens", "epochs"}

    assert keys(ALONE) == set() and keys(ALONE, available=AVAILABLE) == set()
    assert keys(ALONE, tokens=1e9) == {"tokens"} and keys(COUNTED) == {"tokens"}
    assert keys(ALONE, tokens=1e9, available=AVAILABLE) == {"tokens", "epochs"}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"target": ["prosa"]}, "--target prosa: prosa is unknown; did you mean prose?"),
        ({"target": ["prose=much"]}, "--target prose=much: write NAME=NUMBER, a number from 0 on"),
        ({"target": ["prose", "prose"]}, "--target prose: prose has 1 already; give it once"),
        ({"target": ["prose=0"]}, "--target: all weights are 0; give one of them a weight"),
        ({"cap": ["wikis=0.2"]}, "--cap wikis=0.2: wikis is unknown; did you mean wiki?"),
        ({"cap": ["zzz=0.2"]}, "--cap zzz=0.2: zzz is unknown; known: code, web, wiki"),
        ({"cap": ["web"]}, "--cap web: write NAME=NUMBER, a number from 0 to 1"),
        ({"cap": ["web=1.5"]}, "--cap web=1.5: write NAME=NUMBER, a number from 0 to 1"),
        ({"floor": ["web=-1"]}, "--floor web=-1: write NAME=NUMBER, a number from 0 to 1"),
        ({"floor": ["web=nan"]}, "--floor web=nan: write NAME=NUMBER"),
        ({"available": ["web=1e9"]}, "--available: nothing is said of code, wiki; give every domain its tokens"),
        ({"available": ["web=1e9", "code=0", "wiki=1"]}, "--available: a domain of no tokens"),
        ({"max_epochs": 2.0}, "--max-epochs: .* give --available and --tokens too"),
        ({"max_epochs": 2.0, "available": AVAILABLE}, "--max-epochs: .* give --available and --tokens too"),
        ({"tokens": 0.0}, "--tokens 0: give a number above 0"),
    ],
)
def test_refusals_name_the_option_and_the_remedy(options, message):
    with pytest.raises(MixwrightError, match=message.replace("?", r"\?")):
        read_options(ALONE, **options)


def test_bounds_that_collide_are_refused():
    with pytest.raises(MixwrightError, match=r"web has floor 0.5 above its cap 0.4"):
        read_options(ALONE, cap=["web=0.4"], floor=["web=0.5"]).goal(ALONE)
    with pytest.raises(MixwrightError, match=r"the floors sum to 1.2"):
        read_options(ALONE, floor=["web=0.6", "code=0.6"]).goal(ALONE)
