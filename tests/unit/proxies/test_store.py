from dataclasses import replace

import pyarrow as pa
import pytest

from mixwright.mixture import Mixture
from mixwright.proxies.store import Store, key_of, renamed, row
from study_runs import RUN

WEIGHTS = {"a": 0.25, "b": 0.75}
PRINTS = {"a": "1", "b": "2"}


def key(run=RUN, weights=WEIGHTS, prints=PRINTS, spec=None) -> str:
    return key_of(run, Mixture.of(weights), prints, spec or {"batch": 8})


def result(key: str) -> pa.Table:
    return row(key, [], [{"domain": "a", "tokens": 5, "epochs": 0.5}], diverged=False)


def test_a_key_holds_what_weights_depend_on_and_nothing_else():
    renamed_run = replace(
        RUN, row=7, parameters={"other": 1}, context="another study", kind="x", role="vertex"
    )
    same = [
        key(weights={"b": 0.75, "a": 0.25 + 1e-15}),
        key(weights=WEIGHTS | {"c": 0.0}),
        key(renamed_run),
    ]
    assert set(same) == {key()}
    different = [
        key(weights={"a": 0.26, "b": 0.74}),
        key(replace(RUN, seed=1)),
        key(replace(RUN, steps=9)),
        key(prints=PRINTS | {"a": "3"}),
        key(spec={"batch": 4}),
    ]
    assert len({key(), *different}) == 6


def test_a_row_is_found_again_under_another_runs_name(tmp_path):
    store = Store(tmp_path)
    assert store.get("0123") is None and "0123" not in store
    store.put("0123", result("0123"))
    table = renamed(store.get("0123"), "asked")
    assert table.to_pylist() == [
        {
            "run": "asked",
            "store_key": "0123",
            "status": "ok",
            "losses": [],
            "realised": [{"domain": "a", "tokens": 5, "epochs": 0.5, "learned": None}],
        }
    ]
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("content", [b"", b"PAR1 half of it"])
def test_half_a_file_counts_for_nothing(tmp_path, capsys, content):
    store = Store(tmp_path)
    store.put("0123", result("0123"))
    (tmp_path / "01" / ".0123.parquet.elsewhere.1.0.partial").write_bytes(
        content
    )  # what another machine's killed job left
    (tmp_path / "01" / "0145.parquet").write_bytes(content)  # what a power cut left
    assert store.get("0123") is not None and store.get("0145") is None
    assert "0123" in store and "0145" not in store
    assert "0145.parquet: result not readable" in capsys.readouterr().err


def test_refresh_finds_only_what_it_put_itself(tmp_path):
    Store(tmp_path).put("0123", result("0123"))
    fresh = Store(tmp_path, refresh=True)
    assert "0123" not in fresh and fresh.get("0123") is None
    fresh.put("0123", result("0123"))
    assert "0123" in fresh


@pytest.mark.parametrize("missing", ["losses", "status"])
def test_a_row_that_breaks_the_contract_is_not_stored(tmp_path, missing):
    table = result("0123").drop_columns([missing])
    with pytest.raises(ValueError):
        Store(tmp_path).put("0123", table)
    assert not list(tmp_path.rglob("*.parquet"))
