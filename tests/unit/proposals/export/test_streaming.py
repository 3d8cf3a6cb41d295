"""MosaicML Streaming's rule and files."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import export
from orders import LENGTHS, WEIGHTS, order

FOREIGN = """\
train_loader:
  name: text
  dataset:
    streams:
      c4: {remote: s3://b/c4, local: /tmp/c4, split: train, proportion: 3}
      stack: {local: /tmp/stack, split: train, proportion: 1}
    shuffle: true
    epoch_size: 10k
    max_seq_len: 2048
"""
MODULE = """\
from streaming import Stream, StreamingDataset
ROWS = 1000
streams = [
    Stream(remote="s3://b/c4", local="/tmp/c4", repeat=0.5),
    Stream(local="/tmp/stack", choose=ROWS),
]
dataset = StreamingDataset(streams=streams, shuffle=True, batch_size=4)
"""


def streams(numbers: dict, kind: str = "proportion", **keys) -> str:
    written = {name: {"local": f"/d/{name}", kind: number} for name, number in numbers.items()}
    return yaml.safe_dump({"streams": written, "shuffle": True, **keys}, sort_keys=False)


def checked(text: str, budget: Budget | None = None):
    budget = budget or Budget()
    trainer = create("streaming")
    (blend,) = trainer.read(text, "FILE")
    return account(trainer, blend, budget), trainer.draw(blend, budget).units


def messages(stage) -> str:
    return "\n".join(f"{fault.kind}: {fault.message}" for fault in stage.faults)


def test_shares_of_tokens_become_shares_of_rows():
    result = export(create("streaming"), order())
    content = yaml.safe_load(result.text)
    rows = {name: weight / LENGTHS[name] for name, weight in WEIGHTS.items()}
    total = sum(rows.values())
    for name, stream in content["streams"].items():
        domain = name.removeprefix("/data/")
        assert stream == {"local": name, "proportion": pytest.approx(rows[domain] / total)}
    # an epoch is the whole training
    assert content["epoch_size"] == pytest.approx(1e9 * total, abs=1)
    assert content["shuffle"] is True
    assert "Tokens a row: /data/web 500, " in result.text
    # books are 1.6 rows of 50,000 tokens, and laws 5 of 4,000
    shares = [line.share for line in result.accounts[0].lines]
    assert shares[:3] == pytest.approx([0.6, 0.3, 0.0999], rel=1e-3)
    assert shares[3] in (pytest.approx(5e-5, rel=0.01), pytest.approx(1e-4, rel=0.01))


def test_packed_rows_are_sequences():
    result = export(create("streaming"), order(packed=True))
    assert yaml.safe_load(result.text)["epoch_size"] == 1_000_000
    _, units = checked(result.text, Budget(1e9, 1_000, packed=True))
    assert units.tolist() == [600_000, 300_000, 99_900, 80, 20]


def test_shares_are_rounded_down_and_some_streams_get_a_row_more():
    """Which ones hangs on shuffle_seed; a stream of 0 may be among them."""
    counts = set()
    for seed in range(40):
        text = streams({"web": 0.55, "code": 0.45, "laws": 0}, epoch_size=10, shuffle_seed=seed)
        _, units = checked(text)
        counts.add(tuple((units * 10).round().tolist()))
    assert counts == {(6, 4, 0), (5, 5, 0), (5, 4, 1)}


def test_the_seed_of_a_file_without_one_is_the_trainers():
    numbers = dict.fromkeys("abcdefg", 1)
    _, without = checked(streams(numbers, epoch_size=10))
    _, named = checked(streams(numbers, epoch_size=10, shuffle_seed=9_176))
    assert without.tolist() == named.tolist()


def test_what_an_epoch_cannot_hold_is_dropped_with_the_remedy():
    wanted = order(WEIGHTS, tokens=1e7, packed=True)
    dropped = set()
    for seed in range(20):
        result = export(create("streaming"), replace(wanted, seed=seed))
        names = {drop.source.domain for drop in result.dropped}
        dropped |= names
        assert names <= {"books", "laws"}
        if "laws" in names:
            assert any("epoch_size of 50,000 rows" in note for note in result.notes)
    assert dropped == {"books", "laws"}


def test_the_users_epoch_wins():
    result = export(create("streaming", {"epoch_size": 200_000}), order(packed=True))
    assert yaml.safe_load(result.text)["epoch_size"] == 200_000
    # five epochs, of 4,000,000 rows
    assert result.accounts[0].lines[0].passes == pytest.approx(0.15)


def test_without_an_epoch_size_an_epoch_is_as_long_as_the_streams():
    budget = Budget(sizes={"web": Size(rows=600), "code": Size(rows=400)})
    _, units = checked(streams({"web": 0.5, "code": 0.5}), budget)
    assert units.tolist() == [0.5, 0.5]
    stage, _ = checked(streams({"web": 0.9999, "code": 0.0001}), budget)
    assert "code (0.0001) is never read" in messages(stage) or "changed" in messages(stage)


def test_remote_places_and_the_form_of_the_foundry():
    wanted = order({"web": 0.6, "code": 0.4}, packed=True)
    first, second = wanted.sources
    wanted = replace(wanted, sources=(replace(first, path="s3://b/web"), second))
    text = export(create("streaming", {"form": "llm-foundry"}), wanted).text
    data = yaml.safe_load(text)["train_loader"]["dataset"]
    assert data["streams"]["s3://b/web"] == {"remote": "s3://b/web", "proportion": 0.6}
    (blend,) = create("streaming").read(text, "FILE")
    assert [entry.path for entry in blend.entries] == ["s3://b/web", "/data/code"]
    with pytest.raises(MixwrightError, match="llm-foundry"):
        export(create("streaming", {"form": "foundry"}), wanted)


def test_what_others_wrote_is_read():
    stage, units = checked(FOREIGN, Budget(2048 * 20_000, 2048, packed=True))
    assert [line.path for line in stage.lines] == ["c4", "stack"]
    assert units.tolist() == [15_000, 5_000]
    assert not stage.is_faulty
    listed = yaml.safe_load(FOREIGN)["train_loader"]["dataset"]
    listed["streams"] = list(listed["streams"].values())
    stage, _ = checked(yaml.safe_dump(listed), Budget())
    assert [line.path for line in stage.lines] == ["s3://b/c4", "/tmp/stack"]


def test_repeat_and_choose_are_read_from_python():
    budget = Budget(sizes={"s3://b/c4": Size(rows=6_001), "/tmp/stack": Size(rows=500)})
    stage, units = checked(MODULE, budget)
    assert units == pytest.approx(np.array([3_000, 1_000]) / 4_000)
    assert not stage.is_faulty


def test_streams_without_numbers_are_read_whole():
    text = yaml.safe_dump({"streams": {"a": {"local": "a"}, "b": {"local": "b"}}, "shuffle": True})
    budget = Budget(sizes={"a": Size(rows=300), "b": Size(rows=100)})
    stage, units = checked(text, budget)
    assert units.tolist() == [0.75, 0.25]
    assert not stage.is_faulty
    _, units = checked(text + "epoch_size: 40\n", budget)
    assert units.tolist() == [0.75, 0.25]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("streams: {a: {local: a, proportion: 1}, b: {local: b, repeat: 1}}", "not for others"),
        ("streams: {a: {local: a, proportion: 1}, b: {local: b}}", "not for others"),
        ("streams: {a: {local: a, proportion: 1, choose: 1}}", "proportion and choose"),
        ("streams: {a: {local: a, proportion: -1}}", "a has -1"),
        ("streams: {a: {local: a, proportion: 0}}", "sum to 0"),
        ("streams: {a: {proportion: 1}}", "no local and no remote"),
        ("streams: {a: {local: a, choose: 5}}\nepoch_size: 5", "leave it out"),
        ("streams: {a: {local: a, proportion: 1}}\nepoch_size: 1e6", "epoch_size is 1e6"),
    ],
)
def test_what_the_trainer_refuses_is_said(text, word):
    stage, _ = checked(text)
    assert "refused" in {fault.kind for fault in stage.faults}
    assert word in messages(stage)


def test_without_shuffle_streams_are_read_one_after_another():
    text = streams({"web": 0.5, "code": 0.5}, epoch_size=10)
    assert not checked(text)[0].is_faulty
    stage, _ = checked(text.replace("shuffle: true", "shuffle: false"))
    assert "changed: shuffle is off" in messages(stage)


@pytest.mark.parametrize(
    "text",
    [
        "streams: {}",
        "streams: []",
        "streams: 1",
        "streams: {a: 1}",
        "streams: {a: {local: a, proportion: half}}",
        "streams: {a: {local: a}}\nshuffle_seed: x",
        "dataset: {}",
        "x = Stream()",
        "Stream(",
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE.*; \w"):
        create("streaming").read(text, "FILE")
