"""How many jobs of each rule a study has, and the core-seconds that they take beside training.

The seconds are those of the demo on a quiet machine of two cores: most of them start Python and
read little. On a slower disk, or a network's, a start takes longer.
"""

from collections import Counter
from collections.abc import Mapping

from mixwright.jobs.resources import looked_at, taken
from mixwright.study.study import Study

# Core-seconds of a job that has little to do. Training jobs import torch, finals transformers too.
START = 0.8
STARTS = {
    "harvest_installed": 6.0,
    "join_parts": 0.3,
    "train_tokenizer": 1.2,
    "calibrate": 3.0,
    "train_proxies": 3.0,
    "train_finals": 6.0,
    "evaluate_finals": 5.0,
    "draw_figure": 1.3,
    "summarise": 3.0,
    "summarise_proposals": 3.0,
    "summarise_measured": 3.0,
}
# Bytes of text a core-second: benchmarks/RESULTS.md, corpus.py of 2026-11-28, the slowest text;
# tokenizing by an encoder of 8,192 tokens.
CLEANING = 33e6
TOKENIZING = 2.5e6
# Core-seconds of fits, proposals with their intervals, and validation, over what a job's start
# takes: the demo's. Trees take minutes with hundreds of runs, as benchmarks/mixers.py shows.
FITS = {"regmix": 15.0, "ensemble": 15.0, "mixmin": 3.0, "effective-data": 3.0}
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
    jobs = Counter(count_domains=1, list_texts=1)
    if study.learner.rules != "corpus":
        jobs["make_datasets"] = 1
        return jobs, 0.0
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
    return jobs, seconds


def fit_jobs(study: Study, figures: int = USUAL_FIGURES) -> tuple[Counter[str], float]:
    """Returns the jobs from losses to the report by rule, and the core-seconds of fits.

    Args:
        study: the study.
        figures: how many it draws.
    """
    jobs = Counter(draw_figure=figures)
    jobs["propose_mixture"] = len(study.arms)
    if not study.measured:
        jobs["resolve_design"] = len(study.runs)
        jobs["collect_losses"] = len(study.runs)
    if "vertex" in study.runs:
        jobs["collect_loglikelihoods"] = 1
    if "transfer" in study.runs:
        jobs["transfer"] = 1
    if study.backtested:
        jobs["backtest"] = 1
    seconds = 0.0
    for mixer in study.mixers:
        method = study.method(mixer)
        if method.reads:
            jobs["fit_mixer"] += 1
        if method.predicts and "swarm" in study.runs:
            jobs["validate_mixer"] += 1
        seconds += FITS.get(study.method_name(mixer), 0.0)
    page = "summarise_proposals" if study.ends_at_proposals else "summarise"
    jobs[page] = 1
    return jobs, seconds
