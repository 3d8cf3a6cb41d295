"""ms-swift's numbers of rows behind paths, and its probabilities."""

from dataclasses import replace

import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order


def drawn_of(text, tokens=None, **rows):
    """What ms-swift reads, of packed rows of a token."""
    trainer = create("ms-swift")
    (blend,) = trainer.read(text, "FILE")
    sizes = {name: Size(rows=count) for name, count in rows.items()}
    drawn = trainer.draw(blend, Budget(tokens, 1, True, sizes))
    faults = {}
    for fault in (*blend.faults, *drawn.faults):
        faults.setdefault(fault.kind, []).append(fault.message)
    return drawn.units.tolist(), faults


def test_numbers_behind_paths_are_the_rows_of_the_training():
    content = yaml.safe_load(export(create("ms-swift"), order(packed=True)).text)
    rows = (600_000, 300_000, 99_900, 80, 20)
    expected = [f"/data/{name}#{count}" for name, count in zip(WEIGHTS, rows, strict=True)]
    assert content["dataset"] == expected
    assert content["num_train_epochs"] == 1


def test_a_source_repeats_where_its_number_is_larger():
    units, faults = drawn_of("dataset: ['W#1200', 'C#2500']", W=3_000, C=1_000)
    assert units == [1_200, 2_500] and not faults


def test_streaming_reads_nothing_twice():
    units, faults = drawn_of("dataset: ['W#1200', 'C#2500']\nstreaming: true", W=3_000, C=1_000)
    assert units == [1_200, 1_000]
    assert "C has 1,000 rows" in faults["ends"][0]


def test_probabilities_are_those_of_interleave_datasets():
    result = export(create("ms-swift", {"form": "probabilities"}), order(packed=True))
    content = yaml.safe_load(result.text)
    assert content["interleave_prob"] == pytest.approx(list(WEIGHTS.values()))
    assert content["stopping_strategy"] == "first_exhausted"
    longer = export(create("ms-swift", {"form": "probabilities"}), order(tokens=1e10))
    assert yaml.safe_load(longer.text)["stopping_strategy"] == "all_exhausted"
    assert longer.accounts[0].random


@pytest.mark.parametrize(
    "text",
    [
        "dataset: [a#300, b]\ninterleave_prob: [0.6, 0.4]",
        "swift sft --model x --dataset a#300 \\\n  b --interleave_prob 0.6 0.4 # it's all",
        "swift sft --dataset 'a#300' b --interleave_prob 0.6 0.4 --lora_rank 8",
    ],
)
def test_files_and_commands_of_others_are_read(text):
    (blend,) = create("ms-swift").read(text, "FILE")
    assert [(entry.path, entry.number) for entry in blend.entries] == [("a", 0.6), ("b", 0.4)]
    # of a, 300 rows are left to draw from: it ends at 500 of 1,000 rows
    _, faults = drawn_of(text, 1_000, a=5_000, b=5_000)
    assert "50.0%" in faults["ends"][0]


@pytest.mark.parametrize(
    "text, kind, words",
    [
        ("dataset: [a#0, b#5]", "refused", "a has 0 rows"),
        ("dataset: [a#-3]", "refused", "a has -3 rows"),
        ("dataset: [a#b]", "refused", "no number of rows"),
        ("dataset: [a, b#5]", "remark", "all of its rows"),
        ("dataset: [a, b]\ninterleave_prob: [0.6, 0.3]", "refused", "sum to 0.9"),
        ("dataset: [a, b]\ninterleave_prob: [1.0]", "refused", "2 sources and 1"),
        (
            "dataset: [a, b]\ninterleave_prob: [1, 0]\nstopping_strategy: all_exhausted",
            "ends",
            "never ends",
        ),
    ],
)
def test_traps_are_told(text, kind, words):
    _, faults = drawn_of(text, a=10, b=10)
    assert any(words in message for message in faults[kind])


@pytest.mark.parametrize(
    "path, form",
    [("-a", "counts"), (" a", "counts"), ("x::y", "counts"), ("a#b", "probabilities")],
)
def test_paths_that_the_trainer_takes_apart_are_refused(path, form):
    wanted = order({"web": 1.0})
    wanted = replace(wanted, sources=(replace(wanted.sources[0], path=path),))
    with pytest.raises(MixwrightError, match="another path"):
        export(create("ms-swift", {"form": form}), wanted)


@pytest.mark.parametrize("path", ["hf::org/name:subset", "a#b", "MS::x"])
def test_hubs_subsets_and_marks_are_kept(path):
    wanted = order({"web": 1.0})
    wanted = replace(wanted, sources=(replace(wanted.sources[0], path=path),))
    text = export(create("ms-swift"), wanted).text
    (blend,) = create("ms-swift").read(text, "FILE")
    assert blend.entries[0].path == path


def test_small_sources_are_dropped_by_name_and_the_remedy_keeps_them():
    result = export(create("ms-swift"), order(tokens=1e6))
    assert {drop.source.domain for drop in result.dropped} == {"books", "laws"}
    assert "a training of 3.12e+08 tokens or more reads all of them" in result.notes


def test_an_unknown_form_is_refused():
    with pytest.raises(MixwrightError, match="no form shares"):
        export(create("ms-swift", {"form": "shares"}), order())


def test_the_training_ends_where_the_rows_do():
    _, faults = drawn_of("dataset: ['a#300', 'b#200']", 1_000, a=300, b=300)
    assert "50.0%" in faults["ends"][0] and "repeat" in faults["ends"][0]
    _, faults = drawn_of("dataset: ['a#300', 'b#200']\nnum_train_epochs: 2", 1_000, a=300, b=300)
    assert "ends" not in faults
