"""How far to trust mixers: on held-out runs, with fewer runs, at other scales and model sizes."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mixwright import mixers, tables
from mixwright.corpus.counts import train_domains
from mixwright.errors import MixwrightError
from mixwright.files import write_json
from mixwright.measured.decisions import NOTHING, ColumnOptions
from mixwright.measured.loss_tables import read_observations
from mixwright.observations import Observations
from mixwright.stages.options import NO_WORDS, NONE, Paths
from mixwright.study.final_trainer import weights_of
from mixwright.study.study import Study
from mixwright.study.transfers import combinations_of
from mixwright.trust import backtest as scales
from mixwright.trust import learning_curve as curves
from mixwright.trust import validation
from mixwright.trust.tournament import as_table, tournament
from mixwright.trust.transfer import read_transfer, remarks_of, transfer_of_runs
from mixwright.trust.transfer_rates import Point, transfers_json

log = logging.getLogger(__name__)


def learning_curve(
    mixer: str,
    mixtures: Paths,
    losses: Paths,
    to: Path,
    realised: Paths = NONE,
    settings: str = "{}",
    more: int = 0,
    seed: int = 0,
    diverged: str = "refuse",
    study: Path | None = None,
    columns: ColumnOptions = NOTHING,
) -> None:
    """Say whether more runs are worth training: rank correlation and regret by number of runs.

    With --study the tables are those of a study, and its targets count by their weights.

    Example:
        mixwright learning-curve --mixtures mixtures.csv --losses losses.csv
            --mixer effective-data --to curve.json
    """
    if more < 0:
        raise MixwrightError(
            f"--more {more}: a number of runs is not negative; "
            "give 1 or more, or 0 for a quarter of those there are"
        )
    plan = None if study is None else Study.read(study)
    observations = read_observations(
        mixtures,
        losses,
        realised,
        diverged=diverged,
        options=columns,
        chosen=plan.chosen if plan else {},
    )
    method = mixer
    targets = None
    if plan is not None:
        method = plan.method_name(mixer)
        targets = plan.target_weights
        observations = replace(observations, metrics=plan.metrics | dict(observations.metrics))
        runs = len(observations.of_role("swarm").runs)
        if runs < curves.LEAST_RUNS:
            # some of them diverged
            write_json(to, curves.no_curve(mixer, runs))
            return
    curve = curves.learning_curve(
        method, mixers.read_settings(settings), observations, targets, seed=seed
    )
    log.info("%s, %d runs: %s", mixer, curve.runs, curve.answer(more or None))
    write_json(to, curve.as_json(more or None) | {"mixer": mixer})


def backtest(
    study: Path,
    domains: Path,
    settings: str,
    mixtures: Paths,
    losses: Paths,
    to: Path,
    realised: Paths = NONE,
) -> None:
    """Predict the runs and the optimum of the largest scale from the smaller ones.

    It says which extrapolation to trust.

    Example:
        mixwright backtest --study results/demo/study.json --settings {}
            --domains results/demo/domains.parquet
            --mixtures results/demo/design/perturb.parquet
            --losses results/demo/losses/perturb.parquet --to backtest.json
    """
    plan = Study.read(study)
    observations = read_observations(
        mixtures, losses, realised, diverged=plan.diverged, chosen=plan.chosen
    )
    goal = plan.goal(train_domains(domains))
    result = scales.backtest(observations, goal, mixers.read_settings(settings))
    log.info("%s", result.verdict)
    write_json(to, result.as_json())


def transfer(
    mixtures: Paths,
    losses: Paths,
    to: Path | None = None,
    study: Path | None = None,
    columns: ColumnOptions = NOTHING,
) -> None:
    """Say whether the ranking of a few mixtures at one model size holds at another.

    Give one table of mixtures and two of losses, the smaller size's first. With --study these are
    tables of the study, two of mixtures and two of losses; its targets count by their weights.

    Example:
        mixwright transfer --mixtures mixtures.csv --losses small.csv large.csv --to transfer.json
    """
    number_of_mixtures = 1 if study is None else 2
    if len(mixtures) != number_of_mixtures or len(losses) != 2:
        raise MixwrightError(
            "transfer: give one table of mixtures and two of losses, --losses small.csv large.csv"
        )
    content = _transfer(mixtures, losses, study, columns)
    log.info("%s", content["verdict"])
    for remark in remarks_of(content):
        log.info("%s", remark)
    if to is not None:
        write_json(to, content)


def validate_mixer(
    study: Path,
    mixer: str,
    settings: str,
    mixtures: Paths,
    losses: Paths,
    realised: Paths,
    loglikelihoods: Paths,
    to: Path,
) -> None:
    """Predict runs that the mixer has not seen, and set prediction beside measurement.

    Example:
        mixwright validate-mixer --study results/demo/study.json --mixer regmix --settings {}
            --mixtures results/demo/design/swarm.parquet
            --losses results/demo/losses/swarm.parquet
            --realised results/demo/realised/swarm.parquet --loglikelihoods
            --to results/demo/validation/regmix.parquet
    """
    plan = Study.read(study)
    observations = read_observations(
        mixtures, losses, realised, loglikelihoods, diverged=plan.diverged, chosen=plan.chosen
    )
    folds = plan.config["validation"]["folds"]
    seed = plan.seed
    method = plan.method_name(mixer)
    frame = validation.validate(method, json.loads(settings), observations, folds, seed)
    # A study may give one method several names, each with its settings.
    frame = frame.assign(mixer=mixer)
    tables.write(frame, to, tables.VALIDATION)
    ranks = validation.scores(frame).spearman
    log.info(
        "%s: rank correlation on held-out runs %.2f (mean of %d targets, lowest %.2f)",
        mixer,
        ranks.mean(),
        len(ranks),
        ranks.min(),
    )


def compare(
    mixtures: Paths,
    losses: Paths,
    mixer: list[str] = NO_WORDS,
    folds: int = 8,
    seed: int = 0,
    settings: str = "{}",
    realised: Paths = NONE,
    loglikelihoods: Paths = NONE,
    diverged: str = "refuse",
    to: Path | None = None,
    columns: ColumnOptions = NOTHING,
) -> None:
    """Compare how well mixers predict held-out runs: standings at the terminal.

    With --to the scores by target are written as parquet.

    Example:
        mixwright compare --mixtures mixtures.csv --losses losses.csv
    """
    observations = read_observations(
        mixtures,
        losses,
        realised,
        loglikelihoods,
        diverged=diverged,
        options=columns,
    )
    frame = tournament(observations, mixer, mixers.read_settings(settings), folds, seed)
    if to is not None:
        tables.write(frame, to, tables.TOURNAMENT)
    runs = len(observations.of_role("swarm").runs)
    Console(highlight=False).print(as_table(frame, runs))


def _transfer(
    mixtures: Paths, losses: Paths, study: Path | None, columns: ColumnOptions
) -> dict[str, Any]:
    """Compares two rankings, the smaller model's first: of two CSV tables, or of a study."""
    if study is None:
        return read_transfer(mixtures[0], losses[0], losses[1], columns).as_json()
    plan = Study.read(study)
    sizes = []
    for design, measured in zip(mixtures, losses, strict=True):
        runs = read_observations([design], [measured], diverged=plan.diverged, chosen=plan.chosen)
        sizes.append(runs)
    small, large = sizes
    combinations = combinations_of(plan.config)
    if len(combinations) == 1 and combinations[0]["rate"] == 1:
        return transfer_of_runs(small, large, plan.target_weights).as_json()
    points = []
    for place, combination in enumerate(combinations):
        chosen = np.array([plan.combination_of(run) == place for run in large.runs])
        points.append(_point(plan.of_role("transfer", place), combination, large.only(chosen)))
    proxy = plan.proxy
    proxies = _point(plan, {"model": proxy["model"], "tokens": proxy["tokens"], "rate": 1}, small)
    return transfers_json(small, points, plan.target_weights, proxies)


def _point(plan: Study, combination: Mapping[str, Any], runs: Observations) -> Point:
    """The runs of a combination, of a study as they see it."""
    facts = (combination["model"], combination["tokens"], combination["rate"])
    return Point(*facts, weights_of(plan.config, "proxy"), runs)
