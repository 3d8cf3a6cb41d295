"""The figures that can be drawn of own tables: what they read is made from a fit."""

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.learners import TEXT
from mixwright.progress import News, say
from mixwright.report.drawings import Drawn, embedded
from mixwright.report.figures import FIGURES, MEASURED, SUFFIXES, TABLE, draw, save, tabulate
from mixwright.report.figures.entries import FigureEntry
from mixwright.report.own.gathering import OwnResult
from mixwright.report.own.page import Place, page_of, surface_record
from mixwright.report.room import with_room
from mixwright.trust.folds import CHEAP
from mixwright.trust.region import find_region

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_MATPLOTLIB = "figures need matplotlib: pip install 'mixwright[figures]'"
# Proposals with other seeds that a region is made of.
SEEDS = 3
ONE_MIXER = "it compares mixers, and a fit is of one: mixwright compare"
ONE_TARGET = "it is between two targets, and there is one"
NO_NATURAL = "natural is unknown: give --available"
# A study trains; tables do not: none of these results is made of a fit.
OF_STUDIES = "only a study makes what they show"


def can_draw() -> bool:
    """Returns whether matplotlib is installed; it is not imported."""
    return find_spec("matplotlib") is not None


def own_entries() -> dict[str, FigureEntry]:
    """Returns the figures of own tables by name, in the order of the page."""
    return {name: entry for name, entry in (FIGURES | MEASURED).items() if entry.without_study}


def write_page(result: OwnResult, place: Place) -> None:
    """Writes the page of a fit to its place, and says which figures it is without."""
    if not can_draw():
        say(f"page: it has no figures; {NO_MATPLOTLIB}")
    html, omitted = illustrated(result, place)
    for name in omitted:
        say(f"page: without the figure {name}, which is large; mixwright figures draws it")
    with written(place.page) as unfinished:
        unfinished.write_text(html, encoding="utf-8")


def illustrated(result: OwnResult, place: Place) -> tuple[str, tuple[str, ...]]:
    """Returns the page with its figures, and the names of those that would make it too large.

    There are none without matplotlib.
    """
    if not can_draw():
        return page_of(result, place), ()
    page = partial(page_of, result, place)
    html, omitted = with_room(page, drawn_of(result), "and mixwright figures writes it")
    return html, tuple(figure.name for figure in omitted)


def drawn_of(result: OwnResult) -> tuple[Drawn, ...]:
    """Returns the figures of a fit that a page shows."""
    inputs = inputs_of(result)
    with TemporaryDirectory() as folder:
        for name, entry in own_entries().items():
            if not _reason(name, entry, inputs, result):
                _write(name, entry, inputs, result, Path(folder), (".svg", TABLE))
        return embedded(sorted(Path(folder).glob("*.svg")))


def draw_all(result: OwnResult, folder: Path) -> dict[str, str]:
    """Draws every figure that applies, each as .svg, .png and .pdf with its numbers as .csv.

    Returns:
        The other figures: name -> why it was not drawn.

    Raises:
        MixwrightError: matplotlib is not installed.
    """
    if not can_draw():
        raise MixwrightError(NO_MATPLOTLIB)
    inputs = inputs_of(result) | region_of(result)
    reasons = {}
    for name, entry in (FIGURES | MEASURED).items():
        reason = _reason(name, entry, inputs, result)
        if not reason:
            reason = _write(name, entry, inputs, result, folder, (*SUFFIXES, TABLE))
        if reason:
            reasons[name] = reason
    return reasons


def inputs_of(result: OwnResult) -> dict[str, Any]:
    """Returns name of a result -> the result, as a study's results are called."""
    inputs: dict[str, Any] = {"mixtures": _mixtures(result)}
    if len(result.validation):
        inputs["validation"] = result.validation
    if result.curve is not None:
        inputs["learning_curve"] = result.curve.as_json()
    record = surface_record(result)
    if record is not None:
        inputs["surfaces"] = [record]
    if result.runs is not None and result.runs.of_role("swarm").runs:
        inputs["design"] = _design(result)
        inputs["losses"] = _losses(result)
    return inputs


