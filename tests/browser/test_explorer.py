"""The explorer of a page, used as people use it; its numbers are the library's."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from browser import Opener
from explored_surfaces import NAMES, explorer, made, record_of, reread
from explorer_hand import Hand
from mixwright.measured.loss_tables import read_mixtures
from mixwright.proposals.export.inputs.mixtures import read_wanted
from mixwright.trust.surface.surface import GOAL, RUNS
from planted_swarm import TARGETS

NATURAL = made("effective-data").wish.natural
LEAST = 0.02
MOST = 0.6
GROUP = (2, 4)


def ours(hand: Hand) -> tuple[np.ndarray, np.ndarray]:
    """(domains,) weights, and (targets, 3) value, low and high, as the page hands them out."""
    content = hand.file()
    weights = np.array(list(content["weights"].values()))
    ends = content["intervals"]["predicted"]
    return weights, np.array([[content["predicted"][name], *ends[name]] for name in TARGETS])


def check_numbers(hand: Hand, surface, at: str = RUNS) -> None:
    """The numbers of the file are the library's for the same weights; the page shows the same."""
    weights, numbers = ours(hand)
    assert weights.sum() == pytest.approx(1, abs=1e-15)
    theirs = np.stack(surface.intervals(weights[None], at))[:, 0].T
    assert np.abs(numbers - theirs).max() < 1e-6
    for name, (value, low, high) in zip(TARGETS, theirs.tolist(), strict=True):
        row = hand.window.locator("#explorer-targets .target", has_text=name)
        text = row.locator(".value").inner_text().replace("−", "-").split()
        digits = len(text[0].partition(".")[2])
        assert digits >= 2
        assert float(text[0]) == pytest.approx(value, abs=0.51 * 10**-digits)
        assert float(text[-3]) == pytest.approx(low, abs=0.51 * 10**-digits)
        assert float(text[-1]) == pytest.approx(high, abs=0.51 * 10**-digits)


@pytest.mark.parametrize("mixer", ["effective-data", "log-linear", "regmix-linear", "additive"])
def test_every_number_is_that_of_the_library(open_page: Opener, mixer: str, tmp_path: Path) -> None:
    hand = Hand.on(open_page, explorer((mixer,)))
    surface = reread(record_of(mixer), tmp_path)
    check_numbers(hand, surface)
    hand.move(0, 35)
    hand.type(5, "11.7")
    check_numbers(hand, surface)


@pytest.mark.parametrize("units", ["units", "accuracies"])
def test_numbers_are_in_the_units_of_their_targets(
    open_page: Opener, units: str, tmp_path: Path
) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",), units))
    hand.move(1, 30)
    check_numbers(hand, reread(record_of("effective-data", units), tmp_path))


def test_a_law_in_amounts_is_asked_at_the_length_of_the_goal(
    open_page: Opener, tmp_path: Path
) -> None:
    hand = Hand.on(open_page, explorer(("joint",)))
    hand.move(1, 30)
    check_numbers(hand, reread(record_of("joint"), tmp_path), GOAL)
    assert "at 1 M tokens, the final run of the goal" in hand.words("law")
    hand = Hand.on(open_page, explorer(("joint",), of_study=False))
    hand.move(1, 30)
    check_numbers(hand, reread(record_of("joint", of_study=False), tmp_path), RUNS)
    assert "at the length of the longest run" in hand.words("law")


