"""Every figure keeps every promise.

A new line in FIGURES or MEASURED is tested because it is listed.
"""

import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from matplotlib.figure import Figure

import figure_results
from mixwright.report import figures
from mixwright.report.figures import FIGURES, MEASURED, FigureEntry, draw, draw_figure, tabulate

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-figure.md"
trained = cache(figure_results.trained)
measured = cache(figure_results.measured)


def inputs_of(name, optional=True):
    """The made-up results that a figure asks for."""
    entry = figures.entry(name)
    names = [*entry.inputs, *(entry.optional if optional else ())]
    results = trained() if name in FIGURES else measured()
    for result in names:
        assert result in results, f"tests/support/figure_results.py has no {result}: add one"
    return {result: results[result] for result in names}


def drawn(name, inputs):
    """The figure, and its table where it has one."""
    if name in FIGURES:
        return draw(name, **inputs)
    table = tabulate(name, **inputs)
    assert len(table)
    return draw(name, table=table)


def svg(name, inputs, path):
    figures.save(drawn(name, inputs), path)
    return path.read_bytes()


def shuffled(result):
    """The same rows in another order."""
    if isinstance(result, pd.DataFrame):
        return result.sample(frac=1, random_state=3)
    if isinstance(result, list):
        return list(reversed(result))
    return result


def check_figure(name, folder):
    """What every figure promises."""
    inputs = inputs_of(name)
    for results in (inputs, inputs_of(name, optional=False)):
        drawing = drawn(name, results)
        assert isinstance(drawing, Figure)
        question, reading = (text.get_text() for text in drawing.texts[-2:])
        assert question.endswith("?") and reading.endswith("."), "call `titled` last"
    once = svg(name, inputs, folder / "once.svg")
    assert svg(name, inputs, folder / "twice.svg") == once and b"<dc:date>" not in once
    other = {key: shuffled(value) for key, value in inputs.items()}
    assert svg(name, other, folder / "shuffled.svg") == once, "sort what the figure goes through"
    paths = figure_results.write(inputs, folder)
    draw_figure(name, paths, folder / "read.svg")
    assert (folder / "read.svg").read_bytes() == once


@pytest.mark.parametrize("name", [*FIGURES, *MEASURED])
def test_every_figure_draws_the_same_from_tables_in_any_order_and_from_files(name, tmp_path):
    check_figure(name, tmp_path)


@pytest.mark.parametrize("name", MEASURED)
def test_the_table_behind_a_figure_is_written(name, tmp_path):
    paths = figure_results.write(inputs_of(name), tmp_path)
    draw_figure(name, paths, tmp_path / "figure.png", tmp_path / "table.csv")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    table = tabulate(name, **inputs_of(name))
    written = pd.read_csv(tmp_path / "table.csv")
    assert list(written.columns) == list(table.columns) and len(written) == len(table)


def test_names_and_headings_are_used_once():
    assert not FIGURES.keys() & MEASURED.keys()
    for registry in (FIGURES, MEASURED):
        titles = [entry.title for entry in registry.values()]
        assert len(set(titles)) == len(titles)


def test_every_file_of_a_figure_is_listed():
    folder = Path(figures.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "style"}
    registry = {**FIGURES, **MEASURED}
    assert files == {entry.module.partition(":")[0] for entry in registry.values()}


def test_the_example_of_the_guide_keeps_the_promises(tmp_path, monkeypatch):
    blocks = GUIDE.read_text().split("```python\n")
    code, line = (block.split("```")[0] for block in blocks[1:3])
    module = ModuleType("curves")
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, "mixwright.report.figures.curves", module)
    listed = eval(f"{{{line}}}", {"FigureEntry": FigureEntry})
    monkeypatch.setitem(FIGURES, "curves", listed["curves"])
    check_figure("curves", tmp_path)
