"""Stage of workflow/rules/figures.smk: a job a figure, so it loads nothing that pages need."""

from pathlib import Path

from mixwright.report import figures, layout
from mixwright.stages.options import Paths
from mixwright.study.study import Study


def draw_figure(figure: str, study: Path, to: Paths) -> None:
    """Draw one figure of a finished study, and write the numbers behind it.

    `mixwright draw` is short for `mixwright draw-figure`. The suffix of each file of --to says what
    it holds: a drawing (.svg, .pdf or .png), or the table that was drawn (.csv).

    Example:
        mixwright draw --figure finals --study results/demo/study.json --to finals.pdf finals.csv
    """
    paths = layout.figure_paths(Study.read(study), study.parent, figure)
    figures.draw_figure(figure, {**paths, "study": study}, to)
