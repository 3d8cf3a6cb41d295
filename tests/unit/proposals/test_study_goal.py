"""A fit that lies in a study's results: what options leave open is as the study has it."""

from dataclasses import replace

import numpy as np
import pytest

from least_study import CONFIG
from mixwright.proposals.fits import Fit, read_source
from mixwright.proposals.options import make_options, read_options
from mixwright.proposals.study_goal import StudyGoal
from mixwright.study.config import resolve
from mixwright.study.study import Study
from mixwright.trust.proposal import propose_within
from planted_swarm import TARGETS, plant

NAMES = [f"d{number:02}" for number in range(6)]
GOAL = {
    "caps": {"d00": 0.2, "d01": 0.3},
    "floors": {"d02": 0.1},
    "groups": {"both": {"domains": ["d03", "d04"], "most": 0.25}},
    "never_worse": [TARGETS[0]],
}
WEIGHTS = (3, 2, 1)


@pytest.fixture(scope="module")
def fit():
    return Fit.of(plant(3, runs=24).seen, "effective-data")


@pytest.fixture
def in_study(tmp_path, fit):
    """Saves the fit into the results of a study of this goal, and reads it again."""

    def saved(**goal) -> Fit:
        written = {
            "study": "least",
            "domains": {name: {"source": "installed"} for name in NAMES},
            "targets": {
                name: {"source": "installed", "weight": weight}
                for name, weight in zip(TARGETS, WEIGHTS, strict=True)
            },
            "designs": {"repeat": {"runs": 0}},
            "mixers": {"effective-data": {}},
            "goal": {"tokens": 10_000, **goal},
        }
        results = tmp_path / "results" / "least"
        Study(resolve(written, CONFIG)).write(results / "study.json")
        fit.save(results / "fits" / "effective-data")
        return Fit.load(results / "fits" / "effective-data")

    return saved


def share(goal, name: str, weights) -> float:
    return weights[[domain.name for domain in goal.domains].index(name)]


def test_limits_and_weights_are_those_of_the_study(in_study):
    fitted = in_study(**GOAL)
    options = read_options(fitted.source)
    goal = options.goal(fitted.source)
    weights = {name: weight / 6 for name, weight in zip(TARGETS, WEIGHTS, strict=True)}
    assert goal.targets == pytest.approx(weights)
    most = dict(zip(NAMES, goal.bounds.upper, strict=True))
    assert most["d00"] == 0.2 and most["d01"] == 0.3 and most["d05"] == 1
    assert share(goal, "d02", goal.bounds.lower) == 0.1
    assert goal.never_worse == (TARGETS[0],) and not goal.worst and goal.risk is None
    weights = dict(zip(NAMES, propose_within(fitted, options, draws=0).weights, strict=True))
    assert weights["d00"] <= 0.2 + 1e-9 and weights["d03"] + weights["d04"] <= 0.25 + 1e-9
    (told,) = [note for note in options.notes(fitted.source) if note.startswith("limits")]
    assert told == (
        "limits of the study hold too: d00 at most 0.2; d01 at most 0.3; d02 at least 0.1; both"
        f" (d03 + d04) at most 0.25; never worse: {TARGETS[0]}; another number for one of them"
        " takes its place"
    )


def test_an_option_takes_the_place_of_the_study_s_limit(in_study):
    fitted = in_study(**GOAL)
    options = read_options(fitted.source, cap=["d00=1"], never_worse=[TARGETS[1]])
    goal = options.goal(fitted.source)
    assert goal.bounds.upper[:2].tolist() == [1, 0.3] and goal.never_worse == (TARGETS[1],)
    (told,) = [note for note in options.notes(fitted.source) if note.startswith("limits")]
    assert "d00" not in told and "d01 at most 0.3" in told
    assert options == make_options_like(options, fitted)


def make_options_like(options, fitted):
    """The same from Python."""
    made = make_options(fitted.source, caps={"d00": 1.0}, never_worse=TARGETS[1])
    return replace(made, target_option=options.target_option)


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ({"objective": "worst"}, "the study, the target that gains least of: "),
        ({"risk": 0.9}, "the study, what 90% of refits keep of: "),
    ],
)
def test_what_is_minimised_is_that_of_the_study_unless_targets_are_named(in_study, goal, words):
    fitted = in_study(**goal)
    options = read_options(fitted.source)
    wanted = options.goal(fitted.source)
    assert wanted.worst == ("objective" in goal) and wanted.risk == goal.get("risk")
    assert any(words in note for note in options.notes(fitted.source))
    named = read_options(fitted.source, [TARGETS[0], TARGETS[1]])
    mean = named.goal(fitted.source)
    assert not mean.worst and mean.risk is None
    assert any("the study minimises another" in note for note in named.notes(fitted.source))


def test_the_worst_target_of_a_study_is_proposed_for(in_study):
    """As the study's own rule proposes: no target gains less than the least of the mean's."""
    mixtures = {}
    for objective in ("mean", "worst"):
        fitted = in_study(objective=objective)
        proposal = propose_within(fitted, read_options(fitted.source), draws=0)
        natural = np.array([fitted.source.mean])
        amounts = np.stack([proposal.weights, natural[0]]) * fitted.source.most_tokens
        chosen, reference = fitted.mixer.predict(amounts)
        mixtures[objective] = (reference - chosen).min()
    assert mixtures["worst"] > mixtures["mean"]


def test_passes_that_are_not_seen_to_are_told(in_study):
    fitted = in_study(max_epochs=2)
    notes = read_options(fitted.source).notes(fitted.source)
    assert any(note.startswith("the study's max_epochs 2 is not seen to") for note in notes)
    fitted = in_study(max_epochs=None)
    notes = read_options(fitted.source).notes(fitted.source)
    assert not any("max_epochs" in note for note in notes)


def test_limits_of_what_the_fit_does_not_know_are_left_out_and_told():
    """The study has changed since."""
    goal = StudyGoal(
        targets={"north": 1.0},
        caps={"d00": 0.2, "new": 0.3},
        groups={"both": {"domains": ["d01", "newer"], "most": 0.25}},
        never_worse=("north", "gone"),
    )
    within = goal.within(NAMES, TARGETS)
    assert within.caps == {"d00": 0.2} and within.groups == {} and within.never_worse == ("north",)
    limits = {"caps": within.caps, "floors": {}, "fixed": {}}
    assert any("limits gone, new, newer, which" in note for note in within.notes(False, limits, 1))
    assert StudyGoal(never_worse=("all",)).within(NAMES, TARGETS).unknown == ()


def test_a_fit_elsewhere_is_of_no_study(tmp_path, fit):
    fit.save(tmp_path / "fit")
    assert read_source(tmp_path / "fit").goal == StudyGoal()
