"""The figures of a study: one file a figure, from results to a table, and from that to a drawing.

`entries` lists them; a figure's module is imported when it is drawn.
"""

import inspect
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from importlib import import_module
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError
from mixwright.report.figures.entries import FIGURES, MEASURED, FigureEntry, entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

    from mixwright.report.results import Paths
    from mixwright.study.study import Study

__all__ = [
    "FIGURES",
    "MEASURED",
    "FigureEntry",
    "draw",
    "draw_figure",
    "entry",
    "save",
    "tabulate",
]

# Suffixes of the files that a figure can be written to, and of the numbers behind it.
SUFFIXES = (".svg", ".png", ".pdf")
TABLE = ".csv"
# Significant digits of a table's numbers: they are drawn as they are written.
DIGITS = 8
PICTURE = re.compile(r"base64,([A-Za-z0-9+/=\s]+)")
# What turns words by no angle, and the room before a line.
UNTURNED = re.compile(r' transform="rotate\(-0 [^)]*\)"')
INDENT = re.compile(r"\n +(?=<)")
TAG = re.compile(r"<[^>]*>")
# A number of 1 or more with over two digits behind its point; pictures in base64 have no points.
LONG_NUMBER = re.compile(r"(?<![\d.])([1-9]\d*\.\d\d)\d+")


def tabulate(name: str, **inputs: Any) -> "pd.DataFrame":
    """Makes the table that a figure draws: all numbers behind it, and what they are.

    Args:
        name: a figure of FIGURES or MEASURED.
        inputs: the results it reads, tables as data frames, others as their JSON. `study`, a Study,
            stands for four: `targets`, target -> weight in the goal; `metrics`, target -> what its
            numbers are; `learner`; `reads`, mixer -> roles whose runs it reads. They can be given
            without a study, where the figure takes them.
    """
    function = _function(name, "table")
    wanted = inspect.signature(function).parameters
    study = inputs.pop("study", None)
    if study is not None:
        for result in ("tests", "subsets"):
            if result in inputs:
                inputs[result] = as_listed(inputs[result], study)
        inputs = _of_study(study) | inputs
        if "reads" in wanted:
            inputs.setdefault("reads", _reads(study))
    for option in ("targets", "metrics", "learner"):
        if option not in wanted:
            inputs.pop(option, None)
    table: pd.DataFrame = function(**inputs)
    return _rounded(table)


def draw(name: str, table: "pd.DataFrame") -> "Figure":
    """Draws the table that `tabulate` made, in the common style; nothing else is read."""
    from matplotlib import rc_context

    from mixwright.report.figures.style import STYLE

    with rc_context(STYLE):
        drawing: Figure = _function(name, "figure")(table)
    return drawing


def as_listed(frame: "pd.DataFrame", study: "Study") -> "pd.DataFrame":
    """Sorts rows by test set, in the order in which the study lists the sets."""
    order = {test: number for number, test in enumerate(study.measured["tests"])}
    return frame.sort_values("test", key=lambda column: column.map(order), kind="stable")


