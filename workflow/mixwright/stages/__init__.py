"""The commands of mixwright: the function of each, its group in the help, and its line there.

Each other module here holds the stages of a rules file, or a part of them: a stage reads files,
calls the library and writes files. A rule, its command and its function have the same name. A
module is imported when one of its commands runs or shows its help, so that `mixwright --help` is
quick.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

START = "start a study of your own text"
TABLES = "your own tables of mixtures and losses"
MANAGE = "watch and manage a study"
STAGES = "stages of the workflow, called by its rules"
GROUPS = (START, TABLES, MANAGE, STAGES)


@dataclass(frozen=True)
class Command:
    """Where the function of a command is, and what `mixwright --help` says of the command."""

    group: str
    target: str  # module:function, in mixwright.stages
    purpose: str  # one line

    def load(self) -> Callable[..., Any]:
        """Imports the module and returns the function."""
        module, _, function = self.target.partition(":")
        return getattr(import_module(f"mixwright.stages.{module}"), function)


COMMANDS = {
    "init": Command(START, "start:init", "Draft a study from your folders or data sets"),
    "read-runs": Command(TABLES, "mixers:read_runs", "Show how your tables are understood"),
    "compare": Command(TABLES, "trust:compare", "Compare how well mixers predict unseen runs"),
    "fit": Command(TABLES, "mixers:fit_mixer", "Fit a mixer to measured losses"),
    "predict": Command(TABLES, "mixers:predict", "Predict the losses of new mixtures"),
    "propose": Command(TABLES, "proposals:propose", "Propose the best mixture inside your bounds"),
    "page": Command(TABLES, "own:page", "Write what a fit says as one page to look at"),
    "figures": Command(TABLES, "own:figures", "Draw the figures of a fit, with their numbers"),
    "export": Command(TABLES, "export:export", "Write a mixture as the file of a trainer"),
    "check-mixture": Command(
        TABLES, "export:check_mixture", "Say what a trainer will read by its mixture file"
    ),
    "surface": Command(TABLES, "mixers:surface", "Write a fitted law as one file to hand on"),
    "pareto": Command(TABLES, "proposals:pareto", "List the best mixtures between two objectives"),
    "design": Command(TABLES, "designs:design", "Choose which mixtures to train first"),
    "surgery": Command(
        TABLES, "surgery:surgery", "Add, drop, merge or split domains and keep the runs"
    ),
    "learning-curve": Command(
        TABLES, "trust:learning_curve", "Say whether more runs are worth training"
    ),
    "regret": Command(
        TABLES, "regret:regret", "Say how near so many runs come to the best mixture"
    ),
    "transfer": Command(TABLES, "trust:transfer", "Say whether a ranking holds at another size"),
    "merged": Command(
        MANAGE, "merged:merged", "Say whether merged proxies rank a study's mixtures"
    ),
    "plan": Command(MANAGE, "plan:plan", "Say what a study takes: tokens, hours, disk, money"),
    "status": Command(MANAGE, "jobs:status", "Show how far the training of a study is"),
    "show": Command(MANAGE, "report:show", "Print the summary of a finished study"),
    "draw": Command(MANAGE, "figures:draw_figure", "Draw one figure of a finished study"),
    "prune": Command(MANAGE, "prune:prune", "Remove models that no study refers to any more"),
    "doctor": Command(MANAGE, "machine:doctor", "Check what works on this machine and cluster"),
    "link-profiles": Command(
        MANAGE, "machine:link_profiles", "Link the profiles to where Snakemake looks for them"
    ),
    "fetch-public": Command(STAGES, "public:fetch_public", "Fetch a public file and check it"),
    "harvest-installed": Command(
        STAGES, "corpus:harvest_installed", "Collect the text of the embedded corpus"
    ),
    "read-target": Command(STAGES, "corpus:read_target", "Read the documents of a target"),
    "clean-part": Command(STAGES, "corpus:clean_part", "Clean and split a part of a domain"),
    "train-tokenizer": Command(STAGES, "corpus:train_tokenizer", "Train or copy the tokenizer"),
    "tokenize-part": Command(
        STAGES, "corpus:tokenize_part", "Write the tokens of a part of a domain"
    ),
    "join-parts": Command(STAGES, "corpus:join_parts", "Make the parts of a domain one shard"),
    "tokenize-target": Command(STAGES, "corpus:tokenize_target", "Write the tokens of a target"),
    "make-datasets": Command(
        STAGES, "tabular:make_datasets", "Turn tables into one data set a domain"
    ),
    "count-domains": Command(STAGES, "proxies:count_domains", "Count the tokens of every domain"),
    "list-scored": Command(STAGES, "proxies:list_scored", "List what proxies are scored on"),
    "list-texts": Command(STAGES, "proxies:list_texts", "List what training jobs read"),
    "design-round": Command(
        STAGES, "designs:design_round", "Compute the weights of a further round of the swarm"
    ),
    "resolve-design": Command(
        STAGES, "designs:resolve_design", "Compute the weights of every run of a role"
    ),
    "calibrate": Command(
        STAGES, "proxies:calibrate", "Choose the fastest way to train proxies here"
    ),
    "train-proxies": Command(STAGES, "proxies:train_proxies", "Train and measure a pack of runs"),
    "evaluate-proxies": Command(
        STAGES, "proxies:evaluate_proxies", "Score proxies on what was not scored yet"
    ),
    "collect-losses": Command(
        STAGES, "proxies:collect_losses", "Gather the losses of a role's runs"
    ),
    "collect-loglikelihoods": Command(
        STAGES, "proxies:collect_loglikelihoods", "Gather the log-likelihoods of a role's runs"
    ),
    "fit-mixer": Command(STAGES, "mixers:fit_mixer", "Fit a mixer to the losses of a study"),
    "validate-mixer": Command(
        STAGES, "trust:validate_mixer", "Predict held-out runs of a study by a mixer"
    ),
    "propose-mixture": Command(
        STAGES, "proposals:propose_mixture", "Propose a mixture for the goal of a study"
    ),
    "export-mixture": Command(
        STAGES, "export:export_mixture", "Write a proposal of a study as a trainer's file"
    ),
    "backtest": Command(
        STAGES, "trust:backtest", "Predict the largest scale from the smaller ones"
    ),
    "train-finals": Command(STAGES, "final:train_finals", "Train a pack of final models"),
    "evaluate-finals": Command(STAGES, "final:evaluate_finals", "Score a pack of final models"),
    "evaluate-snapshots": Command(
        STAGES, "final:evaluate_snapshots", "Score copies of final models from along their training"
    ),
    "evaluate-tasks": Command(
        STAGES, "final:evaluate_tasks", "Score a pack of final models on tasks of lm-eval"
    ),
    "import-runs": Command(STAGES, "measured:import_runs", "Import tables of runs of others"),
    "weigh-domains": Command(
        STAGES, "measured:weigh_domains", "Write the natural mixture of measured runs"
    ),
    "climb-ladder": Command(
        STAGES, "measured:climb_ladder", "Extrapolate published optima to other scales"
    ),
    "predict-tests": Command(STAGES, "measured:predict_tests", "Predict the runs of the test sets"),
    "score-subsets": Command(
        STAGES, "measured:score_subsets", "Fit parts of the swarm and rank the test runs"
    ),
    "find-region": Command(
        STAGES, "measured:find_region", "Find how far the optimum of a mixer can move"
    ),
    "predict-mixtures": Command(
        STAGES, "measured:predict_mixtures", "Predict published and proposed mixtures"
    ),
    "draw-figure": Command(
        STAGES, "figures:draw_figure", "Draw a figure of a study, with its table"
    ),
    "summarise": Command(STAGES, "report:summarise", "Write the summary of a study"),
    "summarise-proposals": Command(
        STAGES, "report:summarise_proposals", "Write the summary of a study's proposals"
    ),
    "summarise-measured": Command(
        STAGES, "measured_report:summarise_measured", "Write the summary of measured runs"
    ),
}

# Commands for people that run the function of a stage: `fit` is short for `fit-mixer`.
SHORT = {"fit": "fit-mixer", "draw": "draw-figure"}

# What commands were called before. They run, and say what they are called now.
OLD = {"climb": "climb-ladder", "fetch": "fetch-public", "validate": "validate-mixer"}

# Commands that had a second form, with --study; that form is a stage of its own now.
WITH_STUDY = {"propose": "propose-mixture"}


def current(name: str, options: list[str]) -> str:
    """Returns what the command `name` with these options is called now."""
    has_study = any(option.partition("=")[0] == "--study" for option in options)
    if has_study and name in WITH_STUDY:
        return WITH_STUDY[name]
    return OLD.get(name, name)
