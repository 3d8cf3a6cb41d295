"""The figures of a study: one file a figure, a pure function from tables to a matplotlib Figure.

The registry is read at parse time; a figure's module is imported when it is drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError, closest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.figure import Figure

    from mixwright.report.results import Paths
    from mixwright.study.study import Study


def _always(study: "Study") -> bool:
    return True


def _one_goal(study: "Study") -> bool:
    return study.goals == ("",)


def _several_goals(study: "Study") -> bool:
    """Whether mixers propose for several goals, such as each without one target."""
    return not _one_goal(study)


def _trained_by_tokens(study: "Study") -> bool:
    """Whether what is trained depends on a seed, and a unigram model can stand beside it."""
    return study.learner.sized


@dataclass(frozen=True)
class FigureEntry:
    """Where a figure is drawn, which results it reads, and which studies show it."""

    # A module of this folder. "module" holds `figure` and `table`; "module:name" holds
    # `name_figure` and `name_table`.
    module: str
    # Names as in mixwright.report.layout; `study` is its learner and the weights of its targets.
    inputs: tuple[str, ...]
    # Heading on the page.
    title: str
    # Results that are read where the study makes them.
    optional: tuple[str, ...] = ()
    # Whether its table shows losses, and so needs to know what the targets' numbers are.
    in_units: bool = False
    # The section of the page that shows it, a key of mixwright.report.sections.SECTIONS.
    section: str = "evidence"
    # Whether a study that makes the inputs shows the figure.
    shown: Callable[["Study"], bool] = _always


# Suffixes of the files that a figure can be written to.
SUFFIXES = (".svg", ".png", ".pdf")

# Of studies that train their proxies; in the order of the page.
FIGURES = {
    "targets": FigureEntry(
        "targets",
        ("scores", "study"),
        "Final models target by target",
        optional=("documents",),
        shown=_several_goals,
    ),
    "mixtures": FigureEntry("mixtures", ("mixtures",), "Chosen mixtures", shown=_one_goal),
    "finals": FigureEntry(
        "finals",
        ("scores", "study"),
        "Final models against natural",
        optional=("documents",),
    ),
    "loss_curves": FigureEntry(
        "loss_curves", ("curves",), "Losses of the final models in training"
    ),
    "predicted": FigureEntry(
        "predicted", ("validation", "study"), "Predicted against measured loss"
    ),
    "domains": FigureEntry(
        "domains", ("design", "losses", "study"), "Loss against each domain's weight"
    ),
    "noise": FigureEntry(
        "noise",
        ("design", "losses", "study"),
        "Signal, noise and the unigram model",
        shown=_trained_by_tokens,
    ),
}

# Of studies whose runs others measured; in the order of the page. Each has a table as well:
# module.table(**inputs) makes it, and module.figure(table) draws it alone.
MEASURED = {
    "ranks": FigureEntry(
        "ranks",
        ("validation", "study"),
        "Rank correlations",
        optional=("tests",),
        in_units=True,
    ),
    "tested": FigureEntry(
        "tested",
        ("validation", "study"),
        "Predicted against measured loss",
        optional=("tests",),
        in_units=True,
    ),
    "subsets": FigureEntry("subsets", ("subsets", "study"), "Runs needed"),
    "region": FigureEntry("region", ("regions",), "The optimum and its region"),
    "published": FigureEntry(
        "published", ("predictions", "study"), "Published mixtures", in_units=True
    ),
    "optimum": FigureEntry(
        "optimum",
        ("design", "mixtures"),
        "The optimum by each objective",
        optional=("ladder",),
    ),
    "ladder": FigureEntry("ladder", ("ladder",), "The ladder of totals"),
    "scales": FigureEntry("ladder:scales", ("ladder",), "Weight against scale"),
}


def entry(name: str) -> FigureEntry:
    """Returns a figure's entry.

    Raises:
        MixwrightError: no figure has this name; the message lists those there are.
    """
    registry = FIGURES | MEASURED
    if name not in registry:
        close = closest(name, registry)
        hint = f"did you mean {close}? " if close else ""
        raise MixwrightError(f"figure {name} is unknown; {hint}there are {', '.join(registry)}")
    return registry[name]


def draw(name: str, **inputs: Any) -> "Figure":
    """Draws a figure in the common style.

    Args:
        name: a figure of FIGURES or MEASURED.
        inputs: the results it reads, tables as data frames, `study` as a Study. For a figure of
            MEASURED: `table`, as `tabulate` returns it.
    """
    from matplotlib import rc_context

    from mixwright.report.figures.style import STYLE
    from mixwright.report.judging import learner_of

    figure = _function(name, "figure")
    study = inputs.pop("study", None)
    if study is not None:
        inputs["targets"] = study.target_weights
        inputs["learner"] = learner_of(study)
    with rc_context(STYLE):
        drawing: Figure = figure(**inputs)
    return drawing


def tabulate(name: str, **inputs: Any) -> "pd.DataFrame":
    """Makes the table that a figure of MEASURED draws; arguments as of `draw`."""
    study = inputs.pop("study", None)
    if study is not None:
        for result in ("tests", "subsets"):
            if result in inputs:
                inputs[result] = as_listed(inputs[result], study)
        inputs["targets"] = study.target_weights
        if entry(name).in_units:
            inputs["metrics"] = study.metrics
    table: pd.DataFrame = _function(name, "table")(**inputs)
    return table


def as_listed(frame: "pd.DataFrame", study: "Study") -> "pd.DataFrame":
    """Sorts rows by test set, in the order in which the study lists the sets."""
    order = {test: number for number, test in enumerate(study.measured["tests"])}
    return frame.sort_values("test", key=lambda column: column.map(order), kind="stable")


def save(figure: "Figure", path: str | Path) -> None:
    """Writes a figure as its suffix says: .svg, .png or .pdf. Equal figures give equal bytes."""
    from matplotlib import rc_context

    from mixwright.files import written
    from mixwright.report.figures.style import STYLE

    kind = Path(path).suffix.lstrip(".")
    # Without the date of drawing.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with rc_context(STYLE), written(path) as partial:
        figure.savefig(partial, format=kind, metadata=metadata)


def draw_figure(
    name: str, paths: "Mapping[str, Paths]", to: str | Path, table: str | Path | None = None
) -> None:
    """Reads the results that a figure needs, draws it and writes it.

    Args:
        name: a figure of FIGURES or MEASURED.
        paths: name of a result -> its file or files.
        to: the file to write the figure to.
        table: the CSV file to write the numbers behind it to; figures of MEASURED only.

    Raises:
        MixwrightError: the file is of no kind that can be drawn, or the figure has no table.
    """
    from mixwright.files import written
    from mixwright.report.results import load
    from mixwright.study.study import Study

    registered = entry(name)
    if Path(to).suffix not in SUFFIXES:
        raise MixwrightError(f"{to}: a figure ends with {', '.join(SUFFIXES)}; rename the file")
    if table is not None and name in FIGURES:
        raise MixwrightError(f"{table}: figure {name} has no table; leave --table out")
    results = load(paths, registered.inputs, registered.optional)
    if "study" in results:
        results["study"] = Study(results["study"])
    if name in FIGURES:
        save(draw(name, **results), to)
        return
    rows = tabulate(name, **results)
    if table is not None:
        with written(table) as partial:
            rows.to_csv(partial, index=False)
    save(draw(name, table=rows), to)


def _function(name: str, kind: str) -> Callable[..., Any]:
    """The function that makes the `figure` or the `table` of this name."""
    module, _, prefix = entry(name).module.partition(":")
    function_name = f"{prefix}_{kind}" if prefix else kind
    function: Callable[..., Any]
    function = getattr(import_module(f"{__name__}.{module}"), function_name)
    return function
