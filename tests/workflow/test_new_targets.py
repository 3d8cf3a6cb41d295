"""What is asked of trained proxies later: other targets, more tokens, another likelihood.

A tiny study of files runs once, up to its tables of losses. Then come a user's later wishes.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workshop import Workshop, changed

WORDS = 90


def texts(name: str, count: int, start: int = 0) -> list[str]:
    """Documents of words that no other name has."""
    random = np.random.default_rng([start, *name.encode()])
    return [
        " ".join(f"{name}{word}" for word in random.integers(WORDS, size=60)) for _ in range(count)
    ]


def write(folder: Path, name: str, lines: list[str]) -> None:
    rows = [json.dumps({"text": line}) for line in lines]
    (folder / f"{name}.jsonl").write_text("\n".join(rows) + "\n")


STUDY: dict[str, Any] = {
    "study": "tiny",
    "corpus": {"clean": ["decontaminate"]},
    "domains": {name: {"source": "files", "files": f"{name}.jsonl"} for name in ("code", "web")},
    "targets": {"held": {"source": "files", "files": "held.jsonl"}},
    "tokenizer": {"vocabulary": 300, "sample_bytes": 100_000},
    "proxy": {
        "model": "micro",
        "tokens": 4096,
        "batch": 4,
        "per_job": 10,
        "simulated_epochs": False,
    },
    "evaluation": {"tokens": 512, "examples": 4},
    # mixtures that are drawn: of two domains chosen ones are corners, which are the vertex runs too
    "designs": {"swarm": {"method": "dirichlet", "runs": 10}, "repeat": {"runs": 3}},
    "mixers": {"best-of-swarm": {}, "mixmin": {}},
    "finals": "none",
    "goal": {"tokens": 8192, "max_epochs": None},
}
MORE = changed(STUDY, "targets.later", {"source": "files", "files": "later.jsonl"})
TABLES = [f"results/tiny/losses/{role}.parquet" for role in ("swarm", "vertex", "repeat")]
TABLES.append("results/tiny/loglikelihoods/vertex.parquet")
SCORING = {
    "list_scored": 1,
    "evaluate_proxies": 3,
    "collect_losses": 3,
    "collect_loglikelihoods": 1,
}
CORPUS = {"clean_part", "tokenize_part", "join_parts", "count_domains", "train_tokenizer"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Workshop:
    """The study up to its tables, with one target and then with another one."""
    workshop = Workshop(tmp_path_factory.mktemp("tiny"))
    for name in ("code", "web", "held", "later"):
        write(workshop.folder, name, texts(name, 60))
    workshop.run(STUDY, *TABLES)
    return workshop


def weights(workshop: Workshop) -> dict[str, int]:
    """Every file of weights, and when it was written."""
    files = (workshop.folder / "results" / "store" / "weights").rglob("*.safetensors")
    return {path.name: path.stat().st_mtime_ns for path in files}


def losses(workshop: Workshop, role: str = "swarm") -> pd.DataFrame:
    return pd.read_parquet(workshop.folder / "results" / "tiny" / "losses" / f"{role}.parquet")


def jobs(workshop: Workshop, study: dict[str, Any], *arguments: str) -> dict[str, int]:
    return workshop.jobs(study, *arguments, *TABLES)


@pytest.fixture(scope="module")
def asked(trained) -> Workshop:
    """The same with another target; the dry run and the run train nothing."""
    before, first = weights(trained), losses(trained)
    assert len(before) == 14 and set(first.target) == {"code", "web", "held"}
    listed = jobs(trained, MORE)
    assert not {"train_proxies", "calibrate"} & set(listed)
    assert {**listed, **SCORING} == listed and listed["tokenize_target"] == 2
    trained.run(MORE, *TABLES)
    assert weights(trained) == before
    again = losses(trained)
    added = again[again.target == "later"]
    assert set(added.run) == set(first.run) and set(added.status) == {"ok"}
    assert added.step.nunique() == 1
    pd.testing.assert_frame_equal(again[again.target != "later"].reset_index(drop=True), first)
    return trained


def test_another_target_trains_nothing_and_is_scored_once(asked):
    assert jobs(asked, MORE) == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.tokens", 256),
        ("evaluation.steps", 3),
        ("evaluation.likelihood", "answer"),
    ],
)
def test_another_way_to_score_is_scoring_alone(asked, key, value):
    assert jobs(asked, changed(MORE, key, value)) == SCORING


def test_a_target_that_goes_trains_nothing(asked):
    listed = jobs(asked, STUDY)
    assert "train_proxies" not in listed and listed["evaluate_proxies"] == 3


@pytest.mark.parametrize(("keep", "packs"), [("none", 3), ("vertices", 2)])
def test_where_weights_are_not_kept_the_dry_run_says_what_is_trained_again(asked, keep, packs):
    study = changed(changed(MORE, "proxy.keep", keep), "evaluation.tokens", 256)
    done = asked.snakemake(study, "--dry-run", *TABLES)
    assert jobs(asked, study)["train_proxies"] == packs
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("  to go: ")]
    assert "FLOP" in line


def test_a_swarm_that_grows_trains_its_new_runs_alone(asked):
    listed = jobs(asked, changed(MORE, "designs.swarm.runs", 20))
    assert listed["train_proxies"] == 1 and not CORPUS & set(listed)


def test_a_target_that_takes_text_away_is_told_and_trained_for_by_the_next_run(asked):
    """Documents of a domain stand in the target: they are dropped from what is learned."""
    before = weights(asked)
    write(asked.folder, "taken", texts("web", 60)[:9])
    study = changed(MORE, "targets.taken", {"source": "files", "files": "taken.jsonl"})
    assert "train_proxies" not in jobs(asked, study)
    done = asked.snakemake(study, *TABLES)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "runs were trained on other text than is there now" in said
    assert jobs(asked, study)["train_proxies"] == 3
    asked.run(study, *TABLES)
    after = weights(asked)
    assert {name: after[name] for name in before} == before
    # the tokenizer is trained on the text: the tokens of both domains are others
    assert len(after) == 2 * len(before)
    assert "taken" in set(losses(asked).target) and jobs(asked, study) == {}
