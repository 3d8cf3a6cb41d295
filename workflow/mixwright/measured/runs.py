"""Runs that others measured, in the form of the workflow's own tables."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright.errors import MixwrightError, nearest
from mixwright.learners import LOSS, Metric
from mixwright.measured.decisions import NOTHING, ColumnOptions, Known
from mixwright.measured.headings import match_name, short_names
from mixwright.measured.loss_tables import read_observations
from mixwright.measured.metric_options import NumberError
from mixwright.measured.wide import order_of
from mixwright.mixture import Array
from mixwright.observations import Observations

log = logging.getLogger(__name__)

# How far from 1 weights may sum without a word.
SUM_TOLERANCE = 1e-3
# An option that messages of the reader name -> what a study says instead.
KEYS = {
    "--diverged drop": "diverged: drop",
    "--domains A B": "domains: [A, B] beside mixtures",
    "--domains": "domains",
    "--targets A B": "measured.targets",
    "--targets": "measured.targets",
    "--key NAME": "key: NAME beside mixtures",
    "--key ''": 'key: "" beside mixtures',
    "--key": "key:",
}


def import_runs(
    role: str,
    mixtures: Path,
    losses: Path,
    targets: Sequence[str],
    diverged: str = "refuse",
    metrics: Mapping[str, Metric] | None = None,
    stated: Collection[str] | None = None,
    columns: ColumnOptions = NOTHING,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns DESIGN and LOSSES frames of wide tables.

    Weights alone are known: each run counts as one step of 1 token.

    Args:
        targets: those that must be in the losses.
        diverged: `refuse` or `drop`.
        metrics: target -> what its numbers are; those of `targets` are losses where nothing stands.
        stated: targets of which the study says so; None: all.
        columns: what the study says of the columns.
    """
    known = dict.fromkeys(targets, LOSS) | dict(metrics or {})
    observations = read_measured(mixtures, losses, known, diverged, stated, columns)
    for name in targets:
        if name not in observations.targets:
            raise MixwrightError(
                f"config: measured.targets.{name} was not measured in {losses};"
                f" {nearest(name, observations.targets)}"
            )
    return as_tables(role, observations)


def read_measured(
    mixtures: Path,
    losses: Path,
    metrics: Mapping[str, Metric],
    diverged: str = "refuse",
    stated: Collection[str] | None = None,
    columns: ColumnOptions = NOTHING,
) -> Observations:
    """Returns the runs of wide tables, with the short names that a study's settings use.

    Args:
        metrics: target -> what its numbers are. What other columns are is decided as for any table;
            those in doubt are left out.
        diverged: `refuse` or `drop`.
        stated: targets of which the study says what they are; None: all. The others are losses,
            and refused where their headings or their numbers say otherwise.
        columns: what the study says of the columns.

    Raises:
        MixwrightError: the tables cannot be read, a number is none that its metric can have, or a
            target is no loss and the study does not say so.
    """
    sure = dict(metrics)
    if stated is not None:
        sure = {name: metric for name, metric in metrics.items() if name in stated}
    known = Known(metrics=sure, named=tuple(metrics), lenient=True)
    try:
        observations = read_observations(
            [mixtures],
            [losses],
            diverged=diverged,
            options=columns,
            known=known,
        )
    except NumberError as error:
        remedy = "correct it, or the target's metric or whole (100: percent) in measured.targets"
        raise MixwrightError(f"{error.problem}; {remedy}") from None
    except MixwrightError as error:
        raise MixwrightError(_in_a_study(str(error))) from None
    observations = _short(observations, tuple(metrics))
    for name, metric in metrics.items():
        decided = observations.metric(name)
        if name in observations.targets and decided.name != metric.name:
            raise MixwrightError(
                f"config: measured.targets.{name}: its column in {losses} holds {decided.title} by"
                f" its heading; set its metric to {decided.name}"
            )
    return observations


def _in_a_study(message: str) -> str:
    """A message of the reader, with a study's keys for the options of commands."""
    for option, key in KEYS.items():
        message = message.replace(option, key)
    return message


