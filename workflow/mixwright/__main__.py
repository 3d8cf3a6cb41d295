"""The command line: a command is a function of mixwright.stages, its options are the parameters.

`mixwright --help` reads the registry alone; the module of a command is imported when the command
runs or shows its help.
"""

import argparse
import inspect
import logging
import os
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import UnionType
from typing import IO, Any, NoReturn, get_args, get_origin

from mixwright import __version__
from mixwright.errors import MixwrightError, closest, nearest
from mixwright.files import check_place, reason
from mixwright.mixers import MIXERS
from mixwright.numerics.threads import bound_threads
from mixwright.progress import say
from mixwright.proposals.export import FORMATS
from mixwright.report.figures import FIGURES, MEASURED
from mixwright.stages import COMMANDS, GROUPS, current
from mixwright.stages.options import OPTIONS, OUTPUTS, POSITIONAL, Option, arguments_of, options_of

EXAMPLE = "Example:\n"

# Commands whose mixers must predict losses.
PREDICTING = ("compare", "learning-curve")
# Modules of mixwright.stages whose commands train: they use the threads that they are given.
TRAINING = ("proxies", "final", "tabular")


# Exit codes of a shell: stopped by Ctrl-C, and nobody reads what is printed.
STOPPED, UNREAD = 130, 141
# How argparse begins to say that options lack.
LACKING = "the following arguments are required"
# How alike an option must be to be offered for an unknown one, from 0 to 1.
ALIKE = 0.7


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; a user's mistake is one line on stderr, and 1."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            return _run(words)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:
        _print_no_more(sys.stdout, sys.stderr)
        return UNREAD
    except OSError as error:
        _print_no_more(sys.stdout)
        say(f"mixwright: what is printed goes nowhere: {reason(error)}")
        return 1


def _run(words: list[str]) -> int:
    """Runs one command and returns its exit code."""
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
    options = vars(command_parser(name).parse_args(words[1:]))
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    function = COMMANDS[name].load()
    try:
        check_outputs(name, options)
        function(**arguments_of(function, options))
    except MixwrightError as error:
        say(f"mixwright: {error}")
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        say(f"mixwright: {name}: {reason(error)}")
        return 1
    return 0


def check_outputs(command: str, options: Mapping[str, Any]) -> None:
    """Checks every place that a command will write to, before it does its work.

    Raises:
        MixwrightError: nothing can be written there, or it is also what the command reads.
    """
    outputs = []
    for option, value in options.items():
        kind = OUTPUTS.get(f"{command}.{option}", OUTPUTS.get(option))
        if kind and value is not None:
            places = value if isinstance(value, list) else [value]
            outputs += [(option, path, kind) for path in places]
    for option, path, kind in outputs:
        words = f"--{option.replace('_', '-')}"
        try:
            check_place(path, kind)
        except MixwrightError as error:
            raise MixwrightError(f"{words} {error}") from None
        for other, value in options.items():
            if other != option and path.absolute() in _paths(value):
                second = f"--{other.replace('_', '-')}"
                raise MixwrightError(f"{words} {path}: {second} names this too; name another file")


def _paths(value: Any) -> list[Path]:
    """The paths of an option's value, from the root."""
    values = value if isinstance(value, list) else [value]
    return [path.absolute() for path in values if isinstance(path, Path)]


def _path(word: str) -> Path:
    """A path as it was typed; ~ is the home folder, also where the shell leaves it alone."""
    with suppress(RuntimeError):
        return Path(word).expanduser()
    return Path(word)


def _print_no_more(*streams: IO[str]) -> None:
    """Drops what is still to be printed to these streams: nobody takes it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        # a stream of a test has no number
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())


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
        self.words: list[str] = []

    def format_help(self) -> str:
        return f"{self.opening}\n\n{super().format_help()}"

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses the words; an unknown one is answered with the option that was probably meant."""
        self.words = list(args or ())
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._hint(unknown[0])}")
        return options

    def error(self, message: str) -> NoReturn:
        if message.startswith(LACKING):
            # an option that is misspelt is the cause where another one lacks
            for word in self.words:
                hint = self._hint(word)
                if hint and word.startswith("--"):
                    message = f"unrecognized arguments: {word}{hint}"
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help shows its options\n")

    def _hint(self, word: str) -> str:
        """What to write in place of an unknown word; empty where nothing is alike."""
        if not word.startswith("-"):
            return "; each value follows its option"
        names: list[str] = []
        for action in self._actions:
            names += action.option_strings
        typed = word.partition("=")[0]
        if any(name.startswith(typed) for name in names):
            return ""
        name = closest(typed, names, ALIKE)
        return f"; did you mean {name}?" if name else ""


def parser() -> Parser:
    """The parser of `mixwright` without a command: its help lists the commands in groups."""
    lines = []
    for group in GROUPS:
        lines += ["", f"{group}:"]
        for name, command in COMMANDS.items():
            if command.group == group:
                lines.append(f"  {name:<23} {command.purpose}")
    mixers = ", ".join(MIXERS)
    lines += ["", *textwrap.wrap(f"mixers: {mixers}", 80, subsequent_indent="  ")]
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
    for option in options_of(function):
        kind = option.kind
        keywords: dict[str, Any] = {"type": kind, "required": option.required}
        if kind is bool:
            keywords = {"action": "store_true"}
        elif get_origin(kind) is list:
            keywords |= {"type": get_args(kind)[0], "nargs": "*", "action": "extend"}
        elif isinstance(kind, UnionType):
            keywords |= {"type": get_args(kind)[0], "nargs": "?"}
        if not option.required:
            keywords["default"] = option.default
        if keywords.get("type") is Path:
            keywords["type"] = _path
        explanation = _explanation(name, option)
        if f"{name}.{option.name}" in POSITIONAL:
            # argparse refuses `required` here; of a list one or more are
            words = {"type": keywords["type"], "metavar": option.name.upper()}
            if "nargs" in keywords:
                words["nargs"] = "+"
            command.add_argument(option.name, help=explanation, **words)
            continue
        command.add_argument(f"--{option.name.replace('_', '-')}", help=explanation, **keywords)


def _explanation(command: str, known: Option) -> str:
    """What an option means; mixers, figures and formats are listed from their registries."""
    option = known.name
    text = (
        OPTIONS.get(f"{known.group}.{option}")
        or OPTIONS.get(f"{command}.{option}")
        or OPTIONS[option]
    )
    if option == "mixer":
        names = list(MIXERS)
        if command in PREDICTING:
            names = [name for name in names if MIXERS[name].predicts]
        return f"{text}: {', '.join(names)}"
    if option == "format":
        return f"{text}: {', '.join(FORMATS)}"
    if option == "figure":
        return f"{text}: {', '.join(FIGURES | MEASURED)}"
    return text


if __name__ == "__main__":
    sys.exit(main())
