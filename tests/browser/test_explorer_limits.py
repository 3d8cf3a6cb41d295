"""The explorer's limits and its best mixture: what it solves is what `mixwright propose` solves."""

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import Opener
from explored_surfaces import NAMES, explorer, made, record_of, reread
from explorer_hand import Hand
from mixwright.goal import Proposal
from mixwright.proposals.options import read_options
from mixwright.trust.surface.proposing import propose_from
from mixwright.trust.surface.surface import Surface
from planted_swarm import TARGETS


def by_the_line(line: str, surface: Surface) -> Proposal:
    """What the command line of the page proposes."""
    words = shlex.split(line)
    assert words[:3] == ["mixwright", "propose", "--fit"]
    assert words[-2:] == ["--to", "proposal.json"]
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
    assert " ".join(line.inner_text().split()) == (f"{NAMES[2]} + {NAMES[4]} 33.3 % together")
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


def test_what_if_at_most_so_much_of_a_domain(open_page: Opener, tmp_path: Path) -> None:
    """The first question that people have: its price, the line of the shell, and the file."""
    hand = Hand.on(open_page, explorer(("effective-data",)))
    surface = reread(record_of("effective-data"), tmp_path)
    free = surface.wish.best
    k = int(free.argmax())
    cap = round(float(free[k]) / 2, 2)
    assert not hand.at("price").is_visible()
    assert hand.edge(NAMES[k], "most").is_visible()
    hand.limit(NAMES[k], "most", 100 * cap)
    hand.press("optimise")
    weights = np.array(hand.weights)
    assert weights[k] == pytest.approx(cap, abs=1e-9)

    both = np.stack([weights, free])
    cost = -np.diff(surface.formula.predict(both).mean(axis=1))[0]
    drawn = [-np.diff(refit.predict(both).mean(axis=1))[0] for refit in surface.refits]
    second = -np.diff(surface.second.formula.predict(both).mean(axis=1))[0]
    apart = surface.second.share * (second - cost)
    variance = np.var(drawn, ddof=1) + (np.mean(drawn) - cost) ** 2 + apart**2
    half = surface.quantile * np.sqrt(variance)
    words = hand.words("price").replace("−", "-")
    assert words.startswith("Your limits cost ")
    # a limit never improves an optimum, so an end below 0 is not shown
    ends = [end for end in (cost - half, cost + half) if end > 0]
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", words)]
    assert numbers == pytest.approx([cost, *ends], abs=6e-4)
    assert ("not distinguishable from 0" in words) == (cost - half <= 0)
    assert ("by the refits at most" in words) == (cost - half <= 0)
    assert hand.words("best") == "the best inside your limits"
    check_prices(hand, surface.formula.predict(both))

    assert f"{NAMES[k]}={cap:g}" in shlex.split(hand.words("propose"))
    proposal = by_the_line(hand.words("propose"), surface)
    assert np.abs(proposal.weights - weights).max() < 0.02
    content = hand.file()
    assert content["weights"][NAMES[k]] == pytest.approx(cap, abs=1e-9)
    assert f"{NAMES[k]}<={cap:g}" in content["active_bounds"]
    hand.press("limits")
    assert not hand.at("price").is_visible()
    assert hand.edge(NAMES[k], "most").input_value() == "60"
    assert heads(hand) == ["than natural", "than optimum"]
    assert not hand.at("inside-line").is_visible()


def heads(hand: Hand) -> list[str]:
    """With what the predictions are compared."""
    return hand.window.locator("#explorer-targets .heads .change").all_inner_texts()


def check_prices(hand: Hand, predicted: np.ndarray) -> None:
    """Each target shows its price: predictions (2, targets) inside the limits and without them."""
    assert heads(hand) == ["than natural", "than without limits"]
    prices = predicted[0] - predicted[1]
    assert np.abs(prices).max() > 0.01
    for name, price in zip(TARGETS, prices.tolist(), strict=True):
        row = hand.window.locator("#explorer-targets .target:not(.heads)", has_text=name)
        size, verdict = row.locator(".change").last.inner_text().split()
        assert float(size) == pytest.approx(abs(price), abs=6e-3)
        assert verdict == ("worse" if price > 0 else "better")
        assert row.locator(".change").last.get_attribute("data-head") == "than without limits"


