"""The plan stands at the head of a dry run and of a run, once, and disturbs no other mode."""

import json
import subprocess
import sys

import pytest

from mixwright.jobs.plan.estimate import estimate, hardware_of
from mixwright.report.layout import drawn
from mixwright.study.config import resolve
from mixwright.study.study import Study
from workshop import HOUSE, changed, without

HEAD = "plan of smoke: "


def planned_jobs(study: dict) -> dict[str, int]:
    """Rule -> number of jobs as the plan counts them."""
    resolved = Study(resolve(study, HOUSE / "config"))
    told = estimate(resolved, hardware_of(resolved), figures=len(drawn(resolved)))
    jobs: dict[str, int] = {}
    for part in told.parts:
        for rule, number in part.work.jobs.items():
            jobs[rule] = jobs.get(rule, 0) + number
    return jobs


def test_a_dry_run_shows_the_plan_once_on_stderr(workshop, smoke):
    done = workshop.snakemake(smoke, "--dry-run")
    assert done.returncode == 0
    assert done.stderr.count(HEAD) == 1 and HEAD not in done.stdout
    assert "on 2 CPU cores" in done.stderr


@pytest.mark.parametrize("ends", ["trained", "none"])
def test_the_plan_counts_the_jobs_that_snakemake_lists(workshop, smoke, ends):
    study = smoke | {"finals": ends, "export": ["megatron", "csv"]}
    listed = workshop.jobs(study)
    del listed["all"]
    assert planned_jobs(study) == listed


@pytest.mark.parametrize(
    "mode",
    [["--rulegraph"], ["--dag"], ["--summary"], ["--list"], ["--dry-run", "--quiet"]],
    ids=" ".join,
)
def test_modes_that_programs_read_are_silent(workshop, smoke, mode):
    done = workshop.snakemake(smoke, *mode)
    assert done.returncode == 0 and done.stdout
    assert HEAD not in done.stdout + done.stderr


def test_a_run_shows_the_plan_once(workshop, smoke):
    done = workshop.snakemake(smoke, "results/smoke/installed", "--quiet", "rules")
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count(HEAD) == 1


@pytest.mark.parametrize("mode", ["subprocess", "remote"])
def test_jobs_which_parse_the_workflow_again_say_nothing_of_the_plan(workshop, smoke, mode):
    """An executor starts them so, on this machine or on a cluster's nodes."""
    done = workshop.snakemake(smoke, "results/smoke/installed", "--mode", mode, "--nolock")
    assert done.returncode == 0, done.stderr
    assert (workshop.folder / "results" / "smoke" / "installed").is_dir()
    assert HEAD not in done.stdout + done.stderr


def test_a_run_up_to_the_proposals_plans_no_finals(workshop, smoke):
    done = workshop.snakemake(smoke, "--dry-run", "proposals")
    to_go = [line for line in done.stderr.splitlines() if line.startswith("  to go: ")]
    assert len(to_go) == 1
    assert "  to go: " not in workshop.snakemake(smoke, "--dry-run").stderr


def test_parsing_with_a_plan_imports_nothing_heavy(tmp_path, smoke):
    study = changed(without(smoke, "joint"), "finals", "none")
    code = f"""
import json, sys
from pathlib import Path
from mixwright.jobs.plan.lines import plan_lines
from mixwright.jobs.plan.plan import plan_of
from mixwright.study.config import resolve
from mixwright.study.study import Study
study = Study(resolve(json.loads({json.dumps(study)!r}), Path({str(HOUSE / "config")!r})))
assert list(plan_lines(plan_of(study, Path({str(tmp_path)!r}))))
heavy = {{"torch", "transformers", "datasets", "pandas", "scipy", "pyarrow", "lightgbm", "rich"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
