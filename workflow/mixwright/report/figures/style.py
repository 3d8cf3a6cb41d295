"""The look of all figures: one typeface, few lines, the colours of Okabe and Ito, which colour-blind readers can tell apart."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

# pages take their colours from here, and need no matplotlib
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

INK, SOFT, FAINT = "#22262b", "#6b7280", "#e3e6ea"
BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, "#cc79a7", "#56b4e9", SOFT)
# less than the reference, the same, more
DIVERGING = ("#b35806", "#f1a340", "#fbe3c2", "#f7f7f7", "#cfe3f0", "#6aaed6", BLUE)
AXIS = "#9aa1ab"
VERDICTS = {
    "better": BLUE,
    "worse": VERMILION,
    "not distinguishable": SOFT,
    "undecided": SOFT,
    "identical": SOFT,
}
RANKS = (
    0,
    50,
    70,
    80,
    90,
    95,
    97,
    98,
    99,
    99.5,
    99.8,
)  # rank correlations x 100 that an axis may be labelled by

STYLE: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that every machine draws the same bytes
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 9.5,
    "axes.edgecolor": AXIS,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.15,
    "svg.hashsalt": "mixwright",
    "svg.fonttype": "path",
}


def diverging() -> "Colormap":
    """Returns the colours of DIVERGING as a map of 0 (less) to 1 (more)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("less to more", DIVERGING)


def titled(figure: "Figure", question: str, reading: str) -> None:
    """A question in bold at the top left and one line on how to read the figure under it, over the axes placed so far."""
    width, height = figure.get_size_inches()
    figure.text(
        0.1 / width,
        1 + 0.40 / height,
        question,
        fontsize=13,
        fontweight="bold",
        va="bottom",
        ha="left",
    )
    figure.text(
        0.1 / width, 1 + 0.12 / height, reading, fontsize=9.5, color=SOFT, va="bottom", ha="left"
    )


def bare(axes: "Axes") -> None:
    """Takes away the frame and the tick marks."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)


def panels(
    count: int, columns: int, width: float, height: float, **share: Any
) -> "tuple[Figure, Sequence[Axes]]":
    """A grid of `count` panels of width x height inches, row by row; empty places are taken away."""
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # type: ignore[union-attr, call-arg]
    every = figure.subplots(rows, columns, squeeze=False, **share).ravel()
    for axes in every[count:]:
        axes.remove()
    return figure, every[:count]


def rank_axis(axes: "Axes", name: str, deficits: Iterable[float]) -> None:
    """Makes the axis `name` (x or y) one of 1 - rank correlation, log-scaled, best at the far end, labelled by the correlation x 100."""
    inside = [deficit for deficit in deficits if deficit > 0] or [0.01]
    low, high = 0.8 * min(inside), 1.25 * max(inside)
    axes.set(**{f"{name}scale": "log", f"{name}lim": (high, low)})
    ticks = [tick for tick in RANKS if low <= 1 - tick / 100 <= high]
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_ticks([1 - tick / 100 for tick in ticks], labels=[f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)
