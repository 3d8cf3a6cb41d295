"""Which words of a figure cover each other."""

from itertools import pairwise

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

# Share of the smaller box that two boxes may share: they are a little larger than their letters.
SHARED = 0.15


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of words that cover each other in a drawn figure.

    Slanted words are compared by the room between their lines, with each other alone.
    """
    FigureCanvasAgg(figure).draw()
    words = [text for text in _words(figure) if text.get_text().strip()]
    flat = [text for text in words if text.get_rotation() in (0, 90)]
    slanted = [text for text in words if text.get_rotation() not in (0, 90)]
    return _boxes(flat) + _slants(slanted)


def _words(figure: Figure) -> list[Text]:
    """All texts that are seen, those of ticks only inside their axis."""
    hidden = set()
    for axes in figure.axes:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            low, high = sorted(limits)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low <= tick.get_loc() <= high:
                    hidden |= {id(tick.label1), id(tick.label2)}
    texts = figure.findobj(Text)
    return [text for text in texts if text.get_visible() and id(text) not in hidden]


def _boxes(texts: list[Text]) -> list[tuple[str, str]]:
    extents = np.array([text.get_window_extent().extents for text in texts])
    low = np.maximum(extents[:, None, :2], extents[None, :, :2])
    high = np.minimum(extents[:, None, 2:], extents[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=2)
    areas = np.prod(extents[:, 2:] - extents[:, :2], axis=1)
    smaller = np.minimum(areas[:, None], areas[None, :])
    pairs = np.argwhere(np.triu(common > SHARED * smaller, 1))
    return [(texts[i].get_text(), texts[j].get_text()) for i, j in pairs]


def _slants(texts: list[Text]) -> list[tuple[str, str]]:
    """Slanted neighbours whose lines are nearer than their letters are high."""
    pairs = []
    for one, other in pairwise(texts):
        apart = np.subtract(
            other.get_transform().transform(other.get_position()),
            one.get_transform().transform(one.get_position()),
        )
        angle = np.deg2rad(one.get_rotation())
        between = abs(apart[0] * np.sin(angle) - apart[1] * np.cos(angle))
        # points to pixels, of letters that reach over and under a line
        height = one.get_fontsize() * one.get_figure().dpi / 72
        if between < height:
            pairs.append((one.get_text(), other.get_text()))
    return pairs
