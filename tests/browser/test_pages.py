"""What every page of results keeps to: for eyes, hands, screens and printers of all kinds."""

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

import audited_pages
from browser import HEIGHT, Opener, audit, wide

MOST_BYTES = 2_000_000
# What the keyboard must reach. Of a group of radio buttons one is reached, and arrows go on.
REACHABLE = """
() => {
  const places = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const names = [];
  const groups = new Set();
  document.querySelectorAll(places).forEach((element, number) => {
    if (!element.checkVisibility() || element.disabled) return;
    if (element.type === 'radio') {
      if (groups.has(element.name)) return;
      groups.add(element.name);
    }
    element.dataset.place = element.type === 'radio' ? `radio ${element.name}` : number;
    names.push(element.dataset.place);
  });
  document.querySelectorAll('input[type=radio]').forEach((element) => {
    element.dataset.place = `radio ${element.name}`;
  });
  return names;
}
"""
PLACE = "() => document.activeElement.dataset.place ?? null"
LEVELS = "() => [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((h) => +h.tagName[1])"
# Links to places that are not on the page, and ids that stand twice.
LOST = """
() => [...document.querySelectorAll('a[href^="#"]')].map((link) => link.hash.slice(1))
  .filter((id) => id && !document.getElementById(decodeURIComponent(id)))
"""
TWICE = """
() => {
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}
"""
ELSEWHERE = """
() => [...document.querySelectorAll('[href], [src]')]
  .map((element) => element.getAttribute('href') ?? element.getAttribute('src'))
  .filter((address) => !/^(#|data:|blob:)/.test(address))
"""
OPEN = "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
# Some sections stand behind a sentence that says what they mean.
UNFOLD = "() => document.querySelectorAll('details.fold').forEach((one) => { one.open = true; })"
# Numbers of figures look alike, and axe takes seconds for the colours of a thousand cells.
OPEN_ONE = """
() => document.querySelectorAll('details').forEach((one) => {
  const first = document.querySelector('figure details');
  one.open = one === first || !one.closest('figure');
})
"""
# Chromium drops what a page hands out in too quick a succession. The files are looked at before.
COLLECT = """
() => {
  window.handed = [];
  URL.createObjectURL = (blob) => {
    window.handed.push(blob.text());
    return '#';
  };
  URL.revokeObjectURL = () => {};
  HTMLAnchorElement.prototype.click = () => {};
}
"""
HANDED = "() => Promise.all(window.handed.splice(0))"
TITLES = "() => [...document.querySelectorAll('figure')].map((figure) => figure.id)"

Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def made(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The page of each kind of result, made once; without a browser none is made."""
    pages: dict[str, Path] = {}

    def page(kind: str) -> Path:
        if kind not in pages:
            pages[kind] = audited_pages.written(kind, tmp_path_factory.mktemp(kind))
        return pages[kind]

    return page


kinds = pytest.mark.parametrize("kind", audited_pages.MAKERS)
drawn = pytest.mark.parametrize("kind", [one for one in audited_pages.MAKERS if one != "many"])


@kinds
def test_nothing_serious_is_found_by_axe(open_page: Opener, made: Made, kind: str) -> None:
    page = open_page(made(kind))
    page.evaluate(OPEN_ONE)
    assert "\n".join(map(str, audit(page))) == ""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 400, "height": HEIGHT})
    assert "\n".join(map(str, audit(page))) == ""


@kinds
def test_no_page_scrolls_sideways(open_page: Opener, made: Made, kind: str) -> None:
    page = open_page(made(kind))
    scrolling = []
    for width in (1280, 400, 320):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        if wide(page):
            scrolling.append(width)
    page.evaluate(OPEN)
    if wide(page):
        scrolling.append(width)
    assert scrolling == []


@kinds
def test_a_page_is_small(made: Made, kind: str) -> None:
    assert made(kind).stat().st_size < MOST_BYTES


@kinds
def test_headings_are_in_order_and_links_lead_to_places(
    open_page: Opener, made: Made, kind: str
) -> None:
    page = open_page(made(kind))
    levels = page.evaluate(LEVELS)
    assert levels[0] == 1 and levels.count(1) == 1
    for level, following in pairwise(levels):
        assert following <= level + 1
    assert page.evaluate(LOST) == []
    assert page.evaluate(TWICE) == []
    assert page.evaluate(ELSEWHERE) == []


@drawn
def test_every_figure_has_its_numbers_and_hands_out_both(
    open_page: Opener, made: Made, kind: str
) -> None:
    page = open_page(made(kind))
    page.evaluate(UNFOLD)
    names = page.evaluate(TITLES)
    assert names
    with page.expect_download() as download:
        page.locator("button[data-download=csv]").first.click()
    handed = Path(download.value.path()).read_text(encoding="utf-8")
    page.evaluate(COLLECT)
    for name in names:
        figure = page.locator(f"figure[id='{name}']")
        svg = figure.locator("svg").first
        assert svg.get_attribute("role") == "img" and svg.get_attribute("aria-label")
        for button in figure.locator("button[data-download]").all():
            button.click()
        drawing, numbers = page.evaluate(HANDED)
        assert ET.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg"
        table = figure.locator("details table")
        heads = table.locator("thead th").all_text_contents()
        rows = list(csv.reader(io.StringIO(numbers)))
        assert rows[0] == heads
        # the page shows the first rows, the file has all
        assert len(rows) > table.locator("tbody tr").count() > 0
        if name == names[0]:
            assert handed == numbers


@kinds
def test_the_keyboard_reaches_everything(open_page: Opener, made: Made, kind: str) -> None:
    page = open_page(made(kind))
    wanted = page.evaluate(REACHABLE)
    reached = []
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        place = page.evaluate(PLACE)
        if place is None or place in reached:
            break
        reached.append(place)
    assert set(reached) >= set(wanted)


@kinds
def test_paper_shows_no_controls_and_is_light(open_page: Opener, made: Made, kind: str) -> None:
    page = open_page(made(kind), dark=True)
    page.emulate_media(media="print", color_scheme="dark")
    # a share that stands in a field is printed as a number
    for hidden in ("nav", "button", "select", "input[type=range]"):
        assert not any(one.is_visible() for one in page.locator(hidden).all()), hidden
    body = "getComputedStyle(document.body)"
    assert page.evaluate(f"{body}.backgroundColor") == "rgb(255, 255, 255)"
    ink = page.evaluate(f"{body}.color").removeprefix("rgb(").rstrip(")")
    assert max(map(int, ink.split(","))) < 100


@kinds
def test_a_page_says_its_answer_without_scripts(open_page: Opener, made: Made, kind: str) -> None:
    page = open_page(made(kind), javascript=False)
    assert page.locator("h1").is_visible()
    assert page.locator("nav a").first.is_visible()
    assert not any(button.is_visible() for button in page.locator("button").all())
