"""A headless Chromium for tests of pages. Without one they skip, and say what is missing."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser import Opener, chromium
from chromium import NoChromiumError

if TYPE_CHECKING:
    from playwright.sync_api import Browser


# One for a module, not for the session: while it is open, its event loop counts as running in this
# process, and tests of other rooms that start one would fail.
@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A headless Chromium, for the tests of a file."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(chromium())
        except NoChromiumError as reason:
            pytest.skip(str(reason))
        yield running


@pytest.fixture
def open_page(browser: "Browser", tmp_path: Path) -> Iterator[Opener]:
    """Opens pages; the test fails at its end for any fault of one of them."""
    opener = Opener(browser, tmp_path)
    yield opener
    opener.close()
    assert not opener.faults, "\n".join(opener.faults)
