"""The look of all figures: one typeface, few lines, colours that colour-blind people tell apart.

The colours are those of Okabe and Ito. Pages take theirs from here too.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

# Pages need the colours alone: matplotlib is imported where it is used.
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# Of words, of words that matter less, and of lines behind the data.
INK, SOFT, FAINT = "#22262b", "#6b7280", "#e3e6ea"
BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
# Of lines and dots that stand beside each other.
SERIES = (BLUE, VERMILION, GREEN, ORANGE, "#cc79a7", "#56b4e9", SOFT)
# Colour of a figure -> the page's variable for it, and its value on dark paper. What stands in none
# of these colours keeps its own.
THEMED = {
    INK: ("ink", "#e7e9ec"),
    SOFT: ("soft", "#a9b1bb"),
    FAINT: ("line", "#353b42"),
    "#9aa1ab": ("axis", "#737c87"),
    "#ffffff": ("card", "#1c2024"),
    BLUE: ("blue", "#62b5ec"),
    ORANGE: ("amber", "#f3b737"),
    GREEN: ("green", "#3cc79b"),
    VERMILION: ("orange", "#ff9a4d"),
    "#cc79a7": ("pink", "#e3a3c6"),
    "#56b4e9": ("sky", "#a9dcf8"),
}
# Less than the reference, the same, more. None is of THEMED: cells keep their colour on dark paper.
DIVERGING = ("#b35806", "#f1a340", "#fbe3c2", "#f7f7f7", "#cfe3f0", "#6aaed6", "#0072b3")
# Of words on coloured cells, which stay as they are where a dark page recolours INK and white.
ON_CELL, ON_DARK_CELL = "#22262c", "#fffffe"
# Of an axis that `rank_axis` makes.
RANK_LABEL = "rank correlation x 100 (log scale of the distance to 100)"
# Of the lines of axes, and of dots behind others.
AXIS = "#9aa1ab"
# Of a comparison's verdicts.
VERDICTS = {
    "better": BLUE,
    "worse": VERMILION,
    "not distinguishable": SOFT,
    "undecided": SOFT,
    "identical": SOFT,
}
# Rank correlations x 100 that an axis may be labelled by.
RANKS = (0, 50, 70, 80, 90, 95, 97, 98, 99, 99.5, 99.8)

# Letters of the longest name that stands flat above a column.
FLAT = 10
# Letters of a panel's title that fit in an inch.
LETTERS = 9.5
# Points under which a title is broken in two lines.
SMALL = 7.5
# Dots of a figure from which they are a picture in files that hold lines.
CROWD = 300
# Inches that a line of a legend takes.
LEGEND_LINE = 0.2
# Where DejaVu Sans is not installed: Verdana is as wide.
FAMILIES = ("DejaVu Sans", "Verdana", "Arial", "sans-serif")

STYLE: Any = {
    # Ships with matplotlib, so that every machine draws the same bytes.
    "font.family": "DejaVu Sans",
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
    # Words stay words: they can be searched, and a file is half as large.
    "svg.fonttype": "none",
}


def many(count: int) -> bool:
    """Whether so many dots of a figure are drawn as a picture, so that a file stays small."""
    return count > CROWD


def diverging() -> "Colormap":
    """Returns the colours of DIVERGING as a map of 0 (less) to 1 (more)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("less to more", DIVERGING)


def titled(figure: "Figure", question: str, reading: str) -> None:
    """Writes the two lines above the axes.

    Args:
        question: what the figure answers, in bold.
        reading: how to read the figure, in one line.
    """
    width, height = figure.get_size_inches()
    left = 0.1 / width
    figure.text(
        left,
        1 + 0.40 / height,
        question,
        fontsize=13,
        fontweight="bold",
        va="bottom",
        ha="left",
    )
    figure.text(
        left,
        1 + 0.12 / height,
        reading,
        fontsize=9.5,
        color=SOFT,
        va="bottom",
        ha="left",
    )


def titled_above(figure: "Figure", axes: "Axes", question: str, reading: str) -> None:
    """As `titled`, above labels on top of the axes, and flush with the longest label of a row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    titled(figure, question, reading)
    FigureCanvasAgg(figure).draw()
    columns = [label.get_window_extent() for label in axes.get_xticklabels()]
    rows = [label.get_window_extent() for label in axes.get_yticklabels()]
    lift = max(extent.y1 for extent in columns) - figure.bbox.height
    # a figure without rows has no labels
    beside = axes.get_window_extent().x0
    left = min((extent.x0 for extent in rows), default=beside)
    for text in figure.texts[-2:]:
        height = text.get_position()[1]
        text.set(x=left / figure.bbox.width, y=height + max(lift, 0) / figure.bbox.height)


def slanted(axes: "Axes", names: Sequence[str], wide: int = 0) -> None:
    """Writes the columns' names above a table, slanted unless there are `wide` of them or fewer."""
    flat = len(names) <= wide and max(map(len, names)) <= FLAT
    axes.set_xticks(
        range(len(names)),
        names,
        color=INK,
        fontsize=9.5,
        rotation=0 if flat else 40,
        ha="center" if flat else "left",
        rotation_mode="anchor",
    )
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)


