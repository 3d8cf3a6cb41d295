"""torchtitan 0.3.0 loads the exported module, and draws as the export foretold."""

import numpy as np

from mixwright.proposals.export import create
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order
from trainer_envs import answer, environment

DRAWS = 1_000_000
PROGRAM = """
import collections, itertools
import torchtitan.hf_datasets.text_datasets as text_datasets

class Indexed:
    # in place of HuggingFaceTextDataset: gives its path, and reads no text
    def __init__(self, dataset_name, dataset_path, infinite, **kwargs):
        assert dataset_name in text_datasets.DATASETS and infinite
        self.path = dataset_path
    def __iter__(self):
        return itertools.repeat(self.path)
    def state_dict(self):
        return {}
    load_state_dict = state_dict

text_datasets.HuggingFaceTextDataset = Indexed
module = {}
exec(VALUES["text"], module)
loader = module["DATALOADER"].build(
    dp_world_size=1, dp_rank=0, tokenizer=None, seq_len=1000, local_batch_size=1
)
ANSWER = collections.Counter(itertools.islice(iter(loader.dataset), VALUES["draws"]))
"""


def test_rows_are_drawn_as_foretold():
    python = environment("torchtitan", "torch==2.13.0", "numpy", "torchtitan==0.3.0")
    result = export(create("torchtitan"), order())
    drawn = answer(python, PROGRAM, text=result.text, draws=DRAWS)
    (stage,) = result.accounts
    for line, weight in zip(stage.lines, WEIGHTS.values(), strict=True):
        error = np.sqrt(weight * (1 - weight) / DRAWS)
        share = drawn.get(line.path, 0) / DRAWS
        assert share > 0, line.path
        assert abs(share - weight) <= 4 * error, line.path
        assert abs(share - line.share) <= 4 * error, line.path
    assert set(drawn) == {line.path for line in stage.lines}
