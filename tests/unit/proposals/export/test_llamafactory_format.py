"""LLaMA-Factory's probabilities, and the factors of its version 1."""

import json
from dataclasses import replace

import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order

NUMBERS = list(WEIGHTS.values())
THEIRS = "dataset: identity, alpaca\nmix_strategy: interleave_{strategy}\n"
PROBABILITIES = "interleave_probs: 0.6,0.4\n"


def faults_of(name, text, budget=None):
    (blend,) = create(name).read(text, "FILE")
    drawn = create(name).draw(blend, budget or Budget())
    faults = {}
    for fault in (*blend.faults, *drawn.faults):
        faults.setdefault(fault.kind, []).append(fault.message)
    return faults


def ones(text, rows=100, **sizes):
    """What version 1 reads of sources a, b, c of so many rows."""
    trainer = create("llamafactory-v1")
    (blend,) = trainer.read(text, "FILE")
    known = {entry.path: Size(rows=sizes.get(entry.path, rows)) for entry in blend.entries}
    return trainer.draw(blend, Budget(None, 1, True, known))


def test_the_training_names_sources_and_probabilities():
    text = export(create("llamafactory"), order(packed=True)).text
    content = yaml.safe_load(text)
    assert content["dataset"].split(",") == [f"/data/{name}" for name in WEIGHTS]
    numbers = [float(number) for number in content["interleave_probs"].split(",")]
    assert numbers == pytest.approx(NUMBERS)
    assert content["mix_strategy"] == "interleave_under"
    assert content["streaming"] is True and content["dataloader_num_workers"] == 1


def test_one_source_has_its_probability_as_text():
    """The trainer takes a list of a text alone; a number would stop it."""
    text = export(create("llamafactory"), order({"web": 1.0}, packed=True)).text
    assert yaml.safe_load(text)["interleave_probs"] == "1"


def test_comments_hold_the_entries_of_dataset_info():
    text = export(create("llamafactory"), order({"web": 0.5, "code": 0.5})).text
    lines = text.split("dataset_info.json in dataset_dir needs:")[1].splitlines()
    info = "\n".join(line[2:] for line in lines if line.startswith("#"))
    assert json.loads(info)["/data/web"] == {"file_name": "/data/web"}
    online = export(create("llamafactory", {"dataset_dir": "ONLINE"}), order()).text
    assert "dataset_info" not in online


def test_sources_that_end_are_read_over():
    text = export(create("llamafactory"), order({"web": 0.5, "code": 0.5}, tokens=1e10)).text
    assert yaml.safe_load(text)["mix_strategy"] == "interleave_over"


@pytest.mark.parametrize("path", ["a,b", " a", "a ", "${x}", "???"])
def test_names_that_the_trainer_takes_apart_are_refused(path):
    wanted = order({"web": 1.0}, packed=True)
    (source,) = wanted.sources
    wanted = replace(wanted, sources=(replace(source, path=path),))
    with pytest.raises(MixwrightError, match="another path"):
        export(create("llamafactory"), wanted)


def test_a_foreign_training_is_read():
    text = THEIRS.format(strategy="over") + PROBABILITIES + "model_name_or_path: x\n"
    (blend,) = create("llamafactory").read(text, "FILE")
    assert [(entry.path, entry.number) for entry in blend.entries] == [
        ("identity", 0.6),
        ("alpaca", 0.4),
    ]
    listed = "dataset: [a, b]\nmix_strategy: interleave_under\ninterleave_probs: [0.6, 0.4]"
    (blend,) = create("llamafactory").read(listed, "FILE")
    assert [entry.number for entry in blend.entries] == [0.6, 0.4]


@pytest.mark.parametrize(
    "text, kind, words",
    [
        ("dataset: a,b\ninterleave_probs: 0.6,0.4", "refused", "with mix_strategy concat"),
        ("dataset: a,b", "remark", "every row is read once"),
        (THEIRS.format(strategy="under"), "remark", "same number of rows"),
        (THEIRS.format(strategy="once") + PROBABILITIES, "refused", "up to 4.0.0"),
        (THEIRS.format(strategy="twice") + PROBABILITIES, "refused", "interleave_twice is none"),
        (THEIRS.format(strategy="over") + "interleave_probs: 0.6,0.3", "refused", "sum to 0.9"),
        (THEIRS.format(strategy="over") + "interleave_probs: 0.6", "refused", "2 sources and 1"),
        (THEIRS.format(strategy="over") + "interleave_probs: 1,0", "ends", "never ends"),
        ("dataset: a,a\nmix_strategy: interleave_over\n" + PROBABILITIES, "refused", "twice"),
        (
            THEIRS.format(strategy="over") + PROBABILITIES + "streaming: true",
            "remark",
            "a file gives no row",
        ),
    ],
)
def test_traps_of_a_training_are_told(text, kind, words):
    assert any(words in message for message in faults_of("llamafactory", text)[kind])


