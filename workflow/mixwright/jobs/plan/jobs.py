"""How many jobs of each rule a study has, and the core-seconds that they take beside training.

The seconds are those of the demo on a quiet machine of two cores: most of them start Python and
read little. On a slower disk, or a network's, a start takes longer.
"""

from collections import Counter
from collections.abc import Mapping

from mixwright.jobs.resources import looked_at, taken
from mixwright.sources.base import Source
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
    return sum(number * STARTS.get(rule, START) for rule, number in jobs.items())


def corpus_jobs(study: Study) -> tuple[Counter[str], float]:
    """Returns the jobs of the corpus by rule, and the core-seconds of their text."""
    jobs: Counter[str] = Counter()
    names = study.domains + study.targets
    if study.learner.rules != "corpus":
        jobs["make_datasets"] = 1
        jobs["list_texts"] = 1
        jobs["count_domains"] = 1
        return jobs, 0.0
    seconds = 0.0
    for name in study.domains:
        parts = study.parts(name)
        jobs["clean_part"] += parts
        jobs["tokenize_part"] += parts
        seconds += parts * looked_at(study, name) / CLEANING
        seconds += parts * taken(study, name) / TOKENIZING
    if any(_is_installed(study.source(name)) for name in names):
        jobs["harvest_installed"] = 1
    jobs["join_parts"] = len(study.domains)
    jobs["read_target"] = jobs["tokenize_target"] = len(study.targets)
    for rule in ("train_tokenizer", "count_domains", "list_texts", "calibrate"):
        jobs[rule] = 1
    return jobs, seconds


def fit_jobs(study: Study, figures: int = USUAL_FIGURES) -> tuple[Counter[str], float]:
    """Returns the jobs from losses to the report by rule, and the core-seconds of fits.

    Args:
        study: the study.
        figures: how many it draws.
    """
    jobs: Counter[str] = Counter()
    roles = len(study.runs)
    jobs["collect_losses"] = jobs["resolve_design"] = 0 if study.measured else roles
    seconds = 0.0
    for mixer in study.mixers:
        method = study.method(mixer)
        jobs["fit_mixer"] += bool(method.reads)
        jobs["validate_mixer"] += bool(method.predicts and "swarm" in study.runs)
        seconds += FITS.get(study.method_name(mixer), 0.0)
    jobs["propose_mixture"] = len(study.arms)
    jobs["collect_loglikelihoods"] = int("vertex" in study.runs)
    jobs["backtest"] = int(study.backtested)
    jobs["transfer"] = int("transfer" in study.runs)
    jobs["draw_figure"] = figures
    jobs["summarise_proposals" if study.ends_at_proposals else "summarise"] = 1
    return +jobs, seconds


def _is_installed(source: Source) -> bool:
    """Whether a rule makes the source's text ready first."""
    return bool(source.prepared())
