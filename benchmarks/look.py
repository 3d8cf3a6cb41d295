"""Takes pictures of pages for people who review them.

python benchmarks/look.py PAGE... --to FOLDER [--widths 1280 400]

Each page is shown at each width, light and dark, in slices of one screen's height:
`{page}-{width}-{light|dark}-{slice}.png`. What is wrong with a page (errors, requests, what
axe-core calls serious, sideways scrolling) is printed; then the exit status is 1.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from browser import HEIGHT, Opener, audit, chromium, wide

# Slices of a page: more of it nobody looks at.
MOST = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--widths", nargs="*", type=int, default=[1280, 400])
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    faults = []
    with chromium() as browser:
        for page in options.pages:
            for width in options.widths:
                for dark in (False, True):
                    faults += look(Opener(browser, options.to), page, width, dark)
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))


def look(opener: Opener, page: Path, width: int, dark: bool) -> Iterator[str]:
    """Takes the pictures of a page, and yields what is wrong with it."""
    theme = "dark" if dark else "light"
    name = f"{page.stem}-{width}-{theme}"
    window = opener(page, width=width, dark=dark)
    height = window.evaluate("document.documentElement.scrollHeight")
    for number in range(min(MOST, -(-height // HEIGHT))):
        window.evaluate(f"window.scrollTo({{top: {number * HEIGHT}, behavior: 'instant'}})")
        window.screenshot(path=opener.folder / f"{name}-{number + 1:02}.png")
    if wide(window):
        yield f"{name}: scrolls sideways"
    for violation in audit(window):
        yield f"{name}: {violation}"
    for fault in opener.faults:
        yield f"{name}: {fault}"
    opener.close()


if __name__ == "__main__":
    main()
