"""What people do with the explorer of a page: a slider moved, a lock closed, a file taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browser import Opener
from explored_surfaces import NAMES, page

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from mixwright.report.explorer.explorer import Explorer

# Keeps the next file that the page makes, in place of saving it.
CATCH = """() => {
  const make = URL.createObjectURL, click = HTMLAnchorElement.prototype.click;
  let blob = null;
  URL.createObjectURL = (made) => { blob = made; return "#"; };
  HTMLAnchorElement.prototype.click = () => {};
  window.caught = () => {
    URL.createObjectURL = make;
    HTMLAnchorElement.prototype.click = click;
    return blob.text();
  };
}"""


class Hand:
    """An opened explorer. Domains are named by their position in NAMES."""

    def __init__(self, window: Page) -> None:
        self.window = window
        window.set_default_timeout(5000)
        window.wait_for_selector("#explorer[data-ready]")

    @classmethod
    def on(cls, opener: Opener, content: Explorer | str, **options: Any) -> Hand:
        """Opens a page with this explorer."""
        html = content
        if not isinstance(html, str):
            html = page(html)
        return cls(opener(html, **options))

    def at(self, name: str) -> Locator:
        """What has the id `explorer-NAME`."""
        return self.window.locator(f"#explorer-{name}")

    def words(self, name: str) -> str:
        """The text of `explorer-NAME`."""
        return " ".join(self.at(name).inner_text().split())

    def row(self, k: int) -> Locator:
        """The row of a domain."""
        return self.window.locator(f"#explorer-domains .domain:has(input[data-k='{k}'])")

    def slider(self, k: int) -> Locator:
        """The slider of a domain."""
        return self.row(k).locator("input[type=range]")

    def move(self, k: int, percent: float) -> None:
        """Puts the slider of a domain where it is wanted."""
        self.slider(k).fill(str(percent))

    def type(self, k: int, percent: str) -> None:
        """Types the weight of a domain."""
        field = self.share(k)
        field.fill(percent)
        field.press("Enter")

    def share(self, k: int) -> Locator:
        """The field of a domain's weight."""
        return self.row(k).locator(".number input")

    def press(self, action: str) -> None:
        """Presses the button of an action."""
        self.window.locator(f"#explorer button[data-do='{action}']").click()

    def start(self, title: str) -> None:
        """Chooses a preset by the beginning of what its choice says."""
        self.at("start").select_option(self.choice(title))

    def choice(self, title: str) -> str:
        """What the choice of a preset says."""
        choices = self.at("start").locator("option").all_inner_texts()
        [words] = [words for words in choices if words.split(",")[0] == title]
        return str(words)

    def offer(self, words: str) -> None:
        """Presses a button that a message offers."""
        self.at("offers").get_by_role("button", name=words, exact=True).click()

    def lock(self, k: int) -> None:
        """Presses the lock of a domain."""
        self.row(k).locator("button").click()

    def limit(self, name: str, side: str, percent: float | str) -> None:
        """Types the least or the most of a domain or a group."""
        self._typed(self.edge(name, side), percent)

    def edge(self, name: str, side: str) -> Locator:
        """The field of the least or the most of a domain or a group."""
        title = {"least": "min", "most": "max"}[side]
        return self.window.get_by_label(f"{title} of {name}, percent", exact=True)

    def weigh(self, target: str, weight: float) -> None:
        """Types the weight of a target in the goal."""
        self.open("Weights")
        self._typed(self.at("weights").get_by_label(target, exact=True), weight)

    def open(self, title: str) -> None:
        """Opens the box whose title begins so."""
        box = self.window.locator("#explorer details", has=self.window.get_by_text(title)).first
        if box.get_attribute("open") is None:
            box.locator("summary").click()

    def file(self) -> dict[str, Any]:
        """The content of mixture.json, taken before the browser saves it.

        Chromium holds back downloads of a page that makes many.
        """
        self.window.evaluate(CATCH)
        self.press("download")
        content: dict[str, Any] = json.loads(self.window.evaluate("caught()"))
        return content

    def download(self) -> Path:
        """The file that the page hands out."""
        with self.window.expect_download() as event:
            self.press("download")
        assert event.value.suggested_filename == "mixture.json"
        return Path(event.value.path())

    @property
    def weights(self) -> list[float]:
        """The weights of the mixture, in the order of NAMES."""
        shares = self.file()["weights"]
        assert tuple(shares) == NAMES
        return list(shares.values())

    @staticmethod
    def _typed(field: Locator, number: float | str) -> None:
        field.fill(str(number))
        field.press("Enter")
