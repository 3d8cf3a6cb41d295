"""What a study makes of the columns of a row: templates, fields of objects, filters."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixwright.errors import MixwrightError
from mixwright.sources import create
from mixwright.sources.base import Reading, Tally
from mixwright.sources.templates import Template

ROWS: list[dict[str, Any]] = [
    {"title": "One", "body": "first", "meta": {"set": "web", "year": 2020, "en": True}},
    {"title": None, "body": "second", "meta": {"set": "books", "year": 2021, "en": False}},
    {"title": "Three", "body": None, "meta": {"set": "web", "year": 2021, "en": None}},
    {"title": None, "body": None, "meta": {"set": None, "year": None, "en": None}},
]


@pytest.fixture(params=["jsonl", "json", "parquet"])
def file(request, tmp_path) -> Path:
    path = tmp_path / f"rows.{request.param}"
    if request.param == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif request.param == "json":
        path.write_text(json.dumps(ROWS))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def read(path: Path, **settings: Any) -> list[str | None]:
    source = create("web", {"source": "files", "files": str(path), **settings})
    source.check("config: domains.web")
    return [row["text"] for row in source.documents()]


def refusal(path: Path, **settings: Any) -> str:
    with pytest.raises(MixwrightError) as caught:
        read(path, **settings)
    message = str(caught.value)
    assert "\n" not in message and ";" in message
    return message


def test_a_template_joins_columns(file):
    assert read(file, text="{title}\n\n{body}") == ["One\n\nfirst", "\n\nsecond", "Three\n\n", ""]
    assert read(file, text="{{{meta.set}}} {title}")[0] == "{web} One"
    assert read(file, text="{meta.year}: {body}") == ["2020: first", "2021: second", "2021: ", ""]


def test_a_column_that_a_template_names_must_be_there(file):
    assert "has no column titel; set `text` to one of title" in refusal(file, text="{titel} {body}")
    assert "column meta holds an object, not text" in refusal(file, text="{meta} {body}")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("{title", "'{title': { names no column; write {column}"),
        ("title}", "} names no column"),
        ("a {} b", "{} names no column"),
        ("{{title}}", "names no column; write one in braces: {title}"),
    ],
)
def test_a_template_that_is_none_is_refused_at_parse_time(setting, words):
    source = create("web", {"source": "files", "files": "x.jsonl", "text": setting})
    with pytest.raises(MixwrightError) as caught:
        source.check("config: domains.web")
    assert str(caught.value).startswith("config: domains.web.text is '") and words in str(
        caught.value
    )


def test_text_without_braces_is_a_column():
    assert Template.of("meta.body", "here").is_column
    assert Template.of("{body}", "here").text(["a"]) == "a"


def test_a_filter_leaves_the_rows_with_a_value(file):
    assert read(file, text="body", where={"meta.set": "web"}) == ["first", None]
    assert read(file, text="body", where={"meta.set": ["web", "books"]}) == [
        "first",
        "second",
        None,
    ]
    assert read(file, text="body", where={"meta.set": "web", "meta.year": 2021}) == [None]
    assert read(file, text="body", where={"meta.en": False}) == ["second"]


def test_a_value_that_no_row_has_is_told_with_those_there_are(file):
    message = refusal(file, text="body", where={"meta.set": "wiki"})
    assert message == "web: no row has meta.set wiki; set `where` to some of None, books, web"
    assert "no row has meta.set wiki" in refusal(
        file, text="body", where={"meta.set": ["web", "wiki"]}
    )
    assert "no row has meta.year 2" in refusal(file, text="body", where={"meta.year": 2})
    assert "no row has meta.en 1;" in refusal(file, text="body", where={"meta.en": 1})
    assert "has no column meta.sat; set `where` to one of title" in refusal(
        file, text="body", where={"meta.sat": "web"}
    )


def test_at_most_ten_values_are_listed(tmp_path):
    rows = [{"text": "a", "lang": f"l{number:02}"} for number in range(50)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    message = refusal(tmp_path / "a.jsonl", where={"lang": "xx"})
    assert message.endswith("l08, l09, ...")


def test_one_data_set_holds_many_domains(tmp_path):
    """A sample of a rare one is sought until there is enough of it."""
    names = ["common", "common", "common", "rare"] * 10
    rows = []
    for number in range(20_000):
        name = names[number % 40] if number % 40 != 3 else "rarest"
        rows.append({"text": f"{name} {number} " + "x" * 100, "meta": {"set": name}})
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    total = {}
    for name in ("common", "rare", "rarest"):
        settings = {"source": "files", "files": str(tmp_path / "all.jsonl")}
        source = create(name, settings | {"where": {"meta.set": name}})
        whole, sample = Tally(), Tally()
        assert all(row["text"].startswith(name) for row in source.documents(Reading(tally=whole)))
        list(source.documents(Reading(tally=sample, most_bytes=20_000)))
        assert sample.text_bytes > 15_000
        estimate = sample.text_bytes * sample.part_bytes / sample.passed_bytes
        assert estimate == pytest.approx(whole.text_bytes, rel=0.2)
        total[name] = whole.text_bytes
    assert sum(total.values()) == sum(len(row["text"]) for row in rows)


def test_a_part_without_rows_of_a_filter_is_no_error(tmp_path, caplog):
    rows = [{"text": "a" * 50, "lang": "de" if number < 900 else "en"} for number in range(1_000)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = create("en", {"source": "files", "files": str(tmp_path), "where": {"lang": "en"}})
    counts = [len(list(source.documents(Reading(part=part, parts=4)))) for part in range(4)]
    assert counts == [0, 0, 0, 100]
    assert "no row has lang en; set `where` to some of de (of what was read)" in caplog.text
