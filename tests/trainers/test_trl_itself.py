"""The exported file, read by TRL 1.16.0 itself: its parser, its configuration, its get_dataset."""

import pytest

from foreign_rows import ROWS, agree
from mixwright.proposals.export import create
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.order import budget_of
from orders import WEIGHTS, order_of_rows
from trainer_envs import answer, environment

DRAWS = 1_000_000
MIXED = """
import tempfile
import datasets, numpy
from trl.scripts.utils import DatasetMixtureConfig, TrlParser, get_dataset
def load_dataset(path, split, **rest):
    assert split == "train"
    number = list(VALUES["rows"]).index(path)
    return datasets.Dataset.from_dict({"source": numpy.full(VALUES["rows"][path], number)})
datasets.load_dataset = load_dataset
place = tempfile.mkdtemp() + "/file.yaml"
open(place, "w").write(VALUES["text"])
parser = TrlParser((DatasetMixtureConfig,))
try:
    config, rest = parser.parse_args_and_config(
        ["--config", place], return_remaining_strings=True
    )
    table = get_dataset(config)["train"].with_format("numpy")
    counts = numpy.bincount(table["source"][:], minlength=len(VALUES["rows"]))
    ANSWER = dict(zip(VALUES["rows"], counts.tolist()))
except (ValueError, ZeroDivisionError) as error:
    ANSWER = str(error)
"""


def read_by_trainer(text, rows):
    python = environment("trl", "datasets==5.2.0", bare=("trl==1.16.0",))
    return answer(python, MIXED, text=text, rows=rows)


@pytest.mark.parametrize(
    "rows",
    [
        dict(zip(WEIGHTS, (600_000, 400_000, 333_333, 1_001, 700), strict=True)),
        # some repeat
        dict(zip(WEIGHTS, (450_001, 77_777, 40_000, 33, 7), strict=True)),
    ],
)
def test_a_million_rows_are_those_that_the_export_says(rows):
    wanted = order_of_rows(rows)
    trainer = create("trl")
    result = export(trainer, wanted)
    counts = read_by_trainer(result.text, {f"/data/{name}": rows[name] for name in rows})
    (blend,) = trainer.read(result.text, "FILE")
    drawn = trainer.draw(blend, budget_of(wanted, wanted.stages[0]))
    assert blend.settings["epochs"] == 1
    assert list(counts.values()) == drawn.units.tolist()
    assert sum(counts.values()) == DRAWS
    for count, weight in zip(counts.values(), WEIGHTS.values(), strict=True):
        assert count == pytest.approx(DRAWS * weight, abs=1)


FOREIGN = [
    "datasets: [{path: a, fraction: 0.6}, {path: b, fraction: 0.4}]",
    "datasets: [{path: a, fraction: 60}, {path: b, fraction: 40}, {path: c, fraction: 0}]",
    "datasets: [{path: a}, {path: b}]",
    "datasets: [{path: a, fraction: 1}, {path: b, fraction: 0.0001}, {path: c, fraction: 0.001}]",
    "datasets: [{path: a, fraction: 1}, {path: a, fraction: 1}, {path: b, fraction: 1}]",
    "datasets: [{path: a, fraction: 0.6}, {path: b}]",
    "datasets: [{path: a, fraction: 0}, {path: b, fraction: 0}]",
    "datasets: [{path: a, fraction: 1}]\nstreaming: true",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_foreign_files_are_read_as_the_check_says(text):
    counts = read_by_trainer(text.replace("path: ", "split: train, path: "), ROWS)
    agree("trl", text, counts)