def labelled(figure: "Figure", axes: "Axes") -> None:
    """Writes one legend for all panels at the right of a figure that `panels` made."""
    handles, labels = axes.get_legend_handles_labels()
    lines = max(1, int(figure.get_size_inches()[1] / LEGEND_LINE))
    figure.legend(
        handles,
        labels,
        loc="outside right center",
        ncols=math.ceil(len(labels) / lines),
        fontsize=9,
        frameon=False,
        handletextpad=0.4,
    )


def bare(axes: "Axes", ticks: Literal["x", "y"] | None = None) -> None:
    """Takes away the frame and the tick marks; those of the axis `ticks` (x or y) stay, short."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    if ticks is not None:
        axes.tick_params(axis=ticks, length=3)


def row_lines(axes: "Axes", count: int) -> None:
    """Draws a faint line behind each of `count` rows, at heights 0, 1, 2, ..."""
    for row in range(count):
        axes.axhline(row, color=FAINT, linewidth=0.8, zorder=0)


def table_cell(axes: "Axes", row: int, column: int, colour: Any, framed: bool) -> None:
    """Draws a coloured cell of a table, centred on (column, row), with a frame inside if framed."""
    from matplotlib.patches import Rectangle

    left, top = column - 0.48, row - 0.46
    axes.add_patch(
        Rectangle(
            (left, top),
            0.96,
            0.92,
            facecolor=colour,
            linewidth=0,
        )
    )
    if framed:
        left, top = column - 0.45, row - 0.42
        frame = Rectangle(
            (left, top),
            0.90,
            0.84,
            fill=False,
            edgecolor=ON_CELL,
            linewidth=1.1,
        )
        axes.add_patch(frame)


def panels(
    count: int, columns: int, width: float, height: float, **share: Any
) -> "tuple[Figure, Sequence[Axes]]":
    """Makes a figure of `count` panels, row by row; rows have about as many each.

    Args:
        columns: panels in a row, at most.
        width: of a panel, inches.
        height: of a panel, inches.
        share: `sharex` and `sharey` of matplotlib's subplots.
    """
    from matplotlib.figure import Figure

    rows = math.ceil(count / columns)
    columns = math.ceil(count / rows)
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(rows, columns, squeeze=False, **share).ravel()
    for empty in grid[count:]:
        empty.remove()
    return figure, grid[:count]


def panel_title(axes: "Axes", title: str, room: float = 0.0, **options: Any) -> None:
    """Writes a panel's title in bold at its top left; options of matplotlib's set_title.

    Args:
        room: inches there are for it; a longer title is smaller, or broken. 0: as many as it takes.
    """
    size = 10.0
    if room:
        fitting = size * LETTERS * room
        if len(title) * SMALL > fitting:
            title = broken(title)
        longest = max(len(line) for line in title.splitlines())
        size = min(size, fitting / longest)
    axes.set_title(
        title,
        loc="left",
        fontsize=size,
        fontweight="bold",
        color=INK,
        **options,
    )


def broken(name: str) -> str:
    """Returns a name in two lines, cut behind the separator that is nearest to its middle."""
    middle = len(name) // 2
    cuts = [k + 1 for k, letter in enumerate(name[:-1]) if letter in "_-/. ,"]
    cut = min(cuts, key=lambda k: abs(k - middle), default=middle)
    return f"{name[:cut].rstrip()}\n{name[cut:]}"


def rank_axis(axes: "Axes", name: str, deficits: Iterable[float]) -> None:
    """Makes an axis one of 1 - rank correlation: logarithmic, the best at the far end.

    Its labels are rank correlations x 100.

    Args:
        name: the axis, x or y.
        deficits: 1 - rank correlation of what is drawn, which sets the range.
    """
    positive = [deficit for deficit in deficits if deficit > 0] or [0.01]
    low = 0.8 * min(positive)
    high = 1.25 * max(positive)
    axes.set(**{f"{name}scale": "log", f"{name}lim": (high, low)})
    axis = axes.xaxis if name == "x" else axes.yaxis
    ranks = [rank for rank in RANKS if low <= 1 - rank / 100 <= high]
    places = [1 - rank / 100 for rank in ranks]
    axis.set_ticks(places, labels=[f"{rank:g}" for rank in ranks])
    axis.set_ticks([], minor=True)
