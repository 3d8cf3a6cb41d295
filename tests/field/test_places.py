"""Places to write are checked before the work, and what the disk refuses is one line.

The same holds for words that the command line does not know.
"""

import contextlib
import errno
import inspect
import json
import os
import resource
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import own_tables
from mixwright import files
from mixwright.__main__ import command_parser, main
from mixwright.errors import MixwrightError
from mixwright.proposals import fits
from mixwright.stages import COMMANDS
from mixwright.stages.options import OUTPUTS

HOUSE = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HOUSE / "workflow"), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with tables and a fit of them."""
    folder = tmp_path_factory.mktemp("tables")
    own_tables.write(folder)
    words = ["--mixer", "effective-data", "--mixtures", str(folder / "mixtures.csv")]
    assert (
        main(["fit", *words, "--losses", str(folder / "losses.csv"), "--to", f"{folder}/fit"]) == 0
    )
    return folder


def refusal(words, capsys) -> str:
    """The one line with which a command refuses."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("mixwright: ")
    return lines[0]


def commands(home, to) -> dict[str, list]:
    """The commands for tables of one's own, with an output each."""
    runs = ["--mixtures", home / "mixtures.csv", "--losses", home / "losses.csv"]
    mixtures = home / "mixtures.csv"
    return {
        "fit": ["fit", "--mixer", "effective-data", *runs, "--to", to],
        "compare": ["compare", *runs, "--to", to],
        "learning-curve": ["learning-curve", "--mixer", "effective-data", *runs, "--to", to],
        "predict": ["predict", "--fit", home / "fit", "--mixtures", mixtures, "--to", to],
        "propose": ["propose", "--fit", home / "fit", "--draws", "0", "--to", to],
        "pareto": ["pareto", "--fit", home / "fit", "--between", "prose", "questions", "--to", to],
        "design": ["design", "--candidates", mixtures, "--runs", "4", "--to", to],
    }


NAMES = ("fit", "compare", "learning-curve", "predict", "propose", "pareto", "design")


def test_every_option_that_names_an_output_is_checked():
    """Its help says that it is written, and the check knows it."""
    for name in COMMANDS:
        for action in command_parser(name)._actions:
            option = action.dest
            words = ("to write", "link into", "folder of computed runs")
            written = any(word in str(action.help) for word in words)
            marked = f"{name}.{option}" in OUTPUTS or option in OUTPUTS
            assert written == marked, f"{name} --{option}"
            if marked:
                assert isinstance(action.type("x"), Path)


@pytest.mark.parametrize("name", NAMES)
def test_no_work_is_done_for_a_place_that_cannot_be_written(name, home, capsys, monkeypatch):
    """Nothing is read, so nothing takes time: the function of the command is never called."""
    monkeypatch.setattr("mixwright.stages.Command.load", _refusing(name))
    line = refusal(commands(home, "/proc/nothing/x.csv")[name], capsys)
    assert line.startswith("mixwright: --to /proc/nothing/x.csv: ") and "name another place" in line


def _refusing(name):
    real = COMMANDS[name].load()

    def never(*_, **__):
        raise AssertionError("the work began")

    never.__doc__ = real.__doc__
    never.__signature__ = inspect.signature(real)
    never.__annotations__ = typing.get_type_hints(real)
    return lambda command: never


