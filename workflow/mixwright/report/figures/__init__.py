"""The figures of a study: one file a figure, a pure function from tables to a matplotlib Figure.

The registry is read at parse time; a figure's module is imported when it is drawn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from mixwright.report.results import Paths


@dataclass(frozen=True)
class Entry:
    """Where a figure is drawn, and which results it reads."""

    # "module" holds figure and table; "module:name" holds name_figure and name_table.
    module: str
    # Names as in mixwright.report.layout; `study` is its learner and the weights of its targets.
    inputs: tuple[str, ...]
    # Heading on the page.
    title: str
    # Results that are read where the study makes them.
    optional: tuple[str, ...] = ()


FIGURES = {
    "targets": Entry(
        "mixwright.report.figures.targets",
        ("scores", "study"),
        "Final models target by target",
        optional=("documents",),
    ),
    "mixtures": Entry("mixwright.report.figures.mixtures", ("mixtures",), "Chosen mixtures"),
    "finals": Entry(
        "mixwright.report.figures.finals",
        ("scores", "study"),
        "Final models against natural",
        optional=("documents",),
    ),
    "predicted": Entry(
        "mixwright.report.figures.predicted",
        ("validation", "study"),
        "Predicted against measured loss",
    ),
    "domains": Entry(
        "mixwright.report.figures.domains",
        ("design", "losses", "study"),
        "Loss against each domain's weight",
    ),
    "noise": Entry(
        "mixwright.report.figures.noise",
        ("design", "losses", "study"),
        "Signal, noise and the unigram model",
    ),
}

# Figures of runs that others measured. Each has a table, made by module.table(**inputs);
# module.figure(table) draws from the table alone.
MEASURED = {
    "ranks": Entry(
        "mixwright.report.figures.ranks", ("tests", "validation", "study"), "Rank correlations"
    ),
    "tested": Entry(
        "mixwright.report.figures.tested", ("tests", "study"), "Predicted against measured loss"
    ),
    "subsets": Entry("mixwright.report.figures.subsets", ("subsets", "study"), "Runs needed"),
    "region": Entry("mixwright.report.figures.region", ("regions",), "The optimum and its region"),
    "published": Entry(
        "mixwright.report.figures.published", ("predictions", "study"), "Published mixtures"
    ),
    "optimum": Entry(
        "mixwright.report.figures.optimum",
        ("design", "mixtures"),
        "The optimum by each objective",
        optional=("ladder",),
    ),
    "ladder": Entry("mixwright.report.figures.ladder", ("ladder",), "The ladder of totals"),
    "scales": Entry("mixwright.report.figures.ladder:scales", ("ladder",), "Weight against scale"),
}


def draw(name: str, **inputs: Any) -> "Figure":
    """Draws a figure in the common style.

    Args:
        name: name of the figure.
        inputs: the results it reads, tables as data frames; `study` as the resolved config.
    """
    from matplotlib import rc_context

    from mixwright.report.figures.style import STYLE
    from mixwright.study.material import learner_of, targets_of

    if "study" in inputs:
        study = inputs.pop("study")
        inputs |= {"targets": targets_of(study), "learner": learner_of(study)}
    with rc_context(STYLE):
        return _function(name, "figure")(**inputs)


def tabulate(name: str, **inputs: Any) -> "pd.DataFrame":
    """Makes the table that a figure of MEASURED draws; arguments as of `draw`."""
    from mixwright.study.material import targets_of

    if "study" in inputs:
        study = inputs.pop("study")
        for result in ("tests", "subsets"):
            if result in inputs:
                inputs[result] = as_listed(inputs[result], study)
        inputs["targets"] = targets_of(study)
    return _function(name, "table")(**inputs)


def _function(name: str, what: str) -> Callable[..., Any]:
    """The function of the figure `name` that makes its `figure` or its `table`."""
    module, _, part = entry(name).module.partition(":")
    function: Callable[..., Any]
    function = getattr(import_module(module), f"{part}_{what}" if part else what)
    return function


def as_listed(frame: "pd.DataFrame", study: Mapping[str, Any]) -> "pd.DataFrame":
    """Sorts rows by test set, in the order in which the study's config lists the sets."""
    order = {test: number for number, test in enumerate(study["measured"]["tests"])}
    return frame.sort_values("test", key=lambda column: column.map(order), kind="stable")


def save(figure: "Figure", path: str | Path) -> None:
    """Writes a figure as its suffix says: .svg, .png or .pdf. Equal figures give equal bytes."""
    from matplotlib import rc_context

    from mixwright.files import written
    from mixwright.report.figures.style import STYLE

    kind = Path(path).suffix.lstrip(".") or "svg"
    # Without the date of drawing.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with rc_context(STYLE), written(path) as partial:
        figure.savefig(partial, format=kind, metadata=metadata)


def draw_figure(
    name: str, paths: "Mapping[str, Paths]", to: str | Path, table: str | Path | None = None
) -> None:
    """Reads what a figure needs, draws it and writes it.

    Args:
        name: name of the figure.
        paths: name of a result -> its file or files; results that the figure does not read are
            left aside.
        to: file of the figure.
        table: CSV file for the numbers behind a figure of MEASURED; the other figures have none.
    """
    from mixwright.files import written
    from mixwright.report.results import load

    figure = entry(name)
    results = load(paths, figure.inputs, figure.optional)
    if name not in MEASURED:
        save(draw(name, **results), to)
        return
    frame = tabulate(name, **results)
    if table is not None:
        with written(table) as partial:
            frame.to_csv(partial, index=False)
    save(draw(name, table=frame), to)


def entry(name: str) -> Entry:
    """Returns the registry's entry of a figure; an unknown name is refused with the known ones."""
    figures = FIGURES | MEASURED
    if name not in figures:
        raise MixwrightError(f"figure {name} is unknown; there are {', '.join(figures)}")
    return figures[name]
