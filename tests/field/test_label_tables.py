"""Tables of trees: a label, key or feature that is not what it is taken for is refused by place."""

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zstandard

from least_config import CONFIG
from mixwright.errors import MixwrightError
from mixwright.stages.tabular import make_datasets
from mixwright.study.config import resolve
from mixwright.tabular.dataset import dataset_of
from mixwright.tabular.source import prepare, read_table


def table(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, 3)).astype(np.float32)
    made = pd.DataFrame(values, columns=["a", "b", "c"])
    made["toxic"] = (made.a > 0).astype(float)
    made["rare"] = (made.b > 0).astype(float).where(rng.random(rows) < 0.9)
    made["batch"] = [f"batch {row % 40}" for row in range(rows)]
    return made


def refusal(made: pd.DataFrame, labels: list[str], key: str | None = None, **more: object) -> str:
    features = more.pop("features", ["a", "b"])
    with pytest.raises(MixwrightError) as caught:
        rows = prepare(made, labels, features=features, key=key, name="tables.assays")
        for label in labels:
            dataset_of(rows, label, label)
    message = str(caught.value)
    assert "\n" not in message and ";" in message
    return message


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda n: ["yes", "no"] * (n // 2), "holds yes in row 1"),
        (lambda n: [0.0] * 7 + [2.0] + [1.0] * (n - 8), "holds 2.0 in row 8"),
        (lambda n: [0, 1] * (n // 2 - 1) + [1, -1], "holds -1 in row 200"),
        (lambda n: [0.0, 1.0] * (n // 2 - 1) + [1, np.inf], "holds inf in row 200"),
        (lambda n: [np.nan] * n, "is empty in every row"),
        (lambda n: [1.0] * n, "part has rows of one class only"),
        (lambda n: [1.0, 0.0] + [np.nan] * (n - 2), "part has rows of one class only"),
    ],
    ids=["text", "two", "minus one", "infinite", "empty", "constant", "nearly empty"],
)
def test_labels_that_are_none_are_refused_by_row(values, words):
    message = refusal(table().assign(toxic=values(200)), ["toxic"])
    assert words in message and "toxic" in message


def test_true_and_false_are_labels():
    made = table()
    plain = prepare(made, ["toxic"], features=["a", "b"])
    for kind in (bool, object):
        other = made.assign(toxic=(made.toxic == 1).astype(kind))
        assert prepare(other, ["toxic"], features=["a", "b"]).labels.equals(plain.labels)


def test_features_and_keys_that_mislead_are_refused():
    made = table()
    assert "toxic is a label and a feature too" in refusal(made, ["toxic"], features=["a", "toxic"])
    made.loc[4, "batch"] = None
    made.loc[9, "batch"] = None
    message = refusal(made, ["toxic"], key="batch")
    assert "tables.assays: key batch is empty in row 5 (2 in all); fill it" in message
    made = table()
    made.loc[11, "b"] = np.nan
    assert "feature b has an empty or infinite value" in refusal(made, ["toxic"])
    assert "in row 12; fill it" in refusal(made, ["toxic"])
    assert "tables.assays: no column toxi; did you mean toxic?" in refusal(table(), ["toxi"])


def test_ids_that_repeat_are_merged_and_counted():
    made = table()
    twice = pd.concat([made, made.iloc[:30].assign(toxic=1 - made.toxic.iloc[:30])])
    rows = prepare(twice, ["toxic", "rare"], features=["a", "b", "c"])
    counts = rows.counts("toxic")
    assert counts == {
        "read": 230,
        "unreadable": 0,
        "repeated": 30,
        "ids": 200,
        "contradicting": 30,
    }
    assert rows.counts("rare")["contradicting"] == 0


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".csv": bytes,
    ".csv.gz": gzip.compress,
    ".csv.bz2": bz2.compress,
    ".csv.xz": lzma.compress,
    ".csv.zst": zstandard.compress,
}


@pytest.mark.parametrize("suffix", list(PACK)[1:])
def test_a_packed_table_that_is_cut_off_is_refused(tmp_path, suffix):
    packed = PACK[suffix](table(2_000).to_csv(index=False).encode())
    path = tmp_path / f"assays{suffix}"
    path.write_bytes(packed)
    assert len(read_table(path)) == 2_000
    path.write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(MixwrightError, match=r"assays.*: not readable as csv \("):
        read_table(path)
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(MixwrightError, match="a git-lfs pointer"):
        read_table(path)


@pytest.mark.parametrize("suffix", PACK)
def test_broken_tables_never_end_in_a_traceback(tmp_path: Path, suffix: str):
    draw = random.Random(suffix)
    content = PACK[suffix](table(60).to_csv(index=False).encode())
    path = tmp_path / f"assays{suffix}"
    for _ in range(60):
        broken = bytearray(content)
        for _ in range(draw.randrange(1, 6)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        end = draw.choice([len(broken), draw.randrange(len(broken))])
        path.write_bytes(broken[:end])
        try:
            rows = prepare(read_table(path), ["toxic"], features=["a", "b"], key="batch")
            dataset_of(rows, "toxic", "toxic")
        except MixwrightError as error:
            assert "\n" not in str(error)


def test_a_heading_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "assays.csv"
    path.write_text("a,toxic,toxic\n1,0,1\n2,1,0\n")
    with pytest.raises(MixwrightError, match="the heading toxic stands twice; leave one column"):
        read_table(path)
    path.write_text("")
    with pytest.raises(MixwrightError, match="not readable as a table"):
        read_table(path)


def test_the_table_is_named_by_the_study(tmp_path):
    table().assign(toxic="maybe").to_csv(tmp_path / "assays.csv", index=False)
    domain = {"source": "table", "table": "assays", "label": "toxic"}
    entry = {"file": "assays.csv", "smiles": None, "features": ["a"], "key": None}
    config = {"study": "s", "seed": 0, "domains": {"toxic": domain}, "tables": {"assays": entry}}
    (tmp_path / "study.json").write_text(json.dumps(config))
    with pytest.raises(MixwrightError, match=r"^tables\.assays: label toxic holds maybe in row 1;"):
        make_datasets(tmp_path / "study.json", [tmp_path / "assays.csv"], tmp_path / "datasets")


@pytest.mark.parametrize("columns", ["a,b,y", "a,b,y,z"])
def test_a_comma_at_the_end_of_every_row_shifts_no_column(tmp_path, columns):
    """pandas takes the first field for the row's name, and the label for a feature."""
    rows = ["1,2,0,1", "3,4,1,0", "5,6,1,1"]
    width = columns.count(",") + 1
    text = [columns] + [",".join(row.split(",")[:width]) + "," for row in rows]
    (tmp_path / "t.csv").write_text("\n".join(text) + "\n")
    read = read_table(tmp_path / "t.csv")
    assert list(read.columns) == columns.split(",")
    assert (list(read.a), list(read.b), list(read.y)) == ([1, 3, 5], [2, 4, 6], [0, 1, 1])


def test_names_of_rows_without_a_heading_are_no_column(tmp_path):
    (tmp_path / "t.csv").write_text('a,b,y\n"r1",1,2,0\n"r2",3,4,1\n')
    read = read_table(tmp_path / "t.csv")
    assert (list(read.a), list(read.y)) == ([1, 3], [0, 1])


def test_rows_with_more_fields_than_headings_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n9,8,1,2,0\n9,8,3,4,1\n")
    with pytest.raises(
        MixwrightError, match=r"more fields than it has headings; give every column"
    ):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize(("separator", "word"), [(";", "semicolons"), ("\t", "tabs")])
def test_cells_that_no_comma_sets_apart_are_told_by_what_does(tmp_path, separator, word):
    lines = [["a", "b", "y"], ["1,5", "2", "0"], ["3", "4", "1"]]
    text = "\n".join(separator.join(line) for line in lines)
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(MixwrightError, match=f"set apart by {word}; set them apart by commas"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, r"tables\.t has nothing to learn from; give its columns of numbers as features"),
        ({"smiles": "s", "features": ["a"]}, r"tables\.t\.features says nothing where smiles is"),
        ({"smiles": "s", "key": "k"}, r"tables\.t\.key says nothing where smiles is given"),
    ],
)
def test_settings_of_a_table_that_say_nothing_are_refused_before_it_is_read(columns, words):
    table_of = {"file": "t.csv", "labels": ["y", "z"], **columns}
    study = {"study": "t", "learner": "trees", "tables": {"t": table_of}, "targets": {"y": {}}}
    with pytest.raises(MixwrightError, match=words):
        resolve(study, CONFIG)
