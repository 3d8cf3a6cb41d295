"""The exported file, read by ms-swift 4.6.0 itself: its YAML, its syntax of paths, its loader."""

import numpy as np
import pytest

from mixwright.proposals.export import create
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.order import budget_of
from orders import WEIGHTS, order_of_rows
from trainer_envs import answer, environment

DRAWS = 1_000_000
PACKAGES = (
    "torch==2.13.0",
    "datasets==4.8.4",
    "transformers==5.19.0",
    "modelscope",
    "pillow",
)
BARE = ("peft==0.20.0", "accelerate==1.15.0", "addict", "json-repair", "einops", "ms-swift==4.6.0")
LOADED = """
import argparse, tempfile
import datasets, numpy
from swift.cli.main import parse_yaml_args
from swift.dataset import loader
place = tempfile.mkdtemp() + "/file.yaml"
open(place, "w").write(VALUES["text"])
words = [place]
parse_yaml_args(words)
parser = argparse.ArgumentParser()
parser.add_argument("--dataset", nargs="+")
parser.add_argument("--interleave_prob", nargs="+", type=float)
parser.add_argument("--stopping_strategy", default="first_exhausted")
parser.add_argument("--streaming", default="False")
arguments, _ = parser.parse_known_args(words)
def load(self, syntax, meta, use_hf=None):
    number = list(VALUES["rows"]).index(syntax.dataset)
    rows = VALUES["rows"][syntax.dataset]
    table = datasets.Dataset.from_dict({"number": numpy.full(rows, number)})
    return table.to_iterable_dataset() if self.streaming else table
loader.DatasetLoader.load = load
loader._inject_dataset_routing_tag = lambda table, name: table
streaming = arguments.streaming == "True"
try:
    mixture, _ = loader.load_dataset(
        arguments.dataset,
        interleave_prob=arguments.interleave_prob,
        stopping_strategy=arguments.stopping_strategy,
        streaming=streaming,
    )
    if streaming:
        drawn = numpy.array([row["number"] for row in mixture])
    else:
        drawn = mixture.with_format("numpy")["number"][:]
    counts = numpy.bincount(drawn[: VALUES["draws"]], minlength=len(VALUES["rows"]))
    ANSWER = dict(zip(VALUES["rows"], counts.tolist()))
except (ValueError, AssertionError) as error:
    ANSWER = repr(error)
"""


def read_by_trainer(text, rows, draws=DRAWS):
    python = environment("ms-swift", *PACKAGES, bare=BARE)
    return answer(python, LOADED, text=text, rows=rows, draws=draws)


def test_a_million_rows_are_those_that_the_export_says():
    """Some sources repeat."""
    rows = dict(zip(WEIGHTS, (450_001, 777_777, 40_000, 33, 7), strict=True))
    trainer = create("ms-swift")
    wanted = order_of_rows(rows)
    result = export(trainer, wanted)
    counts = read_by_trainer(result.text, named(rows))
    (blend,) = trainer.read(result.text, "FILE")
    drawn = trainer.draw(blend, budget_of(wanted, wanted.stages[0]))
    assert list(counts.values()) == drawn.units.tolist() == [600_000, 300_000, 99_900, 80, 20]


def named(rows):
    return {f"/data/{name}": count for name, count in rows.items()}


def test_a_million_rows_have_the_probabilities():
    rows = dict.fromkeys(WEIGHTS, 1_500_000)
    result = export(create("ms-swift", {"form": "probabilities"}), order_of_rows(rows))
    counts = read_by_trainer(result.text, named(rows))
    assert sum(counts.values()) == DRAWS
    for count, weight in zip(counts.values(), WEIGHTS.values(), strict=True):
        assert abs(count - DRAWS * weight) <= 4 * np.sqrt(DRAWS * weight * (1 - weight))
        assert count > 0


FOREIGN = [
    "dataset: [a#300, b#2500, c]",
    "dataset: [a#300, b#2500]\nstreaming: true",
    "dataset: [a#0, b]",
    "dataset: [a#x, b]",
    "dataset: ['ms::a#10', 'b:default#20']",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_foreign_files_are_read_as_the_check_says(text):
    rows = {"a": 3_000, "b": 1_000, "c": 500}
    counts = read_by_trainer(text, rows)
    trainer = create("ms-swift")
    (blend,) = trainer.read(text, "FILE")
    sizes = {}
    for entry in blend.entries:
        name = entry.path.removeprefix("ms::").removesuffix(":default")
        sizes[entry.path] = Size(rows=rows.get(name))
    drawn = trainer.draw(blend, Budget(None, 1, True, sizes))
    refused = [fault for fault in (*blend.faults, *drawn.faults) if fault.kind == "refused"]
    if isinstance(counts, str):
        assert refused, counts
        return
    assert not refused
    read = [count for count in counts.values() if count]
    assert drawn.units.tolist() == read
