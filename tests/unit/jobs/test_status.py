"""How a study's training stands, told from files that other processes write."""

import json
import os
import subprocess
import sys
import time

import pytest

from dead_process import ended
from least_study import CONFIG
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.files import machine_name, write_json
from mixwright.jobs import status, status_lines
from mixwright.jobs.heartbeat import path_of
from mixwright.jobs.status import SILENT, Job, Swarm, find_study, swarms
from mixwright.study.config import read_yaml, resolve
from mixwright.study.study import Study

NOW = 1_000_000.0
PULSE = {
    "state": "running",
    "done": 1,
    "diverged": [],
    "speed": 100.0,
    "seconds_left": 50.0,
    "told": NOW,
    "host": "far",
    "pid": 1,
}
PULSE |= {"updated": NOW, "error": None}


@pytest.fixture
def study():
    """The smoke study: 20 finals, and in packs of 4 the proxies.

    These are 12 swarm runs, 3 vertices, 14 perturbations and 3 repeats.
    """
    config = read_yaml(CONFIG / "studies" / "smoke.yaml")
    return Study(resolve(config | {"proxy": config["proxy"] | {"per_job": 4}}, CONFIG))


@pytest.fixture
def results(tmp_path, study, monkeypatch):
    monkeypatch.setattr(status.time, "time", lambda: NOW)
    study.write(tmp_path / "results" / "smoke" / "study.json")
    return tmp_path / "results" / "smoke"


def finish(results, pack, **pulse):
    (results / "packs").mkdir(exist_ok=True)
    (results / "packs" / f"{pack}.parquet").touch()
    tell(results, pack, **{"state": "finished"} | pulse)


def tell(results, pack, **changes):
    write_json(path_of(results, pack), PULSE | changes)


def proxies(study, results) -> dict[str, Job]:
    return {job.pack: job for job in swarms(study, results)[0].jobs}


def test_before_anything_runs_all_runs_wait(study, results):
    progress = swarms(study, results)
    assert [(swarm.kind, {job.state for job in swarm.jobs}) for swarm in progress] == [
        ("proxies", {"waiting"}),
        ("finals", {"waiting"}),
    ]
    runs = {
        role: status_lines.counts(jobs)["waiting"]
        for role, jobs in status_lines.by_role(progress).items()
    }
    assert runs == {role: len(runs) for role, runs in study.runs.items()} | {
        "final": sum(map(len, study.final_packs.values()))
    }
    assert (
        progress[0].seconds_left is None
        and status_lines.sentence(progress[0])
        == f"proxies: 0 of {sum(map(len, study.runs.values()))} done; no job runs"
    )


@pytest.mark.parametrize(
    "pulse, state",
    [
        ({}, "running"),
        (
            {"updated": NOW - SILENT + 1, "told": NOW - 9e4},
            "running",
        ),  # a step that takes a day: slow, not dead
        ({"updated": NOW - SILENT}, "silent"),
        ({"host": machine_name(), "pid": os.getpid()}, "running"),
        (
            {"host": machine_name(), "pid": None, "updated": NOW},
            "killed",
        ),  # None: a process that is no more
        ({"state": "stopped"}, "stopped"),
        ({"state": "failed", "error": "no weights"}, "failed"),
        ({"state": "finished"}, "waiting"),  # its pack was removed since
    ],
)
def test_a_dead_job_is_told_from_a_slow_one(study, results, pulse, state):
    pack = next(iter(study.packs))
    if "pid" in pulse and pulse["pid"] is None:
        pulse = pulse | {"pid": ended()}
    tell(results, pack, **pulse)
    job = proxies(study, results)[pack]
    assert (job.state, job.done) == (state, 0 if state == "waiting" else 1)


def test_a_pack_that_is_there_is_done_whatever_its_pulse_says(study, results):
    first, second, third = list(study.packs)[:3]
    finish(results, first, state="running", diverged=["r1"])
    finish(results, second)
    path_of(results, second).write_text("{half")
    (results / "packs" / f"{third}.parquet").touch()
    jobs = proxies(study, results)
    assert [(jobs[pack].state, jobs[pack].done) for pack in (first, second, third)] == [
        ("finished", 4)
    ] * 3
    assert jobs[first].diverged == ("r1",)


def test_runs_add_up_and_the_lost_are_named(study, results):
    packs = list(study.packs)
    finish(results, packs[0], diverged=["abc"])
    tell(results, packs[1], done=3)
    tell(results, packs[2], state="failed", error="no weights of run x", done=1)
    progress = swarms(study, results)
    numbers = status_lines.counts(progress[0].jobs)
    assert numbers == {
        "runs": 32,
        "done": 8,
        "running": 1,
        "stopped": 3,
        "waiting": 20,
        "diverged": 1,
    }
    lines = list(status_lines.troubles(progress))
    assert lines[0].startswith(
        f"swarm {packs[2]} on far failed (no weights of run x): 1 of 4 done; start snakemake again"
    )
    assert lines[1].startswith("diverged: abc;") and len(lines) == 2
    assert list(status_lines.jobs(progress)) == [
        f"swarm {packs[1]} on far: 3 of 4 done, 100 tokens/s, 50 s to go"
    ]


