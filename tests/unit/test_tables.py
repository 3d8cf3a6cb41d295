"""The contracts between stages refuse what would mislead the next stage.

The message names file, row and remedy.
"""

import pandas as pd
import pytest

from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.tables import DESIGN, DOMAINS, LOSSES


def design(**changes) -> pd.DataFrame:
    rows = {
        "run": ["a", "a"],
        "role": "swarm",
        "model": "tiny",
        "tokens": 100,
        "seed": 0,
        "domain": ["x", "y"],
        "weight": [0.25, 0.75],
    }
    return pd.DataFrame(rows | changes)


def test_round_trip_sorted_by_key(tmp_path):
    tables.write(design().iloc[::-1], tmp_path / "design.parquet", DESIGN)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "design.parquet", DESIGN), design())


def test_files_of_one_table_are_read_together(tmp_path):
    for run in "ab":
        tables.write(design(run=[run, run]), tmp_path / f"{run}.parquet", DESIGN)
    assert list(tables.read([tmp_path / "a.parquet", tmp_path / "b.parquet"], DESIGN).run) == list(
        "aabb"
    )


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"weight": [0.25, float("nan")]}, "row 1: weight is empty or NaN"),
        ({"domain": ["x", "x"]}, "row 1: run a, domain x stands there twice"),
        ({"weight": [0.25, 0.5]}, r"run a are not on the simplex \(sum 0.750000\)"),
        ({"weight": [-0.25, 1.25]}, "run a are not on the simplex"),
    ],
)
def test_what_would_mislead_is_refused(changes, message, tmp_path):
    with pytest.raises(MixwrightError, match=message) as caught:
        tables.write(design(**changes), tmp_path / "design.parquet", DESIGN)
    assert "design.parquet" in str(caught.value) and not (tmp_path / "design.parquet").exists()


def test_a_missing_column_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(MixwrightError, match="no column weight"):
        tables.check(design().drop(columns="weight"), DESIGN, "here")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(MixwrightError, match="not a readable domains parquet file"):
        tables.read(tmp_path / "broken.parquet", DOMAINS)


def test_only_a_diverged_run_may_lack_its_loss():
    row = {
        "run": "a",
        "target": "t",
        "step": 1,
        "tokens": 8,
        "loss": None,
        "bits_per_byte": None,
        "scored_tokens": 4,
        "unigram_loss": 1.0,
    }
    tables.check(pd.DataFrame([row | {"status": "diverged"}]), LOSSES, "here")
    with pytest.raises(MixwrightError, match="status"):
        tables.check(pd.DataFrame([row | {"status": None}]), LOSSES, "here")


def test_what_nobody_measured_is_null_together_and_never_alone():
    """Runs that others measured have neither scored tokens nor a unigram loss."""
    row = {
        "run": "a",
        "target": "t",
        "step": 1,
        "tokens": 8,
        "loss": 2.0,
        "bits_per_byte": 1.0,
        "scored_tokens": None,
        "unigram_loss": None,
        "status": "ok",
    }
    tables.check(pd.DataFrame([row]), LOSSES, "here")
    for name, value in (("scored_tokens", 4), ("unigram_loss", 3.0)):
        missing = {"scored_tokens": "unigram_loss", "unigram_loss": "scored_tokens"}[name]
        with pytest.raises(MixwrightError, match=f"here: row 0: {missing} is empty or NaN"):
            tables.check(pd.DataFrame([row | {name: value}]), LOSSES, "here")


def test_a_domain_has_tokens_or_a_share():
    row = {"domain": "a", "split": "train", "tokens": None, "bytes": None, "documents": None}
    row |= {"sha256": None, "share": 0.5}
    tables.check(pd.DataFrame([row]), DOMAINS, "here")
    with pytest.raises(MixwrightError, match="here: a has neither tokens nor a share"):
        tables.check(pd.DataFrame([row | {"share": None}]), DOMAINS, "here")
    with pytest.raises(MixwrightError, match="here: row 0: bytes is empty or NaN"):
        tables.check(pd.DataFrame([row | {"tokens": 5}]), DOMAINS, "here")
