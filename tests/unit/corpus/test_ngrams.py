import random

import pytest

from mixwright.corpus.ngrams import BLOCK, Known, ngram_set, ngrams, shares

ALPHABETS = {
    "ASCII": "abcXYZ019_.-",
    "Greek": "αβγΣΌσ",
    "Turkish": "iıİIa",
    "Chinese": "中文字一二",
    "Thai": "กขฃคฅฆ",
    "mixed": "abé中กΣ\u200b\xad",
}


def text_of(alphabet: str, seed: int, words: int) -> str:
    draw = random.Random(seed)
    listed = ["".join(draw.choices(alphabet, k=draw.randrange(3, 9))) for _ in range(words)]
    return "".join(word + draw.choice([" ", "\n", "\t", "\u2003", "  "]) for word in listed)


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_texts_of_a_batch_are_looked_at_one_by_one(alphabet):
    texts = [text_of(alphabet, seed, 40 if seed % 3 else 3) for seed in range(60)]
    texts += ["", " ", "a", *(text_of("abcdef", seed, 30) for seed in range(9))]
    targets = [texts[number] for number in (1, 7, 31, 65)]
    known = Known(ngram_set(targets, 13), 13)
    expected = [shares(text, known.hashes, 13) for text in texts]
    assert known.shared(texts).tolist() == expected
    assert known.shared(texts[::-1]).tolist() == expected[::-1]
    assert sum(expected) >= 4


def test_an_ngram_does_not_reach_from_one_text_into_the_next():
    known = Known(ngram_set(["a b c d 中 文 字"], 4), 4)
    assert known.shared(["x a b c", "d y", "a b c d"]).tolist() == [False, False, True]
    assert known.shared(["x é a b c", "d é"]).tolist() == [False, False]
    assert known.shared(["d 中", "文 字", "d 中文字"]).tolist() == [False, False, True]


@pytest.mark.parametrize("alphabet", ["abcXYZ", "αβγΣ", "中文字一二三四五", "กขฃคฅ"])
def test_a_passage_is_found_at_every_place_of_a_long_text(alphabet):
    known = Known(ngram_set(["q1 q2 q3 q4 q5"], 5), 5)
    filler = text_of(alphabet, 1, 3 * BLOCK // 6)
    assert len(filler) > 2 * BLOCK
    assert not known.shared([filler]).any()
    for place in range(BLOCK - 40, BLOCK + 20, 3):
        text = f"{filler[:place]} Q1 q2\nq3 Q4 q5 {filler[place:]}"
        assert known.shared([text]).all()


def test_a_long_text_without_spaces_is_worked_on_in_pieces():
    assert len(ngrams("a" * (3 * BLOCK), 1)) < 5
    known = Known(ngram_set(["x " * 20], 13), 13)
    assert known.shared(["a" * (3 * BLOCK), "x " * (2 * BLOCK)]).tolist() == [False, True]


def test_capitals_whose_lower_case_is_odd():
    assert set(ngrams("ΣΑΣ ΟΔΟΣ", 1)) == set(ngrams("σας οδος", 1))
    assert set(ngrams("İI", 1)) == set(ngrams("i\u0307i", 1))
    assert len(ngrams("\ud800 a", 2)) == 1
    assert set(ngrams("a\0", 1)).isdisjoint(ngrams("b", 1))
