"""The command line: every stage is a subcommand, its options are the function's parameters."""

import argparse
import inspect
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from mixwright import __version__
from mixwright.errors import MixwrightError
from mixwright.progress import say
from mixwright.stages import COMMANDS

OPTIONS = {
    "role": "role of the runs: swarm, vertex, perturb or repeat",
    "study": "study.json of the study",
    "file": "basename of a public file of the study",
    "harvest": "folder of the harvested text, where the source is the embedded corpus",
    "questions": "document files of the targets",
    "tokenizer": "tokenizer folder",
    "tables": "files of the study's tables, in the order of the tables' names",
    "shards": "folders of what is learned from, one a domain: token shards, or datasets of tables",
    "targets": "tokenized targets (.npz)",
    "domains": "domains.parquet",
    "texts": "texts.json: where shards, targets and their counts lie; or calibration.json: the same, and how proxies are computed",
    "design": "design tables",
    "mixtures": "mixtures of the runs (one wide .csv, or long .parquet tables); for figures and summaries: proposals (.json)",
    "losses": "losses of the runs (one wide .csv, or long .parquet tables); transfer takes two, of two model sizes",
    "anchor_mixtures": "mixtures of a few runs at a larger scale, in the form of the fit's",
    "anchor_losses": "losses of these runs: predictions are mapped to their level, target by target",
    "candidates": "mixtures to choose from: CSV, an id column first and one column a domain",
    "runs": "number of mixtures to choose",
    "realised": "realised counts of the runs",
    "loglikelihoods": "log-likelihood tables of the vertex runs",
    "packs": "folder of the training jobs' results",
    "pack": "name of the training job",
    "mixer": "name of the mixer; compare takes any number of them (none: all that predict)",
    "settings": "settings of the mixer as JSON; compare and backtest take them by mixer",
    "backtest": "backtest.json of a study of several scales",
    "transfer": "transfer.json of a study with a second model size",
    "diverged": "what to do with runs whose loss is empty, NaN or infinite: refuse or drop",
    "draws": "refits of the mixer that give a proposal its intervals (none: 100; 0: no intervals)",
    "more": "runs that could be trained besides (0: a quarter of those there are)",
    "goal": "target that is left out, in a study with a goal for each",
    "fit": "folder that `fit` wrote; none for a baseline that reads no runs",
    "domain": "name of the domain",
    "target": "name of the target; propose takes any number of NAME or NAME=WEIGHT (none: all alike)",
    "cap": "DOMAIN=MAX, any number: the largest weight of a domain",
    "floor": "DOMAIN=MIN, any number: the least weight of a domain",
    "fix": "DOMAIN=WEIGHT, any number: a domain's weight",
    "group": "'A+B<=NUMBER', '>=' or '=', any number: limits of a sum of weights",
    "never_worse": "targets, or all: predicted losses that must not exceed natural's",
    "between": "two targets or means of targets to weigh against each other: NAME=A+B, or a target",
    "points": "points of the front, at most",
    "available": "DOMAIN=TOKENS, for every domain: what there is to train on",
    "tokens": "training tokens of the final run",
    "max_epochs": "the most passes over a domain; needs --available and --tokens",
    "folds": "parts the runs are held out in, one after the other",
    "seed": "seed of whatever is drawn",
    "fits": "fit folders, each called by its mixer",
    "tests": "tables of predicted test runs",
    "subsets": "rank correlations of fits to subsets",
    "regions": "regions of optima (.json)",
    "optima": "published optima of two scales (CSV)",
    "ladder": "their extrapolation to other scales",
    "predictions": "losses predicted for mixtures",
    "figure": "name of the figure",
    "figures": "figures to put on the page (.svg)",
    "validation": "tables of held-out predictions",
    "scores": "score tables of the finals",
    "documents": "document files; of finals: their losses by document",
    "finals": "finals.parquet of a training job",
    "summary": "summary.json of a study",
    "html": "page to write",
    "json": "JSON to write",
    "table": "table to write (parquet; the one behind a figure: CSV)",
    "results": "folder that studies are written to",
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
        say(f"mixwright: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class OneLine(argparse.ArgumentParser):
    """A parser whose complaints are one line, like every other mistake's."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help shows its options\n")


def parser() -> argparse.ArgumentParser:
    top = OneLine(prog="mixwright", description="In what proportions should I mix my data sources?")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, function in COMMANDS.items():
        purpose = (inspect.getdoc(function) or "").splitlines()[0]
        command = commands.add_parser(name, help=purpose, description=purpose)
        _add_options(command, function)
    return top


def _add_options(command: argparse.ArgumentParser, function: Callable[..., Any]) -> None:
    """One option a parameter: list[T] takes any number, T | None one or nothing, a default makes it optional."""
    hints = get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        kind, many, inner = hints[name], get_origin(hints[name]) is list, get_args(hints[name])
        absent = type(None) in inner
        optional = parameter.default is not inspect.Parameter.empty
        command.add_argument(
            f"--{name.replace('_', '-')}",
            type=inner[0] if many or absent else kind,
            action="extend" if many else "store",
            nargs="*" if many else "?" if absent else None,
            required=not optional,
            default=parameter.default if optional else None,
            help=OPTIONS.get(name, ""),
        )


if __name__ == "__main__":
    sys.exit(main())