def _short(observations: Observations, stated: Sequence[str]) -> Observations:
    """Returns the runs with short names of domains and targets, sorted by these.

    Args:
        stated: targets as a study names them; one that is named by its heading keeps it.
    """
    domains = short_names(observations.domains)
    headings = observations.targets
    new_target = dict(zip(headings, short_names(headings), strict=True))
    for name in stated:
        heading = match_name(name, headings)
        if heading in headings and name not in new_target.values():
            new_target[heading] = name
    targets = [new_target[heading] for heading in headings]
    of_domains = order_of(domains)
    of_targets = order_of(targets)
    metrics = {new_target[name]: metric for name, metric in observations.metrics.items()}
    # Names that are equal say whose text a target is.
    return replace(
        observations,
        domains=tuple(sorted(domains)),
        targets=tuple(sorted(targets)),
        amounts=np.ascontiguousarray(observations.amounts[:, of_domains]),
        losses=np.ascontiguousarray(observations.losses[:, of_targets]),
        metrics=metrics,
        texts={},
    )


def as_tables(role: str, observations: Observations) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns DESIGN and LOSSES frames of runs, one step each."""
    return _design(role, observations), _losses(observations)


def natural(
    design: pd.DataFrame,
    mixture: str | Mapping[str, float] | None,
    published: Mapping[str, Array],
) -> pd.DataFrame:
    """Returns a DOMAINS frame with the shares of the natural mixture, and no tokens.

    Args:
        design: the runs' weights.
        mixture: the name of a published mixture, or domain -> share. None: the mean of a swarm,
            or the base run of perturbations.
        published: name -> weights of the published mixtures.

    Raises:
        MixwrightError: `mixture` names what is no domain, or has no weight.
    """
    if set(design.role) == {"perturb"}:
        shares = base_mixture(design)
    else:
        shares = design.groupby("domain").weight.mean()
    if isinstance(mixture, str):
        shares = pd.Series(published[mixture], index=shares.index)
    elif mixture is not None:
        for name in mixture:
            if name not in shares.index:
                hint = nearest(name, list(shares.index))
                raise MixwrightError(f"config: measured.natural.{name} is not a domain; {hint}")
        shares = pd.Series(dict(mixture)).reindex(shares.index).fillna(0.0)
        _tell_sum(shares, [name for name in shares.index if name not in mixture])
    frame = pd.DataFrame({"domain": shares.index, "split": "train"})
    frame["share"] = (shares / shares.sum()).to_numpy()
    return frame.assign(tokens=None, bytes=None, documents=None, sha256=None)


def _tell_sum(shares: pd.Series, missing: Sequence[str]) -> None:
    """Says what is made of weights of the natural mixture that do not sum to 1."""
    total = float(shares.sum())
    if total <= 0:
        raise MixwrightError("config: measured.natural: all weights are 0; give one of them more")
    if missing:
        log.warning("measured.natural: %s not named, weight 0", ", ".join(missing))
    if abs(total - 1) > SUM_TOLERANCE:
        log.warning("measured.natural: the weights sum to %g and are divided by it", total)


def base_mixture(design: pd.DataFrame) -> pd.Series:
    """Returns domain -> weight in the base run of perturbations.

    All runs but two take the base run's amount of a domain, so it is the median.
    """
    amounts = design.assign(amount=design.weight * design.tokens).groupby("domain").amount.median()
    return amounts / amounts.sum()


def _design(role: str, observations: Observations) -> pd.DataFrame:
    domains = observations.domains
    frame = pd.DataFrame(
        {
            "run": np.repeat(observations.runs, len(domains)),
            "domain": np.tile(domains, len(observations.runs)),
            "weight": observations.weights.ravel(),
        }
    )
    return frame.assign(role=role, model="", tokens=_tokens(observations, domains), seed=0)


def _losses(observations: Observations) -> pd.DataFrame:
    targets = observations.targets
    frame = pd.DataFrame(
        {
            "run": np.repeat(observations.runs, len(targets)),
            "target": np.tile(targets, len(observations.runs)),
            "loss": observations.losses.ravel(),
        }
    )
    return frame.assign(
        step=1,
        tokens=_tokens(observations, targets),
        status="ok",
        # Nobody told what the losses were measured on.
        bits_per_byte=np.nan,
        scored_tokens=None,
        unigram_loss=np.nan,
    )


def _tokens(observations: Observations, names: Sequence[str]) -> NDArray[np.int64]:
    """Returns each run's total of tokens, once for each name."""
    return np.repeat(np.round(observations.tokens).astype(np.int64), len(names))
