"""How much there is of each source, where a study counted it."""

import json
from pathlib import Path

import pandas as pd

from mixwright.__main__ import main

COUNTS = {"split": "train", "tokens": 4e6, "documents": 1e4, "source_tokens": 4e6}
OTHERS = {"bytes": 2e7, "sha256": ""}


def exported(*words: str) -> str:
    """A file for datasets of 6 M tokens, of two domains of 10,000 documents of 400 tokens."""
    Path("mixture.json").write_text(json.dumps({"web": 0.5, "code": 0.5}))
    rows = [{"domain": name, **COUNTS, **OTHERS} for name in ("web", "code")]
    pd.DataFrame(rows).to_parquet("domains.parquet")
    command = ["export", "--mixture", "mixture.json", "--format", "hf", "--to", "mixed.py"]
    assert main([*command, "--domains", "domains.parquet", "--tokens", "6e6", *words]) == 0
    return Path("mixed.py").read_text()


def test_documents_of_a_study_are_no_rows_of_a_packed_data_set(tmp_path, monkeypatch):
    """Of 10,000 rows 7,500 are read; of 4,000 packed ones 3,000, without enough to spare."""
    monkeypatch.chdir(tmp_path)
    text = exported()
    assert "10,000 rows" in text
    packed = exported("--packed", "--sequence", "1000")
    assert "4,000 rows" in packed and "10,000" not in packed
