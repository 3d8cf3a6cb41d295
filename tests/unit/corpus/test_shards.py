import json
import re

import numpy as np
import pytest

from mixwright.corpus.shards import Examples, Shard, open_shard
from mixwright.errors import MixwrightError
from shard_files import make_shards, split

END = 0


@pytest.fixture
def examples() -> Examples:
    return Examples.of(
        [
            ([], [1, 2, 3, 4], [3, 0, 4, 1]),
            ([5, 6, 7, 8], [9, 10], 2),
            ([], [], 0),
            ([11], [12, 13, 14, 15, 16], [9, 1, 2, 3, 4, 5]),
        ],
        END,
    )


def rows(examples: Examples) -> list[list[int]]:
    return [
        examples.tokens[a:b].tolist()
        for a, b in zip(examples.starts[:-1], examples.starts[1:], strict=True)
    ]


def test_examples_open_with_the_end_token_and_the_empty_one_is_left_out(examples):
    assert rows(examples) == [
        [END, 1, 2, 3, 4],
        [END, 5, 6, 7, 8, 9, 10],
        [END, 11, 12, 13, 14, 15, 16],
    ]
    assert examples.scored_from.tolist() == [1, 5, 2]
    assert examples.scored_tokens.tolist() == [4, 2, 5]


@pytest.mark.parametrize(
    ("tokens", "scored"),
    [(1, [1]), (3, [3]), (4, [4]), (5, [4, 2]), (6, [4, 2]), (7, [4, 2, 5]), (10**9, [4, 2, 5])],
)
def test_a_text_is_cut_where_the_tokens_are_reached_and_an_answer_stays_whole(
    examples, tokens, scored
):
    first = examples.first(tokens=tokens)
    assert first.scored_tokens.tolist() == scored
    assert rows(first)[0] == rows(examples)[0][: 1 + scored[0]]
    assert rows(first)[1:] == rows(examples)[1 : len(scored)]
    assert first.scored_bytes[0] == sum([3, 0, 4, 1][: scored[0]])


def test_texts_without_context_are_scored_to_the_very_token():
    documents = Examples.of([([], list(range(1, n)), 1) for n in (5, 3, 9, 2, 7)], END)
    total = int(documents.scored_tokens.sum())
    for tokens in range(1, total + 3):
        first = documents.first(tokens=tokens)
        assert first.scored_tokens.sum() == first.scored_bytes.sum() == min(tokens, total)
        both = documents.first(tokens=tokens, example_tokens=4)
        assert both.scored_tokens.sum() == min(tokens, 3 + 2 + 3 + 1 + 3)
        assert both.scored_tokens.max() <= 3


def test_as_many_examples_as_are_wanted(examples):
    assert len(examples.first(examples=2)) == 2
    assert len(examples.first(tokens=1, examples=2)) == 1
    assert rows(examples.first()) == rows(examples)
    assert not len(Examples.of([], END).first(tokens=3, examples=2, example_tokens=2))


def test_a_cut_example_keeps_the_end_of_its_context_and_the_start_of_its_text(examples):
    cut = examples.first(example_tokens=4)
    assert rows(cut) == [[END, 1, 2, 3], [END, 8, 9, 10], [END, 11, 12, 13]]
    assert cut.scored_from.tolist() == [1, 2, 2]
    assert cut.scored_bytes.tolist() == [3 + 0 + 4, 2 + 2, 1 + 2]
    assert cut.whole().scored_bytes.tolist() == [3 + 0 + 4, 2 + 2 + 2, 9 + 1 + 2]


@pytest.mark.parametrize("part", [0, 10, 200])
def test_a_broken_file_of_examples_is_named(examples, tmp_path, part):
    examples.save(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:part])
    with pytest.raises(MixwrightError, match=r"b\.npz: not a file of examples"):
        Examples.load(tmp_path / "b.npz")


