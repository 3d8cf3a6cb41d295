"""Megatron-Energon: metadatasets of weights and of repetitions."""

import json
from dataclasses import replace

import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import (
    LOST,
    PASSES,
    REFUSED,
    REMARK,
    Blend,
    Budget,
    Entry,
    Size,
)
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.trainers.energon import repetitions_of, rows_taken
from orders import WEIGHTS, order

HEAD = "__module__: megatron.energon\n__class__: MetadatasetV2\n"


def read(text):
    (blend,) = create("energon").read(text, "FILE")
    return blend


def entries(blend):
    return [(entry.path, entry.number) for entry in blend.entries]


def train(text):
    return f"{HEAD}splits:\n  train: {text}\n"


def check(text, **sizes):
    return account(create("energon"), read(text), Budget(sizes=sizes))


def test_a_metadataset_of_the_documented_grammar():
    content = yaml.safe_load(export(create("energon"), order(packed=True)).text)
    assert (content["__module__"], content["__class__"]) == ("megatron.energon", "MetadatasetV2")
    blend = content["splits"]["train"]["blend"]
    assert [entry["path"] for entry in blend] == [f"/data/{name}" for name in WEIGHTS]
    assert [entry["weight"] for entry in blend] == pytest.approx(list(WEIGHTS.values()))


@pytest.mark.parametrize("path", ["yes", "1e5", "1_0", "null", "~", "nan", "x: y", "größe"])
def test_paths_are_quoted_whatever_they_look_like(path):
    """Energon takes 1e5 and 1_0 for numbers, which YAML 1.1 does not: quotes alone help."""
    wanted = order({"web": 0.5, "code": 0.5})
    first, other = wanted.sources
    wanted = replace(wanted, sources=(replace(first, path=path), other))
    text = export(create("energon"), wanted).text
    assert f"path: {json.dumps(path, ensure_ascii=False)}\n" in text


def test_weights_have_a_point():
    text = export(create("energon"), order({"web": 1.0})).text
    assert "weight: 1.0\n" in text


def test_small_chances_are_steps_of_torch_rand():
    numbers = [0.999999, 1e-6, 1e-7, 1e-8]
    blend = Blend(tuple(Entry(str(place), number) for place, number in enumerate(numbers)))
    draw = create("energon").draw(blend, Budget())
    units = draw.units * 2**24
    assert units.tolist() == [round(unit) for unit in units]
    assert units[3] == 0
    assert [fault.kind for fault in draw.faults] == [LOST]


def test_chances_come_of_32_bit_sums():
    """A millionth is 16.8 steps of torch.rand; after .9 and .1 its sum leaves 15 of them."""
    blend = Blend((Entry("a", 0.9), Entry("b", 0.1), Entry("c", 1e-6)))
    draw = create("energon").draw(blend, Budget())
    assert draw.units[2] * 2**24 == pytest.approx(15, abs=1e-6)


@pytest.mark.parametrize(
    ("repetitions", "rows", "drawn"),
    [(1, 10, 10), (2.5, 10, 25), (0.59, 10, 5), (0.09, 10, 0), (2.3, 10, 22), (0, 10, 0)],
)
def test_repetitions_are_rounded_down_to_rows(repetitions, rows, drawn):
    # 10 * (2.3 - 2) is a hair under 3
    assert rows_taken(repetitions, rows) == drawn


def test_repetitions_are_written_so_that_floats_do_not_lose_a_row():
    for wanted in range(1, 400):
        assert rows_taken(repetitions_of(wanted, 137), 137) == wanted


def test_the_repetitions_read_what_was_asked():
    wanted = order({"web": 0.6, "code": 0.4}, tokens=2e6)
    web, code = wanted.sources
    sources = (replace(web, tokens=3e6, rows=3e3), replace(code, tokens=1e6, rows=1e3))
    wanted = replace(wanted, sources=sources)
    result = export(create("energon", {"form": "blend_epochized"}), wanted)
    (stage,) = result.accounts
    assert [line.number for line in stage.lines] == [0.4, 0.8]
    assert [line.passes for line in stage.lines] == pytest.approx([0.4, 0.8])
    content = yaml.safe_load(result.text)
    keys = {key for entry in content["splits"]["train"]["blend_epochized"] for key in entry}
    assert keys == {"repetitions", "path"}


