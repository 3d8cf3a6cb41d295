"""Mixtures and losses from wide or long tables, in files or DataFrames, joined by id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.measured.cells import Cells, read_cells
from mixwright.measured.chosen import by_chosen
from mixwright.measured.counted_columns import check_counted
from mixwright.measured.decisions import NOTHING, ColumnOptions, Known
from mixwright.measured.frames import Frame
from mixwright.measured.join import join
from mixwright.measured.metric_options import read_metrics
from mixwright.measured.reader import NOTHING_KNOWN, Reading, read_shares, read_tables
from mixwright.measured.stacked import stack
from mixwright.measured.sums import MOST_ROUNDED
from mixwright.mixture import Array, Mixture
from mixwright.observations import Observations, observe

LEAST_RUNS = 3
# Of tables whose targets are all known by their losses.
NOTHING_CHOSEN: Mapping[str, str] = MappingProxyType({})
# How one mixture is written.
IN_FILE = '{"weights": {DOMAIN: SHARE, ...}}'
IN_PYTHON = "{DOMAIN: SHARE, ...}"
# A file, or a DataFrame with a name.
Table = Path | Frame


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
    options: ColumnOptions = NOTHING,
    known: Known = NOTHING_KNOWN,
    chosen: Mapping[str, str] = NOTHING_CHOSEN,
) -> Observations:
    """Reads runs: either all tables are wide (CSV), or all are long (the workflow's own parquet).

    Wide tables know weights alone: their runs count as swarm runs of 1.0 tokens. What their
    columns are is decided by content and by heading, and logged. Rows of several tables, as of
    two rounds, are matched by their headings.

    Args:
        mixtures: weights of domains by run, shares of 1.
        losses: losses of targets by run, nats/token.
        realised: tokens that runs really took from each domain; long tables only.
        loglikelihoods: of the targets' examples under vertex runs; long tables only.
        least: number of runs that there must be.
        diverged: `refuse` names the runs without a finite loss in an error, `drop` leaves them out.
        options: what a person says of the columns of wide tables.
        known: what is known of these from elsewhere.
        chosen: target of questions -> what chooses by it, a column of long tables.

    Raises:
        MixwrightError: a table cannot be read, the tables do not fit together, or it is open what
            a column is.
    """
    for name, part in (("mixtures", mixtures), ("losses", losses)):
        if not part:
            raise MixwrightError(f"{name}: no file; give --{name} a table of {name}")
    if not _is_wide(mixtures[0]):
        observations = _read_long(
            mixtures, losses, realised, loglikelihoods, least, diverged, chosen
        )
        return _with_metrics(observations, options, str(losses[0]))
    for table in (*mixtures, *losses, *realised, *loglikelihoods):
        _check_form(table, mixtures[0])
    for table in (*realised, *loglikelihoods):
        raise MixwrightError(f"{table}: CSV tables hold mixtures and losses alone; leave it out")
    reading = _read_wide(mixtures, losses, options, known)
    reading.say()
    return join(reading, least, diverged)


def read_decisions(
    mixtures: Sequence[Table], losses: Sequence[Table], options: ColumnOptions = NOTHING
) -> tuple[Reading, Observations]:
    """Reads wide tables; returns what was decided of their columns, and the runs.

    Runs without a finite loss are left out.

    Raises:
        MixwrightError: as of `read_observations`, or a table is long.
    """
    for table in (*mixtures, *losses):
        if not _is_wide(table):
            raise MixwrightError(f"{table}: its columns are fixed; give CSV tables of your own")
    reading = _read_wide(mixtures, losses, options)
    return reading, join(reading, 1, "drop")


def read_mixtures(
    table: Table, options: ColumnOptions = NOTHING, domains: Sequence[str] = ()
) -> Mixtures:
    """Reads mixtures from a wide or a long table, or from the JSON file that `propose` wrote.

    Args:
        options: what a person says of the columns of a wide table.
        domains: those of a fit, where the mixtures are for one.

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
        wide = read_shares(_cells(table), options, Known(tuple(domains)))
        return Mixtures(wide.source, wide.key, wide.ids, wide.columns, wide.values)
    design = _read_table([table], tables.DESIGN)
    tokens = design.drop_duplicates("run").set_index("run").tokens
    order = list(tokens.index)
    weights = tables.design_matrix(design, runs=order)
    values = weights.to_numpy(np.float64)
    counts = tokens.to_numpy(np.float64)
    return Mixtures(str(table), "run", tuple(order), tuple(weights.columns), values, counts)


def as_mixtures(value: Any, domains: Sequence[str] = ()) -> Mixtures:
    """Returns the mixtures that a Python caller means.

    Args:
        value: a DataFrame (a row a mixture, a column a domain), a path, a mapping domain -> share,
            a Mixture, or a sequence of mappings and Mixtures.
        domains: those of a fit, where the mixtures are for one.

    Raises:
        MixwrightError: the value is nothing of the kind, or its weights are not shares of 1.
    """
    if isinstance(value, pd.DataFrame):
        return read_mixtures(Frame("mixtures", value), domains=domains)
    if isinstance(value, str | Path):
        return read_mixtures(Path(value), domains=domains)
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
    return min(values) >= 0 and abs(sum(values) - 1) <= MOST_ROUNDED


def _read_long(
    mixtures: Sequence[Table],
    losses: Sequence[Table],
    realised: Sequence[Table],
    loglikelihoods: Sequence[Table],
    least: int,
    diverged: str,
    chosen: Mapping[str, str],
) -> Observations:
    """Reads runs from the workflow's own tables."""
    for table in (*mixtures, *losses, *realised, *loglikelihoods):
        _check_form(table, mixtures[0])
    design = _read_table(mixtures, tables.DESIGN)
    measured, metrics = by_chosen(_read_table(losses, tables.LOSSES), chosen)
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
    return replace(observations, metrics=metrics)


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


def _with_metrics(observations: Observations, options: ColumnOptions, where: str) -> Observations:
    """Returns the runs of long tables with the kinds of number that a person says."""
    if options.domains or options.targets or options.key is not None:
        raise MixwrightError(
            f"{where}: its columns are fixed; leave out --domains, --targets and --key"
        )
    values = dict(zip(observations.targets, observations.losses.T, strict=True))
    metrics = read_metrics(
        options.metric,
        options.higher_better,
        options.unit,
        observations.targets,
        values,
    )
    if not metrics:
        return observations
    columns = []
    for name, column in values.items():
        columns.append(metrics[name].minimised(column) if name in metrics else column)
    metrics = {**observations.metrics, **metrics}
    return replace(observations, losses=np.column_stack(columns), metrics=metrics)


def _read_wide(
    mixtures: Sequence[Table],
    losses: Sequence[Table],
    options: ColumnOptions,
    known: Known = NOTHING_KNOWN,
) -> Reading:
    """Reads the rows of several tables as those of one."""
    first = stack([_cells(part) for part in mixtures], options.key)
    second = stack([_cells(part) for part in losses], options.key)
    check_counted(first, second, options, known)
    return read_tables(first.cells, second.cells, options, known)


def _cells(table: Table) -> Cells:
    return table.cells() if isinstance(table, Frame) else read_cells(table)


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
