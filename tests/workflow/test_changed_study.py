"""A study whose domains change: what it trained before is not trained again."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mixwright.tables import design_matrix
from workshop import Workshop

TEXTS = ("code", "held", "prose", "talk", "web")
RUNS = 12


def domains(*names: str) -> dict[str, Any]:
    return {name: {"source": "files", "files": f"{name}.jsonl"} for name in names}


BEFORE: dict[str, Any] = {
    "study": "before",
    "domains": domains("code", "prose", "web"),
    "targets": domains("held"),
    "tokenizer": {"vocabulary": 300, "sample_bytes": 40_000},
    "proxy": {"model": "micro", "tokens": 4096, "batch": 4},
    "evaluation": {"tokens": 512, "examples": 4},
    "designs": {"swarm": {"runs": RUNS}, "repeat": {"runs": 0}},
    "mixers": {"effective-data": {}},
    "validation": {"folds": 3, "draws": 10},
    "finals": "none",
    "goal": {"tokens": 8192, "max_epochs": None},
}
AFTER = BEFORE | {
    "study": "after",
    "domains": domains("code", "prose", "talk", "web"),
    "tokenizer": {"folder": "results/before/tokenizer"},
}


def write_sources(folder: Path) -> None:
    draw = random.Random(0)
    for name in TEXTS:
        words = [f"{name}{number}" for number in range(90)]
        lines = [json.dumps({"text": " ".join(draw.choices(words, k=60))}) for _ in range(150)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def trained(workshop: Workshop) -> dict[Path, int]:
    """Runs of the store, and when each was written."""
    files = (workshop.folder / "results" / "store").glob("??/*.parquet")
    return {path: path.stat().st_mtime_ns for path in files}


def weights(workshop: Workshop, study: str) -> pd.DataFrame:
    path = workshop.folder / "results" / study / "design" / "swarm.parquet"
    return design_matrix(pd.read_parquet(path))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("changed"))
    write_sources(workshop.folder)
    workshop.run(BEFORE, "results/before/fits/effective-data")
    return workshop


def test_the_store_has_the_runs_of_before_and_the_needed_ones_alone_are_trained(finished):
    before = trained(finished)
    assert len(before) == RUNS
    command = [sys.executable, "-m", "mixwright", "surgery", "--to", "changed", "--add", "talk"]
    command += ["--study", "results/before/study.json"]
    done = subprocess.run(command, cwd=finished.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    needed = len(pd.read_csv(finished.folder / "changed" / "to_train.csv"))
    assert 0 < needed < RUNS
    overlay = finished.folder / "changed" / "listed.yaml"
    study = AFTER | {"designs": yaml.safe_load(overlay.read_text())["designs"]}
    study["designs"]["repeat"] = {"runs": 0}
    finished.run(study, "results/after/fits/effective-data")
    after = trained(finished)
    assert {path: after[path] for path in before} == before
    assert len(after) == RUNS + needed
    runs = json.loads((finished.folder / "results/after/fits/effective-data/runs.json").read_text())
    assert runs["runs"] == RUNS + needed
    swarm, old = weights(finished, "after"), weights(finished, "before")
    without = swarm[swarm.talk == 0][old.columns].to_numpy()
    for mixture in old.to_numpy():
        assert np.abs(without - mixture).max(axis=1).min() < 1e-9
