"""The options of commands: defaults that they share, and the help of each option."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from mixwright.files import CSV, FILE, FOLDER, INTO

Paths = list[Path]
NONE: Paths = []
NO_WORDS: list[str] = []

# Options that name a place to write, and what is written there. They are checked before the
# work. A key `command.option` wins over the key `option`.
OUTPUTS = {
    "to": FILE,
    "html": FILE,
    "json": FILE,
    "table": FILE,
    "notes": FILE,
    "store": INTO,
    "design.to": CSV,
    "regret.to": CSV,
    "pareto.to": CSV,
    "predict.to": CSV,
    "fit.to": FOLDER,
    "figures.to": INTO,
    "page.mixture": FILE,
    "fit-mixer.to": FOLDER,
    "harvest-installed.to": FOLDER,
    "link-profiles.to": INTO,
    "surgery.to": INTO,
    "make-datasets.to": FOLDER,
    "join-parts.to": FOLDER,
    "tokenize-part.to": FOLDER,
    "train-tokenizer.to": FOLDER,
    "collect-losses.losses": FILE,
    "collect-losses.realised": FILE,
    "train-finals.curves": FILE,
    "evaluate-finals.documents": FILE,
    "evaluate-finals.scores": FILE,
    "evaluate-tasks.answers": FILE,
    "evaluate-tasks.scores": FILE,
    "import-runs.design": FILE,
}

# Options that are written without their names, behind the command.
POSITIONAL = ("init.sources", "check-mixture.file")

# A key `command.option` wins over the key `option`.
OPTIONS = {
    "anchor_losses": "losses of the anchor runs; predictions are shifted to their level",
    "anchor_mixtures": "mixtures of a few runs at a larger scale, in the same form as --mixtures",
    "answers": "table to write: a row a question of a task (.parquet)",
    "arm": "name of the proposal: a mixer, or MIXER@GOAL",
    "anchors": "a study's tables of runs of a larger size: design, losses, realised",
    "around": "fit to smaller models' runs, of effective-data; the tables are of larger models",
    "available": "DOMAIN=TOKENS for every domain: the tokens that exist to train on",
    "budget": "what may be spent: '40 GPU-hours', '200 CPU-hours', or with --prices '$500'",
    "batch": "name of the batch of packs that one job scores",
    "between": "the two objectives: a target, or NAME=A+B for the mean of targets A and B",
    "candidates": "CSV of mixtures to choose from: an id column, then one column a domain;"
    " none: new ones are drawn",
    "config": "KEY=VALUE over the config files, as in snakemake; a section is {key: value}",
    "configfile": "the study's YAML files, the later over the earlier; none: the demo",
    "cap": "DOMAIN=MAX, any number: the largest weight of a domain",
    "curves": "table of losses along the training to write (.parquet)",
    "design": "design tables (.parquet)",
    "import-runs.design": "table of mixtures to write (.parquet)",
    "designs": "folder of the study's design tables, where further rounds are read",
    "device": "device that trains, such as cpu, a100 or h100; none: what the study says",
    "devices": "how many of them, GPUs where some train there; none: those of this machine",
    "diverged": "what to do with runs whose loss is empty, NaN or infinite: refuse or drop",
    "columns.domains": "columns of the mixtures that are domains; none: those that sum to 1",
    "columns.targets": "columns of the losses that are targets; none: by headings and values",
    "columns.key": "column that tells the runs apart; none: the one on which both tables agree",
    "columns.higher_better": "targets of which more is better, such as accuracies",
    "columns.unit": "UNIT of all targets or NAME=UNIT: nats/token, bits/byte, perplexity, percent",
    "columns.metric": "NAME=KIND, such as arc=accuracy,questions=1172,chance=.25",
    "design.domains": "names of the domains, any number; with --candidates: which columns they are",
    "after": "folder of a fit: the mixtures are a further round beside the fit's runs",
    "design.sizes": "NAME=COST of a run of each size; --runs: what all cost, in the cheapest",
    "design.target": "with --after: NAME or NAME=WEIGHT, any number; none: the fit's goal",
    "explain": "say why each column is what it is",
    "kind": "informative (best for few runs, and the default) or dirichlet",
    "key": "column that tells the rows apart; none: chosen by its heading and cells",
    "earlier": "documents of earlier parts of the domain, whose texts are left out; may be empty",
    "documents": "tables of cleaned documents (.parquet)",
    "evaluate-finals.documents": "table to write: the loss of every document (.parquet)",
    "domain": "name of the domain",
    "domains": "domains.parquet of the study: tokens of every source and its sample",
    "surface.draws": "refits that give predictions their intervals (default 40; 0: none)",
    "draws": "refits that give the proposal its intervals (default 100; 0: no intervals)",
    "full": "print all of it, in place of ten lines",
    "figure": "name of the figure",
    "format": "name of the trainer's format",
    "sizes": "map of sources, or PATH: TOKENS (YAML or JSON): how much there is of each",
    "most_passes": "passes over a source, above which they are a fault",
    "observed": "CSV of what was consumed: source, then tokens, sequences, rows or documents",
    "check-mixture.file": "the trainer's mixture file",
    "check-mixture.mixture": "the mixture that was wanted, as export takes it",
    "check-mixture.sequence": "tokens of a sequence of the trainer",
    "check-mixture.tokens": "training tokens of the run",
    "check-mixture.table": "table to write: what was asked and what will be read (.csv)",
    "export.domains": "domains.parquet of the study: tokens and documents of every source",
    "export.fit": "a fit or a surface, which predicts what dropped domains cost",
    "mixture": "what propose wrote, or DOMAIN: SHARE, or stages (JSON, YAML or CSV)",
    "export.sources": "map of prepared sources, DOMAIN: PATH, or path, files and sizes",
    "export.tokens": "training tokens of the run",
    "export.table": "table to write: what was asked and what will be read (.csv)",
    "export-mixture.sources": "map of prepared sources; empty: domains are called by their names",
    "export-mixture.fit": "folder of the fit; leave it empty where the mixer predicts nothing",
    "export-mixture.mixture": "proposal of the study (.json)",
    "export-mixture.table": "table to write: what was asked and what will be read (.csv)",
    "packed": "rows are packed: each holds one sequence",
    "sequence": "tokens of a sequence of the trainer",
    "file": "name of the public file, as it is called in results/NAME/public",
    "finals": "table of trained final models (.parquet)",
    "fit": "folder that `mixwright fit` wrote",
    "predict.fit": "folder that `mixwright fit` wrote, or the file of a surface",
    "page.fit": "folder that `mixwright fit` wrote, or the file of a surface",
    "page.mixture": "JSON file to write the proposal to, as propose does",
    "page.target": "NAME or NAME=WEIGHT, any number; none: all targets count alike",
    "page.to": "page to write (.html)",
    "figures.fit": "folder that `mixwright fit` wrote, or the file of a surface",
    "figures.target": "NAME or NAME=WEIGHT, any number; none: all targets count alike",
    "figures.to": "folder to write the figures to",
    "propose.fit": "folder that `mixwright fit` wrote, or the file of a surface",
    "propose-mixture.fit": "folder of the fit; leave it empty for a baseline that reads no runs",
    "fits": "folders of fits, each named like its mixer",
    "fix": "DOMAIN=WEIGHT, any number: the exact weight of a domain",
    "force": "replace the file that is there",
    "floor": "DOMAIN=MIN, any number: the smallest weight of a domain",
    "folds": "number of parts into which the runs are cut; each is predicted from the others",
    "gpu": "measure how fast this machine's GPU trains, in up to 3 minutes",
    "goal": "target that the proposal is for, in a study with one goal a target",
    "group": "'A+B<=NUMBER', also >= or =, any number: a limit on a sum of weights",
    "harvest": "folder of the harvested text; empty where the source is another one",
    "html": "page to write (.html)",
    "json": "summary to write (.json)",
    "loglikelihoods": "tables of log-likelihoods of runs on one domain alone (.parquet)",
    "losses": "losses of the runs: CSV files, or tables of a study (.parquet)",
    "collect-losses.losses": "table of losses to write (.parquet)",
    "transfer.losses": "two loss tables: the smaller model's first",
    "measured": "folder of what was measured of the runs",
    "max_epochs": "the most passes over a domain; needs --available and --tokens",
    "mixer": "name of the mixer",
    "compare.mixer": "names of the mixers; none: all of these, which predict losses",
    "mixtures": "mixtures of the runs: CSV files, or tables of a study (.parquet)",
    "predict.mixtures": "mixtures to predict: CSV, the JSON that propose wrote, or .parquet",
    "predict-mixtures.mixtures": "proposals of the study (.json)",
    "train-finals.mixtures": "proposals of the study (.json)",
    "more": "number of runs that you could still train (0: a quarter of those there are)",
    "notes": "file to write: what is dropped, and what goes wrong, a line each",
    "never_worse": "targets, or all: their predicted loss must not exceed natural's",
    "optima": "CSV of published optima at two scales",
    "pack": "name of the training job",
    "packs": "folder of the training jobs' results",
    "part": "which part of the domain, from 0",
    "parts": "in how many parts the domain is read",
    "problems": "truths of each kind (default 3)",
    "prices": "money for each hour: a100=1.8,h100=2.5,currency=EUR, or a YAML file of the same",
    "points": "the most mixtures to list",
    "questions": "tables of the targets' documents (.parquet), whose passages are looked for",
    "realised": "tables of the tokens that each run really read (.parquet)",
    "collect-losses.realised": "table of realised token counts to write (.parquet)",
    "results": "folder that studies are written to",
    "round": "number of the round of the swarm, from 2 on",
    "role": "role of the runs: swarm, vertex, perturb, repeat or transfer",
    "runs": "number of mixtures to choose",
    "repeats": "further runs of the first mixture, which tell the noise of a run",
    "scored": "scored.json: where the texts lie that are scored",
    "scores": "table of scores to write (.parquet)",
    "seed": "seed of every random choice",
    "settings": "settings of the mixer, as JSON",
    "check-mixture.settings": "settings of the format, as JSON",
    "export.settings": "settings of the format, as JSON",
    "backtest.settings": "settings as JSON, by mixer: {MIXER: {NAME: VALUE}}",
    "compare.settings": "settings as JSON, by mixer: {MIXER: {NAME: VALUE}}",
    "shards": "one folder a domain: token shards, or data sets made of tables",
    "sources": "folders, files, or names of data sets of Hugging Face (OWNER/NAME)",
    "store": "folder of computed runs, found again by their content",
    "plan.sources": "quote the table's lines of the devices, each with its source",
    "studies": "folders of results of studies elsewhere that take from the same store",
    "older": "days for which something must not have changed to be removed (default 7)",
    "yes": "remove what is listed",
    "study": "study.json in the results folder of the study, such as results/demo/study.json",
    "fit.study": "study.json: the fit then knows the goal and what the targets measure",
    "plan.json": "file to write the plan to, for machines (.json)",
    "regret.study": "the study's YAML file, or study.json in its results",
    "regret.domains": "how many domains are mixed",
    "regret.targets": "how many targets the mixture is chosen for (default 4)",
    "regret.runs": "proxies to train in all; with --study another number than the study's",
    "regret.cap": "the largest weight of any domain",
    "regret.kind": "how the first round is drawn: informative (the default) or dirichlet",
    "regret.to": "CSV file to write: a row a problem",
    "noise": "a run's standard deviation over seeds, as a share of the swarm's spread",
    "rounds": "rounds of training, each chosen by what those before it measured",
    "plan.study": "study.json of a study that has begun, in place of --configfile",
    "learning-curve.study": "study.json of the study; none: tables of your own",
    "surface.study": "study.json: the surface then has the goal and the bounds of the study",
    "surface.domains": "domains.parquet of the study; none: the one beside study.json",
    "status.study": "study.json of the study; none: the only study under results/",
    "watch": "go on showing it until the study is done, or Ctrl+C",
    "transfer.study": "study.json; none: two tables of your own are compared",
    "summary": "summary.json of a study",
    "table": "table to write (.parquet)",
    "tables": "files of the study's tables, in the order of the tables' names",
    "target": "name of the target",
    "propose.target": "NAME or NAME=WEIGHT, any number; none: all targets count alike",
    "targets": "tokenized targets (.npz)",
    "texts": "texts.json: where shards and token counts lie",
    "train-proxies.texts": "texts.json, or calibration.json, which adds how proxies are computed",
    "to": "file or folder to write",
    "draw.to": "files to write: .svg, .pdf or .png the drawing, .csv the numbers behind it",
    "draw-figure.to": "files to write: .svg, .pdf or .png the drawing, .csv the numbers behind it",
    "compare.to": "table of scores to write (.parquet)",
    "fit.to": "new folder to write",
    "init.to": "file of the study to write (default study.yaml)",
    "learning-curve.to": "JSON file to write",
    "pareto.to": "CSV file to write",
    "predict.to": "CSV file to write",
    "propose.to": "JSON file to write",
    "surface.to": "JSON file to write",
    "add": "names of new domains, any number",
    "drop": "domains that go, any number",
    "merge": "NEW=A:SHARE,B:SHARE: domains that become one, in frozen shares",
    "split": "OLD=A:SHARE,B:SHARE: a domain that becomes several, with their shares of its text",
    "only_valid": "leave out runs that a law would have to move",
    "surgery.runs": "mixtures to train; none: until the new domains are as certain as the old were",
    "surgery.study": "study.json of a study that trained runs, in place of tables",
    "surgery.to": "folder to write into",
    "link-profiles.to": "folder to link into; none: the one that Snakemake searches",
    "tokenizer": "folder of the tokenizer",
    "threads": "CPU cores to use",
    "tokens": "training tokens of the final model",
    "join-parts.tokens": "folders of the tokens of the domain's parts, in their order",
}


@dataclass(frozen=True)
class Option:
    """One option of a command."""

    name: str
    kind: Any
    required: bool
    default: Any = None
    # the parameter of which the option is a field; empty: it is a parameter itself
    group: str = ""


def options_of(function: Callable[..., Any]) -> list[Option]:
    """Returns the options of a command: its parameters.

    A parameter that is a dataclass stands for options that several commands share, one a field.
    """
    hints = get_type_hints(function)
    options = []
    for parameter in inspect.signature(function).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind):
            options += _fields(parameter.name, kind)
            continue
        required = parameter.default is inspect.Parameter.empty
        default = None if required else parameter.default
        options.append(Option(parameter.name, kind, required, default))
    return options


def _fields(group: str, kind: Any) -> list[Option]:
    """Returns an option for each field of a dataclass."""
    hints = get_type_hints(kind)
    options = []
    for part in fields(kind):
        default = part.default
        if part.default_factory is not MISSING:
            default = part.default_factory()
        options.append(Option(part.name, hints[part.name], False, default, group))
    return options


def arguments_of(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns parameter -> argument, from option -> value."""
    hints = get_type_hints(function)
    grouped: dict[str, dict[str, Any]] = {}
    arguments = {}
    for option in options_of(function):
        if option.group:
            grouped.setdefault(option.group, {})[option.name] = values[option.name]
        else:
            arguments[option.name] = values[option.name]
    for group, parts in grouped.items():
        arguments[group] = hints[group](**parts)
    return arguments
