"""torchtitan: rows at random (0.3), or Grain's interleaving of rows or documents (main)."""

import ast
from dataclasses import replace

import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import (
    DOCUMENTS,
    ENDS,
    REFUSED,
    REMARK,
    SEQUENCES,
    Budget,
    Size,
)
from mixwright.proposals.export.exporting import export
from orders import TOKENS, WEIGHTS, order

OLD = """
from torchtitan.hf_datasets.text_datasets import HFDataSource, InterleavedHuggingFaceTextDataLoader

config = InterleavedHuggingFaceTextDataLoader.Config(
    sources=[
        HFDataSource(dataset="c4", weight=0.75, infinite={first}),
        HFDataSource(dataset="fineweb", dataset_path="/d/F", weight={weight}, infinite={second}),
    ],
    seed=7,{more}
)
"""
NEW = """
books_ds = SingleDatasetConfig(source=IndexedJsonlSource.Config(patterns=("/d/books/*.jsonl",)))
code_ds = SingleDatasetConfig(source=HuggingFaceStreamingSource.Config(path="/d/code", split="x"))
books_packed_ds = ConcatThenSplitPackingConfig(dataset=books_ds)
code_packed_ds = ConcatThenSplitPackingConfig(dataset=code_ds)
mix_ds = DatasetMixConfig(
    datasets=(
        WeightedDataset(dataset={books}, weight={weight}),
        WeightedDataset(dataset={code}, weight=0.25),
    ),
)
config.dataloader = GrainDataLoader.Config(dataset=mix_ds{more})
"""


def old(first="True", second="True", weight="0.25", more=""):
    return OLD.format(first=first, second=second, weight=weight, more=more)


def new(books="books_packed_ds", code="code_packed_ds", weight="0.75", more=""):
    return NEW.format(books=books, code=code, weight=weight, more=more)


def checked(text, budget=None, **settings):
    trainer = create("torchtitan", settings)
    (blend,) = trainer.read(text, "FILE")
    return account(trainer, blend, budget or Budget(TOKENS, 1_000))


def kinds(stage):
    return {fault.kind for fault in stage.faults}


def test_rows_of_0_3_keep_every_source_and_say_what_chance_does():
    (stage,) = export(create("torchtitan"), order()).accounts
    assert {line.path: line.share for line in stage.lines} == pytest.approx(
        {f"/data/{name}": weight for name, weight in WEIGHTS.items()}
    )
    assert stage.random and not stage.is_faulty
    remarks = [fault.message for fault in stage.faults if fault.kind == REMARK]
    assert [message.split(":")[0] for message in remarks] == ["/data/books", "/data/laws"]
    # 20 of 1,000,000: the root of 20
    assert "20 sequences are expected, and chance moves that by 4.5" in remarks[1]


def test_ranks_repeat_one_sequence_of_sources():
    """64 ranks draw the same: 20 draws scatter as few as 20 / 64 do, times 64."""
    (stage,) = export(create("torchtitan", {"ranks": 64}), order()).accounts
    (laws,) = [fault.message for fault in stage.faults if "laws" in fault.message]
    assert "chance moves that by 36" in laws
    assert "never read in 73% of trainings" in laws


def test_the_module_has_a_call_for_each_source():
    text = export(create("torchtitan"), order()).text
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    sources = [call for call in calls if getattr(call.func, "id", "") == "HFDataSource"]
    assert len(sources) == len(WEIGHTS)
    for call in sources:
        assert {keyword.arg for keyword in call.keywords} == {
            "dataset",
            "dataset_path",
            "weight",
            "infinite",
        }


def test_main_counts_rows_that_are_packed_before_they_are_mixed():
    (stage,) = export(create("torchtitan", {"form": "main"}), order()).accounts
    assert not stage.random
    numbers = {line.path: line.number for line in stage.lines}
    assert numbers["/data/laws"] == 100
    assert numbers["/data/web"] == 3_000_000
    shares = {line.path: line.share for line in stage.lines}
    assert shares["/data/web"] == 0.6
    assert shares["/data/laws"] == 2e-5


def test_main_counts_documents_that_are_packed_after_they_are_mixed():
    trainer = create("torchtitan", {"form": "main", "pack": "after"})
    assert trainer.unit_of(trainer.settings) == DOCUMENTS
    result = export(trainer, order({"web": 0.6, "code": 0.4}))
    numbers = [line.number for line in result.accounts[0].lines]
    # 500 and 2,000 tokens a document
    assert numbers == [600, 100]
    assert "ConcatThenSplitPackingConfig(dataset=MIXTURE)" in result.text


