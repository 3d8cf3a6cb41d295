"""What `mixwright init` takes folders, files and data sets for, up to the study's text."""

import json
import os
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
import zstandard

from mixwright.errors import MixwrightError
from mixwright.study.draft.columns import columns_of, splitting_column, text_column
from mixwright.study.draft.patterns import patterns_of
from mixwright.study.draft.peek import peek
from mixwright.study.draft.proposal import Draft, propose
from mixwright.study.draft.questions import question_settings
from mixwright.study.draft.stems import groups_of, shared_stem, stem_of, without_number
from mixwright.study.draft.unit import valid_name
from mixwright.study.draft.walk import survey_of
from mixwright.study.draft.words import named
from mixwright.study.draft.writing import bytes_text, count_text, study_file
from text_folders import COLLECTIONS, one_data_set, text, write_lines

ROWS = [{"text": text(random.Random(number), 60)} for number in range(40)]
MIXERS = {"natural": {}}


def drafted(*words: str | Path) -> Draft:
    return propose(survey_of(named([str(word) for word in words])))


def written(draft: Draft) -> dict[str, Any]:
    """The study's file, read back."""
    return yaml.safe_load(study_file(draft, "mine", "mine.yaml", MIXERS))


def domains_of(*words: str | Path) -> dict[str, Any]:
    return written(drafted(*words))["domains"]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("web-00001.jsonl.zst", "web"),
        ("web_part3.parquet", "web"),
        ("web-00001-of-00100.parquet", "web"),
        ("part-00000-0f0f0f0f-1111-2222-3333-0123456789ab-c000.snappy.parquet", ""),
        ("00.jsonl.zst", ""),
        ("c4.jsonl", "c4"),
        ("c4-00017.json.gz", "c4"),
        ("chunk12", ""),
        ("example_holdout_0.jsonl", "example_holdout"),
    ],
)
def test_the_start_of_a_name_is_told_from_the_number_of_a_part(name, start):
    assert without_number(stem_of(Path(name))) == start


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["web-1.jsonl", "web-2.jsonl", "code.parquet"], {"web": 2, "code": 1}),
        # a year is no number of a part where there is one of it alone
        (["wiki-2023.jsonl", "web.jsonl"], {"wiki-2023": 1, "web": 1}),
        (["web-00001.jsonl.zst", "code-00001.jsonl.zst"], {"web": 1, "code": 1}),
        # texts with a name of their own each are documents
        (["b-emma.txt", "b-moby.txt", "l-one.txt", "l-two.txt"], {"b": 2, "l": 2}),
        (["web.txt", "code.txt"], {"web": 1, "code": 1}),
        ([f"page {letter}x{letter}.txt" for letter in "abcdefghijklmn"], {"": 14}),
        ([f"{letter}{other}.jsonl" for letter in "abcdefgh" for other in "abcdefgh"], {"": 64}),
    ],
)
def test_files_of_a_folder_are_grouped_by_the_start_of_their_names(names, groups):
    result = groups_of([Path(name) for name in names])
    assert {start: len(files) for start, files in result.items()} == groups


def test_folders_that_differ_by_a_number_share_a_stem():
    assert shared_stem(["chunk1", "chunk2"]) == ""
    assert shared_stem(["crawl-2019", "crawl-2020"]) == "crawl"
    assert shared_stem(["web", "code"]) is None


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("web", "web"),
        ("code stuff", "code-stuff"),
        ("wiki é", "wiki-e"),
        ("a/b", "a-b"),
        ("日本語", "domain-7"),
        ("-x", "x"),
        ("Web", "Web-2"),
        ("x" * 300, "x" * 96),
    ],
)
def test_names_are_made_valid_and_unlike_those_that_are_there(name, valid):
    taken = ["web"] if name == "Web" else []
    assert valid_name(name, taken, "domain-7") == valid


