"""Megatron-Core: the config that is written, and configs that others wrote."""

import ast

import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import REFUSED, REMARK, Budget
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order


def read(text):
    (blend,) = create("megatron-core").read(text, "FILE")
    return blend


def entries(blend):
    return [(entry.path, entry.number) for entry in blend.entries]


def test_the_module_has_the_config_of_the_documented_grammar():
    text = export(create("megatron-core"), order()).text
    module = ast.parse(text)
    constants = {}
    for node in module.body:
        if isinstance(node, ast.Assign):
            constants[node.targets[0].id] = ast.literal_eval(node.value)
    paths, weights = constants["BLEND"]
    assert paths == [f"/data/{name}" for name in WEIGHTS]
    assert weights == pytest.approx(list(WEIGHTS.values()))
    # Megatron wants all weights of one type
    assert {type(weight) for weight in weights} == {float}
    assert constants["SIZES"] == [1_000_000, 0, 0]
    (call,) = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and node.func.id == "GPTDatasetConfig"
    ]
    names = {keyword.arg for keyword in call.keywords}
    assert {"blend", "split", "random_seed", "sequence_length", "tokenizer"} <= names


def test_a_whole_weight_is_written_as_a_float():
    text = export(create("megatron-core"), order({"web": 1.0})).text
    assert "1.0," in text


def test_an_unknown_length_of_sequences_is_a_parameter():
    wanted = order()
    wanted = type(wanted)(wanted.stages, wanted.sources, None)
    text = export(create("megatron-core"), wanted).text
    assert "def config(tokenizer, sequence_length, **others)" in text
    assert "SIZES" not in text
    assert len(read(text).entries) == 5


FOREIGN = """
from megatron.core.datasets.gpt_dataset import GPTDatasetConfig
PATHS = ["/d/web", "/d/code"]
config = GPTDatasetConfig(
    random_seed=1, sequence_length=4096, split="99,1,0", tokenizer=load(),
    {blend}, mid_level_dataset_surplus=0.02,
)
"""


@pytest.mark.parametrize(
    "blend",
    [
        "blend=(['/d/web', '/d/code'], [0.6, 0.4])",
        "blend=[['/d/web', '/d/code'], [0.6, 0.4]]",
        "blend=get_blend_from_list(['0.6', '/d/web', '0.4', '/d/code'])",
    ],
)
def test_configs_of_others_are_read(blend):
    result = read(FOREIGN.format(blend=blend))
    assert entries(result) == [("/d/web", 0.6), ("/d/code", 0.4)]
    assert result.settings["surplus"] == 0.02
    assert not result.faults


def test_the_blend_of_the_split_train_is_read():
    per_split = "blend_per_split=[(['a', 'b'], [3, 1]), None, None]"
    blend = read(FOREIGN.format(blend=per_split))
    assert entries(blend) == [("a", 3), ("b", 1)]
    (fault,) = blend.faults
    assert fault.kind == REFUSED and "blend_per_split" in fault.message


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("GPTDatasetConfig(1, 8, (['a', 'b'], [1.0, 2.0]))", REFUSED, "no split"),
        ("GPTDatasetConfig(1, 8, (['a', 'b'], [1.0, 0.0]), split='1')", REFUSED, "b has 0"),
        ("BlendedDataset(d, [3, 1.0], 10, c)", REFUSED, "several types"),
        ("GPTDatasetConfig(1, 8, (['a', 'b'], None), split='1')", REMARK, "no weights"),
        (
            "c = GPTDatasetConfig(1, 8, (['a', 'b'], [1.0, 2.0]), split='1')\n"
            "BlendedMegatronDatasetBuilder(GPTDataset, [None, 1, 1], f, c)",
            REFUSED,
            "without a size",
        ),
        ("BlendedDataset(d, [3.0, 1.0], None, c)", REFUSED, "no ints"),
        ("BlendedDataset(d, weights=[3, 0], size=None, config=c)", REFUSED, "source 2 has 0"),
    ],
)
def test_traps_are_told(text, kind, words):
    stage = account(create("megatron-core"), read(text), Budget(1e9, 1_000))
    assert any(fault.kind == kind and words in fault.message for fault in stage.faults), stage


def test_weights_without_a_size_are_samples():
    trainer = create("megatron-core")
    blend = read("BlendedDataset(datasets, weights=[30, 10], size=None, config=c)")
    draw = trainer.draw(blend, Budget(1e9, 1_000))
    assert draw.units.tolist() == [30, 10] and not draw.faults
    sized = read("BlendedDataset(datasets, weights=[30, 10], size=100, config=c)")
    assert trainer.draw(sized, Budget(1e6, 1_000)).units.tolist() == [750, 250]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "GPTDatasetConfig(1, 8, blend)",
        "GPTDatasetConfig(1, 8, (['a'], [1.0, 2.0]), split='1')",
        "GPTDatasetConfig(1, 8, ([], []), split='1')",
        "GPTDatasetConfig(1, 8, ['a', 'b', 'c'], split='1')",
    ],
)
def test_what_cannot_be_read_is_refused_in_a_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*$"):
        read(text)