def test_a_short_training_of_main_never_reaches_small_sources():
    result = export(create("torchtitan", {"form": "main"}), order(tokens=1e7))
    assert [drop.source.domain for drop in result.dropped] == ["books", "laws"]
    (remedy,) = [note for note in result.notes if "or more reads all" in note]
    sequences = int(remedy.split("of ")[1].split(" ")[0].replace(",", ""))
    longer = export(create("torchtitan", {"form": "main"}), order(tokens=sequences * 1e3))
    assert not longer.dropped
    shorter = export(create("torchtitan", {"form": "main"}), order(tokens=(sequences - 1) * 1e3))
    assert shorter.dropped


def test_ranks_of_main_interleave_each_for_itself():
    one = export(create("torchtitan", {"form": "main"}), order(tokens=1e9))
    many = export(create("torchtitan", {"form": "main", "ranks": 64}), order(tokens=1e9))
    assert not one.dropped
    assert [drop.source.domain for drop in many.dropped] == ["laws"]
    # a quarter of the tokens, of 1e9 in the source
    assert many.accounts[0].lines[0].passes == pytest.approx(0.3, rel=1e-3)


def test_a_foreign_file_of_0_3():
    stage = checked(old())
    assert [(line.path, line.share) for line in stage.lines] == [("c4", 0.75), ("/d/F", 0.25)]
    assert not stage.is_faulty


def test_infinite_must_be_alike():
    assert REFUSED in kinds(checked(old(second="False")))


def test_numbers_below_zero_are_refused_and_zeros_are_not():
    assert REFUSED in kinds(checked(old(weight="-0.25")))
    zero = checked(old(weight="0"))
    assert zero.lines[1].share == 0
    assert not zero.is_faulty


def test_finite_sources_end_the_training():
    sizes = {"c4": Size(tokens=7.5e8), "/d/F": Size(tokens=1e8)}
    budget = Budget(TOKENS, 1_000, sizes=sizes)
    first = checked(old("False", "False"), budget)
    (fault,) = [fault for fault in first.faults if fault.kind == ENDS]
    # a tenth of the tokens, of a quarter
    assert "40.0%" in fault.message and "/d/F" in fault.message
    more = '\n    stopping_strategy="all_exhausted",'
    assert not checked(old("False", "False", more=more), budget).is_faulty
    smaller = Budget(TOKENS, 1_000, sizes={"c4": Size(tokens=3e8), "/d/F": Size(tokens=1e8)})
    (fault,) = [
        fault
        for fault in checked(old("False", "False", more=more), smaller).faults
        if fault.kind == ENDS
    ]
    assert "40.0%" in fault.message


@pytest.mark.parametrize("packed", [True, False])
def test_a_foreign_file_of_main(packed):
    text = new() if packed else new(books="books_ds", code="code_ds")
    trainer = create("torchtitan")
    (blend,) = trainer.read(text, "FILE")
    assert trainer.unit_of(blend.settings) == (SEQUENCES if packed else DOCUMENTS)
    assert [entry.number for entry in blend.entries] == [0.75, 0.25]
    assert blend.settings["repeat"]


def test_main_without_repeat_ends_and_is_refused_on_several_ranks():
    sizes = {"books_packed_ds": Size(tokens=1e8), "code_packed_ds": Size(tokens=1e9)}
    budget = Budget(TOKENS, 1_000, sizes=sizes)
    assert kinds(checked(new(more=", repeat=False"), budget)) == {ENDS}
    assert REFUSED in kinds(checked(new(more=", repeat=False"), ranks=2))
    assert not checked(new(), budget).is_faulty


def test_main_takes_numbers_above_zero_alone():
    assert REFUSED in kinds(checked(new(weight="0")))


@pytest.mark.parametrize(
    "text",
    [
        new(weight="share"),
        new(books="books_ds"),
        new(books="DatasetMixConfig(datasets=(WeightedDataset(dataset=books_ds),))"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*; [^\n]*$"):
        checked(text)


@pytest.mark.parametrize("hostile", ["a'b", '"""', "a\\", "#", "{x}", "%s", "\n", "\ud83d\ude00"])
@pytest.mark.parametrize("form", ["0.3", "main"])
def test_hostile_paths_stay_literals(hostile, form):
    wanted = order({"web": 0.6, "code": 0.4})
    first, second = wanted.sources
    wanted = replace(wanted, sources=(replace(first, path=hostile), second))
    trainer = create("torchtitan", {"form": form})
    (blend,) = trainer.read(export(trainer, wanted).text, "FILE")
    assert blend.entries[0].path == hostile


def test_an_unknown_form_is_told_what_there_is():
    with pytest.raises(MixwrightError, match=r"no form 0\.4; use one of 0\.3, main"):
        export(create("torchtitan", {"form": "0.4"}), order())