def test_a_pattern_matches_the_files_and_no_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("web-1.txt", "web-2.txt", "books.txt", "[x]/a.txt", "[x]/b.txt", "$HOME/a.txt"):
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("a")
    assert patterns_of([Path("web-1.txt"), Path("web-2.txt")]) == ["web-*.txt"]
    assert patterns_of([Path("books.txt"), Path("web-1.txt")]) == ["books.txt", "web-1.txt"]
    assert patterns_of([Path("[x]/a.txt"), Path("[x]/b.txt")]) == ["[[]x]/*.txt"]
    # a variable would be written out in a pattern, and not in a path
    assert patterns_of([Path("$HOME/a.txt")]) == ["$HOME/a.txt"]


def test_the_text_is_a_column_that_is_called_so_or_the_longest():
    def chosen(row: dict[str, Any]) -> str | None:
        column = text_column(columns_of([row] * 3))
        return column and column.name

    assert chosen({"id": "1", "content": "a b c", "html": "<b>a b c</b>"}) == "content"
    assert chosen({"doc": {"text": "a b c"}, "url": "http://a.b/c/d"}) == "doc.text"
    assert chosen({"verse": "a long line of it", "poet": "x"}) == "verse"
    # a title that happens to be called so
    assert chosen({"text": "a", "lines": "a b c d e" * 100}) == "lines"
    assert chosen({"messages": [{"role": "user"}], "n": 1}) is None


def test_a_column_tells_domains_apart_where_it_has_few_values():
    rows = [
        {"text": "a", "lang": "en" if number % 3 else "de", "id": str(number)}
        for number in range(30)
    ]
    column = splitting_column(columns_of(rows), 30)
    assert column is not None and column.name == "lang"
    assert dict(column.values) == {"en": 20, "de": 10}
    every = [{"source": str(number)} for number in range(30)]
    assert splitting_column(columns_of(every), 30) is None
    assert splitting_column(columns_of([{"source": "a"}] * 30), 30) is None
    assert splitting_column(columns_of([{"grade": str(n % 2)} for n in range(30)]), 30) is None


QUESTIONS = {
    "arc": (
        {"question": "q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"},
        {"query": "question", "choices": "choices", "gold": "answerKey"},
    ),
    "arc nested": (
        {
            "question": {
                "stem": "q",
                "choices": [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}],
            },
            "answerKey": "A",
        },
        {"query": "question.stem", "choices": "question.choices", "gold": "answerKey"},
    ),
    "openbookqa": (
        {
            "question_stem": "q",
            "choices": {"text": ["x", "y"], "label": ["A", "B"]},
            "answerKey": "B",
        },
        {"query": "question_stem", "choices": "choices", "gold": "answerKey"},
    ),
    "hellaswag": (
        {"ctx": "q", "endings": ["x", "y", "z", "w"], "label": "0", "activity_label": "a"},
        {"query": "ctx", "choices": "endings", "gold": "label"},
    ),
    "piqa": (
        {"goal": "q", "sol1": "x", "sol2": "y", "label": 0},
        {"query": "goal", "choices": ["sol1", "sol2"], "gold": "label"},
    ),
    "winogrande": (
        {"sentence": "q", "option1": "x", "option2": "y", "answer": "2"},
        {"query": "sentence", "choices": ["option1", "option2"], "gold": "answer"},
    ),
    "sciq": (
        {
            "question": "q",
            "distractor1": "x",
            "distractor2": "y",
            "distractor3": "z",
            "correct_answer": "w",
            "support": "s",
        },
        {
            "query": "question",
            "choices": ["distractor1", "distractor2", "distractor3", "correct_answer"],
            "gold": "correct_answer",
        },
    ),
    "truthfulqa": (
        {"question": "q", "mc1_targets": {"choices": ["x", "y"], "labels": [1, 0]}},
        {"query": "question", "choices": "mc1_targets.choices", "gold": "mc1_targets.labels"},
    ),
    "letters": (
        {"question": "q", "A": "x", "B": "y", "C": "z", "D": "w", "answer": "C"},
        {"query": "question", "choices": ["A", "B", "C", "D"], "gold": "answer"},
    ),
    "gsm8k": (
        {"question": "q", "answer": "it is 7 because 3 + 4"},
        {"query": "question", "gold": "answer"},
    ),
    "text": ({"text": "a b c", "title": "t"}, {}),
}