def region_of(result: OwnResult) -> dict[str, Any]:
    """Returns `regions`, how far the optimum can move; nothing where that takes minutes."""
    name = result.source.mixer
    entry = mixers.entry(name)
    runs = result.runs
    if runs is None or not result.draws or not entry.can_refit or entry.draws < CHEAP:
        return {}
    try:
        region = find_region(
            name,
            mixers.settings_of(result.mixer),
            runs,
            result.goal,
            result.draws,
            SEEDS,
            log=_silent,
        )
    except MixwrightError:
        return {}
    return {"regions": [region | {"mixer": name}]}


def _reason(name: str, entry: FigureEntry, inputs: Mapping[str, Any], result: OwnResult) -> str:
    """Why a figure does not apply to the fit; empty where it does."""
    if not entry.without_study:
        return OF_STUDIES
    if name == "ranks":
        return ONE_MIXER
    if name == "mixtures" and not result.natural_known:
        return NO_NATURAL
    if name == "front" and len(result.source.targets) < 2:
        return ONE_TARGET
    missing = _missing(entry, inputs)
    return _why(missing, result) if missing else ""


def _silent(news: News) -> None:
    """Takes news that nobody waits for."""


def _missing(entry: FigureEntry, inputs: Mapping[str, Any]) -> list[str]:
    return [name for name in entry.inputs if name != "study" and name not in inputs]


def _write(
    name: str,
    entry: FigureEntry,
    inputs: Mapping[str, Any],
    result: OwnResult,
    folder: Path,
    suffixes: tuple[str, ...],
) -> str:
    """Writes one figure; returns why it could not be drawn, empty where it was."""
    wanted = [key for key in (*entry.inputs, *entry.optional) if key in inputs]
    try:
        table = tabulate(
            name,
            targets=result.goal.targets,
            metrics=result.source.metrics,
            learner=TEXT,
            **{key: inputs[key] for key in wanted},
        )
        drawing = draw(name, table)
    except MixwrightError as error:
        return str(error)
    for suffix in suffixes:
        _save(table, drawing, folder / f"{name}{suffix}")
    return ""


def _save(table: pd.DataFrame, drawing: "Figure", path: Path) -> None:
    if path.suffix == TABLE:
        with written(path) as unfinished:
            table.to_csv(unfinished, index=False)
    else:
        save(drawing, path)


def _why(missing: list[str], result: OwnResult) -> str:
    """Why a figure's results are not there."""
    keys = {"validation": "validation", "learning_curve": "curve", "surfaces": "surface"}
    for name in missing:
        reason = result.lacking.get(keys.get(name, ""), "")
        if reason:
            return reason
    if "regions" in missing:
        if result.runs is not None and not result.draws:
            return "it needs refits, and --draws is 0"
        return f"{result.source.mixer} takes minutes to refit, or there are no runs to refit to"
    return "the fit holds no runs of a swarm"


def _mixtures(result: OwnResult) -> list[dict[str, Any]]:
    """The proposal and natural, or the mean of the runs, as their files hold them."""
    natural = dict(zip(result.goal.names, result.goal.natural.tolist(), strict=True))
    return [dict(result.record), {"mixer": "natural", "weights": natural, "active_bounds": []}]


def _design(result: OwnResult) -> pd.DataFrame:
    """The runs as a DESIGN table; runs without token counts have 1 token each."""
    runs = result.runs
    assert runs is not None
    frames = []
    for name, column in zip(runs.domains, runs.weights.T, strict=True):
        frame = pd.DataFrame({"run": runs.runs, "role": runs.roles, "domain": name})
        frames.append(frame.assign(weight=column))
    table = pd.concat(frames, ignore_index=True)
    tokens = dict(zip(runs.runs, runs.tokens.round().astype(int).tolist(), strict=True))
    return table.assign(model="", tokens=table.run.map(tokens), seed=result.options.seed)


def _losses(result: OwnResult) -> pd.DataFrame:
    """What mixers minimise of the runs, as a LOSSES table of one step."""
    runs = result.runs
    assert runs is not None
    frames = []
    for name, column in zip(runs.targets, runs.losses.T, strict=True):
        frames.append(pd.DataFrame({"run": runs.runs, "target": name, "loss": column}))
    table = pd.concat(frames, ignore_index=True)
    return table.assign(step=1, tokens=1, status="done")


def report_undrawn(reasons: Mapping[str, str]) -> None:
    """Says which figures were not drawn, and why, a line each reason."""
    names_of: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names_of.setdefault(reason, []).append(name)
    for reason, names in names_of.items():
        say(f"figures: not drawn: {', '.join(names)}: {reason}")
