"""Nothing half-written counts as done."""

import errno
import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dead_process import ended
from mixwright import files
from mixwright.errors import MixwrightError
from mixwright.files import alone, is_running, machine_name, read_json, write_json, written


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with pytest.raises(RuntimeError), written(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    with written(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"


def test_two_writers_of_one_file_do_not_touch_each_others(tmp_path):
    """Jobs on two machines may have the same process id."""
    with written(tmp_path / "a") as one:
        one.write_text("one")
        with written(tmp_path / "a") as two:
            two.write_text("two")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["one"]


def test_what_killed_writers_left_of_a_path_goes_with_its_next_write(tmp_path):
    dead = ended()
    assert is_running(os.getpid()) and is_running(1) and not is_running(dead)
    names = {
        who: f".a.{who}.0.partial"
        for who in (
            f"{machine_name()}.{dead}",
            f"{machine_name()}.{os.getpid()}",
            f"elsewhere.{dead}",
        )
    }
    for name in names.values():
        (tmp_path / name).write_text("half")
    (tmp_path / f".b.{machine_name()}.{dead}.0.partial").mkdir()
    write_json(tmp_path / "a", 1)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a", f".b.{machine_name()}.{dead}.0.partial", *names.values()} - {
        names[f"{machine_name()}.{dead}"]
    }
    with written(tmp_path / "b") as beside:
        beside.write_text("whole")
    assert (tmp_path / "b").read_text() == "whole" and not (
        tmp_path / f".b.{machine_name()}.{dead}.0.partial"
    ).exists()


def test_a_process_that_has_the_id_of_a_killed_one_is_told_apart(tmp_path):
    left = tmp_path / f".a.{machine_name()}.{os.getpid()}.0.partial"
    left.mkdir()
    (left / "half").touch()
    # before this process began
    os.utime(left, (1e9, 1e9))
    assert is_running(os.getpid(), since=time.time()) and not is_running(os.getpid(), since=1e9)
    write_json(tmp_path / "a", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_replaces_the_one_before(tmp_path):
    for content in ("first", "second"):
        with written(tmp_path / "folder") as beside:
            beside.mkdir()
            (beside / content).touch()
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_many_writers_of_one_folder_all_succeed(tmp_path):
    path = tmp_path / "folder"

    def write(number):
        for _ in range(50):
            with written(path) as partial:
                partial.mkdir()
                for name in "abc":
                    (partial / name).write_text(str(number))
        return number

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(4))) == list(range(4))
    assert [other.name for other in tmp_path.iterdir()] == ["folder"]
    assert len({(path / name).read_text() for name in "abc"}) == 1


def test_json_round_trip_and_its_mistakes(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json") == {"b": [1, 2.5, None]}
    with pytest.raises(MixwrightError, match="no such file"):
        read_json(tmp_path / "c.json")
    (tmp_path / "d.json").write_text("{")
    with pytest.raises(MixwrightError, match="not JSON"):
        read_json(tmp_path / "d.json")


def test_one_at_a_time_holds_a_lock_and_whatever_ends_it_frees_it(tmp_path):
    lock = tmp_path / "new" / "lock"
    with pytest.raises(RuntimeError), alone(lock):
        with lock.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raise RuntimeError
    with alone(lock):  # free again
        assert lock.exists()
    assert not lock.exists()


def test_who_waited_holds_the_lock_that_others_see(tmp_path):
    """A process that waited for the lock holds a file that others open too.

    The process that held the lock before removes its file.
    """
    lock = tmp_path / "lock"
    ready, done = tmp_path / "ready", tmp_path / "done"
    with alone(lock):
        child = os.fork()
        if child == 0:
            with alone(lock):
                ready.touch()
                while not done.exists():
                    time.sleep(0.01)
            os._exit(0)
        time.sleep(0.2)
        assert not ready.exists()
    while not ready.exists():
        time.sleep(0.01)
    with lock.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    done.touch()
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 0 and not lock.exists()


@pytest.mark.parametrize("code", ["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOSYS"])
def test_a_file_system_without_locks_costs_a_warning(code, tmp_path, monkeypatch, capsys):
    def refuse(file, operation):
        raise OSError(getattr(errno, code), "no locks here")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    for name in ("lock", "other"):
        with alone(tmp_path / name):
            (tmp_path / "work").touch()
        assert (tmp_path / "work").exists() and not (tmp_path / name).exists()
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1, "of a folder it is told once"
    assert "cannot be locked (no locks here); two jobs may do the same work twice" in warning
