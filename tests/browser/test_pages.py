"""What every page of results keeps to: for eyes, hands, screens and printers of all kinds."""

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import audited_pages
from browser import Opener, audit, wide

if TYPE_CHECKING:
    from playwright.sync_api import Page

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
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)], ids=["wide", "dark"])
def test_nothing_serious_is_found_by_axe(
    open_page: Opener, made: Made, kind: str, width: int, dark: bool
) -> None:
    page = open_page(made(kind), width=width, dark=dark)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert "\n".join(map(str, audit(page))) == ""


@kinds
@pytest.mark.parametrize("width", [1280, 400, 320])
def test_no_page_scrolls_sideways(open_page: Opener, made: Made, kind: str, width: int) -> None:
    page = open_page(made(kind), width=width)
    assert not wide(page)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert not wide(page)


@kinds
def test_a_page_is_small(made: Made, kind: str) -> None:
    assert made(kind).stat().st_size < MOST_BYTES


@kinds
def test_headings_are_in_order(open_page: Opener, made: Made, kind: str) -> None:
    levels = open_page(made(kind)).evaluate(LEVELS)
    assert levels[0] == 1 and levels.count(1) == 1
    for level, following in pairwise(levels):
        assert following <= level + 1


@kinds
def test_every_link_leads_to_a_place_on_the_page(open_page: Opener, made: Made, kind: str) -> None:
    page = open_page(made(kind))
    assert page.evaluate(LOST) == []
    assert page.evaluate(TWICE) == []
    assert page.evaluate(ELSEWHERE) == []


@drawn
def test_every_figure_has_its_numbers_and_hands_out_both(
    open_page: Opener, made: Made, kind: str
) -> None:
    page = open_page(made(kind))
    names = page.evaluate(TITLES)
    assert names
    for name in names:
        figure = page.locator(f"figure[id='{name}']")
        svg = figure.locator("svg").first
        assert svg.get_attribute("role") == "img" and svg.get_attribute("aria-label")
        table = figure.locator("details table")
        heads = table.locator("thead th").all_text_contents()
        drawing, numbers = downloads(page, name)
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg" and len(drawing)
        assert numbers[0] == heads
        # the page shows the first rows, the file has all
        assert len(numbers) > table.locator("tbody tr").count() > 0


def downloads(page: "Page", name: str) -> tuple[ET.Element, list[list[str]]]:
    """The drawing and the rows of numbers that the buttons of a figure hand out."""
    texts = {}
    for kind in ("svg", "csv"):
        with page.expect_download() as download:
            page.locator(f"figure[id='{name}'] button[data-download={kind}]").click()
        assert download.value.suggested_filename.endswith(f".{kind}")
        texts[kind] = Path(download.value.path()).read_text(encoding="utf-8")
    return ET.fromstring(texts["svg"]), list(csv.reader(io.StringIO(texts["csv"])))


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
    for hidden in ("nav", "button", "input"):
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
