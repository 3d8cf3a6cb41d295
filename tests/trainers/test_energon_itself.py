"""Exported metadatasets in Megatron-Energon's own code: its loader, its blend, its chances.

Sources hold no text: a data set in place of each says which one it is. The file is parsed by
Energon, its entries are weighted by its metadataset, and its task encoder blends them.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import Blend, Budget, Entry, Size
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order
from trainer_envs import answer, environment

DRAWS = 1_000_000

BLEND = """
import pathlib, tempfile
from collections import Counter
from itertools import islice
from types import SimpleNamespace
from megatron.energon import DefaultTaskEncoder, WorkerConfig
from megatron.energon.dataset_config import load_config
from megatron.energon.epathlib import EPath
from megatron.energon.flavors.base_dataset import SavableDataset
from megatron.energon.metadataset.loader_interface import LoadedDataset, LoadedDatasetList
from megatron.energon.metadataset.metadataset import Metadataset

ranks = WorkerConfig(rank=0, world_size=1, num_workers=0, seed_offset=VALUES["seed"])

class Source(SavableDataset):
    '''As many samples as it is told, each of which is its path.'''
    def __init__(self, path, rows):
        super().__init__(ranks)
        self.path, self.rows = path, rows
    def __iter__(self):
        for _ in range(self.rows):
            yield self.path
    def len_worker(self, worker=None):
        return self.rows
    def reset_state_own(self):
        pass
    def worker_has_samples(self):
        return True
    def config(self):
        return {}

class Encoder(DefaultTaskEncoder):
    def _load_dataset(self, loaded, offset, *, worker_config):
        return loaded.dataset
    def build_encode_sample(self, dataset, *, worker_config):
        return dataset
    def build_batch(self, dataset, **_):
        return dataset

path = EPath(pathlib.Path(tempfile.mkdtemp()) / "mixture.yaml")
with path.open("wb") as file:
    file.write(VALUES["text"].encode())
data = load_config(path, default_type=Metadataset, default_kwargs={"path": path})
train = data.splits["train"]
entries = getattr(train, VALUES["form"])
for entry in entries:
    def loaded(entry=entry, **_):
        return LoadedDatasetList(datasets=[
            LoadedDataset(dataset=Source(str(entry.path), VALUES["rows"][str(entry.path)]))
        ])
    entry._dataset = SimpleNamespace(get_datasets=loaded)
listed = data.get_datasets(training=True, split_part="train", worker_config=ranks)
blended = Encoder().build_train_datasets(
    datasets=listed.datasets, worker_config=ranks, batch_size=None, blend_mode=listed.blend_mode
)
ANSWER = Counter(islice(blended, VALUES["draws"]))
"""

# The chance of each source: every number that torch.rand has, by the trainer's choice.
CHANCES = """
import torch
from megatron.energon.rng import WorkerRng
steps = torch.arange(2**24, dtype=torch.float32) / 2**24
ANSWER = []
for weights in VALUES["weights"]:
    sums = torch.cumsum(torch.tensor(weights, dtype=torch.float32), dim=0)
    places = torch.searchsorted(sums, steps * sums[-1], right=True)
    ANSWER.append((torch.bincount(places, minlength=len(weights)) / 2**24).tolist())
"""


@pytest.fixture(scope="module")
def energon():
    """The interpreter of an environment with Megatron-Energon and a torch without CUDA."""
    return environment("energon", "torch==2.13.0", "megatron-energon==7.4.1")


def drawn_by(energon, text, rows, draws, form="blend"):
    return answer(energon, BLEND, text=text, form=form, rows=rows, draws=draws, seed=1)


def test_weights_are_drawn_as_the_export_says(energon):
    wanted = order(packed=True)
    result = export(create("energon"), wanted)
    assert not result.dropped
    rows = {source.path: 1_000 for source in wanted.sources}
    drawn = drawn_by(energon, result.text, rows, DRAWS)
    assert set(drawn) == set(rows)
    (stage,) = result.accounts
    for line in stage.lines:
        for share in (line.requested, line.share):
            error = math.sqrt(share * (1 - share) * DRAWS)
            assert abs(drawn[line.path] - share * DRAWS) <= 4 * error, line


def test_the_chances_are_energons_to_the_last_bit(energon):
    chance = np.random.default_rng(0)
    weights = [list(WEIGHTS.values()), [1.0, 1e-6, 1e-7, 1e-8, 1e-9], [3e-8, 1.0], [5, 3]]
    weights += [chance.dirichlet(np.full(9, 0.1)).tolist()]
    answers = answer(energon, CHANCES, weights=weights)
    for numbers, chances in zip(weights, answers, strict=True):
        blend = Blend(tuple(Entry(str(place), number) for place, number in enumerate(numbers)))
        shares = create("energon").draw(blend, Budget()).units
        # a step of torch.rand, where a product is rounded
        assert np.abs(shares - chances).max() <= 1.01 / 2**24, numbers
        for share, truth in zip(shares, chances, strict=True):
            assert (share == 0) == (truth == 0), numbers


def test_repetitions_read_the_rows_of_an_epoch(energon):
    """An epoch of some 10,000 rows; three small sources, one of which rounds down to nothing."""
    weights = {"web": 0.6, "code": 0.3, "wiki": 0.09918, "books": 0.0008, "laws": 0.00002}
    wanted = order(weights, tokens=1e7, packed=True)
    sources = []
    for source, rows in zip(wanted.sources, (3_000, 7_777, 500, 5, 100), strict=True):
        sources.append(replace(source, rows=rows, tokens=rows * 1_000))
    wanted = replace(wanted, sources=tuple(sources))
    result = export(create("energon", {"form": "blend_epochized"}), wanted)
    assert [drop.source.domain for drop in result.dropped] == ["laws"]
    assert any("reads a row of each" in note for note in result.notes)
    rows = {source.path: source.rows for source in sources[:-1]}
    (blend,) = create("energon").read(result.text, "FILE")
    sizes = {path: Size(rows=count) for path, count in rows.items()}
    units = create("energon").draw(blend, Budget(sizes=sizes)).units.tolist()
    assert sum(units) == pytest.approx(10_000, abs=2)
    two_epochs = 2 * int(sum(units))
    drawn = drawn_by(energon, result.text, rows, two_epochs, "blend_epochized")
    assert [drawn[entry.path] for entry in blend.entries] == [2 * count for count in units]


HEAD = "__module__: megatron.energon\n__class__: MetadatasetV2\n"
TRAIN = "splits:\n  train:\n    blend:\n    - {number}\n      path: a\n    - path: b\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (HEAD + TRAIN.format(number="weight: 0"), "All blending weights must be > 0"),
        (TRAIN.format(number="weight: 1"), "JsonValueError"),
        (HEAD + TRAIN.format(number="repetitions: 2"), "JsonValueError"),
        (HEAD + TRAIN.format(number='weight: "1"'), "JsonValueError"),
    ],
)
def test_energon_refuses_what_the_check_says_it_does(energon, text, error):
    reader = create("energon")
    try:
        (blend,) = reader.read(text, "FILE")
    except MixwrightError:
        pass
    else:
        assert account(reader, blend, Budget()).is_faulty
    with pytest.raises(AssertionError, match=error):
        drawn_by(energon, text, {"a": 9, "b": 9}, 5)
