import numpy as np
import pytest

from mixwright.corpus.shards import Examples
from mixwright.errors import MixwrightError

END = 0


@pytest.fixture
def examples() -> Examples:
    return Examples.of(
        [
            ([], [1, 2, 3, 4], 8),
            ([5, 6, 7, 8], [9, 10], 4),
            ([], [], 0),
            ([11], [12, 13, 14, 15, 16], 10),
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


def test_first_takes_whole_examples_until_the_tokens_are_reached(examples):
    assert len(examples.first(tokens=1)) == 1
    assert len(examples.first(tokens=4)) == 1
    assert len(examples.first(tokens=5)) == 2
    assert len(examples.first(tokens=10**9)) == 3
    assert len(examples.first(examples=2)) == 2
    assert rows(examples.first()) == rows(examples)


def test_a_cut_example_keeps_the_end_of_its_context_and_the_start_of_its_text(examples):
    cut = examples.first(example_tokens=4)
    assert rows(cut) == [[END, 1, 2, 3], [END, 8, 9, 10], [END, 11, 12, 13]]
    assert cut.scored_from.tolist() == [1, 2, 2]
    assert cut.scored_bytes.tolist() == [6, 4, 4]


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
    for name in ("tokens", "starts", "scored_from", "scored_bytes"):
        assert np.array_equal(getattr(loaded, name), getattr(examples, name))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
