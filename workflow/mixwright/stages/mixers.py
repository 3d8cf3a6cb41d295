"""Stages of workflow/rules/mixers.smk, and the same work on tables of your own: from losses to proposals."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.files import write_json, written
from mixwright.stages.proxies import corpus_fingerprint, train_tokens

if TYPE_CHECKING:
    from mixwright.calibration import Calibration
    from mixwright.fits import Source
    from mixwright.mixers.protocol import Mixer

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
        fits.save(beside, mixer, fitted, seen)


def predict(fit: Path, mixtures: Path, to: Path, anchor_mixtures: Paths = NONE, anchor_losses: Paths = NONE) -> None:
    """Predict the losses of mixtures, as CSV: a line a mixture, a column a target; at the scale of anchor runs where they are given."""
    from mixwright import fits
    from mixwright.loss_tables import read_mixtures
    from mixwright.wide import write_wide

    source, mixer = fits.read(fit)
    if not mixers.entry(source.mixer).predicts:
        raise MixwrightError(f"{fit}: {source.mixer} predicts no losses; fit a mixer that does")
    asked = read_mixtures(mixtures)
    predicted = mixer.predict(source.amounts(asked))
    if anchor_mixtures or anchor_losses:
        level = _calibration(source, mixer, anchor_mixtures, anchor_losses)
        log.info("%s", level.sentence)
        predicted = level.apply(predicted)
    write_wide(to, asked.key, asked.ids, mixer.targets, predicted)


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
    fix: list[str] = NO_WORDS,
    group: list[str] = NO_WORDS,
    never_worse: list[str] = NO_WORDS,
    available: list[str] = NO_WORDS,
    tokens: float | None = None,
    max_epochs: float | None = None,
    seed: int | None = None,
    draws: int | None = None,
    study: Path | None = None,
    domains: Path | None = None,
    mixer: str | None = None,
    goal: str | None = None,
    settings: str = "{}",
) -> None:
    """Choose the best mixture inside the bounds, those of the options for a fit of your own or a study's, and say how far to trust it."""
    words = {"target": target, "cap": cap, "floor": floor, "fix": fix, "group": group, "never_worse": never_worse, "available": available}
    numbers = {"tokens": tokens, "max_epochs": max_epochs, "seed": seed, "draws": draws}
    said = {name: value for name, value in (words | numbers).items() if value not in (None, [])}
    if study is None:
        studied = {"domains": domains, "mixer": mixer, "goal": goal, "settings": settings if settings != "{}" else None}
        _refuse(studied, "only with --study; leave it out")
        record = _of_options(fit, said)
    else:
        _refuse(said, "not with --study; the goal stands in its config")
        record = _of_study(study, domains, mixer, goal or "", fit, settings)
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


def _calibration(source: "Source", mixer: "Mixer", mixtures: Paths, losses: Paths) -> "Calibration":
    """From the mixer's predictions of the anchor runs' weights to what was measured at their scale."""
    from mixwright.calibration import calibrate
    from mixwright.errors import nearest
    from mixwright.loss_tables import Mixtures, read_observations

    if not (mixtures and losses):
        raise MixwrightError("--anchor-mixtures and --anchor-losses go together; give both or neither")
    anchors = read_observations(mixtures, losses, least=1)
    lacking = [target for target in mixer.targets if target not in anchors.targets]
    if lacking:
        where = ", ".join(map(str, losses))
        raise MixwrightError(
            f"{where}: the anchor runs lack target {lacking[0]} of the fit; measure it, {nearest(lacking[0], anchors.targets)}"
        )
    predicted = mixer.predict(source.amounts(Mixtures(mixtures[0], "run", anchors.runs, anchors.domains, anchors.weights)))
    return calibrate(mixer.targets, predicted, anchors.losses[:, [anchors.targets.index(target) for target in mixer.targets]])


def _of_options(fit: Path | None, said: Mapping[str, Any]) -> dict[str, Any]:
    from mixwright import bootstrap, fits
    from mixwright.goals import read_options

    if fit is None:
        raise MixwrightError("--fit: nothing to propose from; make a fit with mixwright fit, or give a --study")
    source, mixer = fits.read(fit)
    draws = said.get("draws", bootstrap.DRAWS)
    asked = read_options(source, **{name: value for name, value in said.items() if name != "draws"})
    goal = asked.goal(source)
    return asked.record(source, goal, bootstrap.propose(mixer, fits.read_runs(fit), goal, draws))


def _of_study(study: Path, domains: Path | None, mixer: str | None, goal: str, fit: Path | None, settings: str) -> dict[str, Any]:
    from mixwright import bootstrap, fits
    from mixwright.study import Study

    if domains is None or mixer is None:
        raise MixwrightError("--study: a study's proposal needs --domains and --mixer too")
    asked = Study.read(study)
    wanted, method = asked.goal(train_tokens(domains), goal), asked.method_name(mixer)
    chosen = mixers.load(method, fit) if fit else mixers.create(method, json.loads(settings))
    proposal = bootstrap.propose(chosen, fits.read_runs(fit) if fit else None, wanted, asked.config["validation"]["draws"])
    record = proposal.as_json(wanted) | {"mixer": mixer, "corpus": corpus_fingerprint(domains)}
    unsaid = ("tokens", "epochs", "corpus") if asked.measured else () if asked.learner.sized else ("tokens", "epochs")
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
