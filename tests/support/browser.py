"""Pages in a headless Chromium: opened, watched for faults, and audited.

Nothing here needs a network: every request but that for the page's own file is stopped, and is a
fault of the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chromium import NoChromiumError, executable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route

EXTRA = "pip install -c constraints.txt -e '.[browser]'"

# A page in memory needs no sandbox, no GPU and no service of the browser's maker.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HEIGHT = 900
GRAVE = ("serious", "critical")
LOUD = ("error", "warning", "assert")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium for as long as the block lasts."""
    if find_spec("playwright") is None:
        raise NoChromiumError(f"no playwright here: {EXTRA}")
    from playwright.sync_api import sync_playwright

    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Opener:
    """Opens pages, and gathers what is wrong with any of them.

    `faults` has a line for each console error or warning, uncaught error, breach of the page's
    security policy, and request beyond the page's own file.
    """

    browser: Browser
    folder: Path
    faults: list[str] = field(default_factory=list)
    _opened: int = 0

    def __call__(
        self,
        page: Path | str,
        width: int = 1280,
        dark: bool = False,
        javascript: bool = True,
        address: str = "",
    ) -> Page:
        """Opens a page by its path, or a text of HTML, in a window of its own.

        `width` is in CSS pixels. `address` stands behind the file's name, as "#state" or "?key=1".
        """
        path = page if isinstance(page, Path) else self._written(page)
        if dark:
            scheme: Any = "dark"
        else:
            scheme = "light"
        context = self.browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme=scheme,
            java_script_enabled=javascript,
        )
        window = context.new_page()
        uri = path.resolve().as_uri()
        self._watch(window, uri)
        window.goto(uri + address)
        return window

    def _written(self, html: str) -> Path:
        self._opened += 1
        path = self.folder / f"page{self._opened}.html"
        path.write_text(html, encoding="utf-8")
        return path

    def _watch(self, window: Page, uri: str) -> None:
        def hear(message: ConsoleMessage) -> None:
            if message.type in LOUD:
                self.faults.append(f"console {message.type}: {message.text}")

        def stop(route: Route, request: Request) -> None:
            if request.url.split("#")[0].split("?")[0] == uri:
                route.continue_()
                return
            self.faults.append(f"request: {request.method} {request.url}")
            route.abort()

        window.on("console", hear)
        window.on("pageerror", lambda error: self.faults.append(f"uncaught error: {error}"))
        window.context.route("**/*", stop)

    def close(self) -> None:
        """Closes every window."""
        for context in list(self.browser.contexts):
            context.close()


@dataclass(frozen=True)
class Violation:
    """A rule of axe-core that a page breaks, and the elements that break it."""

    rule: str
    impact: str
    help: str
    nodes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n    ".join((f"{self.rule} ({self.impact}): {self.help}", *self.nodes))


def audit(page: Page) -> list[Violation]:
    """What axe-core calls serious or critical on a page as it stands."""
    # The page's policy binds scripts of the page; the driver evaluates past it.
    page.evaluate(_axe())
    outcome = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    violations = [_violation(record) for record in outcome["violations"]]
    return [violation for violation in violations if violation.impact in GRAVE]


def _violation(record: dict[str, Any]) -> Violation:
    nodes = tuple(_node(node) for node in record["nodes"])
    return Violation(record["id"], record["impact"], record["help"], nodes)


def _node(node: dict[str, Any]) -> str:
    summary = " ".join(node["failureSummary"].split())
    return f"{' '.join(map(str, node['target']))}: {summary}"


@cache
def _axe() -> str:
    """The text of axe-core, which a pip package carries."""
    package = find_spec("axe_playwright_python")
    if package is None or not package.submodule_search_locations:
        raise NoChromiumError(f"no axe-core here: {EXTRA}")
    return (Path(package.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


def wide(page: Page) -> bool:
    """Whether the page as a whole scrolls sideways."""
    return page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