@pytest.mark.parametrize("name", [name for name in NAMES if name != "fit"])
def test_a_folder_is_no_place_for_a_file(name, home, tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    line = refusal(commands(home, tmp_path / "taken")[name], capsys)
    assert line.endswith("taken: this is a folder; name a file in it")
    assert list((tmp_path / "taken").iterdir()) == []


def test_a_fit_replaces_neither_a_file_nor_a_folder_of_other_things(
    home, tmp_path, capsys, monkeypatch
):
    (tmp_path / "notes.txt").write_text("mine")
    line = refusal(commands(home, tmp_path / "notes.txt")["fit"], capsys)
    assert line.endswith("notes.txt: this is a file; give a new folder")
    line = refusal(commands(home, tmp_path)["fit"], capsys)
    assert line.endswith("something stands there that is no fit; give a new folder")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert "you are in this folder" in refusal(commands(home, ".")["fit"], capsys)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_file_on_the_way_is_named(home, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    line = refusal(commands(home, tmp_path / "file" / "deep" / "x.json")["propose"], capsys)
    assert f"{tmp_path}/file is no folder; correct the path" in line


def test_a_folder_that_is_missing_is_made(home, tmp_path):
    words = commands(home, tmp_path / "new" / "folder" / "x.json")["propose"]
    assert main([str(word) for word in words]) == 0
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "folder", "x.json"]


def test_an_input_is_never_written_over(home, capsys):
    before = (home / "mixtures.csv").read_text()
    line = refusal(commands(home, home / "mixtures.csv")["predict"], capsys)
    assert "--mixtures names this too; name another file" in line
    assert (home / "mixtures.csv").read_text() == before


def test_a_device_and_a_protected_file_are_left_alone(home, tmp_path, capsys, monkeypatch):
    assert "no ordinary file" in refusal(commands(home, "/dev/null")["predict"], capsys)
    (tmp_path / "mine.csv").write_text("mine")
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    assert "write-protected" in refusal(commands(home, tmp_path / "mine.csv")["predict"], capsys)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space is left there"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "you may not read or write there"),
        (errno.EDQUOT, "your quota there is used up"),
    ],
)
@pytest.mark.parametrize("name", ["propose", "predict", "fit"])
def test_a_disk_that_refuses_at_once_is_one_line(
    number, words, name, home, tmp_path, capsys, monkeypatch
):
    def refuse(path, content):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    line = refusal(commands(home, tmp_path / "x")[name], capsys)
    assert line.startswith(f"mixwright: --to {tmp_path}/x: {words}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", sorted(files.REMEDIES))
def test_a_disk_that_refuses_late_is_one_line_and_leaves_nothing(
    number, home, tmp_path, capsys, monkeypatch
):
    """The file system names no file, or the name beside which the file is made."""
    to = tmp_path / "mixture.json"
    for named in (True, False):

        def refuse(path, *_, named=named, **__):
            raise OSError(number, os.strerror(number), *([str(path)] if named else []))

        monkeypatch.setattr(Path, "write_text", refuse)
        line = refusal(commands(home, to)["propose"], capsys).removeprefix("mixwright: propose: ")
        if named or number in files.OF_PLACES:
            assert line.startswith(f"{to}: ")
        assert ".partial" not in line and files.REMEDIES[number] in line
        assert list(tmp_path.iterdir()) == []


