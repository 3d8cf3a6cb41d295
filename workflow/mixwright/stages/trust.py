"""What to believe of proxies, from a loss table: how many runs are enough, and what carries over to other scales."""

import json
import logging
from pathlib import Path

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.files import write_json

Paths = list[Path]
NONE: Paths = []
NO_WORDS: list[str] = []
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
) -> None:
    """Rank correlation and regret against the number of runs, and whether more runs are worth training."""
    from mixwright.measured.loss_tables import read_observations
    from mixwright.trust.learning_curve import learning_curve as measure

    if more < 0:
        raise MixwrightError(
            f"--more {more}: runs that could be trained besides; give a number above 0, or 0 for a quarter"
        )
    seen = read_observations(mixtures, losses, realised, diverged=diverged)
    curve = measure(mixer, mixers.read_settings(settings), seen, seed=seed)
    log.info("%s, %d runs: %s", mixer, curve.runs, curve.answer(more or None))
    write_json(to, curve.as_json(more or None))


def backtest(
    study: Path,
    domains: Path,
    settings: str,
    mixtures: Paths,
    losses: Paths,
    to: Path,
    realised: Paths = NONE,
) -> None:
    """Leave the largest scale out, predict its runs and its optimum from the smaller ones, and say which extrapolation to trust."""
    from mixwright.corpus.shards import train_domains
    from mixwright.measured.loss_tables import read_observations
    from mixwright.study.study import Study
    from mixwright.trust.backtest import backtest as test

    asked = Study.read(study)
    seen = read_observations(mixtures, losses, realised, diverged=asked.diverged)
    found = test(seen, asked.goal(train_domains(domains)), mixers.read_settings(settings))
    log.info("%s", found.verdict)
    write_json(to, found.as_json())


def transfer(
    mixtures: Paths, losses: Paths, to: Path | None = None, study: Path | None = None
) -> None:
    """Say whether the ranking of a few mixtures at one model size holds at another: two loss tables, CSV, the smaller size's first.

    With `study` they are the study's, two tables of mixtures and two of losses, and its targets count by their weights.
    """
    from mixwright.measured.loss_tables import read_observations
    from mixwright.study.study import Study
    from mixwright.trust.transfer import read_transfer, transfer_of_runs

    if len(mixtures) != (1 if study is None else 2) or len(losses) != 2:
        raise MixwrightError(
            "transfer: give one table of mixtures and two of losses, --losses small.csv large.csv"
        )
    if study is None:
        found = read_transfer(mixtures[0], *losses)
    else:
        asked = Study.read(study)
        first, second = (
            read_observations([given], [measured], diverged=asked.diverged)
            for given, measured in zip(mixtures, losses, strict=True)
        )
        found = transfer_of_runs(first, second, asked.target_weights)
    log.info("%s", found.verdict)
    if to is not None:
        write_json(to, found.as_json())


def validate(
    study: Path,
    mixer: str,
    settings: str,
    mixtures: Paths,
    losses: Paths,
    realised: Paths,
    loglikelihoods: Paths,
    to: Path,
) -> None:
    """Predict runs that the mixer has not seen, and set prediction beside measurement."""
    from mixwright import tables
    from mixwright.measured.loss_tables import read_observations
    from mixwright.study.study import Study
    from mixwright.trust.validation import scores, validate

    asked = Study.read(study)
    seen = read_observations(mixtures, losses, realised, loglikelihoods, diverged=asked.diverged)
    folds, seed = asked.config["validation"]["folds"], asked.config["seed"]
    frame = validate(asked.method_name(mixer), json.loads(settings), seen, folds, seed).assign(
        mixer=mixer
    )
    tables.write(frame, to, tables.VALIDATION)
    ranks = scores(frame).spearman
    log.info(
        "%s: rank correlation on held-out runs %.2f (mean of %d targets, least %.2f)",
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
) -> None:
    """Judge mixers by predictions of held-out runs: the standings at the terminal, scores by target as parquet."""
    from rich.console import Console

    from mixwright import tables
    from mixwright.measured.loss_tables import read_observations
    from mixwright.trust.tournament import as_table, tournament

    seen = read_observations(mixtures, losses, realised, loglikelihoods, diverged=diverged)
    frame = tournament(seen, mixer, mixers.read_settings(settings), folds, seed)
    if to is not None:
        tables.write(frame, to, tables.TOURNAMENT)
    Console(highlight=False).print(as_table(frame, len(seen.of_role("swarm").runs)))
