"""How many jobs of each rule a study has, and the core-seconds that they take beside training.

The seconds are those of the demo on a quiet machine of two cores: most of them start Python and
read little. On a slower disk, or a network's, a start takes longer.
"""

from collections import Counter
from collections.abc import Mapping

from mixwright.jobs.resources import looked_at, taken
from mixwright.sources.public import basename
from mixwright.study.learning import curve_mixer
from mixwright.study.study import Study

# Core-seconds of a job that has little to do. Training jobs import torch, finals transformers too.
START = 0.8
STARTS = {
    "harvest_installed": 6.0,
    "join_parts": 0.3,
    "train_tokenizer": 1.2,
    "calibrate": 3.0,
    "train_proxies": 3.0,
    "evaluate_proxies": 1.5,
    "merged": 3.0,
    "train_finals": 6.0,
    "evaluate_finals": 5.0,
    "evaluate_snapshots": 5.0,
    "evaluate_tasks": 10.0,
    "learning_curve": 1.5,
    "design_round": 3.0,
    "draw_figure": 2.0,
    "summarise": 3.0,
    "summarise_proposals": 3.0,
    "summarise_measured": 3.0,
}
# Bytes of text a core-second: benchmarks/RESULTS.md, corpus.py of 2026-11-28, the slowest text;
# tokenizing by an encoder of 8,192 tokens.
CLEANING = 33e6
TOKENIZING = 2.5e6
# Core-seconds of fits, proposals with their intervals, and validation, over what a job's start
# takes: the demo's, of 3 targets. They grow with the targets.
FITS = {"regmix": 15.0, "ensemble": 30.0, "mixmin": 3.0, "effective-data": 3.0}
DEMO_TARGETS = 3
# Nobody knows at parse time how long the tables of others are. These times are of RegMix's, of 512
# runs and 13 losses: regmix_pile.yaml, 6 minutes with --cores 1 on an AMD EPYC on 2026-11-29.
MEASURED_FITS = {
    "additive": 20.0,
    "effective-data": 10.0,
    "ensemble": 140.0,
    "log-linear": 7.0,
    "olmix": 7.0,
    "regmix": 65.0,
    "regmix-linear": 8.0,
}
SUBSETS = {"effective-data": 4.0, "regmix": 24.0}
REGIONS = {"effective-data": 10.0, "regmix": 18.0}
SURFACE = 3.0
# figures of a study that trains finals, where nobody counts them
USUAL_FIGURES = 10


def job_seconds(jobs: Mapping[str, int]) -> float:
    """Returns the core-seconds that starting the jobs takes; `jobs` is rule -> how many."""
    seconds = 0.0
    for rule, number in jobs.items():
        seconds += number * STARTS.get(rule, START)
    return seconds


def corpus_jobs(study: Study) -> tuple[Counter[str], float]:
    """Returns the jobs of the corpus by rule, and the core-seconds of their text."""
    jobs = Counter(count_domains=1, list_scored=1, list_texts=1, fetch_public=_fetched(study))
    if study.learner.rules != "corpus":
        jobs["make_datasets"] = 1
        return +jobs, 0.0
    jobs["train_tokenizer"] = 1
    jobs["calibrate"] = 1
    jobs["join_parts"] = len(study.domains)
    jobs["read_target"] = len(study.targets)
    jobs["tokenize_target"] = len(study.targets)
    for name in study.domains + study.targets:
        # the embedded corpus is made ready for all that read it
        if study.source(name).prepared():
            jobs["harvest_installed"] = 1
    seconds = 0.0
    for name in study.domains:
        parts = study.parts(name)
        jobs["clean_part"] += parts
        jobs["tokenize_part"] += parts
        cleaning = looked_at(study, name) / CLEANING
        tokenizing = taken(study, name) / TOKENIZING
        seconds += parts * (cleaning + tokenizing)
    # without the rules that have no job
    return +jobs, seconds


def _fetched(study: Study) -> int:
    """How many public files the study lists; two names may be of one file."""
    entries = study.config.get("public", {})
    return len({basename(entry) for entry in entries.values()})


def fit_jobs(study: Study, figures: int = USUAL_FIGURES) -> tuple[Counter[str], float]:
    """Returns the jobs from losses to the report by rule, and the core-seconds of fits.

    Args:
        study: the study.
        figures: how many it draws.
    """
    arms = len(study.arms)
    jobs = Counter(propose_mixture=arms, export_mixture=arms * len(study.exports))
    usual = FITS
    times = max(1.0, len(study.target_weights) / DEMO_TARGETS)
    if study.measured:
        usual = MEASURED_FITS
        times = 1.0
    seconds = 0.0
    for mixer in study.mixers:
        method = study.method(mixer)
        if method.reads:
            jobs["fit_mixer"] += 1
        if method.predicts and "swarm" in study.runs:
            jobs["validate_mixer"] += 1
            if method.can_refit:
                jobs["surface"] += 1
        seconds += times * usual.get(study.method_name(mixer), 0.0)
    seconds += times * SURFACE * jobs["surface"]
    if curve_mixer(study):
        jobs["learning_curve"] = 1
    if study.measured:
        others, more = _of_measured(study, figures, jobs["validate_mixer"])
        return jobs + others, seconds + more
    return jobs + _of_trained(study, figures), seconds


def _of_trained(study: Study, figures: int) -> Counter[str]:
    """The jobs that only a study has that trains its runs."""
    jobs = Counter(draw_figure=figures)
    jobs["resolve_design"] = len(study.runs)
    jobs["design_round"] = len(study.tables) - len(study.runs)
    jobs["collect_losses"] = len(study.tables)
    if study.reads_loglikelihoods:
        jobs["collect_loglikelihoods"] = 1
    if "transfer" in study.runs:
        jobs["transfer"] = 1
    if study.merges:
        jobs["merged"] = 1
    if study.backtested:
        jobs["backtest"] = 1
    page = "summarise_proposals" if study.ends_at_proposals else "summarise"
    jobs[page] = 1
    return jobs


def _of_measured(study: Study, figures: int, validated: int) -> tuple[Counter[str], float]:
    """The jobs of runs that others measured, and the core-seconds of those that fit often."""
    jobs = Counter(draw_figure=figures, weigh_domains=1, summarise_measured=1)
    jobs["import_runs"] = len(study.runs)
    jobs["fetch_public"] = _fetched(study)
    if study.tests:
        jobs["predict_tests"] = validated
    if "swarm" in study.runs:
        jobs["predict_mixtures"] = 1
    if "optima" in study.measured:
        jobs["climb_ladder"] = 1
    seconds = 0.0
    often = (("score_subsets", "subsets", SUBSETS), ("find_region", "regions", REGIONS))
    for rule, key, usual in often:
        for mixer in study.measured[key]:
            jobs[rule] += 1
            seconds += usual.get(study.method_name(mixer), 0.0)
    return jobs, seconds