def job(state: str, **changes) -> Job:
    return Job(
        **{"pack": "p", "role": "swarm", "state": state, "runs": 4, "tokens": 1000} | changes
    )


@pytest.mark.parametrize(
    "jobs, speed, left",
    [
        ([job("waiting")], None, None),
        ([job("finished", done=4, speed=10.0), job("waiting")], None, None),  # nothing runs
        ([job("running"), job("waiting")], None, None),  # nothing measured
        ([job("running", speed=100.0, seconds_left=5.0)], 100.0, 5.0),
        ([job("running", speed=100.0, seconds_left=5.0), job("waiting")], 100.0, 15.0),
        (
            [job("running", speed=100.0, seconds_left=5.0), job("running", done=2), job("waiting")],
            200.0,
            10.0,
        ),  # as fast as the other
        (
            [job("running", done=3), job("finished", done=4, speed=50.0)],
            50.0,
            5.0,
        ),  # as fast as those before
        ([job("running", speed=100.0, seconds_left=5.0), job("killed", done=1)], 100.0, 12.5),
        (
            [
                job("running", speed=10.0, seconds_left=90.0),
                job("running", speed=990.0, seconds_left=1.0),
            ],
            1000.0,
            90.0,
        ),  # the slowest
    ],
)
def test_time_to_go_follows_from_what_was_measured_and_is_unknown_else(jobs, speed, left):
    swarm = Swarm("proxies", tuple(jobs))
    assert (swarm.speed, swarm.seconds_left) == (speed, left)
    assert ("unknown" in status_lines.sentence(swarm)) == (
        speed is None and any(job.state == "running" for job in jobs)
    )


def test_durations_read_well():
    assert [status_lines.duration(seconds) for seconds in (3.4, 89, 90, 5399, 5400, 90_000)] == [
        "3 s",
        "89 s",
        "2 min",
        "90 min",
        "1.5 h",
        "25.0 h",
    ]


def test_the_command_finds_the_only_study_and_says_where_it_stands(
    results, study, capsys, monkeypatch
):
    monkeypatch.chdir(results.parents[1])
    tell(results, next(iter(study.packs)))
    assert main(["status"]) == 0
    output = capsys.readouterr().out
    assert (
        "proxies: 1 of 32 done; 1 job, 100 tokens/s" in output
        and "finals: 0 of 20 done; no job runs" in output
    )
    (results.parent / "other").mkdir()
    study.write(results.parent / "other" / "study.json")
    assert main(["status"]) == 1
    assert (
        capsys.readouterr().err
        == "mixwright: status: several studies stand under results: other, smoke; "
        "give --study results/NAME/study.json\n"
    )
    assert main(["status", "--study", "results/smoke/study.json"]) == 0
    with pytest.raises(
        MixwrightError, match="no study stands under results; start one with snakemake"
    ):
        find_study([])


def test_measured_losses_have_no_progress(results):
    measured = Study({"measured": {"swarm": {}}})
    with pytest.raises(MixwrightError, match="nothing is trained"):
        swarms(measured, results)


def test_a_study_of_another_version_is_one_line(results, study):
    older = Study(
        study.config
        | {
            "final": {
                name: value for name, value in study.config["final"].items() if name != "seeds"
            }
        }
    )
    with pytest.raises(
        MixwrightError, match=r"study.json: another version's, without 'seeds'; start snakemake"
    ):
        swarms(older, results)


def test_ten_thousand_runs_are_told_without_torch_pandas_or_pyarrow(tmp_path):
    """A light process: what takes time is importing what is not needed."""
    config = read_yaml(CONFIG / "studies" / "smoke.yaml")
    study = Study(
        resolve(
            config
            | {"designs": {"swarm": {"runs": 10_000}}, "proxy": {"per_job": 16, "model": "micro"}},
            CONFIG,
        )
    )
    study.write(tmp_path / "study.json")
    for pack in study.packs:
        finish(tmp_path, pack, told=time.time())
    program = f"""
import sys
from mixwright.__main__ import main
assert main(["status", "--study", {str(tmp_path / "study.json")!r}]) == 0
heavy = {{"torch", "transformers", "datasets", "pandas", "scipy", "pyarrow", "matplotlib"}}
heavy &= set(sys.modules)
assert not heavy, heavy
"""
    environment = {"PYTHONPATH": str(CONFIG.parent / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert (
        "proxies: 100" in done.stdout
        and json.loads(path_of(tmp_path, next(iter(study.packs))).read_text())["state"]
        == "finished"
    )
