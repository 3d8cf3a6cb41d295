"""A swarm in two rounds: every job is known before, and the second follows from the first."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mixwright.study.config import resolve
from mixwright.study.study import Study
from mixwright.tables import design_matrix
from workshop import HOUSE, Workshop, changed

NAMES = ("code", "prose", "web")
STUDY: dict[str, Any] = {
    "study": "rounds",
    "domains": {name: {"source": "files", "files": f"{name}.jsonl"} for name in NAMES},
    "targets": {"held": {"source": "files", "files": "held.jsonl"}},
    "tokenizer": {"vocabulary": 300, "sample_bytes": 40_000},
    "proxy": {"model": "micro", "tokens": 4096, "batch": 4, "per_job": 5},
    "evaluation": {"tokens": 512, "examples": 4},
    "designs": {"swarm": {"runs": 20, "rounds": 2, "candidates": 64}, "repeat": {"runs": 2}},
    "mixers": {"best-of-swarm": {}, "effective-data": {}},
    "validation": {"folds": 3, "draws": 10},
    "finals": "none",
    "goal": {"tokens": 8192, "max_epochs": None, "caps": {"web": 0.5}, "floors": {"prose": 0.1}},
}
FIT = "results/rounds/fits/effective-data"
HALF = changed(changed(STUDY, "designs.swarm.rounds", 1), "designs.swarm.runs", 10)


def parsed(study: dict[str, Any]) -> Study:
    return Study(resolve(study, HOUSE / "config"))


def write_sources(folder: Path) -> None:
    draw = random.Random(0)
    for name in (*NAMES, "held"):
        words = [f"{name}{number}" for number in range(90)]
        if name == "held":
            words = [f"code{number}" for number in range(60)]
        lines = [" ".join(draw.choices(words, k=60)) for _ in range(150)]
        rows = [json.dumps({"text": line}) for line in lines]
        (folder / f"{name}.jsonl").write_text("\n".join(rows) + "\n")


def results(workshop: Workshop) -> Path:
    return workshop.folder / "results" / "rounds"


def packs(workshop: Workshop, study: Study, table: str) -> dict[Path, int]:
    """Files of the packs of a table, as far as they are there, and when each was written."""
    files = [results(workshop) / "packs" / f"{pack}.parquet" for pack in study.packs_of([table])]
    return {path: path.stat().st_mtime_ns for path in files if path.exists()}


def trained(workshop: Workshop) -> dict[Path, int]:
    """Weights in the store, and when each was written."""
    files = (workshop.folder / "results" / "store" / "weights").rglob("*.safetensors")
    return {path: path.stat().st_mtime_ns for path in files}


def weights(workshop: Workshop, table: str) -> pd.DataFrame:
    return design_matrix(pd.read_parquet(results(workshop) / "design" / f"{table}.parquet"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Workshop:
    """The study up to a fit of its first round, and then with another round, to its end."""
    workshop = Workshop(tmp_path_factory.mktemp("rounds"))
    write_sources(workshop.folder)
    workshop.run(HALF, FIT)
    first = packs(workshop, parsed(HALF), "swarm")
    assert len(first) == 2
    listed = workshop.jobs(STUDY, FIT)
    assert listed["design_round"] == 1 and listed["train_proxies"] == 2
    assert "resolve_design" not in listed and listed["collect_losses"] == 1
    workshop.run(STUDY)
    # what the first round trained is the first round of two
    assert packs(workshop, parsed(STUDY), "swarm") == first
    return workshop


def test_a_dry_run_shows_the_jobs_of_both_rounds(tmp_path):
    workshop = Workshop(tmp_path)
    write_sources(tmp_path)
    listed = workshop.jobs(STUDY)
    # two packs a round, and one of repeats
    assert listed["train_proxies"] == 5 and listed["evaluate_proxies"] == 3
    assert listed["design_round"] == 1 and listed["resolve_design"] == 2


def test_the_second_round_follows_from_the_first_one_inside_the_bounds(finished):
    study = parsed(STUDY)
    first, second = weights(finished, "swarm"), weights(finished, "swarm-2")
    assert set(second.index) == {run.name for run in study.tables["swarm-2"]}
    assert len(first) == len(second) == 10
    assert second.web.max() <= 0.5 + 1e-9 and second.prose.min() >= 0.1 - 1e-9
    assert np.allclose(second.sum(axis=1), 1)
    distance = np.abs(second.to_numpy()[:, None] - first.to_numpy()[None]).max(axis=2)
    assert distance.min() > 1e-6
    # the target is code: half of the round looks for it
    assert second.code.nlargest(5).mean() > first.code.mean()


def test_fits_and_the_report_count_both_rounds(finished):
    runs = json.loads((results(finished) / "fits" / "effective-data" / "runs.json").read_text())
    assert runs["runs"] == 20
    validation = pd.read_parquet(results(finished) / "validation" / "effective-data.parquet")
    assert validation.run.nunique() == 20
    page = (results(finished) / "report" / "summary.html").read_text()
    assert "in 2 rounds of 10 and 10" in page


def test_run_again_the_study_runs_nothing(finished):
    assert finished.jobs(STUDY) == {}


def killed(workshop: Workshop, study: Study) -> None:
    """Runs the study until a pack of its second round is trained, and kills all of it."""
    (workshop.folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOUSE / "Snakefile")]
    command += ["--configfile", "study.yaml", "--cores", "1", "--", FIT]
    process = subprocess.Popen(
        command,
        cwd=workshop.folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # a loaded machine is slow; a run that hangs ends the test
    end = time.monotonic() + 1200
    while not packs(workshop, study, "swarm-2") and time.monotonic() < end:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_round_goes_on_and_ends_as_one_that_was_not(finished, tmp_path):
    workshop = Workshop(tmp_path)
    write_sources(tmp_path)
    study = parsed(STUDY)
    killed(workshop, study)
    first, stored = packs(workshop, study, "swarm"), trained(workshop)
    assert len(first) == 2 and len(packs(workshop, study, "swarm-2")) == 1
    # two packs of the first round and one of the second, of five runs each
    assert len(stored) >= 15
    assert workshop.snakemake(STUDY, "--unlock").returncode == 0
    workshop.run(STUDY, FIT)
    assert packs(workshop, study, "swarm") == first
    # the job that was killed as it ended may run again: what it trained is taken from the store
    after = trained(workshop)
    assert {path: after[path] for path in stored} == stored
    for table in ("swarm", "swarm-2"):
        pd.testing.assert_frame_equal(weights(workshop, table), weights(finished, table))
        files = [results(shop) / "losses" / f"{table}.parquet" for shop in (workshop, finished)]
        pd.testing.assert_frame_equal(*map(pd.read_parquet, files))
