"""What a study computes, stage by stage, whatever the device."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from mixwright.jobs.plan.flops import scoring_flops, training_flops
from mixwright.jobs.plan.jobs import USUAL_FIGURES, corpus_jobs, fit_jobs, job_seconds
from mixwright.jobs.resources import EXAMPLE_TOKENS, vocabulary_of
from mixwright.study.lengths import step_tokens, steps
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
        finished: what is done and costs nothing: names of packs, of proxies and of finals, and
            CORPUS and FITS.
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


def scored_texts(study: Study) -> int:
    """Returns on how many texts a model is scored: each domain's held-out part, each target."""
    return len({*study.config["domains"], *study.config["targets"]})


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
    runs = [run for members in packs for run in members]
    jobs = {"train_proxies": len(packs)}
    seconds = job_seconds(jobs)
    if not study.learner.sized:
        seconds += TREES_SECONDS * len(runs)
        return Work(role, "proxy", runs=len(runs), jobs=jobs, seconds=seconds)
    of_role = study.of_role(role)
    shape = of_role.proxy["shape"]
    rows = vocabulary_of(of_role, "proxy")
    scored = _scored_tokens(study, role)
    tokens = [sum(run.tokens for run in members) for members in packs]
    return Work(
        role,
        "proxy",
        shape,
        of_role.proxy["precision"],
        len(runs),
        jobs,
        sum(tokens),
        scored * len(runs),
        training_flops(shape, rows) * sum(tokens),
        scoring_flops(shape, rows) * scored * len(runs),
        _share_of_longest(tokens),
        seconds=seconds,
    )


def _scored_tokens(study: Study, role: str) -> int:
    """Tokens that one run of a role is scored on: a vertex run scores examples besides."""
    evaluation = study.evaluation
    scored = evaluation["steps"] * evaluation["tokens"] * scored_texts(study)
    if role == "vertex":
        example = evaluation["example_tokens"] or EXAMPLE_TOKENS
        scored += evaluation["examples"] * example * len(study.config["targets"])
    return int(scored)


def _finals(study: Study, finished: Set[str]) -> Work:
    packs = []
    for pack, arms in study.final_packs.items():
        if pack not in finished:
            packs.append(len(arms))
    finals = sum(packs)
    jobs = {"train_finals": len(packs), "evaluate_finals": len(packs)}
    seconds = job_seconds(jobs)
    final = study.final
    if not study.learner.sized:
        seconds += TREES_SECONDS * finals
        return Work(FINALS, "final", runs=finals, jobs=jobs, seconds=seconds)
    rows = vocabulary_of(study, "final")
    scored = study.evaluation["final_tokens"] * scored_texts(study)
    tokens = finals * study.final_tokens
    return Work(
        FINALS,
        "final",
        final["shape"],
        final["precision"],
        finals,
        jobs,
        tokens,
        finals * scored,
        training_flops(final["shape"], rows) * tokens,
        scoring_flops(final["shape"], rows) * scored * finals,
        _share_of_longest(packs),
        final["nodes"] * final["processes"],
        seconds,
    )


def one_run(study: Study, section: str) -> Work:
    """Returns the work of one usual run of a section: of the swarm, or a final."""
    shape = study.config[section]["shape"]
    rows = vocabulary_of(study, section)
    if section == "final":
        tokens = study.final_tokens
        # its job trains alone, another one scores
        scored = 0
    else:
        tokens = steps(study.config, study.proxy["tokens"], "proxy")
        tokens *= step_tokens(study.config, "proxy")
        scored = _scored_tokens(study, "swarm")
    return Work(
        section,
        section,
        shape,
        study.config[section]["precision"],
        1,
        tokens=tokens,
        scored=scored,
        training=training_flops(shape, rows) * tokens,
        scoring=scoring_flops(shape, rows) * scored,
    )


def _share_of_longest(packs: Sequence[float]) -> float:
    """The largest of some sizes, as a share of their sum."""
    total = sum(packs)
    return max(packs) / total if total else 1.0