def test_what_is_no_number_is_told():
    text = THEIRS.format(strategy="over") + "interleave_probs: 0.6,much"
    with pytest.raises(MixwrightError, match=r"^FILE: interleave_probs is 'much'"):
        create("llamafactory").read(text, "FILE")


def test_a_factor_is_on_the_rows_of_the_source():
    """The example of 3,000 and 1,000 rows, 2,000 of which are wanted."""
    drawn = ones("{W: {path: a, weight: 0.4}, C: {path: b, weight: 0.8}}", a=3_000, b=1_000)
    assert drawn.units.tolist() == [1_200, 800]
    assert not drawn.random


@pytest.mark.parametrize(
    "keys, rows, kind",
    [
        ("weight: 0", 100, "changed"),
        ("weight: 0.0", 100, "changed"),
        ("size: 0", 100, "changed"),
        ("weight: 2.5", 250, None),
        ("weight: '0.5'", 50, None),
        ("size: 30", 30, None),
        ("size: 30, weight: 0.5", 15, None),
        ("size: 30, weight: 0", 0, None),
        ("weight: 0.004", 0, "lost"),
        ("weight: 0.019", 1, None),
        ("weight: -1", 0, "changed"),
        ("split: train", 100, None),
    ],
)
def test_version_1_reads_numbers_in_its_own_way(keys, rows, kind):
    drawn = ones(f"a: {{path: a, {keys}}}")
    assert drawn.units.tolist() == [rows]
    assert [fault.kind for fault in drawn.faults] == ([kind] if kind else [])


def test_version_1_streams_nothing():
    faults = faults_of("llamafactory-v1", "a: {path: a, streaming: true, weight: 1}")
    assert "no row" in faults["refused"][0]


def test_factors_give_whole_rows_exactly():
    """100 * 0.29 is 28.999999999999996, of which the trainer takes 28."""
    wanted = order({"web": 0.29, "code": 0.71}, tokens=100)
    sources = [replace(source, tokens=100, rows=100) for source in wanted.sources]
    text = export(create("llamafactory-v1"), replace(wanted, sources=tuple(sources))).text
    content = yaml.safe_load(text)
    weight = content["/data/web"]["weight"]
    assert weight > 0.29 and int(100 * weight) == 29
    assert content["/data/web"]["source"] == "local"


def test_names_at_a_hub_have_no_local_source():
    wanted = order({"web": 1.0})
    (source,) = wanted.sources
    wanted = replace(wanted, sources=(replace(source, path="org/web"),))
    content = yaml.safe_load(export(create("llamafactory-v1"), wanted).text)
    assert "source" not in content["org/web"]


def test_what_keeps_the_small_sources_is_told():
    result = export(create("llamafactory-v1"), order(tokens=1e6))
    assert {drop.source.domain for drop in result.dropped} == {"books", "laws"}
    # half a row of 50,000 tokens is 8e-5 of the training
    assert "a training of 3.12e+08 tokens or more reads all of them" in result.notes
    longer = export(create("llamafactory-v1"), order(tokens=3.2e8))
    assert not longer.dropped


def test_an_epoch_that_is_too_short_is_told():
    text = "{W: {path: a, weight: 0.4}, C: {path: b, weight: 0.8}}"
    sizes = {"a": Size(rows=3_000), "b": Size(rows=1_000)}
    faults = faults_of("llamafactory-v1", text, Budget(4_000, 1, True, sizes))
    assert "50.0% of its tokens" in faults["ends"][0] and "repeat" in faults["ends"][0]
    faults = faults_of("llamafactory-v1", text, Budget(1_000, 1, True, sizes))
    assert "2 times" in faults["remark"][0]


@pytest.mark.parametrize("text", ["a: 1", "a: {weight: 1}", "a: {path: b, weight: much}"])
def test_version_1_tells_what_is_no_source(text):
    with pytest.raises(MixwrightError, match=r"^FILE: a"):
        create("llamafactory-v1").read(text, "FILE")
