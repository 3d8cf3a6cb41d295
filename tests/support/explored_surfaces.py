"""Surfaces and explorers of planted swarms, for tests of the explorer in a browser."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mixwright import mixers
from mixwright.goal import Goal
from mixwright.learners import LOSS, PERCENT, PERPLEXITY, SCORE, Metric
from mixwright.proposals.fits import Fit
from mixwright.report.explorer.building import explorer_of
from mixwright.report.explorer.explorer import Explorer, explorer_section
from mixwright.report.frame import document
from mixwright.simplex.bounds import Bounds
from mixwright.trust.surface import reading, record
from mixwright.trust.surface.building import surface_of
from mixwright.trust.surface.surface import Surface
from planted_swarm import TARGETS, plant

# Names that HTML, addresses and shells must be written with care for.
NAMES = ("__proto__", 'a "b" <i>', "c d", "e\\f'g", "ünï", "百科")
MIXERS = ("effective-data", "regmix", "log-linear")
# metrics of the three targets, where they have several units, and where all are accuracies
UNITS: dict[str, dict[str, Metric]] = {
    "losses": {},
    "units": dict(zip(TARGETS, (PERPLEXITY, PERCENT, SCORE), strict=True)),
    "accuracies": dict.fromkeys(TARGETS, PERCENT),
}


@cache
def planted(units: str = "losses"):
    """Runs of a known law, and a goal with caps, a floor and a group."""
    swarm = plant(0, runs=40, repeats=3)
    losses = swarm.seen.losses
    if units == "accuracies":
        losses = losses - losses.min() + 0.3
    runs = replace(swarm.seen, domains=NAMES, losses=losses, metrics=UNITS[units])
    domains = []
    for domain, name in zip(swarm.goal.domains, NAMES, strict=True):
        domains.append(replace(domain, name=name))
    group = {"two": {"domains": [NAMES[2], NAMES[4]], "least": 0.05, "most": 0.45}}
    bounds = Bounds.of(domains, 1e6, dict.fromkeys(NAMES, 0.6), {NAMES[3]: 0.02}, groups=group)
    goal = replace(swarm.goal, domains=tuple(domains), bounds=bounds)
    return runs, goal


@cache
def made(mixer: str, units: str = "losses", of_study: bool = True, draws: int = 12) -> Surface:
    """The surface of a mixer; without its study it has neither bounds nor tokens."""
    runs, goal = planted(units)
    wanted: Goal | None = None
    if of_study:
        wanted = goal
    fit = Fit.of(runs, mixer, dict(mixers.entry(mixer).quick))
    return surface_of(fit, wanted, draws)


def record_of(mixer: str, units: str = "losses", of_study: bool = True) -> dict[str, Any]:
    """What its file holds."""
    return record.record_of(made(mixer, units, of_study))


def reread(content: dict[str, Any], folder: Path) -> Surface:
    """The library's own reading of a surface."""
    path = folder / "surface.json"
    path.write_text(record.as_text(content, "here"))
    return reading.read(path)


def proposal(name: str, seed: int) -> dict[str, Any]:
    """What the file of some proposal holds."""
    shares = np.random.default_rng(seed).dirichlet(np.full(len(NAMES), 3.0))
    return {"mixer": name, "weights": dict(zip(NAMES, shares.tolist(), strict=True))}


def explorer(
    surfaces: tuple[str, ...] = MIXERS, units: str = "losses", of_study: bool = True, **more: Any
) -> Explorer:
    """An explorer over surfaces of these mixers."""
    records = {mixer: record_of(mixer, units, of_study) for mixer in surfaces}
    proposals = [proposal("effective-data", 1), proposal("regmix", 2)]
    line = "mixwright propose --fit results/planted/surfaces/MIXER.json"
    return explorer_of("planted", records, proposals, propose=line, **more)


def page(content: Explorer) -> str:
    """A page that holds the explorer."""
    section = f"<h2>Try a mixture yourself</h2>{explorer_section(content)}"
    return document("planted", f'<h1>Planted</h1><section id="explore">{section}</section>')


__all__ = ["LOSS", "MIXERS", "NAMES", "explorer", "made", "page", "planted", "record_of", "reread"]
