"""The explorer by keyboard, on a phone, in the dark, printed, without a script, for axe."""

import base64
import gzip
import json
import re
from dataclasses import replace

import pytest

from browser import Opener, audit, wide
from explored_surfaces import NAMES, explorer, page, record_of
from explorer_hand import Hand
from mixwright.report.explorer import explorer as laid_out
from mixwright.report.explorer.building import explorer_of
from mixwright.report.explorer.explorer import explorer_section


def data_of(html: str) -> dict:
    packed = re.search(r'id="explorer-data">([^<]*)<', html)[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def open_all(hand: Hand) -> None:
    hand.window.evaluate("document.querySelectorAll('details').forEach((box) => (box.open = true))")


def test_everything_is_done_by_keyboard_alone(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    keyboard = hand.window.keyboard
    before = hand.weights
    reached = []
    for _ in range(80):
        keyboard.press("Tab")
        reached.append(hand.window.evaluate("document.activeElement.outerHTML.slice(0, 300)"))
        if 'type="range"' in reached[-1]:
            break
    assert any("explorer-start" in each for each in reached)
    assert any("explorer-domain-order" in each for each in reached)
    outline = hand.window.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    keyboard.press("ArrowRight")
    keyboard.press("PageUp")
    moved = hand.weights
    assert moved[0] > before[0] + 0.09
    keyboard.press("Control+z")
    keyboard.press("Control+z")
    assert hand.weights == before
    hand.slider(0).focus()
    keyboard.press("Tab")
    keyboard.type("33")
    keyboard.press("Enter")
    for _ in range(3):
        keyboard.press("Tab")
    keyboard.press("Space")
    weights = hand.weights
    assert weights[0] == pytest.approx(0.33, abs=1e-9)
    assert hand.row(0).locator("button").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("units", ["losses", "units"])
@pytest.mark.parametrize("width", [320, 400, 700, 1280])
def test_no_width_scrolls_sideways(open_page: Opener, width: int, units: str) -> None:
    content = explorer(("effective-data",), units, tokens=5e9)
    long = replace(content.presets[-1], title=f"{'a-long-name, ' * 6}and its proposal")
    content = replace(content, presets=(*content.presets[:-1], long))
    hand = Hand.on(open_page, content, width=width)
    hand.limit(NAMES[0], "most", 10)
    open_all(hand)
    assert not wide(hand.window)


def test_targets_of_touch_are_large_enough(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer(), width=400)
    open_all(hand)
    sizes = hand.window.evaluate(
        """[...document.querySelectorAll('#explorer :is(button, select, input, textarea, summary)')]
        .filter((node) => node.checkVisibility())
        .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect().toJSON()])"""
    )
    assert len(sizes) > 40
    small = [html for html, box in sizes if min(box["width"], box["height"]) < 44]
    assert small == []
    columns = hand.window.locator("#explorer .half")
    first, second = (columns.nth(k).bounding_box() for k in (0, 1))
    assert second["y"] > first["y"] + first["height"]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1280])
def test_axe_has_nothing_serious_to_say(open_page: Opener, width: int, dark: bool) -> None:
    hand = Hand.on(open_page, explorer(tokens=5e9), width=width, dark=dark)
    hand.lock(1)
    hand.move(3, 60)
    open_all(hand)
    assert [str(violation) for violation in audit(hand.window)] == []


def test_what_is_by_chance_is_grey_and_explained(open_page: Opener) -> None:
    content = explorer(("effective-data",))
    record = content.surfaces["effective-data"]
    record["targets"][1]["held_out"]["better_than_chance"] = False
    hand = Hand.on(open_page, content)
    row = hand.window.locator("#explorer-targets .by-chance")
    assert row.count() == 1 and "by chance" in row.inner_text()
    assert "says nothing of this target" in hand.words("chance")
    assert any("no better than by chance" in note for note in hand.file()["notes"])
    assert audit(hand.window) == []


def test_without_a_script_the_page_says_what_is_missing(open_page: Opener) -> None:
    window = open_page(page(explorer()), javascript=False)
    assert "It needs JavaScript, which is off" in window.locator("main").inner_text()
    assert not window.locator("#explorer").is_visible()


