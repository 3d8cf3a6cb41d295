"""The papers' experiments: each dry-runs as it stands, and its tiny overlay runs to the end."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mixwright import tables
from mixwright.jobs.status_stages import Reported, present, stages
from mixwright.study.study import Study
from paper_stand_ins import write_stand_ins
from workshop import HOUSE, Workshop, merged, read_study

PAPERS = ("regmix_pile_full", "mixmin_slimpajama", "autoscale_redpajama", "autoscale_bert")
ARMS = {
    "regmix_pile_full": {"effective-data", "natural", "regmix"},
    "mixmin_slimpajama": {"best-source", "mixmin", "natural", "uniform"},
    "autoscale_redpajama": {"autoscale", "autoscale-robust", "natural", "uniform"},
    "autoscale_bert": {"autoscale", "autoscale-robust", "natural", "uniform"},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Workshop:
    folder: Path = tmp_path_factory.mktemp("papers")
    write_stand_ins(folder / "stand-ins")
    return Workshop(folder)


def test_every_study_of_a_paper_is_run_here():
    overlays = {path.stem for path in (HOUSE / "config" / "studies").glob("*-tiny.yaml")}
    assert overlays == {f"{paper}-tiny" for paper in PAPERS}


@pytest.mark.parametrize("paper", PAPERS)
def test_a_paper_dry_runs_without_its_data(workshop, paper):
    jobs = workshop.jobs(read_study(paper), HF_HUB_OFFLINE="")
    assert jobs["train_finals"] > 0
    assert jobs["train_proxies"] > 0


def test_the_published_sizes():
    regmix = read_study("regmix_pile_full")
    assert regmix["proxy"]["tokens"] == 1000 * 512 * 2048
    assert regmix["goal"]["tokens"] == 25_000 * 512 * 1024 * 2
    assert len(regmix["domains"]) == 17
    assert len(read_study("mixmin_slimpajama")["domains"]) == 7


def test_mixmin_dry_runs_with_the_larger_finals(workshop):
    study = merged(read_study("mixmin_slimpajama"), read_study("mixmin_slimpajama-410m"))
    assert workshop.jobs(study, HF_HUB_OFFLINE="")["train_finals"] > 0


# One of them runs with every change, the others by `make test-papers`: a minute and more each.
LONG = [pytest.param(paper, marks=pytest.mark.papers) for paper in PAPERS[:-1]]


@pytest.mark.parametrize("paper", [*LONG, PAPERS[-1]])
def test_a_tiny_overlay_runs_to_the_end(house, paper, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    study = merged(read_study(paper), read_study(f"{paper}-tiny"))
    house.run(study)
    report = house.folder / "results" / study["study"] / "report"
    summary = json.loads((report / "summary.json").read_text())
    assert {"natural"} | {arm["mixer"] for arm in summary["arms"]} == ARMS[paper]
    assert Path(report / "summary.html").stat().st_size > 10_000
    if study["final"].get("snapshots"):
        check_speed_ups(house, study, summary)


def check_speed_ups(house: Workshop, study: dict[str, Any], summary: dict[str, Any]) -> None:
    """Copies of all finals are scored on every target, drawn and told, and status counts them."""
    results = house.folder / "results" / study["study"]
    scores = tables.read([*results.glob("snapshot_scores/*.parquet")], tables.SNAPSHOT_SCORES)
    assert set(scores.mixer) == {"autoscale", "autoscale-robust", "natural", "uniform"}
    assert set(scores.task) == set(study["targets"])
    assert scores.tokens.nunique() == len(study["final"]["snapshots"])
    speeds = {speed["mixer"]: speed for speed in summary["speed_ups"]}
    assert set(speeds) == set(scores.mixer) - {"natural"}
    drawn = pd.read_csv(results / "report" / "speed_up.csv")
    told = drawn[drawn.row == "speed"].set_index("arm")
    assert {arm: told.status[arm] for arm in told.index} == {
        mixer: speed["status"] for mixer, speed in speeds.items()
    }
    assert "natural's final" in (results / "report" / "summary.html").read_text()
    listed = Study.read(results / "study.json")
    reported = Reported((), (), (), "report/summary")
    (way,) = (s for s in stages(listed, results, reported) if s.name == "losses on the way")
    assert len(present(results, way.products)) == len(way.products) == len(listed.final_packs)
