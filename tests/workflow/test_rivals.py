"""A study whose arms learn their weights while a run trains, through the real workflow."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workshop import HOUSE, Workshop

RIVALS = ("doremi", "odm", "fastmix")
STUDY: dict[str, Any] = {
    "study": "rivals",
    "domains": {
        "web": {"source": "files", "files": "web.jsonl"},
        "code": {"source": "files", "files": "code.jsonl"},
    },
    "targets": {"held": {"source": "files", "files": "held.jsonl"}},
    "validation": {"folds": 3, "draws": 10},
    "tokenizer": {"vocabulary": 300},
    "proxy": {"model": "micro", "tokens": 8192, "batch": 4, "per_job": 8},
    "designs": {"repeat": {"runs": 2}, "swarm": {"runs": 10}},
    "evaluation": {"tokens": 512, "steps": 1, "final_tokens": 512},
    "final": {"model": "micro", "batch": 4, "seeds": [1], "per_job": 8},
    "mixers": {
        "natural": {},
        "best-of-swarm": {},
        "best-source": {},
        "doremi": {"eta": 0.5},
        "odm": {},
        "fastmix": {"every": 4, "rate": 0.1},
    },
    "merged": {},
    "goal": {"tokens": 4096, "caps": {"code": 0.45}},
}


def texts(name: str, letters: str, count: int) -> list[str]:
    source = random.Random(name)
    words = ["".join(source.choices(letters, k=5)) for _ in range(60)]
    return [" ".join(source.choices(words, k=source.randint(20, 80))) for _ in range(count)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("rivals"))
    written = {"web": ("web", "aeioulnrst", 150), "code": ("code", "bcdfgkmpvz", 120)}
    # the target is text of another kind of code
    written["held"] = ("code", "bcdfgkmpvz", 20)
    for name, arguments in written.items():
        lines = [json.dumps({"text": text}) for text in texts(*arguments)]
        (workshop.folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    workshop.run(STUDY)
    return workshop


@pytest.fixture(scope="module")
def results(finished) -> Path:
    return finished.folder / "results" / "rivals"


def test_a_finished_study_has_nothing_to_do(finished):
    assert finished.jobs(STUDY) == {}


def test_merged_runs_of_single_domains_are_compared_with_the_swarm(finished, results):
    content = json.loads((results / "merged.json").read_text())
    assert content["runs"] == 10 and content["left_out"] == 0 and content["start"] == ""
    # two domains: one number orders the mixtures, and more code is better
    assert content["ranks"]["mean of the targets"]["value"] > 0.5
    assert 0 <= content["regret"] <= content["spread"]
    page = (results / "report" / "summary.html").read_text()
    assert "Merged proxies" in page and content["verdict"].split(":")[0] in page.replace(
        "&#x27;", "'"
    )
    summary = json.loads((results / "report" / "summary.json").read_text())
    assert summary["merged"] == content


def test_every_rival_proposes_what_its_run_learned(results):
    for mixer in RIVALS:
        realised = pd.read_parquet(results / "realised" / f"{mixer}.parquet")
        answer = realised.dropna(subset=["learned"]).set_index("domain")
        assert answer.run.nunique() == 1
        assert answer.learned.sum() == pytest.approx(1)
        proposal = json.loads((results / "mixtures" / f"{mixer}.json").read_text())
        weights = pd.Series(proposal["weights"])
        assert weights["code"] <= 0.45 + 1e-9
        moved = answer.learned["code"] > 0.45 + 1e-3
        assert moved == any("brought inside" in note for note in proposal["notes"])
        if not moved:
            assert weights["code"] == pytest.approx(answer.learned["code"])
        if mixer != "fastmix":
            # the mean of the weights is what the run has read
            shares = answer.tokens / answer.tokens.sum()
            assert (shares - answer.learned).abs().max() < 0.05


def test_doremi_trains_a_reference_beside_its_proxy(results):
    design = pd.read_parquet(results / "design" / "doremi.parquet")
    assert design.run.nunique() == 2
    realised = pd.read_parquet(results / "realised" / "doremi.parquet")
    assert realised.learned.notna().sum() == 2 == realised.learned.isna().sum()


def test_fastmix_moves_to_the_domain_that_the_target_is_of(results):
    realised = pd.read_parquet(results / "realised" / "fastmix.parquet")
    assert realised.set_index("domain").learned["code"] > 0.52


def test_the_report_counts_what_the_rivals_cost(results):
    summary = json.loads((results / "report" / "summary.json").read_text())
    rows = {row["stage"]: row for row in summary["cost"] if row["stage"] in RIVALS}
    assert {stage: row["models"] for stage, row in rows.items()} == {
        "doremi": 2,
        "odm": 1,
        "fastmix": 1,
    }
    assert rows["doremi"]["tokens"] == 2 * rows["odm"]["tokens"] == 2 * 8192
    page = (results / "report" / "summary.html").read_text()
    assert "a reference and a proxy that learns weights (doremi)" in page


def test_the_figure_of_gains_counts_what_each_method_trained(results):
    drawn = pd.read_csv(results / "report" / "gain_cost.csv").set_index("method")
    tokens = {"natural": 0, "best-of-swarm": 10, "best-source": 2, "doremi": 2, "odm": 1}
    tokens["fastmix"] = 1
    assert drawn.tokens.to_dict() == {arm: 8192 * runs for arm, runs in tokens.items()}
    assert drawn.of_final["doremi"] == 2 * 8192 / 4096
    summary = json.loads((results / "report" / "summary.json").read_text())
    assert set(drawn.index) == {"natural"} | {arm["mixer"] for arm in summary["arms"]}
    assert 'id="cost"' in (results / "report" / "summary.html").read_text()


def test_other_weights_of_targets_train_fastmix_alone_again(finished):
    target = {"source": "files", "files": "held.jsonl", "weight": 1}
    more = {"held": target, "web": {"weight": 1}}
    jobs = finished.jobs({**STUDY, "targets": more})
    assert jobs["train_proxies"] == 1


def called(finished: Workshop, *words: str) -> str:
    """What a command of mixwright prints."""
    environment = os.environ | {"PYTHONPATH": str(HOUSE / "workflow")}
    command = [sys.executable, "-m", "mixwright", *words]
    options = {"cwd": finished.folder, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(command, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_status_knows_every_run_of_a_rival(finished):
    # ten of the swarm, two vertices, two repeats, a reference, and a run of each rival
    assert "proxies: 18 of 18 done\n" in called(finished, "status")


def test_merged_vertices_are_compared_with_the_swarm(finished, results):
    files = ["--study", "results/rivals/study.json", "--store", "results/store"]
    called(finished, "merged", *files, "--to", "merged.json")
    merged = json.loads((finished.folder / "merged.json").read_text())
    assert merged["runs"] == 10 and set(merged["ranks"]) > {"mean of the targets", "held"}
    # on words of its own each target is the better, the more of its domain was read
    assert merged["ranks"]["mean of the targets"]["value"] > 0
