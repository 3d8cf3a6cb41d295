"""Stages of workflow/rules/mixers.smk, and the same work on tables of your own: from losses to proposals."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json, written
from mixwright.stages.proxies import corpus_fingerprint, train_tokens

Paths = list[Path]
NONE: Paths = []
NO_WORDS: list[str] = []
log = logging.getLogger(__name__)


def fit(
    mixer: str, mixtures: Paths, losses: Paths, to: Path, realised: Paths = NONE, loglikelihoods: Paths = NONE, settings: str = "{}"
) -> None:
    """Fit a mixer to measured losses: the study's tables, or your own as CSV."""
    from mixwright import fits
    from mixwright.loss_tables import read_observations

    fits.check_place(to)
    unfitted = mixers.create(mixer, _settings(settings))
    seen = read_observations(mixtures, losses, realised, loglikelihoods)
    fitted = unfitted.fit(seen)
    with written(to) as beside:
        fits.save(beside, fitted, fits.Source.of(mixer, seen, getattr(fitted, "targets", ())))


def predict(fit: Path, mixtures: Path, to: Path) -> None:
    """Predict the losses of mixtures, as CSV: a line a mixture, a column a target."""
    from mixwright import fits
    from mixwright.loss_tables import read_mixtures
    from mixwright.wide import write_wide

    source, mixer = fits.read(fit)
    if not mixers.entry(source.mixer).predicts:
        raise MixwrightError(f"{fit}: {source.mixer} predicts no losses; fit a mixer that does")
    asked = read_mixtures(mixtures)
    write_wide(to, asked.key, asked.ids, mixer.targets, mixer.predict(source.amounts(asked)))


def validate(
    study: Path, mixer: str, settings: str, mixtures: Paths, losses: Paths, realised: Paths, loglikelihoods: Paths, to: Path
) -> None:
    """Predict runs that the mixer has not seen, and set prediction beside measurement."""
    from mixwright import tables
    from mixwright.loss_tables import read_observations
    from mixwright.validation import scores, validate

    config = read_json(study)
    seen = read_observations(mixtures, losses, realised, loglikelihoods)
    frame = validate(mixer, json.loads(settings), seen, config["validation"]["folds"], config["seed"])
    tables.write(frame, to, tables.VALIDATION)
    ranks = scores(frame).spearman
    log.info("%s: rank correlation on held-out runs %.2f (mean of %d targets, least %.2f)", mixer, ranks.mean(), len(ranks), ranks.min())


def propose(
    to: Path,
    fit: Path | None = None,
    target: list[str] = NO_WORDS,
    cap: list[str] = NO_WORDS,
    floor: list[str] = NO_WORDS,
    fix: list[str] = NO_WORDS,
    group: list[str] = NO_WORDS,
    never_worse: list[str] = NO_WORDS,
    available: list[str] = NO_WORDS,
    tokens: float | None = None,
    max_epochs: float | None = None,
    seed: int | None = None,
    study: Path | None = None,
    domains: Path | None = None,
    mixer: str | None = None,
    settings: str = "{}",
) -> None:
    """Choose the best mixture inside the bounds: those of the options for a fit of your own, or a study's."""
    words = {"target": target, "cap": cap, "floor": floor, "fix": fix, "group": group, "never_worse": never_worse, "available": available}
    numbers = {"tokens": tokens, "max_epochs": max_epochs, "seed": seed}
    said = {name: value for name, value in (words | numbers).items() if value not in (None, [])}
    if study is None:
        _refuse({"domains": domains, "mixer": mixer, "settings": settings if settings != "{}" else None}, "only with --study; leave it out")
        record = _of_options(fit, said)
    else:
        _refuse(said, "not with --study; the goal stands in its config")
        record = _of_study(study, domains, mixer, fit, settings)
    for note in record["notes"]:
        log.info("%s: %s", record["mixer"], note)
    write_json(to, record)


