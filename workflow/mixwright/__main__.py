"""The command line: every stage is a subcommand, its options are the function's parameters."""

import argparse
import inspect
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from mixwright import __version__
from mixwright.errors import MixwrightError
from mixwright.stages import COMMANDS

OPTIONS = {
    "config": "the study as JSON",
    "study": "study.json of the study",
    "harvest": "folder of the harvested text, where the source is the embedded corpus",
    "questions": "document files of the targets",
    "tokenizer": "tokenizer folder",
    "shards": "shard folders, one a domain",
    "targets": "tokenized targets (.npz)",
    "domains": "domains.parquet",
    "design": "design.parquet",
    "mixtures": "mixtures of the runs (design.parquet), or proposals (.json)",
    "losses": "loss tables",
    "realised": "realised counts of the runs",
    "loglikelihoods": "log-likelihood tables of the vertex runs",
    "packs": "result files of training jobs",
    "pack": "name of the training job",
    "mixer": "name of the mixer",
    "settings": "settings of the mixer as JSON",
    "more": "runs that could be trained besides (0: a quarter of those there are)",
    "seed": "seed of what is drawn at random",
    "fit": "folder that `fit` wrote; none for a baseline that reads no runs",
    "domain": "name of the domain",
    "target": "name of the target",
    "figure": "name of the figure",
    "figures": "figures to put on the page (.svg)",
    "validation": "tables of held-out predictions",
    "scores": "score tables of the finals",
    "documents": "document files; of finals: their losses by document",
    "finals": "finals.parquet of a training job",
    "summary": "summary.json of a study",
    "html": "page to write",
    "json": "JSON to write",
    "table": "parquet table to write",
    "store": "folder of everything computed before, by content",
    "to": "file or folder to write",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand; a user's mistake is one line on stderr and exit code 1."""
    options = vars(parser().parse_args(arguments))
    command = COMMANDS[options.pop("command")]
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        command(**options)
    except MixwrightError as error:
        print(f"mixwright: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="mixwright", description="In what proportions should I mix my data sources?")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, function in COMMANDS.items():
        purpose = (inspect.getdoc(function) or "").splitlines()[0]
        command = commands.add_parser(name, help=purpose, description=purpose)
        _add_options(command, function)
    return top


def _add_options(command: argparse.ArgumentParser, function: Callable[..., Any]) -> None:
    """One option a parameter: list[T] takes any number, a default makes it optional."""
    hints = get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        kind, many = hints[name], get_origin(hints[name]) is list
        optional = parameter.default is not inspect.Parameter.empty
        command.add_argument(
            f"--{name.replace('_', '-')}",
            type=get_args(kind)[0] if many else (kind if kind in (Path, int, float) else str),
            nargs="*" if many else None,
            required=not optional,
            default=parameter.default if optional else None,
            help=OPTIONS.get(name, ""),
        )


if __name__ == "__main__":
    sys.exit(main())
