"""Seconds that a moved slider takes in a page, and how large the page is.

20 domains, 15 targets, and a law fitted to 512 runs of a known truth. Chromium opens the page and
drags each slider ten steps. The page itself times its handler, from the event to the last change
of the document; what the browser then lays out and draws is not part of it.

python benchmarks/explorer.py [--to page.html]
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from mixwright.mixers.laws.law import Law
from mixwright.observations import Observations
from mixwright.proposals.fits import Fit
from mixwright.report.explorer.explorer import Explorer, Preset, explorer_section
from mixwright.report.frame import document
from mixwright.trust.surface import record
from mixwright.trust.surface.building import surface_of

sys.path.append(str(Path(__file__).parents[1] / "tests/support"))
from browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

DOMAINS, TARGETS, RUNS = 20, 15, 512
TOKENS = 1e9
# steps of one drag of a slider; some move nothing, at the end of what a slider can reach
STEPS = 10
# moves that are measured, in so many rounds over the sliders at most
MOVES, ROUNDS = 200, 3
# milliseconds that a frame of a screen lasts
FRAME = 16.0


def planted(seed: int = 0) -> Observations:
    """Runs of a law of the effective-data family, with noise of a twentieth of their spread."""
    rng = np.random.default_rng(seed)
    shape = (TARGETS, DOMAINS)
    truth = Law(
        level=rng.uniform(1, 3, TARGETS),
        scale=rng.uniform(0.5, 2, TARGETS),
        power=rng.uniform(0.1, 0.6, TARGETS),
        offset=rng.uniform(0.01, 0.2, TARGETS),
        transfer=np.exp(rng.normal(-1, 1, shape)),
        exponent=rng.uniform(0.4, 0.95, shape),
        linear=np.zeros(shape),
    )
    weights = rng.dirichlet(np.full(DOMAINS, 0.7), RUNS)
    losses = truth.predict(weights)
    losses += 0.05 * losses.std(axis=0) * rng.standard_normal(losses.shape)
    return Observations(
        domains=tuple(f"domain {i:02}" for i in range(DOMAINS)),
        targets=tuple(f"target {t:02}" for t in range(TARGETS)),
        runs=tuple(f"run {row:03}" for row in range(RUNS)),
        roles=("swarm",) * RUNS,
        amounts=weights * TOKENS,
        losses=losses,
    )


def page_of(observations: Observations) -> str:
    """The page of a fit to these runs."""
    surface = record.record_of(surface_of(Fit.of(observations, "effective-data")))
    mean = observations.weights.mean(axis=0).tolist()
    natural = dict(zip(observations.domains, mean, strict=True))
    explorer = Explorer(
        name="benchmark",
        surfaces={"effective-data": surface},
        presets=(Preset("natural", natural),),
        tokens=TOKENS,
        source_tokens=dict.fromkeys(observations.domains, TOKENS / 10),
    )
    return document("benchmark", explorer_section(explorer))


def dragged(page: "Page", slider: "Locator") -> None:
    """Drags the thumb of a slider over a third of its track, by the mouse."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    share = float(slider.input_value()) / 100
    height = box["y"] + box["height"] / 2
    start = box["x"] + max(2.0, share * box["width"])
    page.mouse.move(start, height)
    page.mouse.down()
    for step in range(1, STEPS + 1):
        page.mouse.move(start + step * box["width"] / 30, height)
    page.mouse.up()


def measured(path: Path) -> tuple[list[float], float]:
    """Milliseconds of every move of a slider, and of one press of Re-optimise."""
    with chromium() as browser:
        page = browser.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector("#explorer[data-ready=yes]")
        sliders = page.locator("#explorer input[type=range]").all()
        times: list[float] = []
        for slider in sliders * ROUNDS:
            if len(times) >= MOVES:
                break
            dragged(page, slider)
            times = page.evaluate("window.mixwrightTimes")
        optimise: float = page.evaluate(
            """() => {
              const button = document.querySelector("#explorer [data-do=optimise]");
              const before = performance.now();
              button.click();
              return performance.now() - before;
            }"""
        )
    return times, optimise


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--to", type=Path, help="where the page is kept")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (arguments.to or Path(folder) / "page.html").resolve()
        path.write_text(page_of(planted()), encoding="utf-8")
        size = path.stat().st_size
        times, optimise = measured(path)
    table = Table(title=f"{DOMAINS} domains, {TARGETS} targets, {RUNS} runs")
    for heading in ("moves", "median ms", "95th percentile ms", "re-optimise ms", "page kB"):
        table.add_column(heading, justify="right")
    median = statistics.median(times)
    high = float(np.quantile(times, 0.95))
    numbers = (median, high, optimise, size / 1e3)
    table.add_row(str(len(times)), *(f"{number:.1f}" for number in numbers))
    Console().print(table)
    if len(times) < MOVES or median >= FRAME:
        sys.exit(f"{len(times)} moves, and the median is {median:.1f} ms: over a frame, or too few")


if __name__ == "__main__":
    main()
