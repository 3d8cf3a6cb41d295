"""Mixtures and losses from files, the workflow's own long parquet or anyone's wide CSV, joined by id."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixwright import tables
from mixwright.errors import MixwrightError, counted
from mixwright.files import read_json
from mixwright.measured.wide import ROUNDING, Wide, read_weights, read_wide
from mixwright.mixture import Array
from mixwright.observations import Observations, left_out, observe

LEAST_RUNS = 3
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mixtures:
    """Mixtures to predict, in the file's order."""

    path: Path
    key: str  # heading of the ids
    ids: tuple[str, ...]
    domains: tuple[str, ...]
    weights: Array  # (mixtures, domains)
    tokens: Array | None = (
        None  # (mixtures,) training tokens; none where the file knows weights alone
    )


def read_observations(
    mixtures: Sequence[Path],
    losses: Sequence[Path],
    realised: Sequence[Path] = (),
    loglikelihoods: Sequence[Path] = (),
    least: int = LEAST_RUNS,
    diverged: str = "refuse",
) -> Observations:
    """The runs of the tables: all wide CSV (weights alone: 1.0 tokens a run, role swarm), or all long parquet.

    Runs without a finite loss are refused by name, or left out where `diverged` says drop.
    """
    for name, given in (("mixtures", mixtures), ("losses", losses)):
        if not given:
            raise MixwrightError(f"{name}: no file; give --{name} a table of {name}")
    if not _is_wide(mixtures[0]):
        return _read_long(mixtures, losses, realised, loglikelihoods, least, diverged)
    rest = (*mixtures[1:], *losses, *realised, *loglikelihoods)
    others = [path for path in rest if not _is_wide(path)]
    if others:
        raise MixwrightError(
            f"{others[0]}: parquet beside the CSV {mixtures[0]}; give both in one form"
        )
    if len(rest) > 1:
        more = [*mixtures[1:], *losses[1:], *realised, *loglikelihoods]
        raise MixwrightError(
            f"{more[0]}: CSV tables are one of mixtures and one of losses; join them"
        )
    return _join(read_weights(mixtures[0]), read_wide(losses[0], holes=True), least, diverged)


def read_mixtures(path: Path) -> Mixtures:
    """Mixtures alone, from either form, or the one that `propose` wrote."""
    if path.suffix == ".json":
        return _of_proposal(path)
    if _is_wide(path):
        table = read_weights(path)
        return Mixtures(path, table.key, table.ids, table.columns, table.values)
    design = tables.read(path, tables.DESIGN)
    tokens = design.drop_duplicates("run").set_index("run").tokens
    order = list(tokens.index)
    weights = tables.design_matrix(design, runs=order)
    values = weights.to_numpy(np.float64)
    return Mixtures(
        path, "run", tuple(order), tuple(weights.columns), values, tokens.to_numpy(np.float64)
    )


def _of_proposal(path: Path) -> Mixtures:
    """The mixture that `propose` wrote, or any JSON object whose `weights` are shares of 1 by domain."""
    content = read_json(path)
    weights = content.get("weights") if isinstance(content, dict) else None
    shares = list(weights.values()) if isinstance(weights, dict) else []
    if (
        not shares
        or not all(isinstance(share, int | float) and share >= 0 for share in shares)
        or abs(sum(shares) - 1) > ROUNDING
    ):
        raise MixwrightError(
            f'{path}: no mixture; write {{"weights": {{DOMAIN: SHARE, ...}}}}, shares from 0 on that sum to 1'
        )
    values = np.array([shares], dtype=np.float64)
    return Mixtures(path, "mixture", (path.stem,), tuple(weights or ()), values / values.sum())


def _join(mixtures: Wide, losses: Wide, least: int, diverged: str) -> Observations:
    for one, other, lacks in ((mixtures, losses, "losses"), (losses, mixtures, "mixture")):
        known = set(other.ids)
        alone = [row for row, name in enumerate(one.ids) if name not in known]
        if alone:
            more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
            raise MixwrightError(
                f"{one.where(alone[0])}{more} has no {lacks} in {other.path}; add them there or drop the row here"
            )
    mixtures, losses = _converged(mixtures, losses, diverged)
    if len(mixtures.ids) < least:
        raise MixwrightError(
            f"{mixtures.where(-1)} is the last of {len(mixtures.ids)} runs; give {least} or more"
        )
    weights, measured = mixtures.sorted(), losses.sorted()
    log.info(
        "%s: %d runs over %d domains: %s",
        mixtures.path,
        len(weights.ids),
        len(weights.columns),
        ", ".join(weights.columns),
    )
    log.info(
        "%s: %s: %s",
        losses.path,
        counted(len(measured.columns), "target"),
        ", ".join(measured.columns),
    )
    if least > 1 and not np.ptp(weights.values, axis=0).any():
        raise MixwrightError(
            f"{mixtures.path}: all {len(weights.ids)} runs have the same mixture; add runs of other mixtures"
        )
    still = [
        name
        for name, spread in zip(measured.columns, np.ptp(measured.values, axis=0), strict=True)
        if not spread
    ]
    if least > 1 and still:
        log.info(
            "%s: %s is the same in all runs and tells no mixtures apart; drop what was not measured",
            losses.path,
            ", ".join(still),
        )
    roles = ("swarm",) * len(weights.ids)
    return Observations(
        weights.columns, measured.columns, weights.ids, roles, weights.values, measured.values
    )


def _converged(mixtures: Wide, losses: Wide, diverged: str) -> tuple[Wide, Wide]:
    """Both without the runs that lack a finite loss, unless these are refused."""
    rows = np.flatnonzero(~np.isfinite(losses.values).all(axis=1))
    try:
        gone = left_out([losses.ids[row] for row in rows], len(losses.ids), diverged)
    except MixwrightError as error:
        raise MixwrightError(f"{losses.where(int(rows[0]))}: {error}") from None
    return mixtures.without(gone), losses.without(gone)


def _read_long(
    mixtures: Sequence[Path],
    losses: Sequence[Path],
    realised: Sequence[Path],
    loglikelihoods: Sequence[Path],
    least: int,
    diverged: str,
) -> Observations:
    wide = [path for path in (*mixtures, *losses, *realised, *loglikelihoods) if _is_wide(path)]
    if wide:
        raise MixwrightError(
            f"{wide[0]}: CSV beside the parquet {mixtures[0]}; give both in one form"
        )
    frames = (
        tables.read(mixtures, tables.DESIGN),
        tables.read(losses, tables.LOSSES),
        tables.read(realised, tables.REALISED) if realised else None,
        tables.read(loglikelihoods, tables.LOGLIKELIHOODS) if loglikelihoods else None,
    )
    where = ", ".join(map(str, losses))
    try:
        seen = observe(*frames, diverged=diverged)
    except MixwrightError as error:
        raise MixwrightError(f"{where}: {error}") from None
    swarm = seen.of_role("swarm").runs
    if 0 < len(swarm) < least:
        raise MixwrightError(
            f"{where}: run {swarm[-1]} is the last of {len(swarm)} swarm runs; give {least} or more"
        )
    return seen


def _is_wide(path: Path) -> bool:
    if path.suffix not in (".csv", ".parquet"):
        raise MixwrightError(f"{path}: neither .csv nor .parquet; save the table as CSV")
    return path.suffix == ".csv"
