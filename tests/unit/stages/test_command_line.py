"""A rule is a command is a function.

The help is in plain words, and a user's mistake is answered in one line.
"""

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mixwright.__main__ import OPTIONS, command_parser, main, parser
from mixwright.mixers import MIXERS
from mixwright.report.figures import FIGURES, MEASURED
from mixwright.stages import COMMANDS, GROUPS, OLD, SHORT, STAGES, WITH_STUDY, current
from mixwright.stages.options import options_of

HOUSE = Path(__file__).parents[3]


def rule_commands() -> list[tuple[str, str, set[str]]]:
    """(rule, command, options) of every rule of the workflow that runs a command."""
    rules = []
    for path in sorted(HOUSE.glob("workflow/rules/*.smk")):
        for text in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            call = re.search(r"(?:python -m mixwright|\+ \") ?([a-z-]+)((?:.|\n)*) 2>&1", text)
            assert call, text
            rules.append((text.split(":")[0], call[1], set(re.findall(r"--([a-z-]+)", call[2]))))
    return rules


def test_a_rule_is_a_command_is_a_function():
    rules = rule_commands()
    assert len(rules) == 43
    for rule, command, _ in rules:
        assert command == rule.replace("_", "-")
        assert COMMANDS[command].load().__name__ == rule
    stages = {name for name, command in COMMANDS.items() if command.group == STAGES}
    assert {command for _, command, _ in rules} == stages | {
        "transfer",
        "merged",
        "surface",
        "learning-curve",
    }


def test_every_rule_calls_its_command_with_its_options():
    for rule, command, options in rule_commands():
        parameters = inspect.signature(COMMANDS[command].load()).parameters
        known = {parameter.replace("_", "-") for parameter in parameters}
        needed = {
            key.replace("_", "-")
            for key, parameter in parameters.items()
            if parameter.default is parameter.empty
        }
        assert needed <= options <= known, rule


def test_every_command_is_called_like_its_function():
    for name, command in COMMANDS.items():
        assert command.load().__name__ == SHORT.get(name, name).replace("-", "_")
        assert command.group in GROUPS


def test_old_names_are_those_of_commands_that_have_another_now():
    assert not set(OLD) & set(COMMANDS)
    assert {*OLD.values(), *SHORT, *SHORT.values(), *WITH_STUDY, *WITH_STUDY.values()} <= set(
        COMMANDS
    )


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_an_old_name_answers_and_says_the_new_one(old, new, capsys):
    with pytest.raises(SystemExit) as left:
        main([old, "--help"])
    out, error = capsys.readouterr()
    assert left.value.code == 0 and f"usage: mixwright {new} " in out
    assert error == f"mixwright: {old} is called {new} now; use that name\n"


@pytest.mark.parametrize("option", [["--study", "s.json"], ["--study=s.json"]])
def test_propose_for_a_study_is_the_stage(option, capsys):
    assert current("propose", ["--fit", "fit"]) == "propose"
    with pytest.raises(SystemExit) as left:
        main(["propose", *option, "--to", "x"])
    first, second = capsys.readouterr().err.splitlines()
    assert left.value.code == 2
    assert first == "mixwright: propose --study is called propose-mixture now; use that name"
    assert second.startswith(
        "mixwright propose-mixture: the following arguments are required: --mixer, --domains"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fit", "f", "--mixer", "regmix"], "unrecognized arguments: --mixer regmix"),
        (
            ["--study", "s.json", "--mixer", "a", "--domains", "d", "--cap", "web=0.1"],
            "unrecognized arguments: --cap web=0.1",
        ),
        (
            ["--study", "s.json", "--mixer", "a", "--domains", "d", "--draws", "20"],
            "unrecognized arguments: --draws 20",
        ),
    ],
)
def test_options_of_a_study_and_of_own_tables_do_not_mix(words, message, capsys):
    with pytest.raises(SystemExit) as left:
        main(["propose", *words, "--to", "x"])
    assert left.value.code == 2 and message in capsys.readouterr().err


