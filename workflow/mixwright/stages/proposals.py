"""Choose mixtures: for a fit of your own, for the goal of a study, or between two objectives."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mixwright import mixers
from mixwright.corpus.counts import corpus_fingerprint, train_domains
from mixwright.errors import MixwrightError
from mixwright.files import write_json, written
from mixwright.proposals.fits import Fit, read_runs
from mixwright.proposals.pareto import TargetMean, as_frame, as_table
from mixwright.proposals.pareto import pareto as trace_front
from mixwright.proposals.terminal import weights_table
from mixwright.proposals.typed_limits import UNLIMITED, LimitOptions
from mixwright.stages.options import NO_WORDS
from mixwright.study.anchoring import anchor_words
from mixwright.study.study import Study
from mixwright.trust import bootstrap
from mixwright.trust.anchored import anchored_note, is_anchored
from mixwright.trust.doubts import doubts
from mixwright.trust.proposal import propose_in_units, propose_within
from mixwright.trust.surface.proposing import propose_from
from mixwright.trust.surface.reading import open_fit
from mixwright.trust.surface.surface import Surface

log = logging.getLogger(__name__)


def propose(
    fit: Path,
    to: Path,
    target: list[str] = NO_WORDS,
    limits: LimitOptions = UNLIMITED,
    draws: int = bootstrap.DRAWS,
) -> None:
    """Propose the best mixture inside your bounds, and say how far to trust it.

    Example:
        mixwright propose --fit fit --target prose=2 questions --cap web=0.5 --to mixture.json
    """
    fitted = open_fit(fit)
    source = fitted.source
    options = limits.options(source, target)
    if isinstance(fitted, Surface):
        proposal = propose_from(fitted, options)
    else:
        proposal = propose_within(fitted, options, draws)
    record = options.record(source, proposal)
    _write(record, to)
    passes = record.get("epochs", {})
    Console(highlight=False).print(weights_table(proposal, passes))


def propose_mixture(
    study: Path,
    mixer: str,
    domains: Path,
    to: Path,
    fit: Path | None = None,
    goal: str | None = None,
    settings: str = "{}",
) -> None:
    """Propose a mixture for the goal of a study, inside the bounds of its config.

    Example:
        mixwright propose-mixture --study results/demo/study.json --mixer regmix
            --fit results/demo/fits/regmix --domains results/demo/domains.parquet
            --to mixture.json
    """
    plan = Study.read(study)
    study_goal = plan.goal(train_domains(domains), goal or "")
    method = plan.method_name(mixer)
    metrics = dict(plan.metrics)
    if fit is None:
        fitted = mixers.create(method, json.loads(settings))
        runs = None
    else:
        fitted = mixers.load(method, fit)
        runs = read_runs(fit)
        # The fit knows how many questions there were.
        metrics |= runs.metrics
    draws = plan.config["validation"]["draws"]
    proposal = propose_in_units(
        fitted,
        runs,
        study_goal,
        metrics,
        draws,
    )
    if runs is not None and is_anchored(fitted):
        note = anchored_note(len(runs.runs), anchor_words(plan.config))
        proposal = replace(proposal, notes=(*proposal.notes, note))
    record = proposal.as_json(study_goal)
    record |= {"mixer": mixer, "corpus": corpus_fingerprint(domains)}
    for name in _unknown(plan):
        record.pop(name, None)
    if goal:
        record["goal"] = goal
    _write(record, to)


def pareto(
    fit: Path,
    between: list[str],
    to: Path,
    points: int = 11,
    limits: LimitOptions = UNLIMITED,
) -> None:
    """List the best mixtures between two objectives, as CSV: what does one cost the other?

    Example:
        mixwright pareto --fit fit --between prose code=github+stackexchange --to front.csv
    """
    fitted = Fit.load(fit)
    source = fitted.source
    fitted.check_predicts()
    if len(between) != 2:
        raise MixwrightError(
            "--between: give two objectives, 'code=github+stackexchange' text, "
            "each a target or a mean of targets"
        )
    objectives = (
        TargetMean.read(between[0], source.targets),
        TargetMean.read(between[1], source.targets),
    )
    options = limits.options(source)
    for objective in objectives:
        # refused before anything is computed where its targets have different units
        objective.metric(source.metrics)
    # a front is of the objectives that were named
    goal = replace(options.goal(source), worst=False, risk=None)
    front = trace_front(fitted.mixer, goal, objectives, points)
    for note in mixers.ignored_limits(source.mixer, goal):
        log.info("%s: %s", source.mixer, note)
    weights = np.stack([point.proposal.weights for point in front])
    runs = replace(fitted.runs, metrics=source.metrics)
    targets_of = {objective.name: objective.targets for objective in objectives}
    for doubt in doubts(fitted.mixer, runs, weights, targets_of):
        log.info("%s: %s", source.mixer, doubt)
    with written(to) as partial:
        as_frame(
            front,
            objectives,
            goal,
            source.metrics,
        ).to_csv(partial, index=False)
    table = as_table(
        front,
        objectives,
        goal,
        source.metrics,
    )
    Console(highlight=False).print(table)


def _unknown(plan: Study) -> tuple[str, ...]:
    """What a proposal of this study cannot say: measured runs and trees have no token counts."""
    if plan.measured:
        return ("tokens", "epochs", "run_epochs", "corpus")
    if not plan.learner.sized:
        return ("tokens", "epochs", "run_epochs")
    return ()


def _write(record: dict[str, Any], to: Path) -> None:
    """Logs the notes of a proposal and writes it."""
    for note in record["notes"]:
        log.info("%s: %s", record["mixer"], note)
    write_json(to, record)