def test_a_browser_that_is_too_old_is_told_so(open_page: Opener) -> None:
    html = page(explorer()).replace("<body>", "<body><script>delete DecompressionStream</script>")
    assert "delete DecompressionStream" in html
    window = open_page(html)
    window.locator("#explorer-fault").wait_for(state="visible", timeout=5000)
    assert "take a newer one" in window.locator("#explorer-fault").inner_text()
    assert not window.locator("#explorer").is_visible()


@pytest.mark.parametrize("height", [0, 40, 90])
def test_the_headline_stays_below_the_list_of_sections(open_page: Opener, height: int) -> None:
    style = f"position: sticky; top: 0; height: {height}px; padding: 0; border: 0; margin: 0"
    html = page(explorer()).replace("<h1>", f'<nav style="{style}"></nav><h1>')
    hand = Hand.on(open_page, html)
    hand.window.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    hand.window.evaluate("document.querySelector('.columns').scrollIntoView()")
    hand.window.wait_for_timeout(100)
    headline = hand.window.locator("#explorer .headline").bounding_box()
    assert headline["y"] == pytest.approx(height, abs=1)


def test_paper_has_the_mixture_and_no_controls(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    hand.window.emulate_media(media="print")
    for selector in ("button", "select", "input[type=range]", "summary", "textarea"):
        shown = hand.window.locator(f"#explorer {selector}").evaluate_all(
            "nodes => nodes.filter((node) => node.checkVisibility()).length"
        )
        assert shown == 0, selector
    assert hand.share(0).is_visible()
    assert hand.at("goal").is_visible() and hand.at("targets").is_visible()


def test_names_are_text_and_never_markup(open_page: Opener) -> None:
    hand = Hand.on(open_page, explorer())
    assert hand.row(1).locator(".name").inner_text() == NAMES[1]
    assert hand.window.locator("#explorer i:not([class])").count() == 0


def test_mixers_of_one_law_share_its_surface() -> None:
    html = explorer_section(explorer(("effective-data", "regmix", "log-linear")))
    data = data_of(html)
    assert [view["surface"] for view in data["views"]] == [0, 0, 1]
    assert len(data["surfaces"]) == 2
    record = record_of("regmix")
    for key in ("goal", "region", "interval", "domains"):
        assert data["surfaces"][0][key] == record[key]


def test_a_page_that_would_grow_too_large_leaves_surfaces_out_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(laid_out, "LARGEST", 9000)
    html = explorer_section(explorer(("effective-data", "log-linear", "additive")))
    kept = [view["mixer"] for view in data_of(html)["views"]]
    assert kept and len(kept) < 3
    for mixer in ("effective-data", "log-linear", "additive"):
        if mixer not in kept:
            assert mixer in html.rpartition("left out here")[0].rpartition("The surfaces of")[2]


def test_surfaces_of_other_domains_and_foreign_proposals_are_no_presets() -> None:
    first, other = record_of("effective-data"), record_of("log-linear")
    other = {**other, "domains": [*other["domains"][:-1], "another"]}
    strange = {"mixer": "mixmin", "weights": {"another": 1.0}}
    content = explorer_of("planted", {"effective-data": first, "log-linear": other}, [strange])
    assert list(content.surfaces) == ["effective-data"]
    assert [preset.title for preset in content.presets] == ["natural", "uniform"]
    assert explorer_of("planted", {}).surfaces == {}
    assert explorer_section(explorer_of("planted", {})) == ""


def test_a_mixture_that_several_propose_is_one_preset() -> None:
    even = {"mixer": "unimax", "weights": dict.fromkeys(NAMES, 1 / len(NAMES))}
    other = {"mixer": "autoscale", "weights": {NAMES[0]: 0.5, NAMES[1]: 0.5}}
    content = explorer_of(
        "planted",
        {"effective-data": record_of("effective-data")},
        [even, other],
        start="unimax",
        measured={"unimax": "5.2 nats/token"},
    )
    titles = ["natural", "uniform, unimax's proposal too", "autoscale's proposal"]
    assert [preset.title for preset in content.presets] == titles
    assert content.start == titles[1]
    assert content.presets[1].measured == "5.2 nats/token"
    assert content.without == ("unimax", "autoscale")
