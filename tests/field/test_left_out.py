"""What cleaning leaves out is counted, and much of it reaches the report; targets stay out."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import study_tables
from mixwright.corpus.documents import write_part, write_target
from mixwright.corpus.ngrams import ngram_set, ngrams, shares
from mixwright.corpus.shards import read_counts
from mixwright.corpus.tokenize import tokenize_target
from mixwright.corpus.tokenizer import train_tokenizer
from mixwright.report.corpus_caveats import corpus_caveats
from mixwright.report.summary import summarise
from mixwright.sources import create
from mixwright.study.study import Study
from mixwright.tabular.dataset import dataset_of, write_dataset
from mixwright.tabular.source import prepare
from source_rows import ALL_STEPS, cleaned
from whole_domain import tokenize_domain

TARGET_BYTES = 10**6
WORDS = ["".join(random.Random(n).choices("abcdefghij", k=5)) for n in range(2_000)]
DESIGN = pd.DataFrame({"run": [], "domain": [], "weight": [], "tokens": []})


def words(seed: int, count: int = 100) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def characters(seed: int, first: int, last: int, count: int = 150) -> str:
    draw = random.Random(seed)
    return "".join(chr(draw.randrange(first, last)) for _ in range(count))


# Decontamination

SCRIPTS = {
    "words": lambda seed: words(seed, 60),
    "Chinese": lambda seed: characters(seed, 0x4E00, 0x4F00),
    "Chinese with marks": lambda seed: "。".join(characters(seed, 0x4E00, 0x5E00).split("\u5e00")),
    "hiragana": lambda seed: characters(seed, 0x3041, 0x3090),
    "Thai": lambda seed: characters(seed, 0x0E01, 0x0E30),
    "Burmese": lambda seed: characters(seed, 0x1000, 0x1020),
    "Khmer": lambda seed: characters(seed, 0x1780, 0x17A2),
    "Tibetan": lambda seed: characters(seed, 0x0F40, 0x0F60),
    "Javanese": lambda seed: characters(seed, 0xA984, 0xA9B2),
    "Balinese": lambda seed: characters(seed, 0x1B05, 0x1B33),
    "New Tai Lue": lambda seed: characters(seed, 0x1980, 0x19AB),
    "rare Chinese": lambda seed: characters(seed, 0x20000, 0x20F00),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_documents_that_hold_a_target_are_dropped_in_every_script(script):
    text_of = SCRIPTS[script]
    targets = [text_of(1000 + number) for number in range(15)]
    clean = [text_of(number) for number in range(30)]
    leaking = [
        f"{text_of(100 + n)}{'' if script != 'words' else ' '}{t}" for n, t in enumerate(targets)
    ]
    documents, report = cleaned([*clean, *leaking], targets=targets)
    assert report["contaminated"] == 15
    assert {document.text for document in documents} == set(clean)


def test_spaces_and_line_ends_among_chinese_characters_change_nothing():
    target = characters(1, 0x4E00, 0x5E00)
    known = ngram_set([target], 13)
    for apart in (" ", "\n", "\u3000", "\u200b", "\u2060"):
        spaced = apart.join(target[20:33])
        assert shares(
            f"{characters(2, 0x4E00, 0x5E00)}{spaced}{characters(3, 0x4E00, 0x5E00)}", known, 13
        )
        assert not shares(apart.join(target[20:32]), known, 13)
    assert shares(f"the text {target[:13]} in English", known, 13)
    # Words and characters count alike where they are mixed.
    mixed = ngram_set(["one two 三四五 six 七八九 ten"], 10)
    assert shares("before one two 三 四五 SIX 七八九 ten after", mixed, 10)


def test_a_thai_word_is_no_passage():
    known = ngram_set(["กรุงเทพมหานคร" + characters(1, 0x0E01, 0x0E30)], 13)
    assert not shares("กรุงเทพมหานคร" + characters(2, 0x0E01, 0x0E30), known, 13)


def test_ngrams_are_words_in_a_row_in_every_script_with_spaces():
    """Latin, Greek, Cyrillic, Arabic, Hebrew, Hindi, Korean and others, with odd white space."""
    draw = random.Random(0)
    blocks = [(0x21, 0x7F), (0xA1, 0x24F), (0x391, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA)]
    blocks += [(0x620, 0x64A), (0x904, 0x939), (0xAC00, 0xAD00), (0x1F300, 0x1F600)]
    # Every n-gram has one hash, and every hash one n-gram.
    hash_of: dict[tuple[str, ...], int] = {}
    for _ in range(300):
        first, last = draw.choice(blocks)
        text = characters(draw.randrange(10**6), first, last)
        for place in range(0, 150, draw.randrange(2, 9)):
            text = text[:place] + draw.choice(" \n\t\xa0\x1f\u2003\x85") + text[place:]
        listed = text.lower().split()
        for n in (1, 3, 13):
            windows = [tuple(listed[i : i + n]) for i in range(len(listed) - n + 1)]
            hashes = ngrams(text, n).tolist()
            assert len(hashes) == len(windows)
            for window, number in zip(windows, hashes, strict=True):
                assert hash_of.setdefault(window, number) == number
    assert len(set(hash_of.values())) == len(hash_of)


# Counts that reach the report


def entries(folder: Path, texts: Mapping[str, list[Any]], **corpus: Any) -> list[dict[str, Any]]:
    """Manifests of domains, cleaned and tokenized as a study does it."""
    settings = replace(ALL_STEPS, **corpus)
    for name, listed in texts.items():
        rows = "".join(json.dumps({"text": text}) + "\n" for text in listed)
        (folder / f"{name}.jsonl").write_text(rows)
        source = create(name, {"source": "files", "files": str(folder / f"{name}.jsonl")})
        write_part(source, settings, sorted(folder.glob("target*")), folder / f"{name}.parquet")
    files = [folder / f"{name}.parquet" for name in texts]
    tokenizer = {"vocabulary": 300, "folder": None, "sample_bytes": 20_000}
    train_tokenizer(files, tokenizer, folder / "own")
    manifests = []
    for name, file in zip(texts, files, strict=True):
        manifests.append(tokenize_domain(name, file, folder / "own", folder / name))
    return manifests


def words_of(manifests: list[dict[str, Any]], **more: Any) -> str:
    """What the report says of them: serious points have a mark."""
    filled = {"targets": {}, "design": DESIGN, "mixtures": []} | more
    points = corpus_caveats(manifests, **filled)
    return " | ".join(f"{'!' * caveat.serious}{caveat.text}" for caveat in points)


WHOLE = [words(seed) for seed in range(60)]


def test_a_whole_corpus_has_no_caveat(tmp_path):
    manifests = entries(tmp_path, {"web": WHOLE, "code": [words(seed) for seed in range(100, 160)]})
    assert words_of(manifests) == ""
    assert manifests[0]["cleaning"]["bytes_read"] == sum(map(len, WHOLE))


@pytest.mark.parametrize(
    ("texts", "settings", "expected"),
    [
        ([words(n, 2_000) for n in range(60)], {"max_document_bytes": 600}, "!Documents were cut"),
        ([*WHOLE, *[None] * 30], {}, "!Rows without text"),
        ([*WHOLE, *[" \n"] * 30], {}, "!Rows without text"),
        ([*WHOLE, *[f"{text}\0" for text in WHOLE[:30]]], {}, "!Rows with characters that are no"),
        ([*WHOLE, *WHOLE], {}, "Text that repeats an earlier one"),
        ([f"{words(n, 20)}\n{words(1, 80)}" for n in range(60)], {}, "Long lines that repeat"),
    ],
    ids=["cut", "null", "blank", "null bytes", "repeats", "lines"],
)
def test_what_is_left_out_is_told_with_its_domain(tmp_path, texts, settings, expected):
    said = words_of(entries(tmp_path, {"web": texts, "code": texts[:40]}, **settings))
    assert expected in said
    assert "web (" in said


def test_the_counts_add_up_to_the_bytes_that_were_read(tmp_path):
    target = words(7)
    (tmp_path / "t.txt").write_text(target)
    source = create("t", {"source": "files", "files": str(tmp_path / "t.txt")})
    write_target(source, ALL_STEPS, TARGET_BYTES, tmp_path / "target.parquet")
    texts = [words(n, 400) for n in range(40)]
    texts += [texts[0], f"{words(99)} {target}", *[f"{words(n)}\n{words(1, 80)}" for n in (50, 51)]]
    (manifest,) = entries(tmp_path, {"web": texts}, max_document_bytes=1_500, sample=40_000)
    counts = manifest["cleaning"]
    assert counts["contaminated"] == 1 and counts["beyond_sample"] > 0 and counts["cut"] > 30
    reasons = ("cut", "duplicates", "repeated_lines", "contaminated", "beyond_sample")
    lost = sum(counts[f"bytes_{reason}"] for reason in reasons)
    assert counts["bytes"] + lost == counts["bytes_read"] == sum(len(text) for text in texts)


def test_leaks_and_unanswered_questions_are_told(tmp_path):
    targets = [words(1000 + seed) for seed in range(20)]
    rows = [{"q": f"question {n}?", "a": None if n % 3 else words(500 + n)} for n in range(30)]
    for name, listed in {"t": [{"text": t} for t in targets], "q": rows}.items():
        lines = "".join(json.dumps(row) + "\n" for row in listed)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    keys = {"source": "files", "files": str(tmp_path / "t.jsonl")}
    write_target(create("t", keys), ALL_STEPS, TARGET_BYTES, tmp_path / "target-t.parquet")
    keys = {"source": "files", "files": str(tmp_path / "q.jsonl"), "query": "q", "gold": "a"}
    write_target(create("q", keys), ALL_STEPS, TARGET_BYTES, tmp_path / "target-q.parquet")
    manifests = entries(
        tmp_path, {"web": [*WHOLE, *[f"{words(n)} {t}" for n, t in enumerate(targets)]]}
    )
    texts = {}
    for name in "tq":
        to = tmp_path / f"{name}.npz"
        tokenize_target(name, tmp_path / f"target-{name}.parquet", tmp_path / "own", to)
        texts[name] = read_counts(to)
    said = words_of(manifests, targets=texts)
    assert "!Text that shares a passage with a target was left out: web (40%)" in said
    assert "!Rows without text, or questions without an answer, were left out: q (67%)" in said


def test_domains_of_few_documents_and_many_passes_are_told(tmp_path):
    manifests = entries(tmp_path, {"web": WHOLE, "books": [words(n, 900) for n in range(200, 203)]})
    train = {manifest["domain"]: manifest["splits"]["train"] for manifest in manifests}
    said = words_of(manifests)
    assert f"!Under 30 training documents: books (2, {train['books']['tokens']:,} tokens)" in said
    assert "web" not in said
    design = pd.DataFrame(
        {
            "run": ["a", "a", "b", "b"],
            "domain": ["web", "books"] * 2,
            "weight": [0.9, 0.1, 0.5, 0.5],
            "tokens": 20 * train["books"]["tokens"],
        }
    )
    said = words_of(manifests, design=design)
    assert "!Proxies read small domains many times over: books (10 times)" in said
    mixtures = [{"mixer": "regmix", "epochs": {"web": 1.0, "books": 7.0}}, {"mixer": "natural"}]
    said = words_of(manifests, mixtures=mixtures)
    assert "Mixtures pass over small domains many times: books (7 times)" in said


def test_rows_of_a_table_that_are_lost_are_told(tmp_path):
    draw = random.Random(0)
    rows = []
    for number in range(300):
        rows.append({"a": number % 150, "b": 1.0, "y": float(draw.random() < 0.5)})
    made = prepare(pd.DataFrame(rows), ["y"], features=["a", "b"])
    manifest = write_dataset(
        dataset_of(made, "y", "y"), made.versions, tmp_path / "y", made.counts("y")
    )
    said = words_of([manifest])
    assert "!Rows of one id disagree on the label" in said and "y (" in said
    clean = pd.DataFrame(rows[:150])
    made = prepare(clean, ["y"], features=["a", "b"])
    manifest = write_dataset(
        dataset_of(made, "y", "y"), made.versions, tmp_path / "y", made.counts("y")
    )
    assert words_of([manifest]) == ""


def test_what_is_left_out_stands_in_the_summary():
    design, losses = study_tables.proxies()
    whole = {"tokens": 10**6, "documents": 500}
    counted = {"read": 500, "bytes_read": 10**6, "bytes_cut": 900_000}
    manifest = {"splits": {"train": whole}, "cleaning": counted, "unknown": 0.0}
    manifests = [manifest | {"domain": name} for name in study_tables.DOMAINS]
    summary = summarise(
        Study(study_tables.study()),
        study_tables.scores(),
        design,
        losses,
        study_tables.mixtures(),
        reads=study_tables.READS,
        manifests=manifests,
        texts={"comments": {"cleaning": {}, "unknown": 0.2}},
    )
    serious = [caveat.text for caveat in summary.caveats if caveat.serious]
    (cut,) = [text for text in serious if text.startswith("Documents were cut")]
    assert "cpp (90%)" in cut
    assert any("does not know all of the text: comments (20%)" in text for text in serious)
    flags = [caveat.serious for caveat in summary.caveats]
    assert flags == sorted(flags, reverse=True)


def test_a_target_with_a_domain_s_name_keeps_its_caveat():
    split = {"tokens": 10_000, "documents": 100}
    manifest = {"domain": "web", "unknown": 0.0, "splits": {"train": split}}
    other = words_of([manifest], targets={"other": {"unknown": 0.5}})
    same = words_of([manifest], targets={"web": {"unknown": 0.5}})
    assert "!" in other and "other" in other
    assert same == other.replace("other", "target web")
