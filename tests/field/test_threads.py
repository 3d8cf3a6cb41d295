"""The library bounds its own threads: nobody has to set OMP_NUM_THREADS.

What is counted are threads that the linear algebra may take, not seconds.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import mixwright
from mixwright.mixers import create
from mixwright.numerics import threads
from mixwright.numerics.threads import CHOSEN, VARIABLES, bound_threads, one_thread
from mixwright.stages import COMMANDS
from planted_swarm import plant

# Runs a command and prints how many threads its linear algebra may take, and how many it has.
PROBE = """
import os, sys
from mixwright.__main__ import main
code = main(sys.argv[1:])
from threadpoolctl import threadpool_info
most = max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
print("threads", most, len(os.listdir("/proc/self/task")))
sys.exit(code)
"""
on_linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")


def blas_threads():
    return [item["num_threads"] for item in threadpool_info() if item["user_api"] == "blas"]


def tables(folder):
    """A table of mixtures and one of losses, as files."""
    truth = plant(1, runs=16, domains=3)
    lines = ["run," + ",".join(truth.seen.domains)]
    rows = ["run,north,south,west"]
    for run, weights, losses in zip(
        truth.seen.runs, truth.seen.weights.tolist(), truth.seen.losses.tolist(), strict=True
    ):
        lines.append(",".join([run, *map(repr, weights)]))
        rows.append(",".join([run, *map(repr, losses)]))
    (folder / "mixtures.csv").write_text("\n".join(lines) + "\n")
    (folder / "losses.csv").write_text("\n".join(rows) + "\n")


def probe(folder, arguments, **variables):
    """(allowed, existing) threads after a command in a shell where only `variables` are set."""
    environment = {name: value for name, value in os.environ.items() if name not in CHOSEN}
    environment["PYTHONPATH"] = str(Path(mixwright.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    words = result.stdout.split("threads ")[-1].split()
    return int(words[0]), int(words[1])


@on_linux
def test_a_command_from_a_plain_shell_has_one_thread_of_linear_algebra(tmp_path):
    tables(tmp_path)
    fit = ["fit", "--mixtures", "mixtures.csv", "--losses", "losses.csv"]
    fit += ["--mixer", "effective-data", "--to", "fit"]
    plain = probe(tmp_path, fit)
    single = probe(tmp_path, fit, OMP_NUM_THREADS="1")
    assert plain[0] == single[0] == 1
    assert plain[1] <= single[1]
    propose = ["propose", "--fit", "fit", "--to", "mixture.json", "--draws", "10"]
    assert probe(tmp_path, propose)[0] == 1


@on_linux
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_a_number_that_the_user_chose_stays(tmp_path):
    tables(tmp_path)
    fit = ["fit", "--mixtures", "mixtures.csv", "--losses", "losses.csv"]
    fit += ["--mixer", "bimix", "--to", "fit"]
    assert probe(tmp_path, fit, OPENBLAS_NUM_THREADS="2")[0] == 2


def test_variables_are_set_where_none_is(monkeypatch):
    for name in CHOSEN:
        monkeypatch.delenv(name, raising=False)
    bound_threads()
    assert [os.environ[name] for name in VARIABLES] == ["1"] * len(VARIABLES)
    # Trees fit as many targets at a time as there are cores, and read this one.
    assert "OMP_NUM_THREADS" not in os.environ
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    bound_threads()
    assert not set(VARIABLES) & set(os.environ)


def test_a_bounded_function_has_one_thread_and_gives_the_others_back():
    np.ones((4, 4)) @ np.ones((4, 4))
    before = blas_threads()
    assert set(one_thread(blas_threads)()) == {1}
    assert blas_threads() == before


def test_solvers_run_with_one_thread_from_python(monkeypatch):
    truth = plant(2, runs=24, domains=4)
    counts = []
    solve = np.linalg.solve

    def counted(*arguments):
        counts.append(max(blas_threads()))
        return solve(*arguments)

    monkeypatch.setattr(np.linalg, "solve", counted)
    create("effective-data", {"iterations": 3}).fit(truth.seen).propose(truth.goal)
    assert counts and set(counts) == {1}


def test_commands_that_train_keep_their_threads():
    from mixwright.__main__ import TRAINING

    training = {"train-proxies", "train-finals", "evaluate-finals", "calibrate"}
    modules = {name: COMMANDS[name].target.partition(":")[0] for name in COMMANDS}
    assert {modules[name] for name in training} <= set(TRAINING)
    assert not {modules[name] for name in ("fit", "propose", "compare")} & set(TRAINING)
    assert threads.__doc__
