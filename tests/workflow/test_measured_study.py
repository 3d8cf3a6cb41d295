"""Studies of runs that others measured, through the real workflow.

A made-up swarm is always run, RegMix's tables where they are at hand.
"""

import csv
import json
import os
import socket
import sys
from pathlib import Path

import pytest

from workshop import HOUSE, read_study

sys.path.insert(0, str(HOUSE / "tests" / "unit"))
import perturbed_runs
from mixwright.report.layout import DRAWN, drawn
from mixwright.study.study import Study
from published_runs import write

# Figures of a swarm, and of perturbations: a study shows all of the one kind and none of the other.
SWARM_FIGURES = {"ranks", "tested", "subsets", "region", "published", "front", "effects"}
PERTURB_FIGURES = {"optimum", "ladder", "scales", "amounts"}
REGMIX, AUTOSCALE = read_study("regmix_pile"), read_study("autoscale_published")


def within_reach() -> bool:
    """Whether published tables can be had, from a mirror or from their address."""
    if os.environ.get("MIXWRIGHT_MIRROR"):
        return True
    try:
        socket.create_connection(("raw.githubusercontent.com", 443), timeout=3).close()
    except OSError:
        return False
    return True


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def figures_of(report: Path) -> set[str]:
    """The figures that were drawn: all that the study should show, and no other, with tables."""
    figures = {path.stem for path in report.glob("*.svg")}
    assert figures == set(drawn(Study.read(report.parent / "study.json")))
    for suffix in DRAWN:
        assert figures <= {path.stem for path in report.glob(f"*.{suffix}")}
    return figures


def check_redrawing(workshop, study, report: Path, mirror: str) -> str:
    """One figure whose files, or one of them, are deleted is drawn again, alone."""
    name = "amounts"
    before = {path: path.stat().st_mtime_ns for path in report.iterdir()}
    files = [report / f"{name}.{suffix}" for suffix in DRAWN]
    bytes_before = [file.read_bytes() for file in files]
    for lost in (files, files[2:3]):
        for file in lost:
            file.unlink()
        jobs = workshop.jobs(study, "figures")
        assert jobs == {"draw_figure": 1, "figures": 1}
        done = workshop.snakemake(study, "figures", MIXWRIGHT_MIRROR=mirror)
        assert done.returncode == 0, done.stderr[-3000:]
        assert [file.read_bytes() for file in files] == bytes_before
    for path, time in before.items():
        assert (path.stat().st_mtime_ns == time) == (path not in files), path
    return name


