"""A goal from options: what they set, what is assumed without them, and what is refused."""

import numpy as np
import pytest

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.goal import Proposal
from mixwright.proposals.fits import FittedRuns
from mixwright.proposals.options import read_options
from mixwright.trust.bootstrap import propose

ALONE = FittedRuns(
    "effective-data", 40, ("code", "web", "wiki"), ("prose", "questions"), (0.2, 0.5, 0.3), 1.0, 1.0
)
COUNTED = FittedRuns(
    "effective-data", 40, ("code", "web", "wiki"), ("prose", "questions"), (0.2, 0.5, 0.3), 1e6, 1e6
)
AVAILABLE = ["web=6e9", "code=1e9", "wiki=3e9"]


def test_silence_means_the_plain_mean_of_all_targets_and_the_mean_mixture():
    options = read_options(ALONE)
    goal = options.goal(ALONE)
    assert (
        goal.targets == {"prose": 0.5, "questions": 0.5}
        and goal.names == ALONE.domains
        and goal.tokens == 1
    )
    np.testing.assert_allclose(goal.natural, ALONE.mean)
    assert goal.bounds.lower.tolist() == [0, 0, 0] and goal.bounds.upper.tolist() == [1, 1, 1]
    assert options.notes(ALONE) == (
        "the goal is the plain mean of all 2 targets",
        "natural stands for the mean of the 40 fitted mixtures, and epochs are unknown:"
        " the domains' tokens were not given (available)",
    )


def test_options_set_targets_bounds_and_the_corpus():
    options = read_options(
        ALONE, ["prose=3", "questions"], ["web=0.4"], ["wiki=0.1"], AVAILABLE, 1e9, 0.5, 7
    )
    goal = options.goal(ALONE)
    assert (
        goal.targets == {"prose": 0.75, "questions": 0.25} and goal.seed == 7 and goal.tokens == 1e9
    )
    np.testing.assert_allclose(goal.natural, [0.1, 0.6, 0.3])
    np.testing.assert_allclose(
        goal.bounds.upper, [0.5, 0.4, 1]
    )  # code: half a pass over 1e9 tokens
    np.testing.assert_allclose(goal.bounds.lower, [0, 0, 0.1])
    assert options.notes(ALONE) == ()


def test_only_what_is_known_is_recorded():
    def keys(source, **options):
        asked = read_options(source, **options)
        goal = asked.goal(source)
        return set(asked.record(source, Proposal("effective-data", goal.mixture(goal.natural)))) & {
            "tokens",
            "epochs",
        }

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
        (
            {"available": ["web=1e9"]},
            "--available: nothing is said of code, wiki; give every domain its tokens",
        ),
        (
            {"available": ["web=1e9", "code=0.5", "wiki=1"]},
            "--available code=0.5: tokens are counted, not shares",
        ),
        ({"available": ["web=0", "code=0", "wiki=0"]}, "--available: no domain has tokens"),
        ({"group": ["code<=0.4"]}, "--group code<=0.4: write 'A.B<=NUMBER'"),
        ({"group": ["code+web"]}, "--group code.web: write"),
        ({"group": ["code+web<=1.4"]}, "--group code.web<=1.4: write"),
        ({"group": ["code+wen<=0.4"]}, "--group code.wen<=0.4: wen is unknown; did you mean web?"),
        (
            {"group": ["code+web<=0.4", "web+wiki>=0.2"]},
            "code.web and web.wiki share web; a domain stands in one group",
        ),
        ({"group": ["code+web<=0.4", "web+code>=0.5"]}, "its least 0.5 is above its most 0.4"),
        ({"fix": ["web=2"]}, "--fix web=2: write NAME=NUMBER, a number from 0 to 1"),
        ({"never_worse": ["prosa"]}, "--never-worse prosa: no such target; did you mean prose?"),
        ({"max_epochs": 2.0}, "--max-epochs: .* give --available and --tokens too"),
        (
            {"max_epochs": 2.0, "available": AVAILABLE},
            "--max-epochs: .* give --available and --tokens too",
        ),
        ({"tokens": 0.0}, "--tokens 0: give a number above 0"),
    ],
)
def test_refusals_name_the_option_and_the_remedy(options, message):
    with pytest.raises(MixwrightError, match=message.replace("?", r"\?")):
        read_options(ALONE, **options)