def test_a_price_has_no_end_below_nothing(open_page: Opener) -> None:
    """A limit that barely binds costs next to nothing, and cannot gain anything."""
    hand = Hand.on(open_page, explorer(("effective-data",)))
    best = made("effective-data").wish.best
    k = int(best.argmax())
    hand.limit(NAMES[k], "most", round(100 * float(best[k]) - 1, 2))
    words = hand.words("price")
    matched = re.fullmatch(
        r"Your limits cost (\S+) nats/token \(by the refits at most (\S+)\):"
        r" not distinguishable from 0\.",
        words,
    )
    assert matched, words
    cost, most = map(float, matched.groups())
    assert 0 <= cost <= most


def test_trained_mixtures_inside_the_limits_are_offered_the_best_first(open_page: Opener) -> None:
    gain = "better than natural by 0.141 nats/token [0.125, 0.158]"
    worse = "worse than natural by 0.040 nats/token [0.020, 0.060]"
    measured = {
        "uniform": f"5.105 nats/token, {gain}",
        "natural": "5.246 nats/token",
        "effective-data": f"5.286 nats/token, {worse}",
    }
    content = explorer(measured=measured, gains={"uniform": gain, "effective-data": worse})
    hand = Hand.on(open_page, content)
    assert not hand.at("inside-line").is_visible()
    shares = {preset.title: preset.weights for preset in content.presets}
    wanted = [
        f"uniform: {gain}",
        "natural: 5.246 nats/token",
        f"effective-data's proposal: {worse}",
    ]
    other = shares["effective-data's proposal"]
    name = max(NAMES, key=lambda one: other[one] - shares["natural"][one])
    assert other[name] > max(1 / len(NAMES), shares["natural"][name]) + 0.01
    offers = hand.at("inside-trained").get_by_role("button")
    hand.limit(name, "most", round(100 * other[name] + 0.5, 2))
    assert hand.words("inside-line").startswith("Trained and measured mixtures inside your limits:")
    assert offers.all_inner_texts() == wanted
    hand.limit(name, "most", round(100 * other[name] - 0.5, 2))
    assert offers.all_inner_texts() == wanted[:2]
    hand.press("optimise")
    assert hand.words("untrained") == "The mixture above is predicted only."
    offers.first.click()
    assert hand.weights == pytest.approx([1 / len(NAMES)] * len(NAMES), abs=1e-9)
    assert hand.words("untrained") == ""
    hand.press("limits")
    assert not hand.at("inside-line").is_visible()


