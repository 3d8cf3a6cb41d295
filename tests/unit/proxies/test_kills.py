"""A pack that is killed -9 again and again loses nothing and changes nothing.

It is killed while it trains and while it writes.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import killed_packs


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What the killed and the undisturbed pack left behind.

    One process imports torch; those that are killed are its forks.
    """
    folder = tmp_path_factory.mktemp("kills")
    support = Path(__file__).parents[2] / "support"
    paths = os.pathsep.join([str(support), str(support.parents[1] / "workflow")])
    command = [sys.executable, str(support / "killed_packs.py"), str(folder), "0"]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def attempts(folder: Path) -> list[list[list[str]]]:
    """What each process noted, until it was killed."""
    lines = [line.split() for line in (folder / "killed" / "log").read_text().splitlines()]
    starts = [number for number, words in enumerate(lines) if words == ["start"]]
    return [lines[a + 1 : b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


def test_nothing_is_lost_and_nothing_is_different(folder):
    killed, whole = (pq.read_table(folder / name / "pack.parquet") for name in ("killed", "whole"))
    assert killed.equals(whole) and killed.num_rows == len(killed_packs.RUNS)
    rows = {
        name: {
            path.name: pq.read_table(path) for path in (folder / name / "store").rglob("*.parquet")
        }
        for name in ("killed", "whole")
    }
    assert rows["killed"].keys() == rows["whole"].keys()
    assert all(table.equals(rows["whole"][name]) for name, table in rows["killed"].items())


def test_a_kill_costs_no_more_than_what_was_trained_since_the_last_checkpoint(folder):
    processes = attempts(folder)
    assert len(processes) == killed_packs.KILLS + 1
    reached, stored, repeated = Counter[str](), set[str](), 0
    for notes in processes:
        begun = set[str]()
        for what, key, *number in notes:
            if what == "step":
                step = int(*number)
                if key not in begun:
                    assert step <= reached[key] + 1, "no step is left out"
                    assert step > reached[key] - killed_packs.INTERVAL, (
                        "one interval is repeated at most"
                    )
                    assert key not in stored, "what is stored is not trained again"
                    repeated += reached[key] - step + 1
                    begun.add(key)
                reached[key] = step
            elif what == "put":
                stored.add(key)
    assert repeated > 0, "the kills must have cut into the training for this to test anything"
    assert sorted(reached.values()) == sorted(killed_packs.STEPS)
    assert (
        sum(note[0] == "step" for notes in processes for note in notes)
        == sum(killed_packs.STEPS) + repeated
    )


def test_the_killed_leave_nothing_half_written_behind(folder):
    left = [path for path in (folder / "killed").rglob("*") if path.is_file()]
    assert not [
        path.name for path in left if path.name.endswith(".partial") or path.suffix == ".pt"
    ]
    pulse = json.loads((folder / "killed" / "progress" / "pack.json").read_text())
    assert (pulse["state"], pulse["done"], pulse["diverged"]) == (
        "finished",
        len(killed_packs.RUNS),
        [],
    )
