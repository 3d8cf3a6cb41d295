"""The figures of a study: one file a figure, each a pure function from tables to a matplotlib Figure."""

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
    """Where a figure is drawn and the results it reads; `study` stands for its learner and the weights of its targets."""

    module: str  # "module" holds figure and table; "module:name" holds name_figure and name_table
    inputs: tuple[str, ...]
    title: str
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

# Of runs that others measured; each of these has a table: module.table(**inputs), and module.figure(table) draws that alone.
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
    """The figure `name` from tables already read (`study` as its dict), in the style of the house."""
    from matplotlib import rc_context

    from mixwright.report.figures.style import STYLE
    from mixwright.study.material import learner_of, targets_of

    if "study" in inputs:
        study = inputs.pop("study")
        inputs |= {"targets": targets_of(study), "learner": learner_of(study)}
    with rc_context(STYLE):
        return _function(name, "figure")(**inputs)


def tabulate(name: str, **inputs: Any) -> "pd.DataFrame":
    """The table that the figure `name` of MEASURED draws."""
    from mixwright.study.material import targets_of

    if "study" in inputs:
        study = inputs.pop("study")
        inputs = {
            what: as_listed(found, study) if what in ("tests", "subsets") else found
            for what, found in inputs.items()
        }
        inputs["targets"] = targets_of(study)
    return _function(name, "table")(**inputs)


def _function(name: str, what: str) -> Callable[..., Any]:
    """The function of the figure `name` that makes its `figure` or its `table`."""
    module, _, part = entry(name).module.partition(":")
    function: Callable[..., Any]
    function = getattr(import_module(module), f"{part}_{what}" if part else what)
    return function


def as_listed(frame: "pd.DataFrame", study: Mapping[str, Any]) -> "pd.DataFrame":
    """The rows with test sets in the order in which the study lists them."""
    order = {test: number for number, test in enumerate(study["measured"]["tests"])}
    return frame.sort_values("test", key=lambda column: column.map(order), kind="stable")


def save(figure: "Figure", path: str | Path) -> None:
    """Writes `figure` atomically as its suffix says (.svg, .png, .pdf); the same figure gives the same bytes."""
    from matplotlib import rc_context

    from mixwright.files import written
    from mixwright.report.figures.style import STYLE

    kind = Path(path).suffix.lstrip(".") or "svg"
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with rc_context(STYLE), written(path) as beside:
        figure.savefig(beside, format=kind, metadata=undated)


def draw_figure(
    name: str, paths: "Mapping[str, Paths]", to: str | Path, table: str | Path | None = None
) -> None:
    """Reads what figure `name` needs from `paths` (result -> file or files), draws it and writes it to `to`, the table behind it as CSV."""
    from mixwright.files import written
    from mixwright.report.results import load

    wanted = entry(name)
    read = load(paths, wanted.inputs, wanted.optional)
    if name not in MEASURED:
        save(draw(name, **read), to)
        return
    found = tabulate(name, **read)
    if table is not None:
        with written(table) as beside:
            found.to_csv(beside, index=False)
    save(draw(name, table=found), to)


def entry(name: str) -> Entry:
    """The registry's entry of `name`; an unknown name is refused with those there are."""
    every = FIGURES | MEASURED
    if name not in every:
        raise MixwrightError(f"figure {name} is unknown; there are {', '.join(every)}")
    return every[name]
