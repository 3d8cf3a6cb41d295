"""What the numbers of a target are: by what people say, by its heading, and by their range."""

from collections.abc import Sequence

import numpy as np

from mixwright.learners import ACCURACY, LOSS, PERCENT, SCORE, Metric
from mixwright.measured.cells import Column
from mixwright.measured.decisions import ColumnOptions
from mixwright.measured.headings import match_name, metric_of
from mixwright.measured.metrics import read_metrics
from mixwright.mixture import Array

# No loss in nats/token is greater: a guess among a million tokens costs 13.8.
GREATEST_LOSS = 25.0
# From so many runs, counters are known as such.
COUNTER_RUNS = 5
# A loss falls with its domain's weight at least so clearly, over so many runs.
FALLS, FALLS_RUNS = -0.5, 10


def by_option(targets: Sequence[Column], options: ColumnOptions) -> dict[str, tuple[Metric, str]]:
    """Returns target -> what a person says of it.

    A word without a name, such as a unit for all, does not touch headings that say another kind.
    """
    headings = [column.heading for column in targets]
    values = {column.heading: column.values for column in targets}
    named = read_metrics(
        [word for word in options.metric if "=" in word],
        options.higher_better,
        [word for word in options.unit if "=" in word],
        headings,
        values,
    )
    common = read_metrics(
        options.metric,
        options.higher_better,
        options.unit,
        headings,
        values,
    )
    result = {}
    for name in headings:
        by_heading = metric_of(name)
        says_other = by_heading is not None and by_heading != LOSS
        if name in named:
            result[name] = (named[name], "as you say")
        elif name in common and not says_other:
            result[name] = (common[name], "as you say of all")
    return result


def by_content(column: Column, domains: Sequence[str], weights: Array) -> tuple[Metric, str, str]:
    """Returns what numbers are by their heading and range, why, and the doubt that is left.

    Args:
        weights: (rows, domains) of the runs; NaN where a row has no mixture.
    """
    values = column.values[np.isfinite(column.values)]
    metric = metric_of(column.heading)
    if not len(values):
        return metric or LOSS, "by its heading", ""
    low = float(values.min())
    high = float(values.max())
    if metric is None:
        return _bare(column, values, domains, weights)
    if metric == ACCURACY:
        return _accuracy(values, low, high)
    if metric.title in (LOSS.title, "bits/byte", "bits/character") and metric.name == "loss":
        if low < 0:
            return metric, "", "below 0, and no loss is"
        if high > GREATEST_LOSS:
            return metric, "", f"over {GREATEST_LOSS:g}, and no loss in {metric.unit} is"
    return metric, f"{metric.title} by its heading", ""


def _accuracy(values: Array, low: float, high: float) -> tuple[Metric, str, str]:
    """Returns the metric of numbers whose heading says accuracy."""
    if low < 0 and low >= -1 and high <= 1:
        return SCORE, "a score from -1 to 1 by its heading", ""
    if low < 0 or high > PERCENT.whole:
        return ACCURACY, "", "accuracies by the heading and outside 0 to 100"
    if high <= 1:
        return ACCURACY, "shares of right answers by its heading", ""
    if float(np.median(values)) > 1:
        return PERCENT, "percent of right answers by its heading", ""
    return ACCURACY, "", "accuracies by the heading, and it is open whether percent or shares"


def _bare(
    column: Column, values: Array, domains: Sequence[str], weights: Array
) -> tuple[Metric, str, str]:
    """Returns the metric of numbers whose heading tells of no kind."""
    low = float(values.min())
    high = float(values.max())
    if _is_counter(values):
        return LOSS, "", "whole numbers that only rise or only fall, as counters and times do"
    if low < 0:
        return LOSS, "", "below 0, and no loss is"
    if high > GREATEST_LOSS:
        return LOSS, "", f"over {GREATEST_LOSS:g}, and no loss in nats/token is"
    if high > 1:
        return LOSS, "a loss by its values", ""
    if _falls_with_its_domain(column, domains, weights):
        return LOSS, "it falls as the weight of its domain grows", ""
    return LOSS, "", "from 0 to 1 and may be accuracies or losses"


def _is_counter(values: Array) -> bool:
    if len(values) < COUNTER_RUNS or (values != np.round(values)).any():
        return False
    steps = np.diff(values)
    return bool((steps > 0).all() or (steps < 0).all())


def _falls_with_its_domain(column: Column, domains: Sequence[str], weights: Array) -> bool:
    """Whether a target with a domain's name falls clearly as that domain's weight grows."""
    domain = match_name(column.heading, domains)
    if domain not in domains:
        return False
    of_domain = weights[:, list(domains).index(domain)]
    both = np.isfinite(of_domain) & np.isfinite(column.values)
    if both.sum() < FALLS_RUNS or not np.ptp(of_domain[both]):
        return False
    return bool(np.corrcoef(of_domain[both], column.values[both])[0, 1] <= FALLS)