def test_a_domain_without_tokens_gets_no_weight():
    asked = read_options(
        ALONE, available=["web=1e9", "code=0", "wiki=1e9"], tokens=1e9, max_epochs=4
    )
    goal = asked.goal(ALONE)
    assert goal.bounds.upper.tolist() == [0.0, 1.0, 1.0] and goal.natural.tolist() == [
        0.0,
        0.5,
        0.5,
    ]
    assert "code has no tokens and so no weight" in asked.notes(ALONE)


def test_blanks_in_a_group_are_no_part_of_a_name():
    assert list(read_options(ALONE, group=["web + code <= 0.4"]).groups) == ["code+web"]


def test_groups_of_the_same_domains_are_one_and_fixed_weights_are_a_box():
    asked = read_options(
        ALONE, group=["code+wiki<=0.4", "wiki+code>=0.2"], fix=["web=0.7"], never_worse=["all"]
    )
    goal = asked.goal(ALONE)
    (group,) = goal.bounds.groups
    assert (group.name, group.members, group.lower, group.upper) == ("code+wiki", (0, 2), 0.2, 0.4)
    assert goal.bounds.lower[1] == goal.bounds.upper[1] == 0.7 and goal.never_worse == (
        "prose",
        "questions",
    )
    (held,) = read_options(ALONE, group=["code+wiki=0.4"]).goal(ALONE).bounds.groups
    assert held.lower == held.upper == 0.4
    active = (
        read_options(ALONE, group=["code+wiki<=0.4"])
        .goal(ALONE)
        .bounds.active(np.array([0.1, 0.6, 0.3]), ALONE.domains)
    )
    assert active == ["code+wiki<=0.4"]


def test_what_a_mixer_does_not_see_to_is_noted():
    goal = read_options(ALONE, never_worse=["prose"]).goal(ALONE)
    notes = propose(mixers.create("natural"), None, goal).notes
    assert any(
        "never_worse (prose) is not seen to: natural keeps no limits" in note for note in notes
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fix": ["web=0.5"], "cap": ["web=0.4"]}, "web is fixed at 0.5, above its cap 0.4"),
        ({"fix": ["web=0.2"], "floor": ["web=0.4"]}, "web is fixed at 0.2, under its floor 0.4"),
        (
            {
                "fix": ["web=0.5"],
                "available": ["web=100", "code=1000", "wiki=1000"],
                "tokens": 1000.0,
                "max_epochs": 4.0,
            },
            "above its cap 0.4",
        ),
        (
            {"group": ["code+wiki<=0.4"], "floor": ["code=0.3", "wiki=0.2"]},
            "floors .fixed weights counted in. inside group code.wiki sum to 0.5, "
            "over its most 0.4",
        ),
        (
            {"group": ["code+wiki<=0.4"], "cap": ["web=0.5"]},
            r"most of all is 0.4 .group code.wiki. . 0.5 .the caps of other.* under 1",
        ),
    ],
)
def test_fixed_weights_and_groups_that_collide_are_named(options, message):
    with pytest.raises(MixwrightError, match=message):
        read_options(ALONE, **options).goal(ALONE)


def test_bounds_that_collide_are_refused():
    with pytest.raises(MixwrightError, match=r"web has floor 0.5 above its cap 0.4"):
        read_options(ALONE, cap=["web=0.4"], floor=["web=0.5"]).goal(ALONE)
    with pytest.raises(
        MixwrightError,
        match=r"the floors \(fixed weights counted in\) sum to 1.2, over 1: "
        r"0.6 \(code\) \+ 0.6 \(web\); lower",
    ):
        read_options(ALONE, floor=["web=0.6", "code=0.6"]).goal(ALONE)