@pytest.mark.parametrize("layout", QUESTIONS)
def test_questions_are_known_by_their_columns(layout):
    row, settings = QUESTIONS[layout]
    assert question_settings([row] * 3) == (settings, "")


def test_answers_that_may_be_counted_from_0_or_from_1_are_said_to_be_unsure():
    row = {"question": "q", "choices": ["x", "y", "z"], "answer": 1}
    settings, doubt = question_settings([row] * 3)
    assert settings == {"query": "question", "choices": "choices", "gold": "answer"}
    assert "gold_is" in doubt


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_the_size_of_a_large_file_is_estimated_from_its_start(tmp_path, ending):
    draw = random.Random(0)
    rows = [{"id": row, "text": text(draw, 300)} for row in range(3_000)]
    path = write_lines(tmp_path / f"web.{ending}", rows)
    result = peek(path)
    assert len(result.rows) < len(rows)
    estimate = result.scale * sum(len(row["text"]) for row in result.rows)
    assert estimate == pytest.approx(sum(len(row["text"]) for row in rows), rel=0.15)


def test_one_data_set_becomes_a_domain_a_value(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one_data_set(tmp_path / "data")
    draft = drafted("data")
    study = written(draft)
    files = "data/SlimPajama-627B/train/**/*.jsonl.zst"
    assert set(study["domains"]) == set(COLLECTIONS)
    for name, domain in study["domains"].items():
        assert domain == {
            "source": "files",
            "files": files,
            "where": {"meta.redpajama_set_name": name},
        }
    assert set(study["targets"]) == {"validation"}
    shares = {part.name: draft.share(part) for part in draft.domains}
    for name, times in COLLECTIONS.items():
        assert shares[name] == pytest.approx(times / 10, abs=0.06)
    assert any("meta.redpajama_set_name" in note for note in draft.notes)


def test_values_that_are_no_names_are_renamed_and_the_filter_keeps_them(tmp_path):
    rows = [{"text": "a b", "meta": {"pile_set_name": name}} for name in ("Pile CC", "本")] * 20
    write_lines(tmp_path / "train" / "00.jsonl", rows)
    write_lines(tmp_path / "train" / "01.jsonl", rows)
    domains = domains_of(tmp_path)
    assert {name: domain["where"] for name, domain in domains.items()} == {
        "Pile-CC": {"meta.pile_set_name": "Pile CC"},
        "domain-2": {"meta.pile_set_name": "本"},
    }


def test_a_column_divides_no_domain_that_stands_beside_others(tmp_path):
    for name in ("web", "code"):
        rows = [{"text": "a b", "lang": "en" if row % 2 else "de"} for row in range(40)]
        write_lines(tmp_path / name / "a.jsonl", rows)
    draft = drafted(tmp_path)
    assert [part.name for part in draft.domains] == ["code", "web"]
    assert "other columns: lang (2 values)" in draft.domains[0].comments


def test_several_paths_are_domains_side_by_side(tmp_path):
    for name in ("web", "code"):
        write_lines(tmp_path / name / "one.jsonl", ROWS)
        write_lines(tmp_path / name / "other.jsonl", ROWS)
    write_lines(tmp_path / "test" / "exam.jsonl", ROWS)
    write_lines(tmp_path / "wiki.jsonl", ROWS)
    study = written(drafted(*(tmp_path / name for name in ("web", "code", "test", "wiki.jsonl"))))
    assert set(study["domains"]) == {"web", "code", "wiki"}
    assert set(study["targets"]) == {"exam"}


def test_held_out_splits_of_a_domain_are_targets(tmp_path):
    for name in ("web", "code"):
        write_lines(tmp_path / name / "data" / "train-00000-of-00001.jsonl", ROWS)
        write_lines(tmp_path / name / "data" / "test-00000-of-00001.jsonl", ROWS)
    study = written(drafted(tmp_path))
    assert set(study["domains"]) == {"web", "code"}
    assert set(study["targets"]) == {"web-test", "code-test"}
    assert study["domains"]["web"]["files"].endswith("web/data/train-00000-of-00001.jsonl")


def test_files_of_tokens_are_proposed_as_they_are(tmp_path):
    for name in ("web", "code"):
        np.arange(5_000, dtype=np.int32).tofile(tmp_path / f"{name}_text_document.bin")
        index = b"MMIDIDX\x00\x00" + struct.pack("<QB", 1, 4) + bytes(16)
        (tmp_path / f"{name}_text_document.idx").write_bytes(index)
    np.arange(5_000, dtype=np.uint16).tofile(tmp_path / "wiki-00000.npy")
    np.arange(5_000, dtype=np.uint16).tofile(tmp_path / "wiki-00001.npy")
    draft = drafted(tmp_path)
    assert {part.name: part.tokens for part in draft.domains} == {
        "code": 5_000,
        "web": 5_000,
        "wiki": 10_000,
    }
    study = study_file(draft, "mine", "mine.yaml", MIXERS)
    domains = yaml.safe_load(study)["domains"]
    assert domains["web"] == {
        "source": "tokens",
        "files": str(tmp_path / "web_text_document.bin"),
    }
    assert "# tokenizer: {folder: PATH/OF/TOKENIZER}" in study
    (tmp_path / "tokenizer.json").write_text("{}")
    assert written(drafted(tmp_path))["tokenizer"] == {"folder": str(tmp_path)}


def test_folders_of_tokens_are_named_by_their_index_and_held_out_tokens_are_targets(tmp_path):
    for name in ("web", "code"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shard.00000.mds").write_bytes(bytes(4_000))
        (tmp_path / name / "index.json").write_text("{}")
    (tmp_path / "wiki").mkdir()
    for split in ("train", "val"):
        np.arange(500, dtype=np.uint16).tofile(tmp_path / "wiki" / f"{split}.bin")
    study = written(drafted(tmp_path))
    assert {name: domain["files"] for name, domain in study["domains"].items()} == {
        "code": str(tmp_path / "code" / "index.json"),
        "web": str(tmp_path / "web" / "index.json"),
        "wiki": str(tmp_path / "wiki" / "train.bin"),
    }
    held_out = {"source": "tokens", "files": str(tmp_path / "wiki" / "val.bin")}
    assert study["targets"] == {"wiki-val": held_out}


def test_data_sets_that_were_saved_are_sources_of_the_hub(tmp_path):
    for name in ("web", "code/train", "code/test"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        table = pa.table({"content": [row["text"] for row in ROWS], "id": list(range(len(ROWS)))})
        with pa.ipc.new_stream(folder / "data-00000-of-00001.arrow", table.schema) as stream:
            stream.write_table(table)
        for listing in ("dataset_info.json", "state.json"):
            (folder / listing).write_text("{}")
    (tmp_path / "code" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    study = written(drafted(tmp_path))
    code = {"source": "hub", "dataset": str(tmp_path / "code"), "split": "train", "text": "content"}
    assert study["domains"]["code"] == code
    assert study["targets"] == {"code-test": code | {"split": "test"}}
    assert study["domains"]["web"] == {
        "source": "hub",
        "dataset": str(tmp_path / "web"),
        "text": "content",
    }


def test_data_sets_of_the_hub_are_written_without_a_look_and_with_one_where_they_were_fetched(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    top = tmp_path / "datasets--some--wiki"
    (top / "refs").mkdir(parents=True)
    (top / "refs" / "main").write_text("0abc")
    write_lines(top / "snapshots" / "0abc" / "data" / "train-00000-of-00001.jsonl", ROWS)
    draft = drafted("some/crawl", "hf://datasets/some/wiki")
    crawl, wiki = draft.domains
    assert crawl.settings == {"source": "hub", "dataset": "some/crawl", "split": "train"}
    assert "not looked into" in crawl.comments[0] and crawl.tokens is None
    assert wiki.settings == {"source": "hub", "dataset": "some/wiki"}
    assert wiki.tokens and draft.share(wiki) is None and draft.goal == 2_000_000


def test_the_goal_is_no_more_than_there_is_where_that_is_little(tmp_path):
    for name in ("web", "code"):
        write_lines(tmp_path / f"{name}.jsonl", [{"text": "a b c " * 2_000}] * 20)
    assert drafted(tmp_path).goal == 120_000


def test_what_cannot_be_read_is_named_and_left_out(tmp_path):
    for name in ("web", "code"):
        write_lines(tmp_path / name / "a.jsonl", ROWS)
    (tmp_path / "web" / "b.jsonl").write_text('{"text": "a"\n')
    (tmp_path / "web" / "c.jsonl.zst").write_bytes(zstandard.compress(b'{"text":"a"}\n' * 99)[:20])
    (tmp_path / "web" / "d.jsonl").write_text("version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "web" / "e.jsonl").symlink_to("nowhere")
    write_lines(tmp_path / "chat" / "a.jsonl", [{"messages": [{"role": "user"}]}] * 5)
    (tmp_path / "loop").symlink_to(tmp_path)
    draft = drafted(tmp_path)
    study = written(draft)
    assert study["domains"]["web"]["files"] == str(tmp_path / "web" / "a.jsonl")
    assert set(study["domains"]) == {"web", "code"}
    for name in ("b.jsonl", "c.jsonl.zst", "d.jsonl", "e.jsonl", "chat/a.jsonl"):
        assert any(name in note for note in draft.notes), name


def test_names_with_anything_in_them_come_back_from_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ['it\'s "q": #1', "no", "2023", "a\nb", "日本", "- x", "{y}", "*&!", "$HOME", "[1]"]
    for name in names:
        write_lines(Path("data") / name / "x [1].jsonl", ROWS)
    domains = domains_of("data")
    assert sorted(domain["files"] for domain in domains.values()) == sorted(
        f"data/{name}/x [1].jsonl" for name in names
    )
    bytes_name = os.fsdecode(b"data/\xff\xfe")
    write_lines(Path(bytes_name) / "a.jsonl", ROWS)
    draft = drafted("data")
    study = study_file(draft, "mine", "mine.yaml", MIXERS)
    study.encode()
    domains = yaml.safe_load(study)["domains"].values()
    assert f"{bytes_name}/a.jsonl" in [domain["files"] for domain in domains]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("nothing", "nothing: no such file or folder; correct the path"),
        ("dta", "did you mean data?"),
        ("dta/web", "did you mean data/web?"),
        ("data/wep", "did you mean data/web?"),
        ("https://a.b/c.jsonl", "does not read addresses"),
        ("data/link", "a broken link to nowhere"),
    ],
)
def test_a_word_that_names_nothing_is_answered_with_the_nearest(
    tmp_path, monkeypatch, word, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "web").mkdir(parents=True)
    (tmp_path / "data" / "link").symlink_to("nowhere")
    with pytest.raises(MixwrightError) as error:
        named([word])
    assert message in str(error.value) and "\n" not in str(error.value)


def test_one_domain_is_refused(tmp_path):
    write_lines(tmp_path / "web-1.jsonl", ROWS)
    write_lines(tmp_path / "web-2.jsonl", ROWS)
    with pytest.raises(MixwrightError, match="one domain only, web; a mixture has two or more"):
        drafted(tmp_path)
    with pytest.raises(MixwrightError, match="name more data sets"):
        drafted("some/set")


def test_sizes_are_written_in_few_digits():
    assert bytes_text(3_210_000_000) == "3.21 GB" and bytes_text(12) == "12 bytes"
    assert count_text(2_345_678_901) == "2.35 B" and count_text(999) == "999"
