"""Nothing half-written counts as done."""

import pytest

from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json, written


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


def test_a_folder_replaces_the_one_before(tmp_path):
    for content in ("first", "second"):
        with written(tmp_path / "folder") as beside:
            beside.mkdir()
            (beside / content).touch()
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_json_round_trip_and_its_mistakes(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json") == {"b": [1, 2.5, None]}
    with pytest.raises(MixwrightError, match="no such file"):
        read_json(tmp_path / "c.json")
    (tmp_path / "d.json").write_text("{")
    with pytest.raises(MixwrightError, match="not JSON"):
        read_json(tmp_path / "d.json")