def pareto(
    fit: Path,
    between: list[str],
    to: Path,
    points: int = 11,
    cap: list[str] = NO_WORDS,
    floor: list[str] = NO_WORDS,
    fix: list[str] = NO_WORDS,
    group: list[str] = NO_WORDS,
    never_worse: list[str] = NO_WORDS,
    available: list[str] = NO_WORDS,
    tokens: float | None = None,
    max_epochs: float | None = None,
    seed: int = 0,
) -> None:
    """Mixtures between the best for one objective and the best for another, as CSV: what the one costs the other."""
    from rich.console import Console

    from mixwright import fits
    from mixwright.goals import read_options
    from mixwright.pareto import Objective, as_frame, as_table
    from mixwright.pareto import pareto as front

    source, mixer = fits.read(fit)
    kind = mixers.entry(source.mixer)
    if not kind.predicts:
        raise MixwrightError(f"{fit}: {source.mixer} predicts no losses; fit a mixer that does")
    if len(between) != 2:
        raise MixwrightError("--between: give two objectives, 'code=github+stackexchange' text, each a target or a mean of targets")
    first, second = (Objective.read(text, source.targets) for text in between)
    goal = read_options(source, (), cap, floor, available, tokens, max_epochs, seed, group, fix, never_worse).goal(source)
    found = front(mixer, goal, (first, second), points)
    for note in mixers.unseen(source.mixer, goal):
        log.info("%s: %s", source.mixer, note)
    with written(to) as beside:
        as_frame(found, (first, second), goal).to_csv(beside, index=False)
    Console(highlight=False).print(as_table(found, (first, second), goal))


def compare(
    mixtures: Paths,
    losses: Paths,
    mixer: list[str] = NO_WORDS,
    folds: int = 8,
    seed: int = 0,
    settings: str = "{}",
    realised: Paths = NONE,
    loglikelihoods: Paths = NONE,
    to: Path | None = None,
) -> None:
    """Judge mixers by predictions of held-out runs: the standings at the terminal, scores by target as parquet."""
    from rich.console import Console

    from mixwright import tables
    from mixwright.loss_tables import read_observations
    from mixwright.tournament import as_table, tournament

    seen = read_observations(mixtures, losses, realised, loglikelihoods)
    frame = tournament(seen, mixer, _settings(settings), folds, seed)
    if to is not None:
        tables.write(frame, to, tables.TOURNAMENT)
    Console(highlight=False).print(as_table(frame, len(seen.of_role("swarm").runs)))


def _of_options(fit: Path | None, said: Mapping[str, Any]) -> dict[str, Any]:
    from mixwright import fits
    from mixwright.goals import read_options

    if fit is None:
        raise MixwrightError("--fit: nothing to propose from; make a fit with mixwright fit, or give a --study")
    source, mixer = fits.read(fit)
    asked = read_options(source, **said)
    goal = asked.goal(source)
    return asked.record(source, goal, mixer.propose(goal))


def _of_study(study: Path, domains: Path | None, mixer: str | None, fit: Path | None, settings: str) -> dict[str, Any]:
    from mixwright.study import Study

    if domains is None or mixer is None:
        raise MixwrightError("--study: a study's proposal needs --domains and --mixer too")
    goal = Study.read(study).goal(train_tokens(domains))
    chosen = mixers.load(mixer, fit) if fit else mixers.create(mixer, json.loads(settings))
    proposal = chosen.propose(goal)
    noted = replace(proposal, notes=(*proposal.notes, *mixers.unseen(mixer, goal)))
    return noted.as_json(goal) | {"corpus": corpus_fingerprint(domains)}


def _refuse(options: Mapping[str, Any], why: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise MixwrightError(f"--{name.replace('_', '-')}: {why}")


def _settings(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise MixwrightError(f"--settings {text}: not JSON ({error}); write '{{\"name\": value}}'") from None
    if not isinstance(found, dict):
        raise MixwrightError(f"--settings {text}: no JSON object; write '{{\"name\": value}}'")
    return found
