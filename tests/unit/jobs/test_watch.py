"""A study that is watched: what its files and Snakemake's tell, told again until it is done."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from least_study import CONFIG
from mixwright.__main__ import main
from mixwright.files import machine_name, write_json
from mixwright.jobs import status_view
from mixwright.jobs.heartbeat import path_of
from mixwright.jobs.status_snakemake import Driver, last_lines
from mixwright.jobs.status_watch import QUIET, Look, Watch
from mixwright.stages.jobs import reported
from mixwright.study.config import read_yaml, resolve
from mixwright.study.study import Study

FAILED = "Command 'set -euo pipefail;  python -m mixwright fit | tee {}' returned non-zero exit\n"


@pytest.fixture
def study() -> Study:
    config = read_yaml(CONFIG / "studies" / "smoke.yaml")
    return Study(resolve(config | {"proxy": config["proxy"] | {"per_job": 4}}, CONFIG))


@pytest.fixture
def results(tmp_path: Path, study: Study) -> Path:
    folder = tmp_path / "results" / "smoke"
    study.write(folder / "study.json")
    return folder


@pytest.fixture
def watch(study: Study, results: Path) -> Watch:
    return Watch(study, results, reported(study))


def make(results: Path, *paths: str, age: float = 0.0) -> None:
    """Makes files, as old as so many seconds."""
    for path in paths:
        file = results / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        then = time.time() - age
        os.utime(file, (then, then))


def hold(results: Path, *paths: str) -> Path:
    """Writes the lock of a run of Snakemake that makes these paths."""
    lock = results.parents[1] / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("".join(f"results/{results.name}/{path}\n" for path in paths))
    return lock


def log(results: Path, name: str, text: str = "") -> Path:
    path = results.parents[1] / "logs" / results.name / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def snakemake_says(results: Path, text: str) -> None:
    path = results.parents[1] / ".snakemake" / "log" / "2026-11-29T1.snakemake.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)


def row(look: Look, name: str) -> tuple[int, int]:
    (stage,) = (stage for stage in look.rows if stage.name == name)
    return stage.done, stage.total


def everything(watch: Watch) -> list[str]:
    return [product.path for stage in watch._stages for product in stage.products]


def beat(results: Path, pack: str, **changes: object) -> None:
    now = time.time()
    pulse = {"state": "running", "done": 1, "diverged": [], "speed": 100.0, "seconds_left": 50.0}
    pulse |= {"told": now, "updated": now, "host": machine_name(), "pid": os.getpid()}
    write_json(path_of(results, pack), pulse | {"error": None} | changes)


def test_stages_count_what_is_on_disk(watch: Watch, study: Study, results: Path) -> None:
    assert {stage.done for stage in watch.look().rows} == {0}
    packs = [f"packs/{pack}.parquet" for pack in list(study.packs)[:2]]
    make(results, "design/swarm.parquet", "fits/regmix", *packs)
    look = watch.look()
    assert row(look, "design") == (1, len(study.runs))
    assert row(look, "proxies") == (8, sum(map(len, study.runs.values())))
    assert row(look, "fits")[0] == 1
    assert look.page is None and not look.runs


def test_what_a_shard_was_made_of_is_not_missed(watch: Watch, results: Path) -> None:
    """Nobody makes the tokens of a part again while the shard is there."""
    before = row(watch.look(), "corpus")[0]
    make(results, "shards/cpp", "targets/pytests.npz")
    assert row(watch.look(), "corpus")[0] - before == 3 + 2


def test_what_will_be_made_again_is_not_done(watch: Watch, study: Study, results: Path) -> None:
    first, second, *_ = study.packs
    stale = ["fits/regmix", f"packs/{first}.parquet"]
    make(results, *stale, "fits/mixmin", f"packs/{second}.parquet", age=60)
    assert row(watch.look(), "fits")[0] == 2
    lock = hold(results, *stale)
    look = watch.look()
    assert row(look, "fits")[0] == 1 and row(look, "proxies")[0] == 4 and look.driven
    make(results, *stale, age=-1)
    assert row(watch.look(), "fits")[0] == 2 and row(watch.look(), "proxies")[0] == 8
    lock.unlink()
    assert not watch.look().driven


def test_a_lock_of_another_study_is_none_of_ours(watch: Watch, results: Path) -> None:
    lock = hold(results)
    lock.write_text(f"results/other/fits/regmix\nresults/{results.name}2/fits/regmix\n")
    assert not watch.look().driven


def test_the_jobs_that_run_are_those_with_a_log_and_nothing_made(
    watch: Watch, results: Path
) -> None:
    earlier = log(results, "fit_mixer/mixmin.log")
    os.utime(earlier, (1.0, 1.0))
    hold(results, "fits/regmix", "fits/mixmin")
    log(results, "fit_mixer/regmix.log", "fitting\n")
    running = {stage.name: stage.running for stage in watch.look().rows}
    assert running["fits"] == ("fit_mixer regmix",)
    make(results, "fits/regmix", age=-1)
    running = {stage.name: stage.running for stage in watch.look().rows}
    assert running["fits"] == ()


def test_the_last_error_is_shown_with_its_log_until_the_job_is_done(
    watch: Watch, results: Path
) -> None:
    hold(results, "fits/regmix")
    text = "one\n\ntwo\nthree\nfour\nmixwright: no runs; train some\n"
    path = log(results, "fit_mixer/regmix.log", text)
    snakemake_says(results, FAILED.format("logs/other/fit_mixer/regmix.log"))
    assert watch.look().failure is None
    snakemake_says(results, FAILED.format("logs/smoke/fit_mixer/regmix.log"))
    failure = watch.look().failure
    assert failure is not None and failure.job == "fit_mixer regmix" and failure.log == path
    assert failure.lines == ("two", "three", "four", "mixwright: no runs; train some")
    make(results, "fits/regmix", age=-1)
    assert watch.look().failure is None


def test_an_executor_of_a_cluster_names_the_log_otherwise(results: Path) -> None:
    driver = Driver(results)
    text = "Error in rule fit_mixer:\n    jobid: 3\n    log: logs/smoke/fit_mixer/regmix.log (check"
    snakemake_says(results, f"{text} log file(s) for error details)\n")
    assert driver.failed(0.0) == ["logs/smoke/fit_mixer/regmix.log"]
    assert driver.failed(time.time() + 60) == []


def test_a_job_that_was_killed_is_the_last_error_too(
    watch: Watch, study: Study, results: Path
) -> None:
    pack = next(iter(study.packs))
    path = log(results, f"train_proxies/{pack}.log", "step 3\n")
    beat(results, pack, state="failed", error="no memory")
    failure = watch.look().failure
    assert failure is not None and (failure.log, failure.lines) == (path, ("step 3",))
    beat(results, pack)
    assert watch.look().failure is None


def test_last_lines_of_no_log_are_none(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log") == []


def test_silence_is_told_where_nothing_trains(watch: Watch, study: Study, results: Path) -> None:
    assert status_view.state_line(watch.look()) == status_view.NOTHING_RUNS
    lock = hold(results, "fits/regmix")
    assert status_view.state_line(watch.look()) == ""
    long_ago = time.time() - 2 * QUIET
    os.utime(lock, (long_ago, long_ago))
    assert "no job wrote anything for 20 min" in status_view.state_line(watch.look())
    beat(results, next(iter(study.packs)))
    assert status_view.state_line(watch.look()) == ""


def test_a_run_that_ends_at_the_proposals_ends_with_their_page(watch: Watch, results: Path) -> None:
    """`snakemake proposals` makes no final model, though the study has some."""
    wanted = ["mixtures/regmix.json", "report/proposals.html"]
    lock = hold(results, *wanted)
    make(results, *wanted, age=-1)
    assert watch.look().page is None
    lock.unlink()
    assert watch.look().page == results / "report" / "proposals.html"


def test_a_run_that_stopped_early_has_no_page(watch: Watch, results: Path) -> None:
    lock = hold(results, "mixtures/regmix.json", "report/proposals.html")
    assert watch.look().page is None
    lock.unlink()
    look = watch.look()
    assert look.page is None and status_view.state_line(look) == status_view.NOTHING_RUNS


def test_plain_lines_tell_changes_alone(watch: Watch, study: Study, results: Path) -> None:
    first = watch.look()
    assert "corpus 0/" in status_view.change(None, first)
    assert status_view.change(first, watch.look()) == ""
    pack = next(iter(study.packs))
    beat(results, pack)
    second = watch.look()
    line = status_view.change(first, second)
    assert re.search(r"  proxies 1/32 runs, 1 job, 100 tokens/s, \d+ (s|min) to go$", line)
    beat(results, pack, speed=900.0)
    assert status_view.change(second, watch.look()) == ""


def test_time_to_go_names_what_is_unknown(watch: Watch, study: Study, results: Path) -> None:
    assert status_view.time_to_go(watch.look().swarms) == ""
    beat(results, next(iter(study.packs)))
    left = status_view.time_to_go(watch.look().swarms)
    assert left.startswith("time to go: proxies ") and "finals unknown" in left


def test_the_view_fits_a_small_terminal(watch: Watch, study: Study, results: Path) -> None:
    for pack in study.packs:
        beat(results, pack)
    hold(results, "fits/regmix")
    log(results, "fit_mixer/regmix.log", f"{'x' * 300}\n")
    snakemake_says(results, FAILED.format("logs/smoke/fit_mixer/regmix.log"))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(status_view.view(watch.look()))
    lines = console.export_text().splitlines()
    assert len(lines) <= 24 + 4 and max(map(len, lines)) <= 80
    shares = [line for line in lines if line.startswith("proxies")]
    assert "9/32 runs" in shares[0] and shares[0].rstrip().endswith("to go")
    assert any("last error: fit_mixer regmix, in " in line for line in lines)


def test_watching_ends_by_itself_with_the_page(
    watch: Watch, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(results, *everything(watch))
    assert main(["status", "--watch", "--study", str(results / "study.json")]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.endswith(f"done; the page: {results}/report/summary.html\n")


def test_measured_losses_have_stages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = read_yaml(CONFIG / "studies" / "regmix_pile.yaml")
    path = tmp_path / "results" / "regmix_pile" / "study.json"
    Study(resolve(written, CONFIG)).write(path)
    make(path.parent, "fits/regmix")
    assert main(["status", "--study", str(path)]) == 0
    out = capsys.readouterr().out
    assert "stages: tables 0/" in out and "fits 1/7" in out


def test_ctrl_c_leaves_without_a_traceback(results: Path) -> None:
    command = [sys.executable, "-u", "-m", "mixwright", "status", "--watch"]
    process = subprocess.Popen(
        [*command, "--study", str(results / "study.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CONFIG.parent / "workflow")},
        # what runs in the background of a shell is started with the signal ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate()
    assert (process.returncode, rest, errors) == (0, "", "")
    assert first.endswith(f"{status_view.NOTHING_RUNS}\n")
