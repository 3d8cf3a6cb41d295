"""litgpt: blocks drawn at random by litdata's CombinedStreamingDataset."""

import ast
import re

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import CHANGED, ENDS, REFUSED, REMARK, Budget, Size
from mixwright.proposals.export.exporting import export
from orders import TOKENS, WEIGHTS, order

# litgpt's own tinyllama.py has its weights in a method.
FOREIGN = """
class TinyLlama(DataModule):
    def train_dataloader(self):
        weights = {weights}
        return CombinedStreamingDataset(
            datasets=train_datasets, seed=self.seed, weights=weights{more}
        )
"""
FINITE = ", iterate_over_all=False"


def checked(weights="(0.693584, 0.306416)", more=FINITE, budget=None):
    trainer = create("litgpt", {"num_workers": 1})
    (blend,) = trainer.read(FOREIGN.format(weights=weights, more=more), "FILE")
    return account(trainer, blend, budget or Budget(TOKENS, 1_000))


def kinds(stage):
    return {fault.kind for fault in stage.faults}


def test_the_module_is_python_and_states_what_is_expected():
    result = export(create("litgpt", {"num_workers": 1}), order())
    ast.parse(result.text)
    assert "'/data/laws': 2e-05,  # 20 blocks expected, standard error 4.5" in result.text
    assert "iterate_over_all=False" in result.text
    shares = {line.path: line.share for line in result.accounts[0].lines}
    expected = {f"/data/{name}": weight for name, weight in WEIGHTS.items()}
    assert shares == pytest.approx(expected)


def test_workers_and_devices_repeat_one_sequence_of_sources():
    text = export(create("litgpt", {"num_workers": 8, "devices": 2}), order()).text
    # the root of 20, times 4
    assert "20 blocks expected, standard error 18" in text
    assert re.search(r"num_workers: int = 8\n", text)


def test_a_small_training_may_miss_a_source_and_it_is_told():
    (stage,) = export(create("litgpt", {"num_workers": 1}), order(tokens=1e7)).accounts
    (laws,) = [fault for fault in stage.faults if "laws" in fault.message]
    assert laws.kind == REMARK
    # 10,000 draws of 2e-5
    assert f"never read in {np.exp(-0.2):.0%} of trainings" in laws.message


def test_a_foreign_module_with_weights_in_a_method():
    stage = checked()
    assert [line.number for line in stage.lines] == [0.693584, 0.306416]
    assert not stage.is_faulty


def test_weights_need_iterate_over_all_to_be_false():
    assert REFUSED in kinds(checked(more=""))
    assert REFUSED in kinds(checked(more=", iterate_over_all=True"))


def test_zeros_are_allowed_unless_there_is_nothing_else():
    assert not checked("(1, 0)").is_faulty
    assert REFUSED in kinds(checked("(0, 0)"))
    assert CHANGED in kinds(checked("(1, -0.2)"))


def test_per_stream_flattens_the_shares():
    stage = checked("(0.6, 0.3, 0.1)", FINITE + ', batching_method="per_stream"')
    assert CHANGED in kinds(stage)
    turns = np.array([0.6 * 0.4, 0.3 * 0.7, 0.1 * 0.9])
    assert [line.share for line in stage.lines] == pytest.approx(turns / turns.sum())
    assert ENDS in kinds(checked("(1, 0)", FINITE + ', batching_method="per_stream"'))


def test_the_end_of_a_source_is_an_epoch_and_not_the_end():
    budget = Budget(TOKENS, 1_000, sizes={"source 2": Size(tokens=1e8)})
    stage = checked("(0.8, 0.2)", budget=budget)
    assert not stage.is_faulty
    (remark,) = stage.faults
    assert "an epoch ends at 50.0% of its tokens, when source 2 is used up" in remark.message


@pytest.mark.parametrize("weights", ["shares", "[0.5, x]", "['a', 'b']", "[True, 1]"])
def test_what_is_no_number_is_told_in_one_line(weights):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*; [^\n]*$"):
        checked(weights)