def test_examples_survive_a_round_trip_byte_for_byte(examples, tmp_path):
    examples.save(tmp_path / "a.npz")
    examples.save(tmp_path / "b.npz")
    loaded = Examples.load(tmp_path / "a.npz")
    for name in ("tokens", "starts", "scored_from", "token_bytes", "scored_bytes"):
        assert np.array_equal(getattr(loaded, name), getattr(examples, name))
        assert getattr(loaded, name).dtype == np.int64
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_file_without_the_bytes_of_each_token_is_refused(examples, tmp_path):
    older = {"tokens": examples.tokens, "starts": examples.starts}
    older |= {"scored_from": examples.scored_from, "scored_bytes": examples.scored_bytes}
    np.savez(tmp_path / "older.npz", **older)
    with pytest.raises(MixwrightError, match=r"older\.npz: .*; tokenize the corpus again"):
        Examples.load(tmp_path / "older.npz")


def blocks(shard: Shard, context: int) -> list[list[int]]:
    return [shard.sequence(block, context).tolist() for block in range(shard.sequences(context))]


def test_a_shard_of_one_part_has_the_blocks_of_a_shard_in_one_folder(tmp_path):
    (whole,) = make_shards(tmp_path, (1000,))
    one = split(whole, tmp_path, [])
    assert blocks(one, 32) == blocks(whole, 32) and len(blocks(one, 32)) == 31
    assert one.fingerprint == whole.fingerprint and one.tokens.filename.name == "train.bin"


def test_blocks_are_counted_over_parts_and_none_goes_over_a_parts_end(tmp_path):
    (whole,) = make_shards(tmp_path, (1000,))
    # A part without a token, two under one block, one with a block to the token.
    shard = split(whole, tmp_path, [300, 0, 10, 32, 33, 64])
    assert [len(part) for part in shard.parts] == [300, 0, 10, 32, 33, 64, 561]
    expected = []
    end = 0
    for part in shard.parts:
        for block in range((len(part) - 1) // 32):
            at = end + block * 32
            expected.append(whole.tokens[at : at + 33].tolist())
        end += len(part)
    assert blocks(shard, 32) == expected
    assert shard.firsts(32) == [0, 9, 9, 9, 9, 10, 11, 28] and shard.sequences(64) == 4 + 8
    assert shard.size == 1000 and (shard.tokens == whole.tokens).all()


def test_a_shard_of_gigabytes_costs_no_memory_until_it_is_read(tmp_path):
    (whole,) = make_shards(tmp_path, (1000,))
    split(whole, tmp_path, [300])
    folder = tmp_path / "shards/a"
    place = tmp_path / "tokens/a/0/train.bin"
    tokens = 10**11
    with place.open("r+b") as file:
        # A file with a hole: of more bytes than memory has.
        file.truncate(2 * tokens)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["parts"][0]["tokens"] = tokens
    manifest["splits"]["train"]["tokens"] = tokens + 700
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shard = open_shard(folder)
    assert shard.size == tokens + 700 and shard.sequences(1000) == 10**8 - 1
    assert shard.sequence(10**8 - 2, 1000).tolist() == [0] * 1001


def test_a_part_that_is_missing_or_has_other_tokens_is_named(tmp_path):
    (whole,) = make_shards(tmp_path, (1000,))
    split(whole, tmp_path, [300])
    folder = tmp_path / "shards/a"
    part = tmp_path / "tokens/a/1/train.bin"
    part.write_bytes(part.read_bytes()[:-2])
    expected = f"{part.parent}: train.bin has 699 tokens, its manifest 700; "
    with pytest.raises(MixwrightError, match=re.escape(expected)):
        open_shard(folder)
    part.unlink()
    expected = f"{part.parent}: not a token shard (FileNotFoundError); tokenize"
    with pytest.raises(MixwrightError, match=re.escape(expected)):
        open_shard(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parts": [{"folder": "../../tokens/a/0"}]}, "not a token shard (KeyError)"),
        ({"parts": 7}, "not a token shard (TypeError)"),
        (
            {"parts": [{"folder": "../../tokens/a/0", "tokens": 300}]},
            "its parts have 300 tokens, its manifest 1000",
        ),
    ],
)
def test_a_manifest_whose_parts_do_not_fit_is_refused(tmp_path, change, words):
    (whole,) = make_shards(tmp_path, (1000,))
    split(whole, tmp_path, [300])
    path = tmp_path / "shards/a/manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(MixwrightError, match=re.escape(f"{path.parent}: {words}")):
        open_shard(path.parent)