def settle(figure: "Figure") -> "Bbox":
    """Lays a figure out for good, and returns what it covers with a margin, inches.

    Otherwise each file that it is written to would take the same time for it again.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from mixwright.report.figures.style import STYLE

    with rc_context(STYLE):
        canvas = FigureCanvasAgg(figure)
        # words are a little wider at some resolutions
        usual = figure.dpi
        figure.dpi = STYLE["savefig.dpi"]
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        box = figure.get_tightbbox(canvas.get_renderer())
        figure.dpi = usual
    return box.padded(STYLE["savefig.pad_inches"])


def save(figure: "Figure", path: str | Path, box: "Bbox | None" = None) -> None:
    """Writes a figure as its suffix says: .svg, .png or .pdf. Equal figures give equal bytes.

    Args:
        box: what `settle` returned; None: the figure is laid out here.
    """
    from matplotlib import rc_context

    from mixwright.files import written
    from mixwright.report.figures.style import STYLE

    kind = Path(path).suffix.lstrip(".")
    # Without the date of drawing.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with rc_context(STYLE), written(path) as partial:
        if kind != "svg":
            figure.savefig(partial, format=kind, metadata=metadata, bbox_inches=box)
            return
        text = StringIO()
        figure.savefig(text, format=kind, metadata=metadata, bbox_inches=box)
        partial.write_text(_slim(text.getvalue()), encoding="utf-8")


def _slim(svg: str) -> str:
    """The same drawing in fewer bytes, with fonts that others have.

    Numbers lose digits under a hundredth of a point, and pictures of dots take few colours.
    """
    from mixwright.report.figures.style import FAMILIES

    first, *others = FAMILIES
    families = f"'{first}', {', '.join(others)}"
    # said once, for all words whose style names no other
    with_fonts = svg.replace(f"font-family: '{first}'; ", "").replace(f"'{first}'", families)
    with_fonts = with_fonts.replace("<svg ", f'<svg font-family="{families}" ', 1)
    with_pictures = PICTURE.sub(lambda match: f"base64,{_few_colours(match[1])}", with_fonts)
    # what is written in the drawing keeps its digits
    shorter = TAG.sub(lambda match: LONG_NUMBER.sub(r"\1", match[0]), with_pictures)
    return UNTURNED.sub("", INDENT.sub("\n", shorter))


def _few_colours(encoded: str) -> str:
    """A picture of dots, PNG in base64, in at most 64 colours."""
    from PIL import Image

    picture = Image.open(BytesIO(b64decode(encoded)))
    few = picture.quantize(64, method=Image.Quantize.FASTOCTREE)
    smaller = BytesIO()
    few.save(smaller, format="PNG", optimize=True)
    return b64encode(smaller.getvalue()).decode()


def draw_figure(
    name: str, paths: "Mapping[str, Paths]", to: str | Path | Iterable[str | Path]
) -> None:
    """Reads the results that a figure needs, draws it and writes it.

    Args:
        name: a figure of FIGURES or MEASURED.
        paths: name of a result -> its file or files.
        to: a file or several: drawings, and .csv for the numbers behind them.

    Raises:
        MixwrightError: a file is of no kind that can be written.
    """
    from mixwright.files import written
    from mixwright.report.results import load
    from mixwright.study.study import Study

    files = [Path(to)] if isinstance(to, str | Path) else [Path(path) for path in to]
    registered = entry(name)
    if not files:
        raise MixwrightError(f"figure {name}: no file to write; give --to {name}.svg")
    for file in files:
        if file.suffix not in (*SUFFIXES, TABLE):
            kinds = ", ".join((*SUFFIXES, TABLE))
            raise MixwrightError(f"{file}: a figure ends with {kinds}; rename the file")
    results = load(paths, registered.inputs, registered.optional)
    if "study" in results:
        results["study"] = Study(results["study"])
    table = tabulate(name, **results)
    drawing = draw(name, table)
    box = settle(drawing)
    for file in files:
        if file.suffix == TABLE:
            with written(file) as partial:
                table.to_csv(partial, index=False)
        else:
            save(drawing, file, box)


def _of_study(study: "Study") -> dict[str, Any]:
    """What figures want to know of a study."""
    from mixwright.report.judging import learner_of

    return {
        "targets": study.target_weights,
        "metrics": study.metrics,
        "learner": learner_of(study),
    }


def _reads(study: "Study") -> dict[str, list[str]]:
    """Mixer -> the roles whose runs its method reads, in a study that has such runs."""
    return {mixer: sorted(study.method(mixer).reads) for mixer in study.mixers}


def _rounded(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with DIGITS significant digits in its floating-point columns."""
    import numpy as np

    rounded = table.reset_index(drop=True)
    for column in rounded.select_dtypes("floating"):
        values = rounded[column].to_numpy()
        some = np.isfinite(values) & (values != 0)
        size = np.ones_like(values)
        size[some] = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(values[some]))))
        rounded[column] = np.where(some, np.round(values * size) / size, values)
    return rounded


def _function(name: str, kind: str) -> Callable[..., Any]:
    """The function that makes the `figure` or the `table` of this name."""
    module, _, prefix = entry(name).module.partition(":")
    function_name = f"{prefix}_{kind}" if prefix else kind
    function: Callable[..., Any]
    function = getattr(import_module(f"{__name__}.{module}"), function_name)
    return function
