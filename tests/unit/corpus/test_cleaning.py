import random
from dataclasses import replace

import numpy as np
import pytest

from mixwright.corpus.cleaning import clean_target, split_query
from mixwright.corpus.documents import read_texts, target_ngrams, write_part, write_target
from mixwright.corpus.ngrams import ngrams, shares
from mixwright.errors import MixwrightError
from mixwright.sources import create
from mixwright.sources.text import cut
from source_rows import ALL_STEPS, cleaned

SETTINGS = replace(ALL_STEPS, max_document_bytes=2000)
NONE = np.zeros(0, np.uint64)


def words(seed: int, count: int = 60) -> str:
    draw = random.Random(seed)
    return " ".join(f"w{draw.randrange(5000)}" for _ in range(count))


def texts(count: int = 200) -> list[str]:
    return [words(seed) for seed in range(count)]


def clean(raw: list[str], targets=(), **settings):
    return cleaned(raw, replace(SETTINGS, **settings), targets)


def test_order_of_rows_does_not_matter():
    raw = texts()
    documents, report = clean(raw)
    assert clean(raw[::-1]) == (documents, report)
    assert [document.text for document in documents] != raw
    assert report["documents"] == 200


def test_repeats_are_found_through_white_space():
    documents, report = clean([*texts(10), words(3).replace(" ", "  \n"), "", None])
    assert len(documents) == 10
    assert (report["read"], report["duplicates"], report["empty"]) == (13, 1, 2)


def test_a_text_falls_in_the_same_split_in_every_domain():
    first = {document.text: document.split for document in clean(texts(200))[0]}
    second = {document.text: document.split for document in clean(texts(300)[100:])[0]}
    assert {first[text] == second[text] for text in first.keys() & second.keys()} == {True}
    assert 8 <= sum(split == "validation" for split in first.values()) <= 36


def test_a_tiny_domain_still_has_both_splits():
    for seed in range(8):
        documents, _ = clean([words(seed), words(seed + 100)])
        assert {document.split for document in documents} == {"train", "validation"}


def test_documents_are_cut_at_a_character():
    assert cut("aé" * 3, 5) == "aéa"
    documents, report = clean(["é" * 3000, words(1)])
    assert report["cut"] == 1
    assert max(len(document.text.encode()) for document in documents) == 2000


def test_the_cap_ends_the_domain_and_keeps_a_prefix():
    whole, _ = clean(texts())
    part, report = clean(texts(), sample=10_000)
    assert part == whole[: len(part)]
    assert 10_000 <= report["bytes"] < 10_500
    assert report["beyond_sample"] == 200 - len(part)


def test_a_long_line_stands_once_in_a_domain():
    line = "this line of more than forty characters stands in every document"
    documents, report = clean([f"{words(i)}\n{line}\nshort\n{line}" for i in range(20)])
    assert sum(document.text.count(line) for document in documents) == 1
    assert sum(document.text.count("short") for document in documents) == 20
    assert report["repeated_lines"] == 39
    without = clean([f"{words(i)}\n{line}" for i in range(9)], clean=("plain-text",))[1]
    assert without["repeated_lines"] == 0


def test_a_document_that_shares_an_ngram_with_a_target_is_dropped():
    target = words(7)
    shared = " ".join(target.split()[20:33]).upper()
    under = " ".join(target.split()[20:32])
    raw = [*texts(5), f"before {shared} after", f"before {under} after"]
    documents, report = clean(raw, [target])
    assert report["contaminated"] == 1
    assert all(shared not in document.text for document in documents)
    assert any(under in document.text for document in documents)


def test_ngrams_match_a_plain_count():
    text = "a b c a b c a b d"
    windows = {tuple(text.split()[i : i + 3]) for i in range(7)}
    assert len(np.unique(ngrams(text, 3))) == len(windows)
    assert ngrams("A  B\nC", 3) == ngrams("a b c", 3)
    assert ngrams("a b c", 3) != ngrams("c b a", 3)
    assert len(ngrams("a b", 3)) == 0
    assert not shares("a b c", NONE, 3)
    assert len(ngrams("a b c", 0)) == 0  # switched off


def test_an_empty_domain_is_refused_with_its_counts():
    with pytest.raises(
        MixwrightError,
        match=r"d: under two documents are left of this domain \(3 read, 1 empty, 1 duplicates",
    ):
        clean([words(1), words(1), ""])


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"text": "plain"}, ("", "plain")),
        ({"text": "Q: one two\nA: three", "query": "one two"}, ("Q: one two", "\nA: three")),
        ({"text": "a b a c", "query": "a "}, ("a b a", " c")),
        ({"text": "context", "query": "is it?", "answer": "yes"}, ("is it?\n", "yes")),
        ({"text": "say is it?", "query": "is it?", "answer": "no"}, ("is it?\n", "no")),
    ],
)
def test_what_follows_the_query_is_scored(row, expected):
    assert split_query(row) == expected


@pytest.mark.parametrize("gold", ["C", -1, 3])
def test_an_answer_that_is_no_choice_is_refused(gold):
    row = {"text": "is it?", "query": "is it?", "choices": ["no", "yes"], "gold": gold}
    with pytest.raises(
        MixwrightError, match=f"t: row 1: gold is {gold}; give the number of one of the 2 choices"
    ):
        clean_target("t", [row], SETTINGS, 10**6)


def test_domains_and_targets_are_spelled_alike():
    row = {"text": "\ufeffone\r\ntwo\0 \ud800", "query": "one\r\n"}
    assert split_query(row) == ("one\n", "two ?")
    assert clean([row["text"], "other"])[0][0].text in {"one\ntwo ?", "other"}


def test_targets_are_shuffled_without_repeats_and_capped():
    rows = [{"text": f"{text} is", "query": text} for text in [*texts(50), words(4)]]
    documents, report = clean_target("t", rows, SETTINGS, 10**6)
    assert (len(documents), report["duplicates"]) == (50, 1)
    assert {document.text for document in documents} == {" is"}
    capped, _ = clean_target("t", rows[::-1], SETTINGS, 2000)
    assert capped == documents[: len(capped)]
    assert len(capped) < 10
    with pytest.raises(MixwrightError, match="t: no text in its 1 rows"):
        clean_target("t", [{"text": " "}], SETTINGS, 10**6)


def test_the_stages_keep_targets_out_of_domains(tmp_path):
    source = {"source": "files", "files": str(tmp_path / "*.txt")}
    for number, text in enumerate(texts(30)):
        (tmp_path / f"{number}.txt").write_text(text)
    (tmp_path / "leak.jsonl").write_text(f'{{"text": "{words(3)}"}}\n{{"text": "{words(900)}"}}\n')
    write_target(
        create("t", {"source": "files", "files": str(tmp_path / "leak.jsonl")}),
        SETTINGS,
        10**6,
        tmp_path / "out/t.parquet",
    )
    report = write_part(
        create("d", source), SETTINGS, [tmp_path / "out/t.parquet"], tmp_path / "out/d.parquet"
    )
    assert (report["contaminated"], report["documents"]) == (1, 29)
    documents = read_texts(tmp_path / "out/d.parquet")
    known = target_ngrams([tmp_path / "out/t.parquet"], 13)
    assert len(documents) == 29
    assert not any(shares(document.text, known, 13) for document in documents)
    assert len(read_texts(tmp_path / "out/d.parquet", "train")) < 29
