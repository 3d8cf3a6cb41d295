import random

import pytest

from mixwright.corpus import texts
from mixwright.corpus.texts import content_hash, encoded, is_altered


def test_the_hash_of_a_long_text_is_that_of_its_words(monkeypatch):
    draw = random.Random(0)
    for _ in range(500):
        text = "".join(draw.choices(["a", "bc", " ", "\n", "\u3000", "é"], k=draw.randrange(40)))
        expected = content_hash(text)
        for piece in (1, 3, 7):
            monkeypatch.setattr(texts, "PIECE", piece)
            assert content_hash(text) == expected
        monkeypatch.undo()


@pytest.mark.parametrize("wide", ["", "\u3000", "\x85", "é“"])
def test_all_ways_to_the_words_of_a_text_agree(monkeypatch, wide):
    draw = random.Random(1)
    spaces = [" ", "\n", "\t", "\r", "\x1f", "\v", "\x1e", "\0", "x", "yz", *wide]
    monkeypatch.setattr(texts, "SHORT", 1)
    for _ in range(500):
        text = "".join(draw.choices(spaces, k=draw.randrange(40)))
        assert texts._normalised(text) == " ".join(text.split()).encode()
    for number in range(0x3100):
        text = f" a{chr(number)} {chr(number)}b"
        assert texts._normalised(text) == " ".join(text.split()).encode()


def test_white_space_does_not_count():
    assert content_hash(" a\r\nb\u2003 c ") == content_hash("a b c")
    assert content_hash("a b") != content_hash("ab")


@pytest.mark.parametrize(
    ("text", "altered"), [(None, False), ("a\r\n", False), ("a\0", True), ("\ud800", True)]
)
def test_altered_is_what_plain_text_replaces(text, altered):
    assert is_altered(text) == altered
    assert encoded(text or "")[1] == (text == "\ud800")