def test_less_than_half_a_row_is_dropped_with_a_remedy():
    wanted = order({"web": 0.9, "code": 0.1}, tokens=1e4, packed=True)
    result = export(create("energon", {"form": "blend_epochized"}), wanted)
    assert not result.dropped  # 9 rows and 1
    wanted = order({"web": 0.96, "code": 0.04}, tokens=1e4, packed=True)
    result = export(create("energon", {"form": "blend_epochized"}), wanted)
    assert [drop.source.domain for drop in result.dropped] == ["code"]
    assert "a training of 2.5e+04 tokens reads a row of each" in result.notes


def test_repetitions_ask_for_tokens_and_rows():
    trainer = create("energon", {"form": "blend_epochized"})
    with pytest.raises(MixwrightError, match="add --tokens"):
        export(trainer, order(tokens=None))
    wanted = order(packed=True)
    bare = tuple(replace(source, rows=None, tokens=None) for source in wanted.sources)
    with pytest.raises(MixwrightError, match="add `rows:`"):
        export(trainer, replace(wanted, sources=bare))


def test_an_unknown_form_is_refused():
    with pytest.raises(MixwrightError, match="use one of blend, blend_epochized"):
        export(create("energon", {"form": "mix"}), order())


FOREIGN = """
__module__: megatron.energon
__class__: MetadatasetV2
splits:
  train:
    blend:
      - weight: 5
        path: ./coco
        subflavors: {augmentation: true}
      - path: ./coyo
      - weight: 8e-05
        join:
          - {path: ./text, nonmatch: skip}
          - {path: ./images}
        joiner: {__module__: mine, __function__: join}
  val:
    path: ./coco
"""


def test_a_metadataset_of_somebody_else_is_read():
    blend = read(FOREIGN)
    assert entries(blend) == [("./coco", 5), ("./coyo", 1), ("./text + ./images", 8e-05)]
    assert not blend.faults


def test_repetitions_of_somebody_else_are_passes():
    text = train("{blend_epochized: [{repetitions: 30, path: a}, {path: b}]}")
    stage = check(text, a=Size(1e4, rows=10), b=Size(1e5, rows=100))
    assert [line.passes for line in stage.lines] == [30, 1]
    assert [fault.kind for fault in stage.faults] == [PASSES]
    assert stage.lines[0].share == pytest.approx(0.75)


def test_version_1_is_read():
    text = (
        "__module__: megatron.energon\n__class__: Metadataset\n"
        "splits: {train: {datasets: [{weight: 2, path: a}, {weight: 1, path: b}]}}"
    )
    assert entries(read(text)) == [("a", 2), ("b", 1)]
    assert not read(text).faults


def test_one_data_set_is_a_blend_of_one():
    assert entries(read(train("{path: a}"))) == [("a", 1)]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("splits: {train: {blend: [{weight: 1, path: a}]}}", REFUSED, "no __class__"),
        (train("{datasets: [{weight: 1, path: a}]}"), REFUSED, "version 1"),
        (train("{blend: [{weight: 0, path: a}, {path: b}]}"), REFUSED, "a has 0"),
        (train("{blend: [{repetitions: 2, path: a}]}"), REFUSED, "write weight"),
        (train("{blend_epochized: [{weight: 2, path: a}]}"), REFUSED, "write repetitions"),
        (train("{blend_epochized: [{repetitions: 0, path: a}]}"), REFUSED, "a has 0"),
        (train("{blend: [{weight: 1, path: b.yaml}]}"), REMARK, "numbers multiply"),
        (train("{blend: [{path: a, subset: {range: [0%, 50%]}}]}"), REMARK, "subset"),
    ],
)
def test_traps_are_told(text, kind, words):
    stage = check(text)
    assert any(fault.kind == kind and words in fault.message for fault in stage.faults), stage


def test_a_part_of_a_row_is_never_read():
    text = train("{blend_epochized: [{repetitions: 0.05, path: a}, {path: b}]}")
    stage = check(text, a=Size(1e4, rows=10), b=Size(1e5, rows=100))
    assert [fault.kind for fault in stage.faults] == [LOST]


@pytest.mark.parametrize(
    "text",
    [
        "splits: {val: {path: a}}",
        train("{blend: []}"),
        train("{blend: [a]}"),
        train("{blend: [{weight: 1}]}"),
        train("{blend: [{weight: '1', path: a}]}"),
        train("{blend: [{weight: true, path: a}]}"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*$"):
        read(text)
