"""A study that `mixwright init` wrote goes through the real workflow, up to its proposals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from text_folders import LAYOUTS
from workshop import HOUSE, Workshop, merged

# The study's own settings, so small that a run takes half a minute.
SMALL = {
    "tokenizer": {"vocabulary": 512, "sample_bytes": 300_000},
    "proxy": {"model": "micro", "tokens": 8192, "batch": 4, "per_job": 16},
    "evaluation": {"tokens": 1024, "steps": 2, "examples": 32, "example_tokens": 64},
    "designs": {"swarm": {"runs": 12}, "repeat": {"runs": 3}},
    "validation": {"folds": 3, "draws": 10},
    "final": {"model": "micro", "batch": 4},
    "goal": {"tokens": 16_384},
}


def init(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "mixwright", "init", *words]
    environment = os.environ | {"PYTHONPATH": str(HOUSE / "workflow")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_drafted_study_runs_to_its_proposals(workshop: Workshop, layout):
    LAYOUTS[layout](workshop.folder / "data")
    out = init(workshop.folder, "data", "--to", "mine.yaml")
    study = yaml.safe_load((workshop.folder / "mine.yaml").read_text())
    assert "snakemake -n --configfile mine.yaml" in out
    jobs = workshop.jobs(None, "--configfile", "mine.yaml")
    assert jobs["train_proxies"] >= 1 and "train_finals" not in jobs
    results = workshop.folder / "results" / "mine"
    if layout != "folders":
        # Layouts differ in how text is read. What comes after it is the same.
        workshop.run(merged(study, SMALL), "results/mine/domains.parquet")
        counted = pd.read_parquet(results / "domains.parquet")
        assert set(counted.domain) == set(study["domains"])
        return
    workshop.run(merged(study, SMALL))
    for mixer in study["mixers"]:
        proposal = json.loads((results / "mixtures" / f"{mixer}.json").read_text())
        assert set(proposal["weights"]) == set(study["domains"])
        assert sum(proposal["weights"].values()) == pytest.approx(1, abs=1e-9)
    assert (results / "report" / "summary.html").is_file()