def test_any_error_of_the_system_is_one_line(home, tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise OSError("cannot\nsay why")

    monkeypatch.setattr(fits.Fit, "load", fail)
    line = refusal(commands(home, tmp_path / "x.json")["propose"], capsys)
    assert line == "mixwright: propose: cannot say why"


@pytest.mark.parametrize("bytes_left", [0, 5_000])
def test_a_real_limit_on_files_is_one_line(bytes_left, home, tmp_path):
    """A limit of the process, which stands for a full disk: none left at once, or too few later."""
    own_tables.write(home / "many", runs=400)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, bytes_left))

    words = ["predict", "--fit", home / "fit", "--mixtures", home / "many" / "mixtures.csv"]
    words += ["--to", tmp_path / "x.csv"]
    words = [sys.executable, "-m", "mixwright", *map(str, words)]
    done = subprocess.run(words, env=ENVIRONMENT, preexec_fn=limit, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "larger than the file system takes" in done.stderr or "another place" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("mixwright: ") and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("existing", [None, "file", "folder", "full"])
@pytest.mark.parametrize("kind", [files.FILE, files.FOLDER, files.INTO])
def test_a_place_that_passes_the_check_can_be_written(kind, existing, tmp_path):
    """What the check lets through, `written` writes; what it refuses is as it was."""
    place = tmp_path / "a" / "b"
    if existing == "file":
        place.parent.mkdir()
        place.write_text("old")
    if existing in ("folder", "full"):
        place.mkdir(parents=True)
    if existing == "full":
        (place / "inside").write_text("old")
    before = sorted(tmp_path.rglob("*"))
    try:
        files.check_place(place, kind)
    except MixwrightError:
        assert sorted(tmp_path.rglob("*")) == before
        assert (kind == files.FILE) == (existing != "file")
        return
    assert sorted(tmp_path.rglob("*")) == before
    if kind != files.INTO:
        with files.written(place) as partial:
            if kind == files.FILE:
                partial.write_text("new")
            else:
                partial.mkdir()
        assert place.is_file() == (kind == files.FILE)


def test_a_tilde_that_the_shell_left_alone_is_the_home_folder(home, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(home)
    words = commands(home, "x")["propose"][:-2]
    assert main([str(word) for word in [*words, "--to=~/mixture.json"]]) == 0
    assert (tmp_path / "mixture.json").exists() and not (home / "~").exists()


def test_a_reader_who_leaves_gets_no_traceback():
    command = f"{sys.executable} -m mixwright --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stderr == "" and done.stdout.strip() in ("0", "141")


@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
def test_a_terminal_that_takes_nothing_gets_no_traceback(where, tmp_path):
    summary = tmp_path / "summary.json"
    summary.write_text(json.dumps({"headline": "a", "detail": ["b"] * 99, "proposals": []}))
    command = f"{sys.executable} -m mixwright show --summary {summary} {where}"
    done = subprocess.run(["bash", "-c", command], env=ENVIRONMENT, capture_output=True, text=True)
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 1
    assert where == ">&-" or "no space is left there" in done.stderr


def test_an_unread_answer_and_a_stop_are_quiet(home, monkeypatch, capsys, tmp_path):
    for error, code in (
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141),
        (KeyboardInterrupt(), 130),
    ):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(fits.Fit, "load", fail)
        monkeypatch.setattr("mixwright.__main__._print_no_more", lambda *_: None)
        assert main([str(word) for word in commands(home, tmp_path / "x")["propose"]]) == code
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["fit", "--mixr", "regmix"], "unrecognized arguments: --mixr; did you mean --mixer?"),
        (["fit", "--mixture=x.csv", "--losess", "y"], "--losess; did you mean --losses?"),
        (
            ["propose", "--fit", "f", "--to", "x", "--caps", "a=1"],
            "--caps a=1; did you mean --cap?",
        ),
        (["show", "--sumary", "x.json"], "--sumary; did you mean --summary?"),
        (["status", "results/x/study.json"], "each value follows its option"),
        (["propose", "--to", "x.json"], "the following arguments are required: --fit"),
    ],
)
def test_an_unknown_option_is_answered_with_the_nearest(words, hint, capsys):
    with pytest.raises(SystemExit) as left:
        main(words)
    text = capsys.readouterr().err
    assert left.value.code == 2 and hint in text and len(text.splitlines()) == 1


def test_every_misspelt_option_is_answered_with_itself(capsys):
    """One letter is left out of each option of each command for people."""
    for name in (*NAMES, "show", "status", "draw", "transfer"):
        options = [action.option_strings[-1] for action in command_parser(name)._actions]
        for option in options:
            typed = f"{option[:-2]}x{option[-1]}"
            if len(option) > 7:
                with pytest.raises(SystemExit):
                    main([name, typed, "x"])
                assert f"did you mean {option}?" in capsys.readouterr().err, (name, typed)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["fitt"], "fitt is no command; did you mean fit?"),
        (["xyz"], "mixwright --help lists the commands"),
        (["show", "--summary", "/nowhere.json"], "/nowhere.json: no such file"),
        (["status", "--study", "/nowhere.json"], "/nowhere.json: no such file"),
        (["show", "--summary", "/"], "show: /: this is a folder; name a file in it"),
    ],
)
def test_a_wrong_command_or_file_is_one_line(words, hint, capsys):
    with contextlib.suppress(SystemExit):
        main(words)
    text = capsys.readouterr().err
    assert hint in text and len(text.splitlines()) == 1


def test_a_figure_is_offered_by_name_and_by_suffix(tmp_path, capsys):
    from least_study import study

    study().write(tmp_path / "study.json")
    words = ["draw", "--study", tmp_path / "study.json", "--to", tmp_path / "x.svg", "--figure"]
    assert "figure finls is unknown; did you mean finals?" in refusal([*words, "finls"], capsys)
    line = refusal([*words, "finals"], capsys)
    assert "no such file; a study that is not finished lacks some: go on with snakemake" in line
    words[4] = tmp_path / "x.gif"
    assert "x.gif: a figure ends with .svg, .png, .pdf, .csv; rename the file" in refusal(
        [*words, "finals"], capsys
    )
    nowhere = [*words[:3], "--figure", "finals", "--to"]
    assert "figure finals: no file to write; give --to finals.svg" in refusal(nowhere, capsys)
