"""The figures of a study: one file a figure, each a pure function from tables to a matplotlib Figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mixwright.results import Paths


@dataclass(frozen=True)
class Entry:
    """Where a figure is drawn and the results it reads; `study` stands for its learner and the weights of its targets."""

    module: str
    inputs: tuple[str, ...]
    title: str
    optional: tuple[str, ...] = ()


FIGURES = {
    "targets": Entry("mixwright.figures.targets", ("scores", "study"), "Final models target by target", optional=("documents",)),
    "mixtures": Entry("mixwright.figures.mixtures", ("mixtures",), "Chosen mixtures"),
    "finals": Entry("mixwright.figures.finals", ("scores", "study"), "Final models against natural", optional=("documents",)),
    "predicted": Entry("mixwright.figures.predicted", ("validation", "study"), "Predicted against measured loss"),
    "domains": Entry("mixwright.figures.domains", ("design", "losses", "study"), "Loss against each domain's weight"),
    "noise": Entry("mixwright.figures.noise", ("design", "losses", "study"), "Signal, noise and the unigram model"),
}


def draw(name: str, **inputs: Any) -> "Figure":
    """The figure `name` from tables already read (`study` as its dict), in the style of the house."""
    from matplotlib import rc_context

    from mixwright.figures.style import STYLE
    from mixwright.study import learner_of, targets_of

    if "study" in inputs:
        study = inputs.pop("study")
        inputs |= {"targets": targets_of(study), "learner": learner_of(study)}
    with rc_context(STYLE):
        return import_module(entry(name).module).figure(**inputs)


def save(figure: "Figure", path: str | Path) -> None:
    """Writes `figure` atomically as its suffix says (.svg, .png, .pdf); the same figure gives the same bytes."""
    from matplotlib import rc_context

    from mixwright.figures.style import STYLE
    from mixwright.files import written

    kind = Path(path).suffix.lstrip(".") or "svg"
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with rc_context(STYLE), written(path) as beside:
        figure.savefig(beside, format=kind, metadata=undated)


def draw_figure(name: str, paths: "Mapping[str, Paths]", to: str | Path) -> None:
    """Reads what figure `name` needs from `paths` (result -> file or files), draws it and writes it to `to`."""
    from mixwright.results import load

    wanted = entry(name)
    save(draw(name, **load(paths, wanted.inputs, wanted.optional)), to)


def entry(name: str) -> Entry:
    """The registry's entry of `name`; an unknown name is refused with those there are."""
    if name not in FIGURES:
        raise MixwrightError(f"figure {name} is unknown; there are {', '.join(FIGURES)}")
    return FIGURES[name]
