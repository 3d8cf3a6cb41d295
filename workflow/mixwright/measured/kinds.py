"""What the numbers of a target are: by what people say, by its heading, and by their range."""

from collections.abc import Sequence

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.learners import ACCURACY, LOSS, PERCENT, SCORE, Metric
from mixwright.measured.cells import Column
from mixwright.measured.decisions import ColumnOptions
from mixwright.measured.headings import (
    is_adverse,
    is_benchmark,
    is_correlation,
    is_log_likelihood,
    is_rated,
    match_name,
    metric_of,
)
from mixwright.measured.metric_options import read_metrics
from mixwright.mixture import Array

# No loss in nats/token is greater, whatever its heading says.
GREATEST_LOSS = 25.0
# A guess among a million tokens costs so many nats.
GUESS = 13.8
# Losses of answers are seldom greater.
BENCHMARK_LOSS = 5.0
# What is doubtful of zeros among losses.
UNMEASURED = "of exactly 0 beside others over 1 (leave a cell empty where nothing was measured)"
# From so many runs, counters are known as such.
COUNTER_RUNS = 5
# A target goes with its domain's weight where they correlate so clearly, over so many runs, and by
# so many standard errors.
CLEARLY, LEAST_RUNS, STANDARD_ERRORS = 0.5, 10, 3.0


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


def check_same_kind(heading: str, name: str, metric: Metric) -> None:
    """Refuses a heading that tells of another kind of numbers than the fitted target's.

    Args:
        heading: of a column that is not called like the target.
        name: the target.
        metric: its numbers, as they were fitted.
    """
    by_heading = metric_of(heading)
    if by_heading in (None, LOSS):
        is_same = metric.name == "loss"
    elif metric.name == "accuracy":
        is_same = by_heading == ACCURACY
    else:
        is_same = (by_heading.name, by_heading.unit) == (metric.name, metric.unit)
    if not is_same:
        kind = metric.unit or metric.title
        raise MixwrightError(
            f"{heading}: {name} was fitted as {kind}, and this heading does not say so; give"
            f" the numbers in {kind} under the heading {name}"
        )


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
    if metric.higher and is_adverse(column.heading):
        return metric, "", "of which less is probably better, by its heading"
    if metric == SCORE and low > 0 and is_log_likelihood(column.heading):
        return metric, "", "above 0, which no logarithm of a probability is"
    if metric == ACCURACY:
        return _accuracy(column.heading, values)
    if metric.title in (LOSS.title, "bits/byte", "bits/character") and metric.name == "loss":
        if low < 0:
            return metric, "", "below 0, which no loss is"
        if high > GREATEST_LOSS:
            return metric, "", f"over {GREATEST_LOSS:g}, which no loss in {metric.unit} is"
        if _has_zeros(values):
            return metric, "", UNMEASURED
    return metric, f"{metric.title} by its heading", ""


def _accuracy(heading: str, values: Array) -> tuple[Metric, str, str]:
    """Returns the metric of numbers whose heading says accuracy."""
    low = float(values.min())
    high = float(values.max())
    if is_correlation(heading) and -1 <= low < 0 and high <= 1:
        return SCORE, "a score from -1 to 1 by its heading", ""
    if low < 0 or high > PERCENT.whole:
        return ACCURACY, "", "outside 0 to 100 under a heading of accuracies"
    if high <= 1:
        return ACCURACY, "shares of right answers by its heading", ""
    if float(np.median(values)) > 1:
        return PERCENT, "percent of right answers by its heading", ""
    return ACCURACY, "", "around 1 under a heading of accuracies, in percent or in shares"


def _bare(
    column: Column, values: Array, domains: Sequence[str], weights: Array
) -> tuple[Metric, str, str]:
    """Returns the metric of numbers whose heading tells of no kind."""
    low = float(values.min())
    high = float(values.max())
    if _is_counter(values):
        return LOSS, "", "that are whole and only rise or only fall, as counters and times do"
    if low < 0:
        return LOSS, "", "below 0, which no loss is"
    if high > GUESS:
        return LOSS, "", f"over {GUESS:g} nats, more than a guess among a million tokens costs"
    if is_rated(column.heading):
        return LOSS, "", "that may be ratings, of which more is better, or losses"
    has_zeros = _has_zeros(values)
    if (has_zeros or high > BENCHMARK_LOSS) and is_benchmark(column.heading):
        return LOSS, "", "that may be percent of right answers or losses"
    if has_zeros:
        return LOSS, "", UNMEASURED
    slope = _with_its_domain(column, domains, weights)
    if high > 1 and slope > 0:
        return LOSS, "", "that rise as the weight of their domain grows, and no loss does"
    if high > 1:
        return LOSS, "a loss by its values", ""
    if slope < 0:
        return LOSS, "it falls as the weight of its domain grows", ""
    return LOSS, "", "from 0 to 1 and may be accuracies or losses"


def _has_zeros(values: Array) -> bool:
    """Whether some numbers are 0 and all others are over 1."""
    others = values[values != 0]
    return 0 < len(others) < len(values) and float(others.min()) > 1


def _is_counter(values: Array) -> bool:
    if len(values) < COUNTER_RUNS or (values != np.round(values)).any():
        return False
    steps = np.diff(values)
    return bool((steps > 0).all() or (steps < 0).all())


def _with_its_domain(column: Column, domains: Sequence[str], weights: Array) -> float:
    """Returns how a target of a domain's name goes with that domain's weight: a correlation.

    0 where there is no such domain, or the runs do not show it clearly.
    """
    domain = match_name(column.heading, domains)
    if domain not in domains:
        return 0.0
    position = list(domains).index(domain)
    pairs = np.column_stack([weights[:, position], column.values])
    is_complete = np.isfinite(pairs).all(axis=1)
    pairs = pairs[is_complete]
    runs = len(pairs)
    if runs < LEAST_RUNS or not np.ptp(pairs, axis=0).all():
        return 0.0
    correlation = float(np.corrcoef(pairs.T)[0, 1])
    least = STANDARD_ERRORS / np.sqrt(runs)
    if abs(correlation) < max(CLEARLY, least):
        return 0.0
    return correlation
