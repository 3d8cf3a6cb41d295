"""Every figure keeps every promise.

A new line in FIGURES or MEASURED is tested because it is listed.
"""

import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from matplotlib.figure import Figure

import figure_results
import wide_results
from mixwright.report import figures
from mixwright.report.figures import (
    FIGURES,
    MEASURED,
    SUFFIXES,
    TABLE,
    FigureEntry,
    draw,
    draw_figure,
    style,
    tabulate,
)
from mixwright.report.sections import SECTIONS
from overlaps import overlaps

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-figure.md"
trained = cache(figure_results.trained)
measured = cache(figure_results.measured)


def made_up(name):
    """Results of a kind of study that shows the figure."""
    return trained() if name in FIGURES else measured()


# Figures with cells, whose colours are between those of the common style.
CELLS = {"mixtures", "targets", "effects", "correlations"}


def inputs_of(name, optional=True, results=None):
    """The made-up results that a figure asks for."""
    entry = figures.entry(name)
    names = [*entry.inputs, *(entry.optional if optional else ())]
    results = results or made_up(name)
    for result in names:
        assert result in results, f"tests/support/figure_results.py has no {result}: add one"
    return {result: results[result] for result in names}


def drawn(name, inputs):
    """The figure, of its table."""
    table = tabulate(name, **inputs)
    assert len(table)
    return draw(name, table)


def shuffled(result):
    """The same rows in another order."""
    if isinstance(result, pd.DataFrame):
        return result.sample(frac=1, random_state=3)
    if isinstance(result, list):
        return list(reversed(result))
    return result


def check_figure(name, folder):
    """What every figure promises: all of it is looked at on one drawing from files."""
    inputs = inputs_of(name)
    files = {suffix: folder / f"read{suffix}" for suffix in (*SUFFIXES, TABLE)}
    draw_figure(name, figure_results.write(inputs, folder), files.values())
    once = files[".svg"].read_bytes()
    assert b"<dc:date>" not in once
    assert files[".png"].read_bytes().startswith(b"\x89PNG")
    pdf = files[".pdf"].read_bytes()
    assert pdf.startswith(b"%PDF") and b"CreationDate" not in pdf
    if name not in CELLS:
        taken = set(re.findall(r"#[0-9a-f]{6}\b", once.decode()))
        assert taken <= {*_strings(vars(style)), "#ffffff", "#000000"}, "take style.py's colours"
    # what the table holds is all that is drawn, so equal tables are equal drawings
    numbers = files[TABLE].read_text()
    for results in (inputs, {key: shuffled(value) for key, value in inputs.items()}):
        table = tabulate(name, **results)
        assert table.to_csv(index=False) == numbers, "sort what the figure goes through"
    drawing = draw(name, pd.read_csv(files[TABLE]))
    assert isinstance(drawing, Figure)
    question, reading = (text.get_text() for text in drawing.texts[-2:])
    assert question.endswith("?") and reading.endswith("."), "call `titled` last"
    figures.save(drawing, folder / "table.svg", figures.settle(drawing))
    assert (folder / "table.svg").read_bytes() == once, "draw the table alone"
    assert overlaps(drawing) == []
    if figures.entry(name).optional:
        assert isinstance(drawn(name, inputs_of(name, optional=False)), Figure)


@pytest.mark.parametrize("name", FIGURES | MEASURED)
def test_every_figure_draws_the_same_from_tables_in_any_order_and_from_files(name, tmp_path):
    check_figure(name, tmp_path)


@pytest.mark.parametrize("name", FIGURES | MEASURED)
def test_no_words_cover_each_other_with_many_domains_of_long_names(name, tmp_path):
    results = wide_results.trained() if name in FIGURES else wide_results.measured()
    drawing = drawn(name, inputs_of(name, results=results))
    figures.save(drawing, tmp_path / "figure.svg", figures.settle(drawing))
    assert overlaps(drawing) == []
    assert (tmp_path / "figure.svg").stat().st_size < 200_000, "draw crowds of dots as a picture"


def test_words_that_cover_each_other_are_noticed():
    drawing = Figure()
    axes = drawing.add_subplot()
    axes.set_xticks([0.1, 0.11, 0.9], labels=["one name", "another name", "far"])
    assert overlaps(drawing) == [("one name", "another name")]
    axes.set_xticks([0.1, 0.11], labels=["one name", "another name"], rotation=40)
    assert overlaps(drawing) == [("one name", "another name")]
    axes.set_xticks([0.1, 0.9], labels=["one name", "another name"], rotation=0)
    assert overlaps(drawing) == []


def _strings(values):
    for value in values.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple | dict):
            items = value.values() if isinstance(value, dict) else value
            yield from (item for item in items if isinstance(item, str))


def test_a_name_has_one_figure_and_a_heading_is_used_once():
    for name in FIGURES.keys() & MEASURED.keys():
        assert FIGURES[name] is MEASURED[name]
    for registry in (FIGURES, MEASURED):
        titles = [entry.title for entry in registry.values()]
        assert len(set(titles)) == len(titles)


def test_every_figure_stands_in_a_section_and_says_what_it_shows():
    for entry in (*FIGURES.values(), *MEASURED.values()):
        assert entry.section in SECTIONS
        assert entry.caption[0].isupper() and entry.caption.endswith(".")
        assert entry.caption.count(". ") == 0, "one sentence"


def test_every_file_of_a_figure_is_listed():
    folder = Path(figures.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "entries", "looks", "style"}
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
