"""Which columns of a table of losses are targets, and what their numbers are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixwright.errors import MixwrightError, nearest
from mixwright.learners import ACCURACY, LOSS, PERCENT, SCORE, Metric
from mixwright.measured.cells import Cells, Column
from mixwright.measured.decisions import LEFT_OUT, TARGET, ColumnOptions, Decision, Known
from mixwright.measured.domains import malformed
from mixwright.measured.headings import (
    is_identity,
    match_name,
    metric_of,
    no_target,
    stem,
    texts_of,
)
from mixwright.measured.metrics import check_numbers, read_metrics
from mixwright.mixture import Array

# No loss in nats/token is greater: a guess among a million tokens costs 13.8.
GREATEST_LOSS = 25.0
# From so many runs, columns without spread and counters are known as such.
SPREAD_RUNS, COUNTER_RUNS = 3, 5
# What a weight may differ by in another table: rounding.
ROUNDED = 0.006
# A loss falls with its domain's weight at least so clearly, over so many runs.
FALLS, FALLS_RUNS = -0.5, 10
# Names that a message lists.
LISTED = 6


@dataclass(frozen=True)
class Targets:
    """The columns that are targets, and what was decided of all of them."""

    columns: list[Column]
    decisions: list[Decision]

    @property
    def metrics(self) -> dict[str, Metric]:
        """Target -> what its numbers are."""
        pairs = {}
        for decision in self.decisions:
            if decision.metric is not None:
                pairs[decision.name] = decision.metric
        return pairs

    @property
    def texts(self) -> dict[str, str]:
        """Target -> the domain whose text it is, where its name is another."""
        return {decision.name: decision.text for decision in self.decisions if decision.text}


@dataclass(frozen=True)
class Context:
    """What is known beside the table of losses when its targets are chosen."""

    options: ColumnOptions
    known: Known
    # headings of the domains
    domains: tuple[str, ...]
    # (rows of the losses, domains) weights; NaN where a row has no mixture
    weights: Array


def choose_targets(cells: Cells, key: Column, context: Context) -> Targets:
    """Returns the targets of a table of losses, and what their numbers are.

    A target is a column of numbers that nothing speaks against. What its numbers are is said by a
    person, by its heading, or by their range where that leaves no doubt.

    Raises:
        MixwrightError: a name is unknown, no target is left, or it is open what a column is.
    """
    columns = [column for column in cells.columns if column is not key]
    named = _named(cells, columns, context)
    reasons: dict[int, str] = {}
    for column in columns:
        if named:
            reason = "" if column.heading in named else "not among --targets"
        else:
            reason = _why_not(column, columns, context)
        if reason:
            reasons[column.position] = reason
    targets = [column for column in columns if column.position not in reasons]
    _check_numbers(cells, key, targets)
    _check_any(cells, columns, targets, reasons)
    decisions = _metrics(cells, targets, context, bool(named))
    stay = []
    for column, decision in zip(targets, decisions, strict=True):
        if decision.role == TARGET:
            stay.append(column)
    _check_any(cells, columns, stay, reasons)
    for column in columns:
        if column.position in reasons:
            why = reasons[column.position]
            decisions.append(Decision(cells.source, column.name, LEFT_OUT, why))
    return Targets(stay, _related(decisions, context.domains))


def _named(cells: Cells, columns: Sequence[Column], context: Context) -> list[str]:
    """Returns the headings that a person named as targets."""
    headings = [column.heading for column in columns]
    names = []
    for name in context.options.targets:
        heading = match_name(name, headings)
        if heading not in headings:
            raise MixwrightError(f"--targets {name}: {cells.head}: {nearest(name, headings)}")
        names.append(heading)
    return names


def _why_not(column: Column, columns: Sequence[Column], context: Context) -> str:
    """Returns why a column is no target; empty where nothing speaks against it."""
    if not any(column.texts):
        return "there is no number in it"
    if _known_metric(column, context) is not None:
        return ""
    if is_identity(column.heading) and column.may_be_ids:
        return "it names or counts the runs"
    by_heading = no_target(column.heading)
    if by_heading:
        return by_heading
    if column.words.any() and not column.is_numeric:
        if not any(malformed(text) for text in column.texts):
            return "it holds words"
    if _is_constant(column):
        return f"{column.name} is the same in all runs and tells no mixtures apart"
    domain = _weight_of(column, context)
    if domain:
        return f"it is the weight of {domain}"
    if _is_repeated(column, columns):
        return "it is another column once more, and pandas named it"
    return ""


def _known_metric(column: Column, context: Context) -> Metric | None:
    """Returns what is known of a column from a fit or a study."""
    known = context.known.metrics
    return known.get(match_name(column.heading, known))


def _is_constant(column: Column) -> bool:
    values = column.values[np.isfinite(column.values)]
    return len(values) >= SPREAD_RUNS and float(np.ptp(values)) == 0


def _weight_of(column: Column, context: Context) -> str:
    """Returns the domain whose weights a column holds; empty where it holds none."""
    if len(column.texts) < SPREAD_RUNS:
        return ""
    for name, weights in zip(context.domains, context.weights.T, strict=True):
        difference = np.abs(weights - column.values)
        if np.isfinite(difference).all() and difference.max() < ROUNDED:
            return name
    return ""


def _is_repeated(column: Column, columns: Sequence[Column]) -> bool:
    """Whether a column is `NAME.1` beside NAME, with its numbers."""
    name, dot, number = column.heading.rpartition(".")
    if not dot or not number.isdigit():
        return False
    for other in columns:
        if other.heading == name:
            return np.array_equal(other.values, column.values, equal_nan=True)
    return False


def _check_numbers(cells: Cells, key: Column, targets: Sequence[Column]) -> None:
    """Refuses a cell that holds no number."""
    for column in targets:
        if not column.words.any():
            continue
        row = int(np.flatnonzero(column.words)[0])
        where = f"{cells.line(row)} ({key.heading or 'run'} {key.ids[row]})"
        cell = column.texts[row]
        remedy = "measure it again or drop the row"
        if malformed(cell):
            remedy = "write it with a point, and without marks or signs"
        raise MixwrightError(f"{where}: {column.name} is {cell}, no finite number; {remedy}")


def _check_any(
    cells: Cells,
    columns: Sequence[Column],
    targets: Sequence[Column],
    reasons: Mapping[int, str],
) -> None:
    """Refuses a table without targets."""
    if targets:
        return
    listed = []
    for column in columns[:LISTED]:
        why = reasons.get(column.position, "doubtful")
        listed.append(f"{column.name} ({why})")
    rest = f": {', '.join(listed)}" if listed else ""
    raise MixwrightError(
        f"{cells.head}: no target among its columns{rest}; add a column a target,"
        " or name them: --targets A B"
    )


def _metrics(
    cells: Cells, targets: Sequence[Column], context: Context, is_named: bool
) -> list[Decision]:
    """Returns what the numbers of each target are, in their order.

    Raises:
        MixwrightError: nobody says, and their range leaves it open.
    """
    by_option = _by_option(targets, context.options)
    decisions = []
    doubts: dict[str, list[str]] = {}
    for column in targets:
        known = _known_metric(column, context)
        metric, why = by_option.get(column.heading, (known, "as it was fitted"))
        doubt = ""
        if metric is None:
            metric, why, doubt = _by_content(column, context)
        base = Decision(cells.source, column.name, TARGET, why, metric)
        if doubt and context.known.lenient and not is_named:
            base = replace(base, role=LEFT_OUT, why=doubt, metric=None)
        elif doubt:
            doubts.setdefault(doubt, []).append(column.name)
        else:
            check_numbers(metric, column.name, column.values, cells.line)
        decisions.append(base)
    for doubt, names in doubts.items():
        raise MixwrightError(f"{cells.head}: {_doubtful(doubt, names)}")
    return decisions


def _by_option(
    targets: Sequence[Column], options: ColumnOptions
) -> dict[str, tuple[Metric, str]]:
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


def _by_content(column: Column, context: Context) -> tuple[Metric, str, str]:
    """Returns what numbers are by their heading and range, why, and the doubt that is left."""
    values = column.values[np.isfinite(column.values)]
    metric = metric_of(column.heading)
    if not len(values):
        return metric or LOSS, "by its heading", ""
    low = float(values.min())
    high = float(values.max())
    if metric is None:
        return _bare(column, values, context)
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


def _bare(column: Column, values: Array, context: Context) -> tuple[Metric, str, str]:
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
    if _falls_with_its_domain(column, context):
        return LOSS, "it falls as the weight of its domain grows", ""
    return LOSS, "", "from 0 to 1 and may be accuracies or losses"


def _is_counter(values: Array) -> bool:
    if len(values) < COUNTER_RUNS or (values != np.round(values)).any():
        return False
    steps = np.diff(values)
    return bool((steps > 0).all() or (steps < 0).all())


def _falls_with_its_domain(column: Column, context: Context) -> bool:
    """Whether a target with a domain's name falls clearly as that domain's weight grows."""
    domain = match_name(column.heading, context.domains)
    if domain not in context.domains:
        return False
    weights = context.weights[:, context.domains.index(domain)]
    both = np.isfinite(weights) & np.isfinite(column.values)
    if both.sum() < FALLS_RUNS or not np.ptp(weights[both]):
        return False
    return bool(np.corrcoef(weights[both], column.values[both])[0, 1] <= FALLS)


def _doubtful(doubt: str, names: Sequence[str]) -> str:
    """What a message says of columns in doubt, and the option that settles it."""
    listed = ", ".join(names[:LISTED])
    if len(names) > LISTED:
        listed += f" and {len(names) - LISTED} more"
    noun = "has values" if len(names) == 1 else "have values"
    first = names[0]
    options = f"--unit {first!r}=nats/token, or perplexity, for losses".replace("'", "")
    return (
        f"{listed} {noun} {doubt}; say what they are: --higher-better {first} where more is better,"
        f" {options}, or name the targets: --targets A B"
    )


def _related(decisions: Sequence[Decision], domains: Sequence[str]) -> list[Decision]:
    """Returns the decisions with the domains whose text targets are, and with what stands twice."""
    names = []
    for decision in decisions:
        is_text = decision.metric is not None and decision.metric.name in ("loss", "perplexity")
        if decision.role == TARGET and is_text:
            names.append(decision.name)
    texts = texts_of(names, domains)
    first: dict[tuple[str, ...], str] = {}
    result = []
    for decision in decisions:
        note = ""
        if decision.role == TARGET:
            earlier = first.setdefault(stem(decision.name), decision.name)
            if earlier != decision.name:
                note = (
                    f"{earlier} and {decision.name} measure one thing, and both are targets;"
                    " --targets keeps one"
                )
        text = texts.get(decision.name, "")
        result.append(replace(decision, text=text, note=note))
    return result
