"""The exported module, run by Hugging Face datasets 5.2.0."""

import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from mixwright.proposals.export import create
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.order import budget_of
from orders import WEIGHTS, order
from trainer_envs import answer, environment

WANTED = "5.2.0"
DRAWS = 1_000_000
# A library that hands out tables of numbers in place of text: the source of a row is its number.
TABLES = """
import datasets, numpy
names = VALUES["names"]
def load_dataset(name, split, streaming):
    place = names.index(name)
    rows = VALUES["rows"][place]
    table = datasets.Dataset.from_dict({"source": numpy.full(rows, place)})
    return table.to_iterable_dataset() if streaming else table
datasets.load_dataset = load_dataset
scope = {}
exec(VALUES["module"], scope)
mixture = scope["mixed"]()
"""
COUNT = """
rows = mixture.select(range(min(len(mixture), VALUES["draws"])))
ANSWER = [numpy.bincount(rows.with_format("numpy")["source"][:], minlength=len(names)).tolist(),
    len(mixture), datasets.__version__]
"""


def python_with_datasets() -> Path:
    """The interpreter of these tests, if it holds the version, or an environment."""
    if version("datasets") == WANTED:
        return Path(sys.executable)
    return environment("hf", f"datasets=={WANTED}")


def run(result, wanted, program=COUNT, rows=2_000_000, draws=DRAWS):
    names = [source.path for source in wanted.sources]
    values = {"names": names, "rows": [rows] * len(names), "draws": draws}
    return answer(python_with_datasets(), TABLES + program, module=result.text, **values)


def test_a_million_rows_have_the_shares():
    wanted = order(tokens=1e9, packed=True)
    result = export(create("hf"), wanted)
    counts, _, read_by = run(result, wanted)
    assert read_by == WANTED
    assert sum(counts) == DRAWS
    blend = create("hf").read(result.text, "hf")[0]
    predicted = create("hf").draw(blend, budget_of(wanted, wanted.stages[0])).units
    for count, expected, weight in zip(counts, predicted, WEIGHTS.values(), strict=True):
        error = np.sqrt(DRAWS * weight * (1 - weight))
        assert expected == pytest.approx(DRAWS * weight)
        assert abs(count - expected) <= 4 * error
        assert count > 0


def test_sources_that_repeat_feed_the_whole_training():
    """all_exhausted is as long as draw says, and `repeat` makes it longer than the training."""
    wanted = order({"web": 0.7, "code": 0.3}, tokens=1e8, packed=True)
    small = export(create("hf"), wanted_of(wanted, rows=3_000))
    assert "all_exhausted" in small.text and ".repeat(" in small.text
    _, length, _ = run(small, wanted, rows=3_000)
    assert length >= 1e8 / 1_000 * 0.95


def wanted_of(wanted, rows):
    sources = [replace(source, rows=rows, tokens=rows * 1e3) for source in wanted.sources]
    return replace(wanted, sources=tuple(sources))


def test_streamed_rows_have_the_shares():
    """A short stream: it is read row by row."""
    wanted = order({"web": 0.6, "code": 0.3, "wiki": 0.1}, packed=True)
    result = export(create("hf", {"streaming": True}), wanted)
    program = """
import itertools
rows = [row["source"] for row in itertools.islice(mixture, VALUES["draws"])]
ANSWER = numpy.bincount(rows, minlength=len(names)).tolist()
"""
    counts = run(result, wanted, program, rows=10_000, draws=5_000)
    for count, weight in zip(counts, (0.6, 0.3, 0.1), strict=True):
        assert abs(count - 5_000 * weight) <= 4 * np.sqrt(5_000 * weight * (1 - weight))


# probabilities, strategy, whether they are refused
CALLS = [
    ([0.5 + 1.4e-8, 0.5], "first_exhausted", False),
    ([0.5 + 1.6e-8, 0.5], "first_exhausted", True),
    ([1.5, -0.5], "first_exhausted", True),
    ([1.0, 0.0], "all_exhausted", True),
    ([1.0, 0.0], "first_exhausted", False),
    ([0.5, 0.5], "never", True),
]
REFUSALS = """
import datasets
tables = [datasets.Dataset.from_dict({"i": [0] * 20}) for _ in range(2)]
ANSWER = []
for p, strategy, _ in VALUES["calls"]:
    try:
        datasets.interleave_datasets(tables, p, seed=1, stopping_strategy=strategy)
        ANSWER.append(False)
    except ValueError:
        ANSWER.append(True)
"""


def test_what_is_refused_is_what_the_check_refuses():
    assert answer(python_with_datasets(), REFUSALS, calls=CALLS) == [call[2] for call in CALLS]
    trainer = create("hf")
    budget = budget_of(order(), order().stages[0])
    for probabilities, strategy, refused in CALLS:
        text = f"interleave_datasets([a, b], {probabilities}, stopping_strategy={strategy!r})"
        (blend,) = trainer.read(text, "FILE")
        kinds = [fault.kind for fault in trainer.draw(blend, budget).faults]
        assert ("refused" in kinds) is refused, (probabilities, strategy)


ONCE = """
import datasets, numpy
tables = [datasets.Dataset.from_dict({"i": numpy.full(n, k)}) for k, n in enumerate(VALUES["rows"])]
mixture = datasets.interleave_datasets(
    tables, VALUES["p"], seed=1, stopping_strategy="all_exhausted_without_replacement"
)
ANSWER = numpy.bincount(mixture.with_format("numpy")["i"][: VALUES["draws"]]).tolist()
"""


@pytest.mark.parametrize("draws", [8_000, 14_000, 20_000])
def test_without_replacement_the_shares_change_as_predicted(draws):
    """Sources end one after the other, and those left take their draws."""
    rows, numbers = [10_000, 2_000, 8_000], [0.5, 0.3, 0.2]
    python = python_with_datasets()
    counts = answer(python, ONCE, rows=rows, p=numbers, draws=draws)
    text = f"interleave_datasets([a, b, c], {numbers},"
    text = f"{text} stopping_strategy='all_exhausted_without_replacement')"
    trainer = create("hf")
    (blend,) = trainer.read(text, "FILE")
    sizes = {}
    for name, count in zip("abc", rows, strict=True):
        sizes[name] = Size(tokens=count, rows=count)
    drawn = trainer.draw(blend, Budget(tokens=draws, sizes=sizes))
    assert drawn.units == pytest.approx(counts, abs=4 * np.sqrt(draws / 4))
    assert "changed" in [fault.kind for fault in drawn.faults]
