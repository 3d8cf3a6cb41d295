"""What a study computes, stage by stage, whatever the device."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from mixwright.jobs.answers import final_answers, proxy_answers, snapshot_tokens, text_count
from mixwright.jobs.plan.flops import scoring_flops, training_flops
from mixwright.jobs.plan.jobs import USUAL_FIGURES, corpus_jobs, fit_jobs, job_seconds
from mixwright.jobs.resources import EXAMPLE_TOKENS, vocabulary_of
from mixwright.mixture import Run
from mixwright.study.copies import snapshot_packs
from mixwright.study.final_trainer import TRANSFORMERS
from mixwright.study.lengths import read_a_scored, step_tokens, steps
from mixwright.study.study import ROLES, Study

CORPUS = "corpus"
FINALS = "finals"
FITS = "fits and report"
# Core-seconds to train and score one model of trees: benchmarks/RESULTS.md, chemistry of
# 2026-11-21, 10 CPU-minutes for 184 of them and all else.
TREES_SECONDS = 2.0


@dataclass(frozen=True)
class Work:
    """What one stage of a study computes."""

    # corpus, a role of runs, finals, or fits and report
    stage: str
    # whose device computes it: proxy or final; empty: cores of the driver's machine
    section: str
    # model shape, where a model is trained
    shape: Mapping[str, Any] = field(default_factory=dict)
    precision: str = "auto"
    runs: int = 0
    # rule -> how many of its jobs
    jobs: Mapping[str, int] = field(default_factory=dict)
    # of all runs: trained on, and scored
    tokens: int = 0
    scored: int = 0
    # operations of all runs: to train, and to score
    training: float = 0.0
    scoring: float = 0.0
    # share of them that the longest job has: no number of devices makes that shorter
    longest: float = 1.0
    # devices that one job takes
    each: int = 1
    # core-seconds beside the operations: starts of jobs, reading of text, fits
    seconds: float = 0.0
    # whether transformers trains it, and not the packed trainer
    by_transformers: bool = False

    @property
    def flops(self) -> float:
        """Operations of all runs."""
        return self.training + self.scoring


def works(
    study: Study, finished: Set[str] = frozenset(), figures: int = USUAL_FIGURES
) -> tuple[Work, ...]:
    """Returns what the stages of a study compute, in their order.

    Args:
        study: the study. Of measured losses nothing is trained.
        finished: what is done and costs nothing: names of packs, of proxies and of finals, of
            batches, and CORPUS and FITS.
        figures: how many the study draws.
    """
    stages: list[Work] = []
    if not study.measured:
        if CORPUS not in finished:
            stages.append(_corpus(study))
        for role in ROLES:
            if role in study.runs:
                stages.append(_role(study, role, finished))
        if not study.ends_at_proposals:
            stages.append(_finals(study, finished))
    if FITS not in finished:
        stages.append(_fits(study, figures))
    return tuple(stage for stage in stages if any(stage.jobs.values()))


def _corpus(study: Study) -> Work:
    jobs, seconds = corpus_jobs(study)
    return Work(CORPUS, "", jobs=jobs, seconds=job_seconds(jobs) + seconds)


def _fits(study: Study, figures: int) -> Work:
    jobs, seconds = fit_jobs(study, figures)
    return Work(FITS, "", jobs=jobs, seconds=job_seconds(jobs) + seconds)


def _role(study: Study, role: str, finished: Set[str]) -> Work:
    packs = []
    for pack, members in study.packs.items():
        if members[0].role == role and pack not in finished:
            packs.append(members)
    runs = sum(map(len, packs))
    batches = [
        batch for batch in study.batches_of(study.tables_of_role(role)) if batch not in finished
    ]
    jobs = {"train_proxies": len(packs), "evaluate_proxies": len(batches)}
    if not study.learner.sized:
        return _trees(role, "proxy", runs, jobs)
    of_role = study.of_role(role)
    tokens = []
    training = 0.0
    looking = 0.0
    for members in packs:
        tokens.append(sum(run.tokens for run in members))
        training += _training(study, members)
        looking += _looking(of_role, members)
    scored = runs * _scored_tokens(study, role)
    # of those that are trained: of all that is asked, at the most, nothing was scored before
    if role == "vertex" and study.merges:
        # merged of them, and scored once, a model for each run of the swarm
        scored += len(study.runs["swarm"]) * _scored_tokens(study, "swarm", evaluations=1)
    scored += _trained_before(study, batches, finished) * _scored_tokens(study, role, evaluations=1)
    return Work(
        role,
        "proxy",
        of_role.proxy["shape"],
        of_role.proxy["precision"],
        runs,
        jobs,
        sum(tokens),
        scored,
        training,
        _scoring(study, role) * scored + looking,
        _share_of_longest(tokens),
        seconds=job_seconds(jobs),
    )


def _training(study: Study, members: Sequence[Run]) -> float:
    """Operations to train the runs of a pack, which have one shape."""
    of_run = study.of_role(members[0].role, study.combination_of(members[0].name))
    operations = training_flops(of_run.proxy["shape"], vocabulary_of(of_run, "proxy"))
    return operations * sum(run.tokens for run in members)


def _scoring(study: Study, role: str) -> float:
    """Operations for each token that is scored of a role's runs, in the mean of their shapes."""
    operations = []
    for place in sorted({study.combination_of(run.name) for run in study.runs[role]}):
        of_run = study.of_role(role, place)
        flops = scoring_flops(of_run.proxy["shape"], vocabulary_of(of_run, "proxy"))
        operations.append(flops * read_a_scored(of_run.config, "proxy"))
    return sum(operations) / len(operations)


