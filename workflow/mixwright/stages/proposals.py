"""Stages of workflow/rules/mixers.smk that choose: one mixture, or the front between two objectives."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.files import write_json, written

NO_WORDS: list[str] = []
log = logging.getLogger(__name__)


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
    words = {
        "target": target,
        "cap": cap,
        "floor": floor,
        "fix": fix,
        "group": group,
        "never_worse": never_worse,
        "available": available,
    }
    numbers = {"tokens": tokens, "max_epochs": max_epochs, "seed": seed, "draws": draws}
    said = {name: value for name, value in (words | numbers).items() if value not in (None, [])}
    if study is None:
        studied = {
            "domains": domains,
            "mixer": mixer,
            "goal": goal,
            "settings": settings if settings != "{}" else None,
        }
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

    from mixwright.proposals import fits
    from mixwright.proposals.options import read_options
    from mixwright.proposals.pareto import Objective, as_frame, as_table
    from mixwright.proposals.pareto import pareto as front

    source, mixer = fits.read(fit)
    kind = mixers.entry(source.mixer)
    if not kind.predicts:
        raise MixwrightError(f"{fit}: {source.mixer} predicts no losses; fit a mixer that does")
    if len(between) != 2:
        raise MixwrightError(
            "--between: give two objectives, 'code=github+stackexchange' text, each a target or a mean of targets"
        )
    first, second = (Objective.read(text, source.targets) for text in between)
    goal = read_options(
        source, (), cap, floor, available, tokens, max_epochs, seed, group, fix, never_worse
    ).goal(source)
    found = front(mixer, goal, (first, second), points)
    for note in mixers.unseen(source.mixer, goal):
        log.info("%s: %s", source.mixer, note)
    with written(to) as beside:
        as_frame(found, (first, second), goal).to_csv(beside, index=False)
    Console(highlight=False).print(as_table(found, (first, second), goal))


def _of_options(fit: Path | None, said: Mapping[str, Any]) -> dict[str, Any]:
    from mixwright.proposals import fits
    from mixwright.proposals.options import read_options
    from mixwright.trust import bootstrap

    if fit is None:
        raise MixwrightError(
            "--fit: nothing to propose from; make a fit with mixwright fit, or give a --study"
        )
    source, mixer = fits.read(fit)
    draws = said.get("draws", bootstrap.DRAWS)
    asked = read_options(source, **{name: value for name, value in said.items() if name != "draws"})
    goal = asked.goal(source)
    return asked.record(source, goal, bootstrap.propose(mixer, fits.read_runs(fit), goal, draws))


def _of_study(
    study: Path, domains: Path | None, mixer: str | None, goal: str, fit: Path | None, settings: str
) -> dict[str, Any]:
    from mixwright.corpus.shards import corpus_fingerprint, train_domains
    from mixwright.proposals import fits
    from mixwright.study.study import Study
    from mixwright.trust import bootstrap

    if domains is None or mixer is None:
        raise MixwrightError("--study: a study's proposal needs --domains and --mixer too")
    asked = Study.read(study)
    wanted, method = asked.goal(train_domains(domains), goal), asked.method_name(mixer)
    chosen = mixers.load(method, fit) if fit else mixers.create(method, json.loads(settings))
    proposal = bootstrap.propose(
        chosen, fits.read_runs(fit) if fit else None, wanted, asked.config["validation"]["draws"]
    )
    record = proposal.as_json(wanted) | {"mixer": mixer, "corpus": corpus_fingerprint(domains)}
    unsaid = (
        ("tokens", "epochs", "corpus")
        if asked.measured
        else ()
        if asked.learner.sized
        else ("tokens", "epochs")
    )
    return {name: value for name, value in record.items() if name not in unsaid} | (
        {"goal": goal} if goal else {}
    )


def _refuse(options: Mapping[str, Any], why: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise MixwrightError(f"--{name.replace('_', '-')}: {why}")
