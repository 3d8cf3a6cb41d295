"""nanotron: lists of folders and weights, stages by step, and the grammar that is refused today."""

from dataclasses import replace

import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import CHANGED, REFUSED, REMARK, Blend, Budget, Entry
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order, staged


def read(text):
    return create("nanotron").read(text, "FILE")


def entries(blend):
    return [(entry.path, entry.number) for entry in blend.entries]


def messages(blend):
    stage = account(create("nanotron"), blend, Budget(1e6, 1_000))
    return [(fault.kind, fault.message) for fault in stage.faults]


def test_folders_and_weights_are_lists():
    content = yaml.safe_load(export(create("nanotron"), order()).text)
    (stage,) = content["data_stages"]
    dataset = stage["data"]["dataset"]
    assert dataset["dataset_folder"] == [f"/data/{name}" for name in WEIGHTS]
    assert dataset["dataset_weights"] == pytest.approx(list(WEIGHTS.values()))
    # the config takes floats alone
    assert {type(weight) for weight in dataset["dataset_weights"]} == {float}
    assert stage["start_training_step"] == 1
    assert content["tokens"]["train_steps"] == 1_954  # 1,000,000 sequences, 512 a step


@pytest.mark.parametrize(
    ("samples", "counts"),
    [(10_000, [5_999, 3_000, 999, 1, 1]), (200_000, [120_000, 60_000, 19_980, 16, 4])],
)
def test_counts_of_the_index(samples, counts):
    blend = Blend(tuple(Entry(f"s3://{name}", weight) for name, weight in WEIGHTS.items()))
    draw = create("nanotron").draw(blend, Budget(samples * 1_000, 1_000))
    assert draw.units.tolist() == counts
    assert not draw.faults


def test_stages_start_at_steps_of_the_batch():
    trainer = create("nanotron", {"batch": 1_000})
    result = export(trainer, staged())
    first, second = yaml.safe_load(result.text)["data_stages"]
    # 900,000 sequences, 1,000 a step
    assert (first["start_training_step"], second["start_training_step"]) == (1, 901)
    before, after = trainer.read(result.text, "FILE")
    assert (before.begins, after.begins) == (0, 0.9e9)
    assert (before.settings["tokens"], after.settings["tokens"]) == (0.9e9, 0.1e9)
    assert (before.name, after.name) == ("stable", "anneal")
    assert "add the next one and resume" in result.text


def test_a_stage_shorter_than_a_step_is_refused():
    with pytest.raises(MixwrightError, match="stable is shorter than a step"):
        export(create("nanotron", {"batch": 4_000_000}), staged())


def test_stages_ask_for_the_length_of_a_sequence():
    with pytest.raises(MixwrightError, match="give --sequence"):
        export(create("nanotron"), replace(staged(), sequence=None))


@pytest.mark.parametrize("batch", [0, 1.5, "many", True])
def test_a_batch_that_is_no_number_is_refused(batch):
    with pytest.raises(MixwrightError, match="give a whole number from 1 to"):
        export(create("nanotron", {"batch": batch}), order())


FOREIGN = """
general: {project: mine}
parallelism: {dp: 4, pp: 1}
data_stages:
- name: second
  start_training_step: 101
  data:
    dataset: {dataset_folder: [s3://d/web, s3://d/code], dataset_weights: [1, 3]}
    seed: 42
- name: first
  start_training_step: 1
  data:
    dataset: {dataset_folder: s3://d/web}
    seed: 42
tokens: {micro_batch_size: 2, batch_accumulation_per_replica: 8, sequence_length: 100,
         train_steps: 150}
"""


def test_a_whole_config_is_read_in_the_order_of_its_steps():
    first, second = read(FOREIGN)
    assert entries(first) == [("s3://d/web", 1)]
    assert entries(second) == [("s3://d/web", 1), ("s3://d/code", 3)]
    # 64 sequences of 100 tokens a step
    assert (first.settings["tokens"], second.settings["tokens"]) == (640_000, 320_000)
    assert second.begins == 640_000
    assert [fault.kind for fault in first.faults] == [REMARK]
    # the file says how long a stage is, whatever the budget
    assert create("nanotron").draw(second, Budget(1e12, 100)).units.tolist() == [800, 2_400]


@pytest.mark.parametrize(
    "text",
    [
        "dataset: {dataset_folder: [a, b], dataset_weights: [0.6, 0.4]}",
        "dataset_folder: [a, b]\ndataset_weights: [0.6, 0.4]",
        "data: {dataset: {dataset_folder: [a, b], dataset_weights: [0.6, 0.4]}}",
    ],
)
def test_a_part_of_a_config_is_read(text):
    (blend,) = read(text)
    assert entries(blend) == [("a", 0.6), ("b", 0.4)]
    assert not blend.faults


def test_the_dict_of_the_documentation_is_refused_by_the_config():
    (blend,) = read("dataset: {dataset_folder: {s3://a: 0.8, s3://b: 0.2}}")
    assert entries(blend) == [("s3://a", 0.8), ("s3://b", 0.2)]
    ((kind, message),) = messages(blend)
    assert kind == REFUSED and "a list each" in message


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("dataset_folder: [s3://a, s3://b]", REMARK, "same share"),
        ("{dataset_folder: [s3://a, b], dataset_weights: [1, 1]}", REMARK, "take that assertion"),
        ("{dataset_folder: [s3://a, s3://b], dataset_weights: [0, 0]}", REFUSED, "do not sum"),
        ("{dataset_folder: [s3://a, s3://b], dataset_weights: [2, -1]}", CHANGED, "has -1"),
        (FOREIGN.replace("step: 1\n", "step: 2\n"), REFUSED, "no stage starts at step 1"),
        (FOREIGN.replace("101", "1"), REFUSED, "same step"),
        (FOREIGN.replace("second", "first"), REFUSED, "same name"),
    ],
)
def test_traps_are_told(text, kind, words):
    faults = [fault for blend in read(text) for fault in messages(blend)]
    assert any(fault[0] == kind and words in fault[1] for fault in faults), faults


def test_a_folder_of_weight_zero_is_allowed():
    (blend,) = read("{dataset_folder: [s3://a, s3://b], dataset_weights: [1, 0]}")
    assert messages(blend) == []


@pytest.mark.parametrize(
    "text",
    [
        "data_stages: 3",
        "data_stages: [3]",
        "data_stages: [{name: a, start_training_step: b}]",
        "data_stages: [{data: {dataset: {hf_dataset_or_datasets: a}}}]",
        "dataset_folder: []",
        "{dataset_folder: [a, b], dataset_weights: [1]}",
        "{dataset_folder: [a, b], dataset_weights: [1, x]}",
    ],
)
def test_what_cannot_be_read_is_refused_in_a_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*$"):
        read(text)