def test_a_tiny_swarm_of_others_end_to_end(workshop):
    mirror = workshop.folder / "mirror"
    mirror.mkdir()
    study = write(mirror) | {"export": ["megatron"]}
    environment = {"MIXWRIGHT_MIRROR": str(mirror)}
    done = workshop.snakemake(study, **environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    report = workshop.folder / "results" / "tiny" / "report"
    figures = figures_of(report)
    assert figures >= SWARM_FIGURES and not figures & PERTURB_FIGURES
    summary = json.loads((report / "summary.json").read_text())
    assert (
        summary["chosen"] == "effective-data"
        and summary["proposal"]["weights"]["web"] <= 0.5 + 1e-9
    )
    assert "Nothing was trained" in (report / "summary.html").read_text()
    proposal = json.loads(
        (workshop.folder / "results" / "tiny" / "mixtures" / "effective-data.json").read_text()
    )
    assert not {"tokens", "epochs"} & set(proposal)  # shares alone are known
    surfaces = workshop.folder / "results" / "tiny" / "surfaces"
    assert {path.stem for path in surfaces.iterdir()} == {"effective-data", "regmix-linear"}
    surface = json.loads((surfaces / "effective-data.json").read_text())
    goal = surface["goal"]
    assert goal["weights"] == {"programs": 1 / 3, "prose": 2 / 3} and goal["tokens"] is None
    assert goal["bounds"]["most"] == [1, 1, 0.5] and surface["domains"] == ["books", "code", "web"]
    best = dict(zip(surface["domains"], goal["best"]["weights"], strict=True))
    assert best == pytest.approx(proposal["weights"], abs=1e-9)
    exported = (report.parent / "export" / "effective-data" / "megatron.txt").read_text()
    assert all(name in exported for name in proposal["weights"])
    assert any("export/effective-data/megatron.txt" in note for note in summary["notes"])
    again = workshop.snakemake(study, "--dry-run", **environment)
    assert "Nothing to be done" in again.stdout + again.stderr
    study["measured"]["targets"] = {"prose": 1}
    goal = workshop.snakemake(study, "--dry-run", "--quiet", "rules", **environment)
    assert goal.returncode == 0 and "fetch_public" not in goal.stdout + goal.stderr
    lost = workshop.snakemake(study, "--forceall", MIXWRIGHT_MIRROR="")
    assert lost.returncode != 0
    assert (
        "it has no address; set MIXWRIGHT_MIRROR to a folder that holds "
        in lost.stdout + lost.stderr
    )


def test_tiny_perturbations_of_others_end_to_end(workshop):
    mirror = workshop.folder / "mirror"
    mirror.mkdir()
    study = perturbed_runs.write(mirror)
    done = workshop.snakemake(study, MIXWRIGHT_MIRROR=str(mirror))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    report = workshop.folder / "results" / "bent" / "report"
    figures = figures_of(report)
    assert figures >= PERTURB_FIGURES and not figures & SWARM_FIGURES
    summary = json.loads((report / "summary.json").read_text())
    assert (
        set(summary["moved"]) == {"autoscale", "published"}
        and "Nothing was trained" in summary["notes"][0]
    )
    assert "Other scales" in (report / "summary.html").read_text()
    again = workshop.snakemake(study, "--dry-run", MIXWRIGHT_MIRROR=str(mirror))
    assert "Nothing to be done" in again.stdout + again.stderr
    redrawn = check_redrawing(workshop, study, report, str(mirror))
    assert redrawn == "amounts"
    del study["measured"]["optima"]
    alone = workshop.snakemake(study, MIXWRIGHT_MIRROR=str(mirror))
    assert alone.returncode == 0, alone.stdout[-3000:] + alone.stderr[-6000:]
    assert "Other scales" not in (report / "summary.html").read_text()


@pytest.mark.skipif(
    not within_reach(),
    reason="AutoScale's tables: neither MIXWRIGHT_MIRROR nor raw.githubusercontent.com",
)
def test_the_published_perturbations_give_the_published_optimum_and_ladder(workshop):
    workshop.run(AUTOSCALE)
    report = workshop.folder / "results" / "autoscale_published" / "report"
    amounts = {
        (row["mixer"], row["domain"]): round(float(row["amount"]), 4)
        for row in rows(report / "optimum.csv")
    }
    domains = ("common_crawl", "github", "books", "wikipedia", "c4", "stackexchange", "arxiv")
    assert [amounts["perplexity", name] for name in domains] == [
        1.6248,
        0.2,
        1.2742,
        1.1798,
        1.8519,
        0.6372,
        0.2322,
    ]
    totals = {
        float(row["step"]): f"{float(row['total']) / 1e9:.5g}"
        for row in rows(report / "ladder.csv")
    }
    assert [totals[step] for step in (2, 3, 4, 5, 0.5)] == [
        "5.0005",
        "21.389",
        "93.228",
        "412.44",
        "0.59612",
    ]
    shares = [float(row["weight"]) for row in rows(report / "scales.csv") if row["domain"] == "c4"]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(0.4398, abs=1e-4)


@pytest.mark.skipif(
    not within_reach(),
    reason="RegMix's tables: neither MIXWRIGHT_MIRROR nor raw.githubusercontent.com",
)
def test_the_published_tables_give_the_published_ranks(workshop):
    """The cheap part of the study: no trees, and few draws, for no interval is looked at."""
    mixers = {name: {} for name in ("additive", "effective-data", "natural")} | {
        "regmix-linear": {"samples": 5000}
    }
    subsets = {"effective-data": {"runs": [64, 96], "random": 1}}
    measured = REGMIX["measured"] | {
        "subsets": subsets,
        "regions": {"effective-data": {"draws": 10}},
    }
    workshop.run(REGMIX | {"mixers": mixers, "measured": measured, "validation": {"draws": 10}})
    report = workshop.folder / "results" / "regmix_pile" / "report"
    ranks = {
        (row["mixer"], row["test"]): 100 * float(row["spearman"])
        for row in rows(report / "ranks.csv")
    }
    law, line = (
        [ranks[mixer, test] for test in ("1M", "60M", "1B")]
        for mixer in ("effective-data", "regmix-linear")
    )
    assert law == pytest.approx([99.24, 98.85, 95.88], abs=0.05)
    assert line == pytest.approx([83.1, 83.0, 70.9], abs=0.4)
    chosen = [
        row
        for row in rows(report / "subsets.csv")
        if (row["way"], row["runs"]) == ("informative", "64")
    ]
    few = {row["test"]: 100 * float(row["spearman"]) for row in chosen}
    assert few["1M"] >= 98.90 and few["60M"] >= 98.41 and few["1B"] >= 94.84
    predicted = [row for row in rows(report / "published.csv") if row["mixer"] == "effective-data"]
    places = {(row["origin"], row["mixture"]): int(row["goal_rank"]) for row in predicted}
    assert (
        places["proposed", "effective-data"] == 1
        and places["published", "regmix"] < places["published", "human"]
    )
