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


def test_white_space_does_not_count():
    assert content_hash(" a\r\nb\u2003 c ") == content_hash("a b c")
    assert content_hash("a b") != content_hash("ab")


@pytest.mark.parametrize(
    ("text", "altered"), [(None, False), ("a\r\n", False), ("a\0", True), ("\ud800", True)]
)
def test_altered_is_what_plain_text_replaces(text, altered):
    assert is_altered(text) == altered
    assert encoded(text or "")[1] == (text == "\ud800")
