"""The store loses models that no study refers to, and nothing else."""

import os
import time
from pathlib import Path

import pandas as pd
import pytest

from least_study import study
from mixwright import tables
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.files import alone, write_json
from mixwright.finals.job import lock_of
from mixwright.jobs.pruning import CHECKPOINT, FINAL, WEIGHTS, leftovers, remove

DAY = 24 * 60 * 60
A, B, C, D, E = (letter * 32 for letter in "abcde")


def finals(path: Path, *keys: str) -> None:
    rows = []
    for seed, key in enumerate(keys):
        row = {"mixer": "natural", "goal": None, "seed": seed, "store_key": key, "folder": "f"}
        rows.append(row | {"tokens": 1, "seconds": 1.0, "train_loss": 1.0, "realised": []})
    frame = pd.DataFrame(rows, columns=tables.FINALS.schema.names)
    path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(frame, path, tables.FINALS)


def made(path: Path, days: float, size: int = 10) -> Path:
    """A file that was changed so many days ago, and so were the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    then = time.time() - days * DAY
    for changed in (path, path.parent):
        os.utime(changed, (then, then))
    return path


@pytest.fixture
def results(tmp_path):
    """A finished study that refers to one final, and one that others left."""
    planned = study(study="mine", designs={"swarm": {"runs": 10}})
    folder = tmp_path / "results/mine"
    planned.write(folder / "study.json")
    packs = [*planned.packs]
    for pack in packs:
        (folder / "packs").mkdir(exist_ok=True)
        tables.write(
            tables.RESULTS.schema.empty_table().to_pandas(),
            folder / f"packs/{pack}.parquet",
            tables.RESULTS,
        )
    for number, pack in enumerate(planned.final_packs):
        finals(folder / f"finals/{pack}.parquet", E if number else A)
    store = tmp_path / "results/store"
    for key in (A, B):
        made(store / "finals" / key / "result.json", days=10)
    return tmp_path / "results"


def keys_in(path: Path) -> list[str]:
    return list(tables.read(path, tables.FINALS).store_key)


def listed(results: Path, older: float = 7, *more: Path) -> dict[str, str]:
    studies = [path.parent for path in results.glob("*/study.json")]
    items = leftovers(results / "store", [*studies, *more], older)
    return {item.path.name: item.kind for item in items}


def test_a_final_that_no_study_refers_to_goes(results):
    assert listed(results) == {B: FINAL}
    (item,) = leftovers(results / "store", [results / "mine"], 7)
    assert item.size == 10 and 9.9 < item.days < 10.1
    assert remove(item) and [path.name for path in (results / "store/finals").iterdir()] == [A]


def test_what_changed_lately_stays(results):
    assert listed(results, older=11) == {}
    made(results / "store/finals" / C / "model/weights", days=1)
    assert listed(results) == {B: FINAL}
    assert listed(results, older=0) == {B: FINAL, C: FINAL}


def test_what_another_study_refers_to_stays_wherever_it_is(results, tmp_path):
    other = tmp_path / "elsewhere/other"
    other.mkdir(parents=True)
    (other / "study.json").write_text((results / "mine/study.json").read_text())
    for name in ("packs", "finals"):
        (other / name).symlink_to(results / "mine" / name)
    (other / "finals").unlink()
    for path in (results / "mine/finals").iterdir():
        finals(other / "finals" / path.name, B)
    assert listed(results, 7, other) == {}


def test_a_final_that_the_config_starts_from_stays(results):
    path = results / "mine/study.json"
    path.write_text(
        path.read_text().replace('"seed": 0', f'"seed": 0, "note": "store/finals/{B}/model"', 1)
    )
    assert listed(results) == {}


def test_what_an_unfinished_study_may_have_stored_stays(results):
    """Its job was killed after one of two finals: no table names it."""
    (gone,) = [path for path in (results / "mine/finals").iterdir() if A in keys_in(path)]
    made(results / "store/finals" / C / "result.json", days=0)
    gone.unlink()
    assert listed(results, older=0) == {A: FINAL, B: FINAL}
    then = time.time() - 20 * DAY
    os.utime(results / "mine/packs", (then, then))
    assert listed(results, older=0) == {}


def test_checkpoints_of_finished_finals_go_and_those_of_an_order_stay(results):
    store = results / "store/finals"
    for name in (f"{A}.checkpoint", f"{A}.00ff.checkpoint", f"{A}.11ee.checkpoint"):
        made(store / name / "checkpoint-5/state", days=8)
        os.utime(store / name, (0, 0))
    write_json(results / "mine/finals/.p.parquet.refresh", {"name": "11ee", "done": []})
    names = {f"{A}.checkpoint": CHECKPOINT, f"{A}.00ff.checkpoint": CHECKPOINT}
    assert listed(results) == names | {B: FINAL}


def test_old_checkpoints_of_packs_go_and_those_of_an_order_stay(results):
    """As a killed job leaves them whose members are cut into other waves since."""
    store = results / "store/checkpoints"
    made(store / "0123456789abcdef.pt", days=10)
    made(store / "1123456789abcdef.pt", days=1)
    for order in ("00ff", "11ee"):
        made(store / order / "0123456789abcdef.pt", days=10)
    write_json(results / "mine/packs/.p.parquet.refresh", {"name": "11ee", "done": []})
    expected = {"0123456789abcdef.pt": CHECKPOINT, "00ff": CHECKPOINT}
    assert listed(results) == expected | {B: FINAL}
    (other, *_) = (results / "mine/packs").glob("*.parquet")
    other.unlink()
    then = time.time() - 20 * DAY
    os.utime(results / "mine/packs", (then, then))
    assert listed(results) == {}, "the study that needs them is not at its end"


def test_weights_of_proxies_go_with_the_runs_that_refer_to_them(results):
    made(results / f"store/weights/dd/{D}.safetensors", days=10)
    made(results / f"store/weights/aa/{A}.safetensors", days=10)
    made(results / f"store/dd/{D}.parquet", days=10)
    assert listed(results) == {B: FINAL, f"{D}.safetensors": WEIGHTS}


def test_a_final_that_a_job_holds_stays(results):
    (item,) = leftovers(results / "store", [results / "mine"], 7)
    child = os.fork()
    if child == 0:
        with alone(lock_of(item.path)):
            (results / "held").touch()
            while not (results / "free").exists():
                time.sleep(0.01)
        os._exit(0)
    while not (results / "held").exists():
        time.sleep(0.01)
    assert not remove(item) and item.path.exists()
    (results / "free").touch()
    os.waitpid(child, 0)
    assert remove(item) and not item.path.exists()


def test_without_a_study_or_with_a_broken_table_nothing_goes(results, tmp_path):
    with pytest.raises(MixwrightError, match="no study is there that takes from it"):
        leftovers(results / "store", [tmp_path / "none"], 0)
    # as a run's first step writes it
    (tmp_path / "new").mkdir()
    study().write(tmp_path / "new/study.json")
    with pytest.raises(MixwrightError, match="no study is there that takes from it"):
        leftovers(results / "store", [tmp_path / "new"], 0)
    path = next(iter((results / "mine/finals").iterdir()))
    path.write_text("half of it")
    with pytest.raises(MixwrightError, match=r"not readable .*before you prune"):
        leftovers(results / "store", [results / "mine"], 0)


def test_the_command_lists_and_removes_only_where_it_is_told(results, capsys):
    line = ["prune", "--store", str(results / "store")]
    assert main(line) == 0
    out, error = capsys.readouterr()
    assert FINAL in out and "with --yes they do" in error
    assert (results / "store/finals" / B).exists()
    assert main([*line, "--yes"]) == 0
    assert not (results / "store/finals" / B).exists()
    assert (results / "store/finals" / A / "result.json").exists()
    assert main([*line, "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().err