def test_what_a_limit_moved_stays_when_it_is_cleared(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",)))
    best = made("effective-data").wish.best
    k = int(best.argmax())
    hand.limit(NAMES[k], "most", 2)
    hand.limit(NAMES[k], "most", "")
    assert hand.words("message") == f"{NAMES[k]} stays at 2 %: Undo or Re-optimise."
    hand.offer("Re-optimise")
    assert hand.weights == pytest.approx(best.tolist(), abs=0.02)
    hand.type(k, "3")
    hand.type(k, "")
    assert hand.words("message") == f"{NAMES[k]} stays at 3 %: Undo or Re-optimise."
    assert hand.share(k).input_value() == "3"
    hand.offer("Undo")
    assert hand.weights == pytest.approx(best.tolist(), abs=0.02)


def test_what_re_optimise_does_to_a_typed_share_is_said_and_undone(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",)))
    best = made("effective-data").wish.best
    k = int(best.argmax())
    typed = round(50 * float(best[k]), 1)
    hand.type(k, str(typed))
    assert f"It may move {NAMES[k]} again" in hand.words("held")
    hand.press("optimise")
    assert hand.weights == pytest.approx(best.tolist(), abs=0.02)
    assert f"{NAMES[k]} went from {typed:g} % to {100 * best[k]:.1f} %" in hand.words("message")
    hand.offer("Undo")
    assert hand.weights[k] == pytest.approx(typed / 100, abs=1e-9)
    assert hand.words("message") == ""
    hand.press("optimise")
    hand.offer(f"Hold {NAMES[k]} at most {typed:g} %")
    assert hand.weights[k] == pytest.approx(typed / 100, abs=1e-9)
    assert hand.edge(NAMES[k], "most").input_value() == f"{typed:g}"
    assert hand.words("held") == "" and "went from" not in hand.words("message")
    assert hand.at("price").is_visible()


def test_a_preset_that_breaks_the_limits_is_named_and_brought_inside(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    title = "effective-data's proposal"
    weights = list(explorer().presets[2].weights.values())
    k = int(np.argmax(weights))
    assert hand.choice(title) == title
    hand.limit(NAMES[k], "most", 20)
    assert hand.choice(title) == f"{title}, breaks the limits"
    hand.start(title)
    assert hand.weights == pytest.approx(weights, abs=1e-12)
    cover = hand.words("cover")
    assert f"The mixture “{title}” breaks the limits: {NAMES[k]} " in cover
    assert "is above its max 20 %" in cover
    hand.press("inside")
    assert hand.weights[k] == pytest.approx(0.2, abs=1e-9)
    assert hand.words("cover") == ""
    assert hand.at("start").input_value() == ""


def test_a_share_that_limits_forbid_says_why(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.limit(NAMES[0], "most", 20)
    hand.type(0, "35")
    words = hand.words("message")
    assert words.startswith(f"Inside limits and locks {NAMES[0]} can be ") and "20 %" in words
    assert hand.weights[0] == pytest.approx(0.2, abs=1e-9)


def test_a_number_below_one_percent_is_asked_about(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.limit(NAMES[0], "most", 0.2)
    assert hand.words("message") == "Read as 0.2 %."
    hand.offer("Make it 20 %")
    assert hand.edge(NAMES[0], "most").input_value() == "20"
    hand.type(1, "0.3")
    hand.offer("Make it 30 %")
    assert hand.weights[1] == pytest.approx(0.3, abs=1e-9)
    hand.limit(NAMES[0], "most", "")
    assert hand.edge(NAMES[0], "most").input_value() == ""
    hand.move(0, 60)
    assert hand.weights[0] == pytest.approx(0.6, abs=1e-9)


def test_limits_of_passes_follow_the_budget(open_page: Opener) -> None:
    """Though somebody typed limits before."""
    sources = dict.fromkeys(NAMES, 1e6)
    hand = Hand.on(open_page, explorer(tokens=1e6, source_tokens=sources, max_epochs=2))
    hand.limit(NAMES[5], "most", 50)
    for tokens, most in (("8M", "25"), ("5M", "40"), ("1M", "50")):
        hand.at("tokens").fill(tokens)
        hand.at("tokens").press("Enter")
        assert hand.edge(NAMES[5], "most").input_value() == most
    assert hand.words("cover") == ""
    hand.at("tokens").fill("15M")
    hand.at("tokens").press("Enter")
    words = "15 M tokens are over 2 passes, the study's limit, of all 6 M tokens there are"
    assert f"No mixture fits the limits: {words}: lower the budget." in hand.words("cover")
    hand.press("optimise")
    assert words in hand.words("message")


def test_locked_shares_are_typed_without_rounding_s_digits(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",)))
    hand.lock(2)
    for k, percent in ((0, 31), (1, 20), (3, 7), (0, 12), (1, 20)):
        hand.move(k, percent)
    hand.lock(1)
    line = shlex.split(hand.words("propose"))
    assert f"{NAMES[1]}=0.2" in line[line.index("--fix") :]
    assert hand.at("price").is_visible() and "Your locks cost" in hand.words("price")
