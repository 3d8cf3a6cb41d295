"""The exported file, read by axolotl 0.21.0 itself: its schema, and its loading of sources.

Its packages need a GPU stack that mixing does not; what its module of sources imports is installed.
axolotl asks for Python 3.12, for which the registry has torch with CUDA alone. Mixing runs on 3.11.
"""

import pytest
import yaml

from foreign_rows import ROWS, agree
from mixwright.proposals.export import create
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.order import budget_of
from orders import WEIGHTS, order_of_rows
from trainer_envs import answer, environment

DRAWS = 1_000_000
PACKAGES = (
    "torch==2.13.0",
    "datasets==5.0.1",
    "transformers==5.20.1",
    "pydantic==2.13.5",
    "addict==2.4.0",
    "colorama",
    "numba",
    "psutil",
    "distro",
    "posthog==6.7.11",
)
BARE = ("accelerate==1.15.0", "trl==1.14.1", "--ignore-requires-python", "axolotl==0.21.0")
LOADED = """
import os
os.environ["AXOLOTL_DO_NOT_TRACK"] = "1"
import datasets, numpy, yaml
from axolotl.utils.data import sft
from axolotl.utils.data.shared import datasets_with_name_generator, merge_datasets
from axolotl.utils.dict import DictDefault
from axolotl.utils.schemas.datasets import SFTDataset
def load(config, token, streaming=False):
    number = list(VALUES["rows"]).index(config.path)
    table = datasets.Dataset.from_dict({"source": numpy.full(VALUES["rows"][config.path], number)})
    return table
sft.load_dataset_with_config = load
sft.get_dataset_wrapper = lambda dataset, **rest: (dataset, None)
content = yaml.safe_load(VALUES["text"])
try:
    listed = []
    for keys in content["datasets"]:
        listed.append(DictDefault(SFTDataset(**keys).model_dump(exclude_none=True)))
    config = DictDefault({"seed": 1, "shuffle_merged_datasets": True})
    parts = []
    for entry in datasets_with_name_generator(listed):
        part, _ = sft._load_and_process_single_dataset(
            entry, config, None, "train", seed=1, streaming=bool(content.get("streaming"))
        )
        parts.append(part)
    table = merge_datasets(parts, config).with_format("numpy")
    counts = numpy.bincount(table["source"][:], minlength=len(VALUES["rows"]))
    ANSWER = dict(zip(VALUES["rows"], counts.tolist()))
except ValueError as error:
    ANSWER = str(error)
"""


def read_by_trainer(text, rows):
    python = environment("axolotl", *PACKAGES, bare=BARE)
    return answer(python, LOADED, text=text, rows=rows)


@pytest.mark.parametrize(
    "rows",
    [
        dict(zip(WEIGHTS, (800_000, 400_000, 333_333, 1_001, 700), strict=True)),
        # some repeat
        dict(zip(WEIGHTS, (450_001, 77_777, 40_000, 33, 7), strict=True)),
    ],
)
def test_a_million_rows_are_those_that_the_export_says(rows):
    wanted = order_of_rows(rows)
    trainer = create("axolotl")
    result = export(trainer, wanted)
    counts = read_by_trainer(result.text, {f"/data/{name}": rows[name] for name in rows})
    (blend,) = trainer.read(result.text, "FILE")
    drawn = trainer.draw(blend, budget_of(wanted, wanted.stages[0]))
    assert list(counts.values()) == drawn.units.tolist() == [600_000, 300_000, 99_900, 80, 20]


FOREIGN = [
    "datasets: [{path: a, weight: 0.5}, {path: b, weight: 1.0}, {path: c}]",
    "datasets: [{path: a, weight: 0.0001}, {path: b, weight: 0.3333}]",
    "datasets: [{path: a, weight: 0.5}, {path: a}, {path: a, weight: 0.5}]",
    "datasets: [{path: a, weight: 0}]",
    "datasets: [{path: a, weight: 1.5}]",
    "datasets: [{path: a, weight: 0.5, shards: 4, shards_idx: 1}]",
    "datasets: [{path: a, weight: 0.5}, {path: b}]\nstreaming: true",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_foreign_files_are_read_as_the_check_says(text):
    content = yaml.safe_load(text)
    for keys in content["datasets"]:
        keys["type"] = "completion"
    counts = read_by_trainer(yaml.safe_dump(content), ROWS)
    agree("axolotl", text, counts)