def _looking(study: Study, members: Sequence[Run]) -> float:
    """Operations for what the runs of a pack read without learning from it."""
    looked = sum(_looked_tokens(study, run) for run in members)
    return looked * scoring_flops(study.proxy["shape"], vocabulary_of(study, "proxy"))


def _looked_tokens(study: Study, run: Run) -> int:
    """Tokens that a run which learns its weights reads without learning from them.

    Of a look of FastMix those of the domains are counted, and not the few of the targets.
    """
    if "online" not in run.parameters:
        return 0
    online = run.parameters["online"]
    if online["method"] == "fastmix":
        settings = online["settings"]
        looks = (run.steps - 1) // settings["every"]
        sequences = settings["sequences"] * len(study.domains)
        return int(looks * sequences * study.proxy["shape"]["context"])
    # each step is scored once more, for DoReMi by the reference too
    return run.tokens * (2 if online["method"] == "doremi" else 1)


def _trained_before(study: Study, batches: Sequence[str], finished: Set[str]) -> int:
    """How many runs of these batches are trained and only to be scored."""
    runs = 0
    for batch in batches:
        for pack in study.batches[batch]:
            if pack in finished:
                runs += len(study.packs[pack])
    return runs


def _scored_tokens(study: Study, role: str, evaluations: int | None = None) -> int:
    """Tokens that one run of a role is scored on: a vertex run scores examples besides.

    Answers of questions are scored at the last step alone.
    """
    evaluation = study.evaluation
    times = evaluation["steps"] if evaluations is None else evaluations
    scored = times * evaluation["tokens"] * text_count(study)
    scored += proxy_answers(study)
    if role == "vertex":
        example = evaluation["example_tokens"] or EXAMPLE_TOKENS
        examples = evaluation["examples"] * len(study.config["targets"])
        scored += example * examples
    return int(scored)


def _finals(study: Study, finished: Set[str]) -> Work:
    packs = []
    for pack, members in study.final_packs.items():
        if pack not in finished:
            packs.append(len(members))
    finals = sum(packs)
    jobs = {"train_finals": len(packs), "evaluate_finals": len(packs)}
    if snapshot_packs(study):
        jobs["evaluate_snapshots"] = len(packs)
    if study.tasks:
        jobs["evaluate_tasks"] = len(packs)
    if not study.learner.sized:
        return _trees(FINALS, "final", finals, jobs)
    final = study.final
    shape = final["shape"]
    rows = vocabulary_of(study, "final")
    tokens = finals * study.final_tokens
    of_texts = study.evaluation["final_tokens"] * text_count(study)
    scored = finals * (of_texts + final_answers(study))
    scored += finals * snapshot_tokens(study)
    return Work(
        FINALS,
        "final",
        shape,
        final["precision"],
        finals,
        jobs,
        tokens,
        scored,
        training_flops(shape, rows) * tokens,
        scoring_flops(shape, rows) * scored * read_a_scored(study.config, "final"),
        _share_of_longest(packs),
        final["nodes"] * final["processes"],
        job_seconds(jobs),
        study.final_trainer == TRANSFORMERS,
    )


def _trees(stage: str, section: str, runs: int, jobs: Mapping[str, int]) -> Work:
    """Trees read all rows, whatever the mixture: a run is a run."""
    seconds = job_seconds(jobs) + TREES_SECONDS * runs
    return Work(stage, section, runs=runs, jobs=jobs, seconds=seconds)


def one_run(study: Study, section: str) -> Work:
    """Returns the work of one usual run of a section: of the swarm, or a final."""
    settings = study.config[section]
    shape = settings["shape"]
    rows = vocabulary_of(study, section)
    if section == "final":
        tokens = study.final_tokens
        # its job trains alone, another one scores
        scored = 0
        each = settings["nodes"] * settings["processes"]
    else:
        run_steps = steps(study.config, settings["tokens"], "proxy")
        tokens = run_steps * step_tokens(study.config, "proxy")
        scored = _scored_tokens(study, "swarm")
        each = 1
    return Work(
        section,
        section,
        shape,
        settings["precision"],
        runs=1,
        tokens=tokens,
        scored=scored,
        training=training_flops(shape, rows) * tokens,
        scoring=scoring_flops(shape, rows) * scored * read_a_scored(study.config, section),
        each=each,
        by_transformers=section == "final" and study.final_trainer == TRANSFORMERS,
    )


def _share_of_longest(packs: Sequence[float]) -> float:
    """The largest of some sizes, as a share of their sum."""
    total = sum(packs)
    return max(packs) / total if total else 1.0
