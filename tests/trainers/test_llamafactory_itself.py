"""The exported files, read by LLaMA-Factory 0.9.5 itself.

Its packages need a GPU stack that mixing does not. So the modules that mix are loaded without the
`__init__` of their packages, beside a logger and a base class that do nothing.
"""

from dataclasses import replace

import numpy as np
import pytest

from mixwright.proposals.export import create
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.order import budget_of
from orders import WEIGHTS, order, order_of_rows
from trainer_envs import answer, environment

DRAWS = 1_000_000
WITHOUT_PACKAGES = """
import importlib.util, logging, sys, types
import numpy, datasets
from omegaconf import OmegaConf
root = importlib.util.find_spec("llamafactory").submodule_search_locations[0]
def hollow(name):
    module = types.ModuleType(name)
    module.__path__ = [root + "/" + "/".join(name.split(".")[1:])]
    sys.modules[name] = module
    return module
for name in ("data", "hparams", "extras"):
    hollow("llamafactory." + name)
class Silent:
    def __getattr__(self, name):
        return lambda *words, **keys: None
sys.modules["llamafactory.extras"].logging = hollow("llamafactory.extras.logging")
sys.modules["llamafactory.extras.logging"].get_logger = lambda name: Silent()
import tempfile
place = tempfile.mkdtemp() + "/file.yaml"
open(place, "w").write(VALUES["text"])
"""
MERGED = """
from dataclasses import fields
from llamafactory.data.data_utils import merge_dataset
from llamafactory.hparams.data_args import DataArguments
content = OmegaConf.to_container(OmegaConf.merge(OmegaConf.load(place), OmegaConf.from_cli([])))
known = [field.name for field in fields(DataArguments)]
arguments = DataArguments(**{key: value for key, value in content.items() if key in known})
tables = []
for number, name in enumerate(arguments.dataset):
    table = datasets.Dataset.from_dict({"source": numpy.full(VALUES["rows"], number)})
    if arguments.streaming:
        table = table.to_iterable_dataset(num_shards=content.get("dataloader_num_workers", 0))
    tables.append(table)
try:
    mixture = merge_dataset(tables, arguments, seed=1)
except ValueError as error:
    ANSWER = str(error)
else:
    drawn = []
    if arguments.streaming:
        for row in mixture.take(VALUES["draws"]):
            drawn.append(row["source"])
    else:
        drawn = mixture.with_format("numpy")["source"][: VALUES["draws"]]
    counts = numpy.bincount(numpy.array(drawn, dtype=int), minlength=len(tables))
    ANSWER = {"names": arguments.dataset, "counts": counts.tolist()}
"""
ENGINE = """
bare = ("torch", "torch.utils", "torch.utils.data")
for name in bare:
    sys.modules[name] = types.ModuleType(name)
sys.modules["torch.utils.data"].Dataset = object
from llamafactory.v1.core import data_engine
for name in bare:
    del sys.modules[name]
import datasets as library
def load_dataset(path, split, streaming=False, **rest):
    rows = VALUES["rows"][path]
    return library.Dataset.from_dict({"source": numpy.zeros(rows, dtype="int8")})
library.load_dataset = load_dataset
from llamafactory.v1.plugins.data_plugins import loader
def load(path, split, streaming):
    return load_dataset(path, split)
loader.BasePlugin._registry["local"]["__call__"] = load
engine = data_engine.DataEngine(place)
counts = {}
for name, _ in engine.data_index:
    path = engine.dataset_infos[name]["path"]
    counts[path] = counts.get(path, 0) + 1
ANSWER = counts
"""


def read_by_trainer(program, text, **values):
    python = environment(
        "llamafactory", "datasets==4.0.0", "omegaconf==2.3.0", bare=("llamafactory==0.9.5",)
    )
    return answer(python, WITHOUT_PACKAGES + program, text=text, **values)


def test_a_million_rows_have_the_shares():
    wanted = order(tokens=1e9, packed=True)
    result = export(create("llamafactory", {"streaming": False}), wanted)
    read = read_by_trainer(MERGED, result.text, rows=1_500_000, draws=DRAWS)
    assert read["names"] == [f"/data/{name}" for name in WEIGHTS]
    assert sum(read["counts"]) == pytest.approx(DRAWS)
    for count, weight in zip(read["counts"], WEIGHTS.values(), strict=True):
        assert abs(count - DRAWS * weight) <= 4 * np.sqrt(DRAWS * weight * (1 - weight))
        assert count > 0


def test_streaming_gives_rows_with_a_worker_and_none_without():
    wanted = order({"web": 0.6, "code": 0.3, "wiki": 0.1}, packed=True)
    text = export(create("llamafactory"), wanted).text
    read = read_by_trainer(MERGED, text, rows=10_000, draws=5_000)
    for count, weight in zip(read["counts"], (0.6, 0.3, 0.1), strict=True):
        assert abs(count - 5_000 * weight) <= 4 * np.sqrt(5_000 * weight * (1 - weight))
    without = text.replace("dataloader_num_workers: 1", "dataloader_num_workers: 0")
    read = read_by_trainer(MERGED, without, rows=10_000, draws=5_000)
    assert sum(read["counts"]) == 0


def test_interleave_once_is_refused_by_its_version_of_datasets():
    text = export(create("llamafactory", {"mix_strategy": "interleave_once"}), order()).text
    text = text.replace("streaming: true", "streaming: false")
    assert "is not supported" in read_by_trainer(MERGED, text, rows=100, draws=10)


def test_version_1_reads_the_rows_that_the_export_says():
    rows = {"web": 300_000, "code": 700_000, "wiki": 333_333, "books": 1_001, "laws": 7}
    wanted = order_of_rows(rows)
    trainer = create("llamafactory-v1")
    result = export(trainer, wanted)
    paths = {f"/data/{name}": count for name, count in rows.items()}
    counts = read_by_trainer(ENGINE, result.text, rows=paths)
    (blend,) = trainer.read(result.text, "FILE")
    drawn = trainer.draw(blend, budget_of(wanted, wanted.stages[0]))
    assert list(counts.values()) == drawn.units.tolist() == [600_000, 300_000, 99_900, 80, 20]


def test_version_1_reads_zeros_and_sizes_as_the_check_says():
    text = """
zero: {path: a, weight: 0}
nothing: {path: b}
size: {path: c, size: 30}
both: {path: d, size: 30, weight: 0.5}
none: {path: e, size: 30, weight: 0}
small: {path: f, weight: 0.004}
negative: {path: g, weight: -1.0}
"""
    paths = dict.fromkeys("abcdefg", 200)
    counts = read_by_trainer(ENGINE, text, rows=paths)
    trainer = create("llamafactory-v1")
    (blend,) = trainer.read(text, "FILE")
    wanted = order(dict.fromkeys("abcdefg", 1 / 7), packed=True)
    sources = [replace(source, path=source.domain, rows=200) for source in wanted.sources]
    wanted = replace(wanted, sources=tuple(sources))
    drawn = trainer.draw(blend, budget_of(wanted, wanted.stages[0]))
    assert [counts.get(path, 0) for path in "abcdefg"] == drawn.units.tolist()
    assert [counts.get(path, 0) for path in "abcdefg"] == [200, 200, 30, 15, 0, 0, 0]