def test_sliders_keep_limits_locks_and_ratios(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.lock(1)
    locked = hand.weights[1]
    assert hand.slider(1).is_disabled()
    for k, percent in ((0, 90), (2, 80), (4, 0), (5, 55.5), (3, 0), (0, 0), (4, 100)):
        before = hand.weights
        hand.move(k, percent)
        after = hand.weights
        assert sum(after) == 1
        assert after[1] == pytest.approx(locked, abs=1e-15)
        assert min(after) >= 0 and max(after) <= MOST + 1e-9 and after[3] >= LEAST - 1e-9
        assert 0.05 - 1e-9 <= after[2] + after[4] <= 0.45 + 1e-9
        assert after != before or k == 3
    hand.press("unlock")
    hand.start("natural")
    hand.move(0, 25)
    others = [1, 2, 3, 4, 5]
    ratios = np.array(hand.weights)[others] / NATURAL[others]
    assert np.ptp(ratios) < 1e-9
    assert hand.weights[0] == pytest.approx(0.25, abs=1e-12)


def test_a_row_says_its_weight_in_words_and_numbers(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.type(0, "12.5")
    slider = hand.slider(0)
    assert slider.get_attribute("aria-label") == f"weight of {NAMES[0]}"
    assert slider.get_attribute("aria-valuetext") == "12.5 percent"
    assert slider.input_value() == "12.5"
    assert hand.row(0).locator(".track").get_attribute("title").startswith("natural ")
    lock = hand.row(0).locator("button")
    assert lock.get_attribute("aria-pressed") == "false"
    hand.lock(0)
    assert lock.get_attribute("aria-pressed") == "true"
    assert "locked" in hand.row(0).get_attribute("class")
    for name in ("high", "low", "natural", "best", "fill"):
        assert hand.row(3).locator(f".{name}").count() == 1
    edge = hand.row(3).locator(".low").evaluate("node => node.style.width")
    assert float(edge.strip("%")) == pytest.approx(100 * LEAST, abs=0.01)


def test_a_drag_is_one_step_to_undo(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    first = hand.weights
    hand.slider(0).scroll_into_view_if_needed()
    box = hand.slider(0).bounding_box()
    y = box["y"] + box["height"] / 2
    start = box["x"] + 9 + first[0] * (box["width"] - 18)
    hand.window.mouse.move(start, y)
    hand.window.mouse.down()
    for step in range(1, 30):
        hand.window.mouse.move(start + 3 * step, y)
    hand.window.mouse.up()
    moved = hand.weights
    assert moved[0] > first[0] + 0.1
    moves = hand.window.evaluate("mixwrightTimes.length")
    assert moves > 10
    hand.press("undo")
    assert hand.weights == first
    assert hand.window.locator("[data-do=undo]").is_disabled()
    hand.press("redo")
    assert hand.weights == moved
    hand.slider(0).focus()
    hand.window.keyboard.press("Control+z")
    assert hand.weights == first
    hand.window.keyboard.press("Control+y")
    assert hand.weights == moved
    hand.window.keyboard.press("Control+z")
    hand.window.keyboard.press("Control+Shift+z")
    assert hand.weights == moved
    hand.press("reset")
    assert hand.weights == first


def test_presets_set_the_mixture_and_locked_domains_stay(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(start="regmix"))
    assert hand.weights == pytest.approx(list(explorer().presets[3].weights.values()), abs=1e-12)
    hand.start("uniform")
    assert hand.weights == pytest.approx([1 / 6] * 6, abs=1e-12)
    hand.start("natural")
    assert hand.weights == pytest.approx(NATURAL.tolist(), abs=1e-12)
    hand.type(0, "31")
    hand.lock(0)
    hand.start("uniform")
    assert hand.weights == pytest.approx([0.31] + [0.69 / 5] * 5, abs=1e-9)
    assert "Locked domains keep their weights" in hand.words("message")


def test_a_pasted_mixture_is_taken_or_refused_in_words(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    before = hand.weights
    hand.open("Paste")
    hand.at("paste").fill("nothing 0.5\nc d 0.5")
    hand.press("paste")
    assert "nothing" in hand.words("paste-fault")
    assert hand.weights == before
    hand.at("paste").fill("c d = 20 %\nünï = 30 %\n百科 = 50 %")
    hand.press("paste")
    assert hand.words("paste-fault") == ""
    assert hand.weights == pytest.approx([0, 0, 0.2, 0, 0.3, 0.5], abs=1e-12)
    # the paste breaks the floor of one domain and the group: it is taken, and the page says so
    assert f"{NAMES[3]} 0 % is below its min 2 %" in hand.words("cover")
    hand.press("undo")
    assert hand.weights == before


def test_a_link_keeps_the_state(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.move(0, 22)
    hand.lock(2)
    hand.limit(NAMES[5], "most", 40)
    hand.weigh(TARGETS[1], 3)
    hand.at("tokens").fill("1.5B")
    hand.at("tokens").press("Enter")
    hand.at("mixer").select_option("log-linear")
    hand.at("domain-order").select_option("weight")
    before = hand.file()
    address = hand.window.url
    assert "#" in address
    path = hand.window.evaluate("location.pathname")
    again = Hand(open_page(Path(path), address=address[address.index("#") :]))
    after = again.file()
    for key in ("weights", "objective", "tokens", "predicted"):
        assert after[key] == pytest.approx(before[key], rel=1e-9, abs=1e-9)
    assert after["provenance"] == before["provenance"]
    assert again.at("tokens").input_value() == "1.5B"
    assert again.at("domain-order").input_value() == "weight"
    assert again.slider(2).is_disabled()
    assert again.edge(NAMES[5], "most").input_value() == "40"
    hand.window.goto(address.split("#")[0] + "#explore")
    assert hand.file() == before
    broken = Hand(open_page(Path(path), address=address[address.index("#") : -9]))
    assert "link" in broken.words("message")
    assert "warn" in broken.at("message").locator("..").get_attribute("class")
    assert broken.weights == Hand.on(open_page, explorer()).weights


def test_a_link_that_comes_while_the_page_is_open_is_followed(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.move(0, 44)
    address = hand.window.url
    wanted = hand.weights
    hand.press("undo")
    assert hand.weights != wanted
    hand.window.evaluate(f"location.hash = {address.split('#')[1]!r}")
    hand.window.wait_for_timeout(50)
    assert hand.weights == pytest.approx(wanted, abs=1e-11)


def test_a_link_can_be_copied_or_is_selected(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    refusal = "navigator.clipboard.writeText = () => Promise.reject(new Error('no'))"
    hand.window.evaluate(f"() => {{ {refusal} }}")
    hand.press("link")
    hand.at("link").wait_for(state="visible")
    assert hand.window.evaluate("String(getSelection())") == hand.words("link")
    assert hand.words("link").startswith("file:///")
    assert "Ctrl+C" in hand.words("message")
    hand.window.evaluate("() => { navigator.clipboard.writeText = (text) => { window.it = text } }")
    hand.press("copy-export")
    assert hand.words("message") == "Copied."
    assert hand.window.evaluate("it") == hand.words("export")


def test_passes_follow_the_budget_and_warn_in_words(open_page: Opener) -> None:
    sources = dict.fromkeys(NAMES[:5], 2e6)
    hand = Hand.on(open_page, explorer(tokens=1e6, source_tokens=sources))
    hand.start("uniform")
    assert hand.row(0).locator("small").inner_text() == "167 k tokens, 0.083 passes"
    assert hand.row(5).locator("small").inner_text() == "167 k tokens"
    for typed, words, warns in (
        ("30M", "5 M tokens, 2.5 passes: more than there is, so it repeats", False),
        ("60 M", "10 M tokens, 5 passes: over 4, more passes teach little", True),
        ("1.2e7", "2 M tokens, 1 pass", False),
    ):
        hand.at("tokens").fill(typed)
        hand.at("tokens").press("Enter")
        small = hand.row(0).locator("small")
        assert small.inner_text() == words
        assert ("warning" in small.get_attribute("class")) == warns
    hand.at("tokens").fill("many")
    hand.at("tokens").press("Enter")
    assert "write tokens such as 1.5B" in hand.words("message")
    assert hand.at("tokens").input_value() == "12M"
    limited = explorer(tokens=1e6, source_tokens=sources, max_epochs=2)
    hand = Hand.on(open_page, limited)
    hand.at("tokens").fill("60M")
    hand.at("tokens").press("Enter")
    hand.start("uniform")
    assert "over the study's limit of 2" in hand.row(0).locator("small").inner_text()


def test_without_tokens_passes_are_unknown_until_they_are_typed(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",), of_study=False, tokens=None))
    assert hand.words("natural").endswith("than mean of the runs")
    hand.at("tokens").fill("")
    hand.at("tokens").press("Enter")
    assert hand.row(0).locator("small").inner_text() == ""
    assert "unknown" in hand.words("budget")
    hand.at("tokens").fill("6B")
    hand.at("tokens").press("Enter")
    hand.start("uniform")
    assert hand.row(0).locator("small").inner_text() == "1 B tokens"


def test_the_file_is_read_by_predict_and_export(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(tokens=1e6, source_tokens=dict.fromkeys(NAMES, 1e5)))
    hand.move(0, 45)
    path = hand.download()
    kept = path.with_suffix(".json")
    kept.write_bytes(path.read_bytes())
    content = hand.file()
    mixtures = read_mixtures(kept)
    assert mixtures.domains == NAMES
    assert mixtures.weights[0].tolist() == list(content["weights"].values())
    assert sum(content["weights"].values()) == 1
    wanted = read_wanted(kept, None)
    assert wanted.stages[0].tokens == pytest.approx(1e6)
    assert wanted.objective == pytest.approx(dict.fromkeys(TARGETS, 1 / 3))
    assert content["epochs"][NAMES[0]] == pytest.approx(4.5)
    assert content["provenance"]["mixer"] == "effective-data"
    assert content["units"]["predicted"][TARGETS[0]] == "nats/token"
    assert any("passes: over 4" in note for note in content["notes"])
    hand.at("format").select_option("litgpt")
    assert hand.words("export").startswith(
        "mixwright export --mixture mixture.json --format litgpt"
    )


def test_rows_are_sorted_by_what_matters(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    rows = hand.window.locator("#explorer-domains .domain")

    def order() -> list[int]:
        found = rows.locator("input[type=range]").evaluate_all("all => all.map(i => +i.dataset.k)")
        return list(found)

    assert order() == [0, 1, 2, 3, 4, 5]
    hand.at("domain-order").select_option("weight")
    weights = hand.weights
    assert all(weights[a] >= weights[b] for a, b in pairwise(order()))
    hand.at("domain-order").select_option("natural")
    assert order() == np.argsort(-NATURAL, kind="stable").tolist()
    hand.at("domain-order").select_option("effect")
    surface = made("effective-data")
    here = np.array(weights)

    def goal(w: np.ndarray) -> float:
        return float(surface.formula.predict(w[None])[0].mean())

    effects = []
    for k in range(6):
        more = here * (1 - here[k] - 0.01) / (1 - here[k])
        more[k] = here[k] + 0.01
        effects.append(abs(goal(more) - goal(here)))
    assert order() == np.argsort(-np.array(effects), kind="stable").tolist()
    targets = hand.window.locator("#explorer-targets .target:not(.heads)")
    hand.weigh(TARGETS[2], 5)
    assert targets.nth(0).locator(".name").inner_text().startswith(TARGETS[2])
    hand.at("target-order").select_option("difference")
    value, _, _ = surface.intervals(np.stack([np.array(hand.weights), NATURAL]))
    relative = np.abs(value[0] - value[1]) / value[1]
    first = targets.nth(0).locator(".name").inner_text()
    assert first.startswith(TARGETS[int(relative.argmax())])


def test_a_law_that_stands_for_a_mixer_says_so(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(("effective-data", "regmix", "log-linear")))
    assert hand.words("law") == ""
    choices = hand.at("mixer").locator("option").all_inner_texts()
    assert choices == ["effective-data (also in place of regmix)", "log-linear"]
    hand = Hand.on(open_page, explorer(("regmix", "log-linear")))
    choices = hand.at("mixer").locator("option").all_inner_texts()
    assert choices[0] == "regmix (by the fitted law effective-data)"
    words = hand.words("law")
    assert (
        "regmix has no formula: the fitted law effective-data of the same runs stands for it"
        in words
    )
    likeness = [target["likeness"] for target in record_of("regmix")["targets"]]
    assert f"{min(near['rank'] for near in likeness):.3f}" in words
    assert f"{max(near['rmse'] for near in likeness):.3f} nats/token" in words
    content = hand.file()
    assert content["provenance"]["law"] == "effective-data"
    assert any(note.startswith("regmix has no formula") for note in content["notes"])


def test_a_point_outside_the_runs_is_called_a_guess(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(of_study=False))
    cover = hand.at("cover")
    assert cover.get_attribute("role") == "status" and cover.get_attribute("aria-live") == "polite"
    hand.start("mean of the runs")
    assert hand.words("cover") == "" and hand.words("inside") == ""
    assert hand.words("trained") == "Runs like this were trained."
    hand.move(3, 100)
    assert "No runs like this were trained: it lies far out" in hand.words("cover")
    assert hand.words("trained") == "" and "a guess" in hand.words("inside")
    assert "a guess" in hand.words("cover")
    assert "warn" in cover.locator("..").get_attribute("class")
    assert any("the runs do not cover" in note for note in hand.file()["notes"])


def test_the_summary_is_of_the_goal_and_its_refits(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",)))
    hand.move(0, 30)
    surface = made("effective-data")
    both = np.stack([np.array(hand.weights), NATURAL, surface.wish.best])
    here, natural, best = surface.formula.predict(both).mean(axis=1)
    shown = float(hand.words("goal"))
    assert shown == pytest.approx(here, abs=6e-4)
    for name, other in (("natural", natural), ("best", best)):
        size, verdict = hand.words(name).split()[:2]
        assert float(size) == pytest.approx(abs(here - other), abs=6e-4)
        assert verdict == ("worse" if here > other else "better")
    signs = [np.sign(np.diff(refit.predict(both[:2]).mean(axis=1))[0]) for refit in surface.refits]
    agree = sum(sign == np.sign(natural - here) for sign in signs)
    who = "All 12" if agree == 12 else f"{agree} of 12"
    verdict = "better" if here < natural else "worse"
    assert hand.words("agree") == f"{who} refits say {verdict} than natural."
    apart = np.abs(both[0] - NATURAL).sum() / 2
    assert float(hand.words("moved").split()[0]) == pytest.approx(100 * apart, abs=0.06)
    hand.start("natural")
    assert hand.words("agree") == ""


def test_targets_of_several_units_have_a_goal_once_they_are_weighed(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",), "units", of_study=False))
    assert hand.words("goal") == "no goal"
    assert hand.window.locator("[data-do=optimise]").is_disabled()
    for target, weight in zip(TARGETS, (1, 2, 0.5), strict=True):
        hand.weigh(target, weight)
    assert hand.words("unit") == "in mixed units"
    surface = made("effective-data", "units", of_study=False)
    weights = np.array(hand.weights)
    mean = surface.formula.predict(weights[None])[0] @ np.array([1, 2, 0.5]) / 3.5
    assert float(hand.words("goal").replace("−", "-")) == pytest.approx(mean, abs=6e-4)
    assert all(f"{name}=" in hand.words("propose") for name in TARGETS)


def test_more_is_better_where_it_is(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(("effective-data",), "accuracies"))
    surface = made("effective-data", "accuracies")
    assert hand.words("unit") == "points of accuracy"
    both = np.stack([np.array(hand.weights), NATURAL])
    here, natural = surface.intervals(both)[0]
    assert float(hand.words("goal")) == pytest.approx(here.mean(), abs=6e-3)
    verdict = "better" if here.mean() > natural.mean() else "worse"
    assert hand.words("natural").split()[1] == verdict
    for name, mine, theirs in zip(TARGETS, here.tolist(), natural.tolist(), strict=True):
        row = hand.window.locator("#explorer-targets .target", has_text=name)
        verdict = "better" if mine > theirs else "worse"
        assert row.locator(".change").first.inner_text().split()[-1] == verdict


def test_presets_say_which_were_trained_and_what_that_measured(open_page: Opener) -> None:
    words = "5.070 nats/token, better than natural by 0.176 nats/token [0.160, 0.192]"
    hand = Hand.on(open_page, explorer(measured={"effective-data": words}, runs="the proxies"))
    assert hand.choice("natural") == "natural, not trained"
    assert hand.choice("effective-data's proposal") == "effective-data's proposal"
    hand.start("effective-data's proposal")
    sentence = f"Final models of this mixture were trained, and measured {words}."
    assert hand.words("trained") == sentence
    assert hand.words("goal-words").endswith("predicted for models like the proxies")
    assert hand.file()["notes"][0].endswith("effective-data's proposal")
    hand.move(0, 35)
    assert hand.at("start").input_value() == ""
    assert "No final model of this mixture was" in hand.words("trained")


def test_targets_outside_the_goal_stand_apart(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    apart = hand.window.locator("#explorer-targets .apart")
    assert not apart.is_visible()
    hand.weigh(TARGETS[0], 0)
    rows = hand.window.locator("#explorer-targets .target:not(.heads)").all_inner_texts()
    assert rows[2] == "Not in the goal: watched only"
    assert rows[3].startswith(TARGETS[0])
    hand.at("target-order").select_option("name")
    assert hand.window.locator("#explorer-targets .target").last.inner_text().startswith(TARGETS[0])


def test_reset_says_what_it_resets(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.limit(NAMES[0], "most", 20)
    hand.move(1, 30)
    changed = hand.weights
    hand.press("reset")
    assert "locks, limits, weights of targets and budget are as when" in hand.words("message")
    assert hand.edge(NAMES[0], "most").input_value() == "60"
    hand.offer("Undo")
    assert hand.weights == changed
