"""Mixtures and losses from wide or long tables, in files or DataFrames, joined by id."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixwright import tables
from mixwright.errors import MixwrightError, counted
from mixwright.files import read_json
from mixwright.measured.frames import Frame
from mixwright.measured.wide import ROUNDING, Cells, Wide, read_weights, read_wide
from mixwright.mixture import Array, Mixture
from mixwright.observations import Observations, left_out, observe

LEAST_RUNS = 3
# How one mixture is written.
IN_FILE = '{"weights": {DOMAIN: SHARE, ...}}'
IN_PYTHON = "{DOMAIN: SHARE, ...}"
# A file, or a DataFrame with a name.
Table = Path | Frame
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mixtures:
    """Mixtures to predict, in the order of their table."""

    # what messages call the table
    source: str
    # heading of the ids
    key: str
    ids: tuple[str, ...]
    domains: tuple[str, ...]
    # (mixtures, domains)
    weights: Array
    # (mixtures,) training tokens; None where weights alone are known
    tokens: Array | None = None


def read_observations(
    mixtures: Sequence[Table],
    losses: Sequence[Table],
    realised: Sequence[Table] = (),
    loglikelihoods: Sequence[Table] = (),
    least: int = LEAST_RUNS,
    diverged: str = "refuse",
) -> Observations:
    """Reads runs: either all tables are wide (CSV), or all are long (the workflow's own parquet).

    Wide tables know weights alone: their runs count as swarm runs of 1.0 tokens.

    Args:
        mixtures: weights of domains by run, shares of 1.
        losses: losses of targets by run, nats/token.
        realised: tokens that runs really took from each domain; long tables only.
        loglikelihoods: of the targets' examples under vertex runs; long tables only.
        least: number of runs that there must be.
        diverged: `refuse` names the runs without a finite loss in an error, `drop` leaves them out.

    Raises:
        MixwrightError: a table cannot be read, or the tables do not fit together.
    """
    for name, part in (("mixtures", mixtures), ("losses", losses)):
        if not part:
            raise MixwrightError(f"{name}: no file; give --{name} a table of {name}")
    if not _is_wide(mixtures[0]):
        return _read_long(mixtures, losses, realised, loglikelihoods, least, diverged)
    others = [*mixtures[1:], *losses, *realised, *loglikelihoods]
    for table in others:
        _check_form(table, mixtures[0])
    if len(others) > 1:
        more = [*mixtures[1:], *losses[1:], *realised, *loglikelihoods]
        raise MixwrightError(
            f"{more[0]}: CSV tables are one of mixtures and one of losses; join them"
        )
    weights = read_weights(_cells(mixtures[0]))
    return _join(weights, read_wide(_cells(losses[0]), holes=True), least, diverged)


def read_mixtures(table: Table) -> Mixtures:
    """Reads mixtures from a wide or a long table, or from the JSON file that `propose` wrote.

    Raises:
        MixwrightError: the table cannot be read, or its weights are not shares of 1.
    """
    if isinstance(table, Path) and table.suffix == ".json":
        content = read_json(table)
        shares = None
        if isinstance(content, dict):
            shares = content.get("weights")
        return _one_mixture(str(table), table.stem, shares, IN_FILE)
    if _is_wide(table):
        wide = read_weights(_cells(table))
        return Mixtures(wide.source, wide.key, wide.ids, wide.columns, wide.values)
    design = _read_table([table], tables.DESIGN)
    tokens = design.drop_duplicates("run").set_index("run").tokens
    order = list(tokens.index)
    weights = tables.design_matrix(design, runs=order)
    values = weights.to_numpy(np.float64)
    counts = tokens.to_numpy(np.float64)
    return Mixtures(str(table), "run", tuple(order), tuple(weights.columns), values, counts)


def as_mixtures(value: Any) -> Mixtures:
    """Returns the mixtures that a Python caller means.

    Args:
        value: a DataFrame (a row a mixture, a column a domain), a path, a mapping domain -> share,
            a Mixture, or a sequence of mappings and Mixtures.

    Raises:
        MixwrightError: the value is nothing of the kind, or its weights are not shares of 1.
    """
    if isinstance(value, pd.DataFrame):
        return read_mixtures(Frame("mixtures", value))
    if isinstance(value, str | Path):
        return read_mixtures(Path(value))
    if isinstance(value, Mapping | Mixture):
        return _one_mixture("mixture", "mixture", _shares(value), IN_PYTHON)
    if not isinstance(value, Sequence) or not value:
        raise MixwrightError(
            f"mixtures: {type(value).__name__} is no mixture; give a DataFrame, a path,"
            " a dict or Mixture, or a list of dicts and Mixtures"
        )
    return _several_mixtures(value)


def _several_mixtures(values: Sequence[Any]) -> Mixtures:
    """Returns mixtures called by their numbers, domains in the order of the first."""
    single = []
    for number, value in enumerate(values):
        source = f"mixture {number}"
        single.append(_one_mixture(source, str(number), _shares(value), IN_PYTHON))
    domains = single[0].domains
    ids = []
    rows = []
    for mixture in single:
        if set(mixture.domains) != set(domains):
            raise MixwrightError(
                f"{mixture.source}: its domains are not those of the first mixture;"
                f" give each {', '.join(domains)}"
            )
        order = [mixture.domains.index(name) for name in domains]
        rows.append(mixture.weights[0, order])
        ids.append(mixture.ids[0])
    return Mixtures("mixtures", "mixture", tuple(ids), domains, np.array(rows))


def _shares(value: Any) -> Any:
    return value.as_dict() if isinstance(value, Mixture) else value


def _one_mixture(source: str, name: str, shares: Any, form: str) -> Mixtures:
    """Returns a mixture alone from domain -> share; the shares may miss 1 by rounding."""
    if not _are_shares(shares):
        raise MixwrightError(f"{source}: no mixture; write {form}, shares from 0 on that sum to 1")
    weights = np.array([list(shares.values())], dtype=np.float64)
    return Mixtures(source, "mixture", (name,), tuple(shares), weights / weights.sum())


def _are_shares(shares: Any) -> bool:
    """Whether the value maps names to numbers from 0 on that sum to 1, but for rounding."""
    if not isinstance(shares, Mapping) or not shares:
        return False
    values = list(shares.values())
    if not all(isinstance(share, Real) for share in values):
        return False
    return min(values) >= 0 and abs(sum(values) - 1) <= ROUNDING


def _join(mixtures: Wide, losses: Wide, least: int, diverged: str) -> Observations:
    """Returns the runs of two wide tables, joined by id."""
    _check_joined(mixtures, losses, "losses")
    _check_joined(losses, mixtures, "mixture")
    mixtures, losses = _converged(mixtures, losses, diverged)
    if len(mixtures.ids) < least:
        raise MixwrightError(
            f"{mixtures.where(-1)} is the last of {len(mixtures.ids)} runs; give {least} or more"
        )
    mixtures = mixtures.sorted()
    losses = losses.sorted()
    log.info(
        "%s: %d runs over %d domains: %s",
        mixtures.source,
        len(mixtures.ids),
        len(mixtures.columns),
        ", ".join(mixtures.columns),
    )
    log.info(
        "%s: %s: %s",
        losses.source,
        counted(len(losses.columns), "target"),
        ", ".join(losses.columns),
    )
    if least > 1:
        _check_spread(mixtures, losses)
    return Observations(
        domains=mixtures.columns,
        targets=losses.columns,
        runs=mixtures.ids,
        roles=("swarm",) * len(mixtures.ids),
        amounts=mixtures.values,
        losses=losses.values,
    )


def _check_joined(table: Wide, other: Wide, missing: str) -> None:
    """Refuses a row of `table` whose id is not in `other`."""
    known = set(other.ids)
    alone = [row for row, name in enumerate(table.ids) if name not in known]
    if not alone:
        return
    more = ""
    if len(alone) > 1:
        more = f" (and {len(alone) - 1} more)"
    raise MixwrightError(
        f"{table.where(alone[0])}{more} has no {missing} in {other.source};"
        " add them there or drop the row here"
    )


def _check_spread(mixtures: Wide, losses: Wide) -> None:
    """Refuses runs that all have one mixture; logs targets whose loss never differs."""
    if not np.ptp(mixtures.values, axis=0).any():
        raise MixwrightError(
            f"{mixtures.source}: all {len(mixtures.ids)} runs have the same mixture;"
            " add runs of other mixtures"
        )
    spread = np.ptp(losses.values, axis=0)
    constant = [losses.columns[k] for k in np.flatnonzero(spread == 0).tolist()]
    if constant:
        log.info(
            "%s: %s is the same in all runs and tells no mixtures apart;"
            " drop what was not measured",
            losses.source,
            ", ".join(constant),
        )


def _converged(mixtures: Wide, losses: Wide, diverged: str) -> tuple[Wide, Wide]:
    """Returns both tables without the runs that have no finite loss, unless these are refused."""
    rows = np.flatnonzero(~np.isfinite(losses.values).all(axis=1)).tolist()
    lost = [losses.ids[row] for row in rows]
    try:
        dropped = left_out(lost, len(losses.ids), diverged)
    except MixwrightError as error:
        if not rows:
            raise
        raise MixwrightError(f"{losses.where(rows[0])}: {error}") from None
    return mixtures.without(dropped), losses.without(dropped)


def _read_long(
    mixtures: Sequence[Table],
    losses: Sequence[Table],
    realised: Sequence[Table],
    loglikelihoods: Sequence[Table],
    least: int,
    diverged: str,
) -> Observations:
    """Reads runs from the workflow's own tables."""
    for table in (*mixtures, *losses, *realised, *loglikelihoods):
        _check_form(table, mixtures[0])
    design = _read_table(mixtures, tables.DESIGN)
    measured = _read_table(losses, tables.LOSSES)
    counts = None
    if realised:
        counts = _read_table(realised, tables.REALISED)
    likelihoods = None
    if loglikelihoods:
        likelihoods = _read_table(loglikelihoods, tables.LOGLIKELIHOODS)
    where = ", ".join(map(str, losses))
    try:
        observations = observe(design, measured, counts, likelihoods, diverged=diverged)
    except MixwrightError as error:
        raise MixwrightError(f"{where}: {error}") from None
    swarm = observations.of_role("swarm").runs
    if 0 < len(swarm) < least:
        raise MixwrightError(
            f"{where}: run {swarm[-1]} is the last of {len(swarm)} swarm runs; give {least} or more"
        )
    return observations


def _read_table(parts: Sequence[Table], table: tables.Table) -> pd.DataFrame:
    """Returns the rows of the parts of one long table, checked against its contract."""
    frames = []
    paths = []
    for part in parts:
        if isinstance(part, Frame):
            frames.append(part.rows(table))
        else:
            paths.append(part)
    if not frames:
        return tables.read(paths, table)
    if paths:
        frames.append(tables.read(paths, table))
    return tables.check(pd.concat(frames, ignore_index=True), table, ", ".join(map(str, parts)))


def _cells(table: Table) -> Path | Cells:
    return table.cells() if isinstance(table, Frame) else table


def _check_form(table: Table, first: Table) -> None:
    """Refuses a table that is long where the first one is wide, or wide where that is long."""
    if _is_wide(table) != _is_wide(first):
        raise MixwrightError(
            f"{table}: {_form(table)} beside the {_form(first)} {first}; give both in one form"
        )


def _form(table: Table) -> str:
    """What a message calls the form of a table."""
    if isinstance(table, Frame):
        return "wide DataFrame" if _is_wide(table) else "long DataFrame"
    return "CSV" if _is_wide(table) else "parquet"


def _is_wide(table: Table) -> bool:
    """Whether the table has one row a run. Long ones are told by their suffix or their columns."""
    if isinstance(table, Frame):
        return not (table.has(tables.DESIGN.key) or table.has(("run", "target")))
    if table.suffix not in (".csv", ".parquet"):
        raise MixwrightError(f"{table}: neither .csv nor .parquet; save the table as CSV")
    return table.suffix == ".csv"
