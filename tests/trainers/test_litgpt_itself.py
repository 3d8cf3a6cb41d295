"""litdata 0.2.76 draws by the exported module of litgpt as the export foretold."""

import numpy as np
import pytest

from mixwright.proposals.export import create
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order
from trainer_envs import answer, environment

DRAWS = 1_000_000
# litgpt itself is heavy, and mixes nothing: its base class of a data module is stood in for.
PROGRAM = """
import collections, itertools, sys, types
import litdata.streaming as streaming

litgpt = types.ModuleType("litgpt")
litgpt.data = types.ModuleType("litgpt.data")
litgpt.data.DataModule = object
sys.modules |= {"litgpt": litgpt, "litgpt.data": litgpt.data}

class Indexed(streaming.StreamingDataset):
    # gives its folder, and reads no blocks
    def __init__(self, input_dir, **settings):
        self.folder = input_dir
    def __iter__(self):
        return itertools.repeat(self.folder)
    def __len__(self):
        return 10**9
    def set_epoch(self, epoch):
        pass

# a dataclass looks its module up
module = types.ModuleType("mixture")
sys.modules["mixture"] = module
exec(VALUES["text"], module.__dict__)
module.StreamingDataset = Indexed
module.TokensLoader = lambda block_size: None
module.StreamingDataLoader = lambda dataset, **settings: dataset
data = module.Mixture()
data.connect(batch_size=4, max_seq_length=1000)
mixed = data.train_dataloader()
ANSWER = {"drawn": collections.Counter(itertools.islice(iter(mixed), VALUES["draws"]))}
mixed._iterator = None
ANSWER["again"] = list(itertools.islice(iter(mixed), 50)) == list(itertools.islice(iter(mixed), 50))
per_stream = streaming.CombinedStreamingDataset(
    [Indexed("a"), Indexed("b"), Indexed("c")],
    weights=[0.6, 0.3, 0.1], iterate_over_all=False, seed=1, batching_method="per_stream",
)
ANSWER["per_stream"] = collections.Counter(itertools.islice(iter(per_stream), 200_000))
try:
    streaming.CombinedStreamingDataset([Indexed("a")], weights=[1.0])
    ANSWER["default"] = ""
except ValueError as error:
    ANSWER["default"] = str(error)
"""


@pytest.fixture(scope="module")
def result():
    return export(create("litgpt", {"num_workers": 1}), order())


@pytest.fixture(scope="module")
def got(result):
    python = environment("litgpt", "torch==2.13.0", "numpy", "litdata==0.2.76")
    return answer(python, PROGRAM, text=result.text, draws=DRAWS)


def test_blocks_are_drawn_as_foretold(result, got):
    (stage,) = result.accounts
    for line, weight in zip(stage.lines, WEIGHTS.values(), strict=True):
        error = np.sqrt(weight * (1 - weight) / DRAWS)
        share = got["drawn"].get(line.path, 0) / DRAWS
        assert share > 0, line.path
        assert abs(share - weight) <= 4 * error, line.path
        assert abs(share - line.share) <= 4 * error, line.path
    assert set(got["drawn"]) == {line.path for line in stage.lines}


def test_each_iterator_repeats_the_sequence_of_sources(got):
    """Workers and devices have one iterator each: they draw the same."""
    assert got["again"]


def test_per_stream_flattens_the_shares_as_foretold(got):
    turns = np.array([0.6 * 0.4, 0.3 * 0.7, 0.1 * 0.9])
    shares = np.array([got["per_stream"][name] for name in "abc"]) / 200_000
    assert shares == pytest.approx(turns / turns.sum(), abs=0.01)


def test_weights_are_refused_by_default(got):
    assert "iterate_over_all" in got["default"]
