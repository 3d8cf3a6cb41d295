"""Long tables of what mixers minimise, target by target, in the units that people read."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from mixwright.goal import Readout
from mixwright.learners import LOSS, POINTS, Metric

# target -> what its numbers are; losses in nats/token where nothing stands
Metrics = Mapping[str, Metric]
NO_METRICS: Metrics = MappingProxyType({})


def in_units(frame: pd.DataFrame, columns: Sequence[str], metrics: Metrics) -> pd.DataFrame:
    """Returns the rows with these columns in their targets' units.

    Args:
        frame: a column `target`, and columns of what is minimised.
    """
    if all(metric.as_measured for metric in metrics.values()):
        return frame
    shown = frame.copy()
    for target, rows in frame.groupby("target"):
        metric = metrics.get(str(target), LOSS)
        for column in columns:
            values = metric.measured(rows[column].to_numpy())
            shown.loc[rows.index, column] = values
    return shown


def one_unit(targets: Sequence[str], metrics: Metrics) -> bool:
    """Whether the numbers of these targets have one unit."""
    units = {metrics.get(target, LOSS).unit for target in targets}
    return len(units) <= 1


def readout_of(targets: Mapping[str, float], metrics: Metrics) -> Readout:
    """Returns the readout of a goal over these targets alone, by their weights."""
    return Readout.of(targets, tuple(targets), metrics)


def mean_of_targets(
    frame: pd.DataFrame,
    columns: Sequence[str],
    keys: Sequence[str],
    targets: Mapping[str, float],
    metrics: Metrics = NO_METRICS,
) -> pd.DataFrame:
    """Returns the goal over `targets` as it is shown, a row for each value of the keys.

    Args:
        frame: columns `target` and the keys, and columns of what is minimised.
        targets: target -> weight.
    """
    readout = readout_of(targets, metrics)
    metric = readout.metric
    weights = pd.Series(targets)
    share = weights / weights.sum()
    rows = frame[frame.target.isin(share.index)].copy()
    shares = rows.target.map(share)
    scale = 1.0
    if readout.in_points:
        rows = in_units(rows, columns, metrics)
        wholes = rows.target.map(lambda target: metrics[target].whole)
        scale = POINTS.whole / wholes
    for column in columns:
        rows[column] = rows[column] * scale * shares
    by_keys = rows.groupby(list(keys), sort=False)
    means = by_keys[list(columns)].sum().reset_index()
    if not readout.in_points:
        for column in columns:
            means[column] = metric.measured(means[column])
    return means
