"""Subcommands are the stages; a user's mistake is one line and exit code 1."""

import inspect
import re
from pathlib import Path

import pytest

from mixwright.__main__ import OPTIONS, main, parser
from mixwright.stages import COMMANDS

HOUSE = Path(__file__).parents[3]


def test_every_command_says_what_it_does(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    said = capsys.readouterr().out
    assert left.value.code == 0
    assert all(name in said for name in COMMANDS)
    assert all(inspect.getdoc(function) for function in COMMANDS.values())


def test_every_rule_calls_a_command_with_its_options():
    for path in sorted(HOUSE.glob("workflow/rules/*.smk")):
        for name, rest in re.findall(
            r"(?:python -m mixwright |\+ \" )([a-z-]+)((?:.|\n)*?) 2>&1", path.read_text()
        ):
            options = set(re.findall(r"--([a-z-]+)", rest))
            parameters = inspect.signature(COMMANDS[name]).parameters
            known = {parameter.replace("_", "-") for parameter in parameters}
            needed = {
                key.replace("_", "-")
                for key, parameter in parameters.items()
                if parameter.default is parameter.empty
            }
            assert needed <= options <= known, (path.name, name)


def test_every_option_is_explained():
    names = {
        parameter
        for function in COMMANDS.values()
        for parameter in inspect.signature(function).parameters
    }
    assert names <= set(OPTIONS)


def test_a_mistake_is_one_line(capsys, tmp_path):
    assert main(["show", "--summary", str(tmp_path / "none.json")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("mixwright: ") and said.count("\n") == 1


def test_lists_and_defaults_reach_the_function():
    options = vars(
        parser().parse_args(
            ["fit", "--mixer", "uniform", "--mixtures", "d", "--losses", "a", "b", "--to", "t"]
        )
    )
    assert (
        options["losses"] == [Path("a"), Path("b")]
        and options["realised"] == []
        and options["settings"] == "{}"
    )


def test_an_option_that_cannot_be_read_is_one_line(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["propose", "--to", "x", "--tokens", "many"])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("\n") == 1
    assert error.startswith(
        "mixwright propose: argument --tokens: invalid float value: 'many'; mixwright propose --help"
    )