def test_the_help_lists_every_command_in_its_group_in_one_line(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    text = capsys.readouterr().out
    assert left.value.code == 0
    for group in GROUPS:
        section = text.split(f"\n{group}:\n")[1].split("\n\n")[0].splitlines()
        listed = [line.split(maxsplit=1) for line in section]
        assert listed == [
            [name, command.purpose] for name, command in COMMANDS.items() if command.group == group
        ]
        assert all(len(line) <= 80 for line in section)


def test_the_help_and_the_registry_import_no_stage():
    program = (
        "import sys\n"
        "from mixwright.__main__ import parser\n"
        "parser().format_help()\n"
        "stages = [name for name in sys.modules if name.startswith('mixwright.stages.')]\n"
        "assert stages == ['mixwright.stages.options'], stages\n"
    )
    environment = {"PYTHONPATH": str(HOUSE / "workflow")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_no_stage_imports_what_takes_seconds():
    """Torch, transformers and datasets are imported by the work itself, once a GPU is leased."""
    modules = sorted({command.target.split(":")[0] for command in COMMANDS.values()})
    imports = "\n".join(f"import mixwright.stages.{module}" for module in modules)
    program = f"""
import sys
{imports}
slow = {{"torch", "transformers", "datasets", "tokenizers", "lightgbm", "scipy.stats", "rdkit"}}
assert not slow & set(sys.modules), slow & set(sys.modules)
"""
    environment = {"PYTHONPATH": str(HOUSE / "workflow")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_opens_with_a_sentence_and_shows_an_example(name):
    text = command_parser(name).format_help()
    sentence = text.splitlines()[0]
    assert sentence[0].isupper() and sentence[-1] in ".?" and len(sentence) <= 100
    example = text.split("\nexample:\n")[1].replace("\\\n", " ")
    words = shlex.split(example)
    assert words[0] == "mixwright" and SHORT.get(words[1], words[1]) == SHORT.get(name, name)
    command_parser(name).parse_args(words[2:])


def test_the_help_names_the_mixers_and_the_figures():
    text = " ".join(command_parser("fit").format_help().replace("-\n", "-").split())
    assert all(mixer in text.replace("- ", "-") for mixer in MIXERS)
    text = " ".join(command_parser("draw").format_help().split())
    assert all(figure in text for figure in (*FIGURES, *MEASURED))


def test_every_option_is_explained_and_no_explanation_is_left_over():
    names, special = set(), set()
    for name, command in COMMANDS.items():
        options = options_of(command.load())
        parameters = {option.name for option in options if not option.group}
        for part in options:
            of_group = f"{part.group}.{part.name}"
            # an option of a group may have the explanation of its name
            names.add(of_group if part.group and of_group in OPTIONS else part.name)
        special |= {f"{name}.{parameter}" for parameter in parameters}
    assert names <= set(OPTIONS) <= names | special


def test_a_mistake_is_one_line(capsys, tmp_path):
    assert main(["show", "--summary", str(tmp_path / "none.json")]) == 1
    message = capsys.readouterr().err
    assert message.startswith("mixwright: ") and message.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ftt"], "mixwright: ftt is no command; did you mean fit?\n"),
        (["xyz"], "mixwright: xyz is no command; mixwright --help lists the commands\n"),
        ([], "mixwright: name a command; mixwright --help shows its options\n"),
        (
            ["--fit"],
            "mixwright: unrecognized arguments: --fit; mixwright --help shows its options\n",
        ),
    ],
)
def test_a_command_that_is_not_there_is_one_line(words, message, capsys):
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2 and capsys.readouterr().err == message


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as left:
        parser().parse_args(["--version"])
    assert left.value.code == 0 and re.match(r"\d+\.\d+", capsys.readouterr().out)


def test_lists_and_defaults_reach_the_function():
    options = vars(
        command_parser("fit").parse_args(
            ["--mixer", "uniform", "--mixtures", "d", "--losses", "a", "b", "--to", "t"]
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
        "mixwright propose: argument --tokens: invalid float value: 'many'; "
        "mixwright propose --help"
    )


def test_a_file_that_is_no_summary_is_one_line(tmp_path, capsys):
    (tmp_path / "mixture.json").write_text("{}")
    assert main(["show", "--summary", str(tmp_path / "mixture.json")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no summary of a study (headline is missing)" in error
    assert "give results/NAME/report/summary.json" in error


def test_only_mixers_that_predict_are_offered_for_comparison(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    text = capsys.readouterr().out
    assert "effective-data" in text and "unimax" not in text
