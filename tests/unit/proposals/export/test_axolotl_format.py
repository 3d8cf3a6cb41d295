"""axolotl's weights: the share of a source's rows that is kept."""

from dataclasses import replace

import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order


def drawn_of(text, tokens=None, **rows):
    """What axolotl reads, of packed rows of a token."""
    trainer = create("axolotl")
    (blend,) = trainer.read(text, "FILE")
    sizes = {name: Size(rows=count) for name, count in rows.items()}
    drawn = trainer.draw(blend, Budget(tokens, 1, True, sizes))
    faults = {fault.kind: fault.message for fault in (*blend.faults, *drawn.faults)}
    return drawn.units.tolist(), faults


def test_weights_keep_the_rows_of_the_example():
    text = "datasets: [{path: W, weight: 0.5}, {path: C, weight: 1.0}]"
    units, faults = drawn_of(text, 2_500, W=3_000, C=1_000)
    assert units == [1_500, 1_000] and not faults


def test_a_file_keeps_the_rows_of_the_training():
    wanted = order(packed=True)
    sources = [replace(source, rows=2_000_000) for source in wanted.sources]
    wanted = replace(wanted, sources=tuple(sources))
    content = yaml.safe_load(export(create("axolotl"), wanted).text)
    weights = [keys["weight"] for keys in content["datasets"]]
    rows = [int(2_000_000 * weight) for weight in weights]
    assert rows == [600_000, 300_000, 99_900, 80, 20]
    assert [keys["path"] for keys in content["datasets"]] == [f"/data/{name}" for name in WEIGHTS]
    assert all(keys["type"] == "completion" for keys in content["datasets"])
    assert content["num_epochs"] == 1


def test_without_tokens_the_scarcest_source_is_read_once():
    content = yaml.safe_load(export(create("axolotl"), order(tokens=None)).text)
    keys = content["datasets"][0]
    assert keys["path"] == "/data/web" and "weight" not in keys
    assert content["datasets"][1]["weight"] == pytest.approx(0.5)


def test_a_source_that_repeats_is_listed_again():
    text = export(create("axolotl"), order(tokens=5e9)).text
    web = [keys for keys in yaml.safe_load(text)["datasets"] if keys["path"] == "/data/web"]
    assert [keys.get("weight") for keys in web] == [None, 0.5]
    (blend,) = create("axolotl").read(text, "FILE")
    assert blend.entries[0].number == 1.5


def test_a_source_that_would_repeat_too_often_is_refused_by_name():
    with pytest.raises(MixwrightError, match="/data/web would repeat 60 times"):
        export(create("axolotl"), order({"web": 1.0}, tokens=1.2e11))


def test_a_source_of_less_than_a_row_is_told():
    """axolotl reads a row of whatever is listed."""
    result = export(create("axolotl"), order(tokens=1e6))
    faults = result.accounts[0].faults
    assert any("/data/books" in fault.message for fault in faults)
    assert {fault.kind for fault in faults} == {"changed", "remark"}


@pytest.mark.parametrize(
    "text, units, kind, words",
    [
        ("datasets: [{path: a, weight: 0}]", None, "refused", "0 < weight <= 1"),
        ("datasets: [{path: a, weight: 1.5}]", None, "refused", "list the path again"),
        ("datasets: [{path: a, weight: 0.001}]", [1], "changed", "at least one"),
        ("datasets: [{path: a, weight: 0.5}]\nstreaming: true", [100], "changed", "every row"),
        (
            "datasets: [{path: a}, {path: b}]\nstreaming: true\nsample_packing: true",
            None,
            "refused",
            "one source",
        ),
        (
            "datasets: [{path: a}, {path: a}]\ndataset_exact_deduplication: true",
            [100],
            "changed",
            "each row once",
        ),
        ("pretraining_dataset: [{path: a}, {path: b}]", [100, 0], "lost", "first entry"),
    ],
)
def test_traps_are_told(text, units, kind, words):
    drawn, faults = drawn_of(text, a=100, b=100)
    assert words in faults[kind]
    assert units is None or drawn == units


def test_epochs_read_the_same_rows_again():
    text = "datasets: [{path: a, weight: 0.5}]\nnum_epochs: 3"
    assert drawn_of(text, a=100)[0] == [150]
    _, faults = drawn_of(text, 300, a=100)
    assert "50.0%" in faults["ends"]


def test_a_shard_is_a_part_of_the_rows():
    text = "datasets: [{path: a, weight: 0.5, shards: 4, shards_idx: 1}]"
    assert drawn_of(text, a=100)[0] == [12]


def test_a_foreign_training_is_read():
    text = "base_model: x\ndatasets:\n  - path: org/a\n    type: alpaca\n    weight: '0.25'\n"
    (blend,) = create("axolotl").read(text, "FILE")
    assert [(entry.path, entry.number) for entry in blend.entries] == [("org/a", 0.25)]
    with pytest.raises(MixwrightError, match=r"^FILE: datasets 1: weight is 'much'"):
        create("axolotl").read(text.replace("'0.25'", "much"), "FILE")


def test_rows_are_asked_for():
    wanted = order({"web": 1.0})
    bare = replace(wanted.sources[0], rows=None)
    with pytest.raises(MixwrightError, match="--sources"):
        export(create("axolotl"), replace(wanted, sources=(bare,)))
