"""The explorer's limits and its best mixture: what it solves is what `mixwright propose` solves."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import Opener
from explored_surfaces import NAMES, explorer, record_of, reread
from explorer_hand import Hand
from mixwright.goal import Proposal
from mixwright.proposals.options import read_options
from mixwright.trust.surface.proposing import propose_from
from mixwright.trust.surface.surface import Surface
from planted_swarm import TARGETS


def by_the_line(line: str, surface: Surface) -> Proposal:
    """What the command line of the page proposes."""
    words = shlex.split(line)
    assert words[:3] == ["mixwright", "propose", "--fit"] and words[-2:] == ["--to", "proposal.json"]
    options: dict[str, list[str]] = {}
    for word in words[4:-2]:
        if word.startswith("--"):
            options[word] = []
        else:
            options[list(options)[-1]].append(word)
    arguments: dict[str, Any] = {}
    for option, values in options.items():
        name = option.removeprefix("--").replace("-", "_")
        arguments[name] = float(values[0]) if name == "tokens" else values
    return propose_from(surface, read_options(surface.source, **arguments))


def goal_of(surface: Surface, weights: np.ndarray, importance: np.ndarray) -> float:
    return float(surface.formula.predict(weights[None])[0] @ importance)


def check_optimum(hand: Hand, surface: Surface, importance: np.ndarray) -> None:
    """Re-optimised, the page is certified, and as good as the library's proposal."""
    line = hand.words("propose")
    hand.press("optimise")
    assert "This is the best mixture inside" in hand.words("message")
    weights = np.array(hand.weights)
    proposal = by_the_line(line, surface)
    ours = goal_of(surface, weights, importance)
    theirs = goal_of(surface, proposal.weights, importance)
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert np.abs(weights - proposal.weights).max() < 0.02
    for name, value in proposal.predicted.items():
        assert hand.file()["predicted"][name] == pytest.approx(value, abs=5e-3)


@pytest.mark.parametrize("mixer", ["effective-data", "log-linear", "additive", "regmix-linear"])
def test_the_best_mixture_is_that_of_propose(open_page: Opener, mixer: str, tmp_path: Path) -> None:
    hand = Hand.on(open_page, explorer((mixer,)))
    surface = reread(record_of(mixer), tmp_path)
    alike = np.full(3, 1 / 3)
    check_optimum(hand, surface, alike)
    assert hand.words("best") == "as good as the optimum"
    hand.limit(NAMES[0], "most", 25)
    hand.limit(NAMES[5], "least", 12.5)
    hand.limit(f"{NAMES[2]} + {NAMES[4]}", "most", 30)
    hand.type(1, "17")
    hand.lock(1)
    check_optimum(hand, surface, alike)
    weights = hand.weights
    assert weights[1] == pytest.approx(0.17, abs=1e-9)
    assert weights[0] <= 0.25 + 1e-6 and weights[5] >= 0.125 - 1e-6
    assert weights[2] + weights[4] <= 0.3 + 1e-6
    assert "inside your locks and limits" in hand.words("message")


def test_weights_of_targets_change_the_goal_and_the_line(open_page: Opener, tmp_path: Path) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",)))
    surface = reread(record_of("effective-data"), tmp_path)
    assert "--target" not in hand.words("propose")
    hand.weigh(TARGETS[0], 0)
    hand.weigh(TARGETS[2], 3)
    assert f"--target {TARGETS[1]}=" in hand.words("propose")
    shares = list(hand.file()["objective"].values())
    assert hand.file()["objective"].keys() == {TARGETS[1], TARGETS[2]}
    check_optimum(hand, surface, np.array([0.0, *shares]))
    hand.press("weights")
    assert "--target" not in hand.words("propose")
    assert hand.file()["objective"] == pytest.approx(dict.fromkeys(TARGETS, 1 / 3))


def test_a_mean_of_accuracies_is_weighed_by_points(open_page: Opener, tmp_path: Path) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",), "accuracies"))
    surface = reread(record_of("effective-data", "accuracies"), tmp_path)
    hand.weigh(TARGETS[1], 1)
    weights = np.array([hand.file()["objective"][name] for name in TARGETS])
    points = weights * np.exp(-np.array([trust.best for trust in surface.trust]))
    check_optimum(hand, surface, points / points.sum())
    assert "a point of each counts alike" in hand.words("weights-hint")


def test_a_limit_moves_the_mixture_and_is_drawn(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.start("uniform")
    hand.limit(NAMES[0], "most", 10)
    assert hand.weights[0] == pytest.approx(0.1, abs=1e-9)
    shut = hand.row(0).locator(".high").evaluate("node => node.style.left")
    assert float(shut.strip("%")) == pytest.approx(10, abs=0.01)
    hand.move(0, 60)
    assert hand.weights[0] == pytest.approx(0.1, abs=1e-9)
    assert hand.slider(0).input_value() == "10"
    hand.press("limits")
    hand.move(0, 55)
    assert hand.weights[0] == pytest.approx(0.55, abs=1e-9)


def test_limits_that_leave_no_mixture_are_refused_in_words(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    before = hand.weights
    hand.limit(NAMES[0], "least", 70)
    words = hand.words("message")
    assert words.startswith("Not taken: ") and "change one of the two" in words
    assert hand.edge(NAMES[0], "least").input_value() == ""
    assert hand.weights == before
    hand.limit(NAMES[0], "least", 170)
    assert "from 0 to 100 percent" in hand.words("message")
    hand.type(0, "130")
    assert "from 0 to 100 percent" in hand.words("message")
    assert hand.weights == before
    for k in range(5):
        hand.lock(k)
    hand.lock(5)
    hand.press("optimise")
    assert hand.weights == pytest.approx(before, abs=1e-9)


def test_groups_show_their_sum_against_their_limits(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.start("uniform")
    line = hand.window.locator("#explorer-groups .group")
    assert " ".join(line.inner_text().split()) == (
        f"{NAMES[2]} + {NAMES[4]} 33.3 % min max together"
    )
    both = f"{NAMES[2]} + {NAMES[4]}"
    assert [hand.edge(both, side).input_value() for side in ("least", "most")] == ["5", "45"]
    hand.open("Paste")
    hand.at("paste").fill(f"{NAMES[2]} = 0.5\n{NAMES[4]} = 0.2\n{NAMES[3]} = 0.3")
    hand.press("paste")
    assert "too much" in line.inner_text()
    assert "group two 70 % is above its max 45 %" in hand.words("cover")


def test_what_is_not_certified_is_said(open_page: Opener) -> None:
    """A law that bends the wrong way has minima that nobody can certify."""
    content = explorer(("effective-data",))
    for target in content.surfaces["effective-data"]["targets"]:
        target["parameters"]["A"] = -abs(target["parameters"]["A"])
        target["convex"] = False
    hand = Hand.on(open_page, content)
    hand.press("optimise")
    words = hand.words("message")
    assert "not certified" in words or "No mixture was chosen" in words
    assert "warn" in hand.at("message").locator("..").get_attribute("class")
