"""TRL's fractions: shares of the first rows, of a mixture in which nothing repeats."""

from dataclasses import replace

import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order


def drawn_of(text, tokens=None, **rows):
    """What TRL reads, of packed rows of a token."""
    trainer = create("trl")
    (blend,) = trainer.read(text, "FILE")
    sizes = {name: Size(rows=count) for name, count in rows.items()}
    drawn = trainer.draw(blend, Budget(tokens, 1, True, sizes))
    faults = {fault.kind: fault.message for fault in (*blend.faults, *drawn.faults)}
    return drawn.units.tolist(), faults


def test_the_total_is_capped_so_that_nothing_repeats():
    text = "datasets: [{path: W, fraction: 0.6}, {path: C, fraction: 0.4}]"
    units, faults = drawn_of(text, W=3_000, C=1_000)
    assert units == [1_500, 1_000]
    assert "first rows" in faults["remark"]


def test_a_file_of_the_example_is_valid_and_complete():
    content = yaml.safe_load(export(create("trl"), order(packed=True)).text)
    assert [keys["path"] for keys in content["datasets"]] == [f"/data/{name}" for name in WEIGHTS]
    fractions = [keys["fraction"] for keys in content["datasets"]]
    assert fractions == pytest.approx(list(WEIGHTS.values()))
    assert {keys["split"] for keys in content["datasets"]} == {"train"}
    # the mixture holds more than the training reads: 2e6 rows of web by .6
    assert content["num_train_epochs"] == pytest.approx(0.3)


def test_a_source_that_repeats_is_listed_again():
    content = yaml.safe_load(export(create("trl"), order(tokens=5e9)).text)
    web = [keys["fraction"] for keys in content["datasets"] if keys["path"] == "/data/web"]
    assert len(web) == 2 and web[0] == pytest.approx(2 * web[1])
    assert content["num_train_epochs"] == 1


def test_a_source_that_would_repeat_too_often_is_refused_by_name():
    with pytest.raises(MixwrightError, match="/data/web would repeat 60 times"):
        export(create("trl"), order({"web": 1.0}, tokens=1.2e11))


@pytest.mark.parametrize(
    "text, kind, words",
    [
        ("[{path: a, fraction: 0.6}, {path: b}]", "refused", "all or none"),
        ("[{path: a, fraction: 1}]\nstreaming: true", "refused", "streaming"),
        ("[{path: a, fraction: 0}]", "refused", "sum to 0"),
        ("[{path: a, fraction: 1}, {path: b, fraction: -0.1}]", "changed", "nothing of it"),
        ("[{path: a}, {path: b}]", "remark", "read whole"),
        ("[{path: a, fraction: 1}, {path: b, fraction: 0.001}]", "lost", "never read"),
    ],
)
def test_traps_are_told(text, kind, words):
    _, faults = drawn_of(f"datasets: {text}", a=100, b=100)
    assert words in faults[kind]


def test_a_training_that_is_longer_than_the_mixture_is_told():
    text = "datasets: [{path: W, fraction: 0.6}, {path: C, fraction: 0.4}]"
    _, faults = drawn_of(text, 5_000, W=3_000, C=1_000)
    assert "50.0%" in faults["ends"] and "list the paths again" in faults["ends"]
    _, faults = drawn_of(f"{text}\nnum_train_epochs: 2", 5_000, W=3_000, C=1_000)
    assert "ends" not in faults


def scarce(tokens):
    """Little of web, and a share of laws of a fortieth of a row at 1e6 tokens."""
    wanted = order({"web": 0.9999, "laws": 0.0001}, tokens=tokens)
    web, laws = wanted.sources
    return replace(wanted, sources=(replace(web, tokens=1e6, rows=2_000), laws))


def test_what_is_lost_is_dropped_and_what_keeps_it_is_told():
    result = export(create("trl"), scarce(1e6))
    assert [drop.source.domain for drop in result.dropped] == ["laws"]
    assert "a training of 2e+07 tokens or more reads all of them" in result.notes
    assert export(create("trl"), scarce(1.99e7)).dropped
    assert not export(create("trl"), scarce(2.01e7)).dropped


def test_subsets_of_one_path_are_two_sources():
    text = "datasets: [{path: a, name: x, fraction: 1}, {path: a, name: y, fraction: 1}]"
    (blend,) = create("trl").read(text, "FILE")
    assert [entry.path for entry in blend.entries] == ["a", 'a {"name": "y"}']


def test_a_file_is_loaded_by_its_builder():
    wanted = order({"web": 1.0})
    wanted = replace(wanted, sources=(replace(wanted.sources[0], path="/d/w.jsonl"),))
    text = export(create("trl"), wanted).text
    (keys,) = yaml.safe_load(text)["datasets"]
    assert keys["path"] == "json" and keys["data_files"] == "/d/w.jsonl"
    (blend,) = create("trl").read(text, "FILE")
    assert blend.entries[0].path == "/d/w.jsonl"


def test_unknown_rows_leave_the_shares_unknown():
    units, _ = drawn_of("datasets: [{path: a, fraction: 1}, {path: b, fraction: 1}]", a=10)
    assert str(units) == "[nan, nan]"


def test_numbers_as_text_are_taken_and_others_told():
    units, _ = drawn_of("datasets: [{path: a, fraction: '1'}]", a=10)
    assert units == [10]
    with pytest.raises(MixwrightError, match=r"^FILE: datasets 1: fraction is 'much'"):
        drawn_of("datasets: [{path: a, fraction: much}]")
