"""Megatron-Bridge: weights of sequences for pretraining, passes over rows for fine-tuning."""

import ast
from dataclasses import replace

import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import CHANGED, PASSES, REFUSED, REMARK, Budget, Size
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.trainers.megatron_bridge import passes_of, rows_taken
from orders import LENGTHS, TOKENS, WEIGHTS, order


def read(name, text):
    (blend,) = create(name).read(text, "FILE")
    return blend


def entries(blend):
    return [(entry.path, entry.number) for entry in blend.entries]


def constant(text, name):
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(name)


def test_the_words_of_data_path_are_megatrons():
    text = export(create("megatron-bridge"), order()).text
    words = constant(text, "DATA_PATH")
    assert words[1::2] == [f"/data/{name}" for name in WEIGHTS]
    assert [float(word) for word in words[::2]] == pytest.approx(list(WEIGHTS.values()))
    # the field is a list of texts
    assert all(isinstance(word, str) for word in words)


@pytest.mark.parametrize(
    "arguments",
    [
        "data_path=['0.6', '/d/web', '0.4', '/d/code']",
        "data_path='0.6 /d/web 0.4 /d/code'",
        "blend=[['/d/web', '/d/code'], [0.6, 0.4]]",
    ],
)
def test_configs_of_others_are_read(arguments):
    text = f"cfg = GPTDatasetConfig(seq_length=8, split='1,0,0', {arguments})"
    blend = read("megatron-bridge", text)
    assert entries(blend) == [("/d/web", 0.6), ("/d/code", 0.4)]
    assert not blend.faults


def test_data_path_without_split_is_refused():
    blend = read("megatron-bridge", "GPTDatasetConfig(8, data_path=['1', 'a'])")
    assert [fault.kind for fault in blend.faults] == [REFUSED]


def test_data_path_without_weights_is_remarked():
    blend = read("megatron-bridge", "GPTDatasetConfig(8, data_path='a b', split='1')")
    stage = account(create("megatron-bridge"), blend, Budget(1e6, 8))
    assert [fault.kind for fault in stage.faults] == [REMARK]


@pytest.mark.parametrize(
    ("passes", "rows", "drawn"),
    [(1.0, 10, 10), (2.5, 10, 25), (0.5, 10, 5), (0.51, 10, 6), (1e-9, 10, 1), (0.0, 10, 0)],
)
def test_passes_are_rounded_up_to_rows(passes, rows, drawn):
    assert rows_taken(passes, rows) == drawn


def test_floats_round_up_too():
    """As Python computes 10 * (1.1 - 1): a hair above 1."""
    assert rows_taken(1.1, 10) == 12
    assert rows_taken(passes_of(11, 10), 10) == 11
    for wanted in range(1, 400):
        assert rows_taken(passes_of(wanted, 137), 137) == wanted


def test_the_passes_read_the_rows_that_were_asked():
    wanted = order()
    result = export(create("megatron-bridge-sft"), wanted)
    passes = constant(result.text, "PASSES")
    total = 0
    for name, weight in WEIGHTS.items():
        rows = rows_taken(passes[f"/data/{name}"], 2 * TOKENS / LENGTHS[name])
        total += rows * LENGTHS[name]
        # half a row is as near as rows come
        assert abs(rows - weight * TOKENS / LENGTHS[name]) <= 0.51
    assert total == pytest.approx(TOKENS, rel=1e-4)


def test_the_example_of_two_sources():
    """3,000 and 1,000 rows, 2,000 wanted of .6 and .4: passes .4 and .8."""
    wanted = order({"web": 0.6, "code": 0.4}, tokens=2e6)
    web, code = wanted.sources
    sources = (replace(web, tokens=3e6, rows=3e3), replace(code, tokens=1e6, rows=1e3))
    text = export(create("megatron-bridge-sft"), replace(wanted, sources=sources)).text
    assert constant(text, "PASSES") == {"/data/web": 0.4, "/data/code": 0.8}


def test_packed_rows_hold_a_sequence_each():
    wanted = order({"web": 0.5, "code": 0.5}, packed=True)
    text = export(create("megatron-bridge-sft"), wanted).text
    # 500,000 rows of each, of 4,000,000 and of 1,000,000
    assert constant(text, "PASSES") == {"/data/web": 0.125, "/data/code": 0.5}


FOREIGN = """
from megatron.bridge.data.builders import DirectHFSFTDatasetConfig, HFDatasetSourceConfig

dataset = DirectHFSFTDatasetConfig(
    seq_length=4096,
    source=[
        HFDatasetSourceConfig(dataset_name="squad"),
        HFDatasetSourceConfig(path_or_dataset="org/mine", split="train"),
    ],
    {weights}
    validation_source=HFDatasetSourceConfig(dataset_name="squad", split="validation"),
)
"""
SIZES = {"squad": Size(1e5, None, 100), "org/mine": Size(3e6, None, 1_000)}


def check(weights, sizes=SIZES, tokens=None):
    blend = read("megatron-bridge-sft", FOREIGN.format(weights=weights))
    return account(create("megatron-bridge-sft"), blend, Budget(tokens, 4_096, sizes=sizes))


def test_a_config_of_somebody_else_is_read():
    stage = check("source_weights=[1.0, 2.0],")
    assert [line.path for line in stage.lines] == ["squad", "org/mine"]
    assert [line.passes for line in stage.lines] == [1.0, 2.0]
    assert stage.lines[1].share == pytest.approx(6e6 / 6.1e6)
    assert not stage.faults


def test_without_weights_each_source_is_read_once():
    assert [line.passes for line in check("").lines] == [1.0, 1.0]


def test_a_longer_training_goes_round():
    stage = check("source_weights=[1.0, 2.0],", tokens=61e6)
    assert [line.passes for line in stage.lines] == pytest.approx([10.0, 20.0])


def test_passes_that_nobody_means_are_told():
    """Relative weights in place of passes: the mistake of one package with two meanings."""
    stage = check("source_weights=[60, 40],")
    assert [fault.kind for fault in stage.faults] == [PASSES, PASSES]


@pytest.mark.parametrize(
    ("weights", "kind", "words"),
    [
        ("source_weights=[0.001, 1],", CHANGED, "are 0.1 rows"),
        ("source_weights=[0, 1],", REFUSED, "squad has 0"),
        ("source_weights=[1],", REFUSED, "2 sources and 1"),
        ("source_weights=[1e999, 1],", REFUSED, "finite"),
    ],
)
def test_traps_are_told(weights, kind, words):
    stage = check(weights)
    assert any(fault.kind == kind and words in fault.message for fault in stage.faults), stage


def test_unknown_sizes_are_unknown_shares():
    (line, _) = check("source_weights=[1.0, 2.0],", sizes={}).lines
    assert line.share is None and line.passes is None


@pytest.mark.parametrize("missing", [{"rows": None}, {"tokens": None}])
def test_passes_ask_for_rows(missing):
    wanted = order()
    sources = tuple(replace(source, **missing) for source in wanted.sources)
    with pytest.raises(MixwrightError, match="--sources"):
        export(create("megatron-bridge-sft"), replace(wanted, sources=sources))


def test_passes_ask_for_the_length_of_the_training():
    with pytest.raises(MixwrightError, match="add --tokens"):
        export(create("megatron-bridge-sft"), order(tokens=None))


@pytest.mark.parametrize("weights", ["source_weights=['a', 1],", "source_weights=WEIGHTS,"])
def test_weights_that_are_no_numbers_are_refused_in_a_line(weights):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*$"):
        check(weights)
