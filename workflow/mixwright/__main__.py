"""The command line: a command is a function of mixwright.stages, its options are the parameters.

`mixwright --help` reads the registry alone; the module of a command is imported when the command
runs or shows its help.
"""

import argparse
import inspect
import logging
import sys
import textwrap
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from mixwright import __version__
from mixwright.errors import MixwrightError, nearest
from mixwright.mixers import MIXERS
from mixwright.numerics.threads import bound_threads
from mixwright.progress import say
from mixwright.report.figures import FIGURES, MEASURED
from mixwright.stages import COMMANDS, GROUPS, current
from mixwright.stages.options import OPTIONS

EXAMPLE = "Example:\n"

# Commands whose mixers must predict losses.
PREDICTING = ("compare", "learning-curve")
# Modules of mixwright.stages whose commands train: they use the threads that they are given.
TRAINING = ("proxies", "final", "tabular")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; a user's mistake is one line on stderr, and 1."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0].startswith("-"):
        # --help and --version end here; all else is a mistake.
        top = parser()
        top.parse_args(words)
        top.error("name a command")
    name = _current(words[0], words[1:])
    module, _, _ = COMMANDS[name].target.partition(":")
    if module not in TRAINING:
        # before numpy is loaded
        bound_threads()
    options = command_parser(name).parse_args(words[1:])
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        COMMANDS[name].load()(**vars(options))
    except MixwrightError as error:
        say(f"mixwright: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class Parser(argparse.ArgumentParser):
    """A parser whose help opens with what the command does, and whose errors are one line."""

    def __init__(self, prog: str, opening: str, example: str = "", usage: str | None = None):
        super().__init__(
            prog=prog,
            usage=usage,
            epilog=example or None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.opening = opening

    def format_help(self) -> str:
        return f"{self.opening}\n\n{super().format_help()}"

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help shows its options\n")


def parser() -> Parser:
    """The parser of `mixwright` without a command: its help lists the commands in three groups."""
    lines = []
    for group in GROUPS:
        lines += ["", f"{group}:"]
        for name, command in COMMANDS.items():
            if command.group == group:
                lines.append(f"  {name:<23} {command.purpose}")
    lines += ["", "mixwright COMMAND --help explains a command and shows an example."]
    top = Parser(
        "mixwright",
        "mixwright: in what proportions should I mix my data sources?",
        "\n".join(lines).lstrip(),
        "mixwright COMMAND [OPTIONS]",
    )
    top.add_argument("--version", action="version", version=__version__)
    return top


def command_parser(name: str) -> Parser:
    """The parser of one command: an option for each parameter of its function."""
    function = COMMANDS[name].load()
    text, _, example = (inspect.getdoc(function) or "").partition(EXAMPLE)
    command = Parser(f"mixwright {name}", text.strip(), _example(example))
    _add_options(command, name, function)
    return command


def _current(name: str, options: list[str]) -> str:
    """What the command is called now; says so where its name is an old one."""
    today = current(name, options)
    if today not in COMMANDS:
        parser().exit(2, f"mixwright: {name} is no command; {_hint(name)}\n")
    if today != name:
        old = f"{name} --study" if name in COMMANDS else name
        say(f"mixwright: {old} is called {today} now; use that name")
    return today


def _hint(name: str) -> str:
    """The command that was probably meant, or where the commands are listed."""
    hint = nearest(name, COMMANDS)
    if hint.startswith("did you mean"):
        return hint
    return "mixwright --help lists the commands"


def _example(text: str) -> str:
    """An example as it can be typed: a line that is continued ends with a backslash."""
    lines = textwrap.dedent(text).strip().splitlines()
    return "example:\n" + " \\\n".join(f"  {line}" for line in lines)


def _add_options(command: Parser, name: str, function: Callable[..., Any]) -> None:
    """Adds an option for each parameter, by its type and default.

    `list[T]` takes any number of values, `T | None` one or none. A default makes it optional.
    """
    hints = get_type_hints(function)
    for parameter in inspect.signature(function).parameters.values():
        kind = hints[parameter.name]
        required = parameter.default is inspect.Parameter.empty
        keywords: dict[str, Any] = {"type": kind, "required": required}
        if get_origin(kind) is list:
            keywords |= {"type": get_args(kind)[0], "nargs": "*", "action": "extend"}
        elif isinstance(kind, UnionType):
            keywords |= {"type": get_args(kind)[0], "nargs": "?"}
        if not required:
            keywords["default"] = parameter.default
        option = f"--{parameter.name.replace('_', '-')}"
        command.add_argument(option, help=_explanation(name, parameter.name), **keywords)


def _explanation(command: str, option: str) -> str:
    """What an option means; a mixer and a figure are listed from their registries."""
    text = OPTIONS.get(f"{command}.{option}", OPTIONS[option])
    if option == "mixer":
        names = list(MIXERS)
        if command in PREDICTING:
            names = [name for name in names if MIXERS[name].predicts]
        return f"{text}: {', '.join(names)}"
    if option == "figure":
        by_command = {"draw-figure": FIGURES, "draw-measured": MEASURED}
        return f"{text}: {', '.join(by_command.get(command, FIGURES | MEASURED))}"
    return text


if __name__ == "__main__":
    sys.exit(main())
