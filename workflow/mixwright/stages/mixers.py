"""Stages of workflow/rules/mixers.smk, and the same work on tables of your own: from losses to proposals."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.files import write_json, written
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
    from mixwright.study import Study
    from mixwright.validation import scores, validate

    asked = Study.read(study)
    seen = read_observations(mixtures, losses, realised, loglikelihoods)
    folds, seed = asked.config["validation"]["folds"], asked.config["seed"]
    frame = validate(asked.method_name(mixer), json.loads(settings), seen, folds, seed).assign(mixer=mixer)
    tables.write(frame, to, tables.VALIDATION)
    ranks = scores(frame).spearman
    log.info("%s: rank correlation on held-out runs %.2f (mean of %d targets, least %.2f)", mixer, ranks.mean(), len(ranks), ranks.min())


def propose(
    to: Path,
    fit: Path | None = None,
    target: list[str] = NO_WORDS,
    cap: list[str] = NO_WORDS,
    floor: list[str] = NO_WORDS,
    available: list[str] = NO_WORDS,
    tokens: float | None = None,
    max_epochs: float | None = None,
    seed: int | None = None,
    study: Path | None = None,
    domains: Path | None = None,
    mixer: str | None = None,
    goal: str = "",
    settings: str = "{}",
) -> None:
    """Choose the best mixture inside the bounds: those of the options for a fit of your own, or a study's."""
    words = {"target": target, "cap": cap, "floor": floor, "available": available}
    numbers = {"tokens": tokens, "max_epochs": max_epochs, "seed": seed}
    said = {name: value for name, value in (words | numbers).items() if value not in (None, [])}
    if study is None:
        studied = {"domains": domains, "mixer": mixer, "goal": goal or None, "settings": settings if settings != "{}" else None}
        _refuse(studied, "only with --study; leave it out")
        record = _of_options(fit, said)
    else:
        _refuse(said, "not with --study; the goal stands in its config")
        record = _of_study(study, domains, mixer, goal, fit, settings)
    for note in record["notes"]:
        log.info("%s: %s", record["mixer"], note)
    write_json(to, record)


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


def _of_study(study: Path, domains: Path | None, mixer: str | None, goal: str, fit: Path | None, settings: str) -> dict[str, Any]:
    from mixwright.study import Study

    if domains is None or mixer is None:
        raise MixwrightError("--study: a study's proposal needs --domains and --mixer too")
    asked = Study.read(study)
    wanted, method = asked.goal(train_tokens(domains), goal), asked.method_name(mixer)
    chosen = mixers.load(method, fit) if fit else mixers.create(method, json.loads(settings))
    record = chosen.propose(wanted).as_json(wanted) | {"mixer": mixer, "corpus": corpus_fingerprint(domains)}
    unsaid = () if asked.learner.sized else ("tokens", "epochs")
    return {name: value for name, value in record.items() if name not in unsaid} | ({"goal": goal} if goal else {})


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
