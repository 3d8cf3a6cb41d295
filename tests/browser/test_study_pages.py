"""The pages of studies in a browser: read by everybody, on any screen, and without the network."""

from pathlib import Path

import pytest

import made_pages
from browser import Opener, audit, wide
from mixwright.proposals.export.inputs.mixtures import read_wanted
from mixwright.report.page import summary_page

# those with figures are below
KINDS = ("finals: no winner", "finals: many domains", "proposals: predicted better")
PAGES = made_pages.pages()


@pytest.fixture(scope="module")
def drawn_page(tmp_path_factory) -> Path:
    """The page of a study with a winner and figures."""
    folder = tmp_path_factory.mktemp("page")
    page = folder / "summary.html"
    page.write_text(summary_page(made_pages.summed(), made_pages.figures(folder)))
    return page


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_no_serious_finding_and_does_not_scroll_sideways(open_page: Opener, kind):
    html = PAGES[kind]()
    for width, dark in ((1280, False), (400, True)):
        page = open_page(html, width=width, dark=dark)
        page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
        assert audit(page) == []
        assert not wide(page)


def test_figures_follow_the_theme_and_are_printed_on_white(open_page: Opener, drawn_page):
    background = "() => getComputedStyle(document.querySelector('#figure-finals svg path')).fill"
    light = open_page(drawn_page).evaluate(background)
    dark_page = open_page(drawn_page, dark=True)
    dark = dark_page.evaluate(background)
    assert light == "rgb(255, 255, 255)" and dark == "rgb(28, 32, 36)"
    dark_page.emulate_media(media="print", color_scheme="dark")
    assert dark_page.evaluate(background) == light
    paper = "() => getComputedStyle(document.body).backgroundColor"
    assert dark_page.evaluate(paper) == "rgb(255, 255, 255)"
    assert not dark_page.locator("nav").is_visible()


def test_the_mixture_is_copied_as_it_is_read(open_page: Opener, drawn_page, tmp_path):
    page = open_page(drawn_page)
    page.evaluate(
        "() => { navigator.clipboard.writeText = async text => { window.copied = text; }; }"
    )
    button = page.locator('button[data-copy="block-mixture"]')
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.copied")
    assert button.inner_text() == "Copied"
    file = tmp_path / "mixture.yaml"
    file.write_text(page.evaluate("() => window.copied"))
    (stage,) = read_wanted(file, None).stages
    assert sum(stage.mixture.as_dict().values()) == pytest.approx(1)


def test_a_term_is_explained_by_touch_by_keyboard_and_to_screen_readers(
    open_page: Opener, drawn_page
):
    page = open_page(drawn_page, width=400)
    term = page.locator("dfn", has_text="seeds").first
    note = term.locator(".gloss")
    assert "repetitions of a training" in term.inner_text()
    assert note.bounding_box()["width"] <= 1
    term.focus()
    box = note.bounding_box()
    assert box["width"] > 100 and box["x"] >= 0 and box["x"] + box["width"] <= 400
    assert not wide(page)


def test_the_verdict_of_every_mixer_is_in_sight_on_a_phone(open_page: Opener, drawn_page):
    page = open_page(drawn_page, width=400)
    for cell in page.locator("#finals table tbody tr td:nth-child(2)").all():
        box = cell.bounding_box()
        assert box["x"] + box["width"] <= 400
