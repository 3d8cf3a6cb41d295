"""Which columns of a table of losses are targets, and what their numbers are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixwright.errors import MixwrightError, as_typed, shortened
from mixwright.learners import Metric
from mixwright.measured.cells import Cells, Column
from mixwright.measured.decisions import LEFT_OUT, TARGET, ColumnOptions, Decision, Known
from mixwright.measured.domains import malformed
from mixwright.measured.headings import (
    is_bare_loss,
    is_held_out,
    is_identity,
    is_summary,
    named_headings,
    names_runs,
    no_target,
    paired,
    spread_of,
    stem,
    texts_of,
)
from mixwright.measured.kinds import by_content, by_option, check_same_kind
from mixwright.measured.metric_options import check_numbers
from mixwright.mixture import Array

# From so many runs, columns without spread are known as such.
SPREAD_RUNS = 3
# What a weight may differ by in another table: rounding.
ROUNDED = 0.006
# Titles of metrics that a text is scored by.
TEXT_LOSSES = ("loss", "bits/byte", "bits/character")
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

    A target is a column of numbers that nothing speaks against. What its numbers are is spoken by a
    person, by its heading, or by their range where that leaves no doubt.

    Raises:
        MixwrightError: a name is unknown, no target is left, or it is open what a column is.
    """
    columns = [column for column in cells.columns if column is not key]
    context = _by_heading(columns, context)
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
    of_role = zip(targets, decisions, strict=True)
    stay = [column for column, decision in of_role if decision.role == TARGET]
    _check_any(cells, columns, stay, reasons)
    for column in columns:
        why = reasons.get(column.position)
        if why is not None:
            left_out = Decision(cells.source, column.name, LEFT_OUT, why)
            decisions.append(left_out)
    related = _related(decisions, context.domains)
    return Targets(stay, related)


def _named(cells: Cells, columns: Sequence[Column], context: Context) -> list[str]:
    """Returns the headings that a person named as targets."""
    headings = [column.heading for column in columns]
    return named_headings("--targets", context.options.targets, headings, cells.head)


def _why_not(column: Column, columns: Sequence[Column], context: Context) -> str:
    """Returns why a column is no target; empty where nothing speaks against it."""
    if not column.numbers and not column.words.any():
        return "there is no number in it"
    known = context.known
    if column.heading in known.metrics or column.heading in known.named:
        return ""
    is_run = names_runs(column.heading) and column.heading not in context.domains
    if is_run or (is_identity(column.heading) and column.may_be_ids):
        return "it names or counts the runs"
    by_heading = no_target(column.heading)
    if by_heading and column.heading not in context.domains:
        return by_heading
    is_text = column.words.any() and not column.is_numeric
    if is_text and not any(malformed(text) for text in column.texts):
        return "it holds words"
    if _is_constant(column):
        return f"{column.name} is the same in all runs and tells no mixtures apart"
    domain = _weight_of(column, context)
    if domain:
        return f"it is the weight of {domain}"
    is_bare = is_bare_loss(column.heading) and not is_held_out(column.heading)
    if is_bare and any(is_held_out(other.heading) for other in columns):
        return "probably of the training text: other headings say that they are held out"
    of = spread_of(column.heading, [other.heading for other in columns])
    if of:
        return f"a bound or a count of {of} by its heading"
    if _is_mean(column, columns):
        return "it is the mean of the others"
    if _is_repeated(column, columns):
        return "it is another column once more, and pandas named it"
    return ""


def _by_heading(columns: Sequence[Column], context: Context) -> Context:
    """Returns the context with what is known of targets under the headings of these columns."""
    metrics = context.known.metrics
    headings = [column.heading for column in columns]
    by_heading = {}
    for heading, name in paired(headings, list(metrics)).items():
        if heading != name and not context.known.named:
            check_same_kind(heading, name, metrics[name])
        by_heading[heading] = metrics[name]
    named = paired(headings, context.known.named)
    known = replace(context.known, metrics=by_heading, named=tuple(named))
    return replace(context, known=known)


def _known_metric(column: Column, context: Context) -> Metric | None:
    """Returns what is known of a column from a fit or a study."""
    return context.known.metrics.get(column.heading)


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


def _is_mean(column: Column, columns: Sequence[Column]) -> bool:
    """Whether a column whose heading says so is the mean of the other targets."""
    if not is_summary(column.heading):
        return False
    others = [other.values for other in columns if _is_summed(other)]
    if len(others) < 2:
        return False
    mean = np.mean(others, axis=0)
    difference = np.abs(mean - column.values)
    if not np.isfinite(difference).any():
        return False
    return bool(np.nanmax(difference) < ROUNDED)


def _is_summed(column: Column) -> bool:
    """Whether a column may be part of a mean."""
    if not column.is_numeric or column.words.any():
        return False
    heading = column.heading
    return not (is_summary(heading) or is_identity(heading) or no_target(heading))


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
    spoken = by_option(targets, context.options)
    decisions = []
    doubts: dict[str, list[str]] = {}
    for column in targets:
        known = _known_metric(column, context)
        metric, why = spoken.get(column.heading, (known, "as it was fitted"))
        doubt = ""
        if metric is None:
            metric, why, doubt = by_content(column, context.domains, context.weights)
        base = Decision(cells.source, column.name, TARGET, why, metric)
        is_wanted = is_named or column.heading in context.known.named
        if doubt and context.known.lenient and not is_wanted:
            base = replace(base, role=LEFT_OUT, why=doubt, metric=None)
        elif doubt:
            doubts.setdefault(doubt, []).append(column.name)
        else:
            check_numbers(metric, column.name, column.values, cells.line)
        decisions.append(base)
    for doubt, names in doubts.items():
        remedy = _remedy(names)
        if context.known.lenient:
            remedy = f"set measured.targets.{names[0]}.metric to accuracy, or its unit: nats/token"
        raise MixwrightError(f"{cells.head}: {_doubtful(doubt, names)}; {remedy}")
    return decisions


def _doubtful(doubt: str, names: Sequence[str]) -> str:
    """What a message says of columns in doubt."""
    listed = shortened(names, LISTED)
    noun = "has values" if len(names) == 1 else "have values"
    return f"{listed} {noun} {doubt}"


def _remedy(names: Sequence[str]) -> str:
    """Returns the options that settle what these columns are."""
    options = as_typed(*names[:LISTED])
    unit = as_typed("--unit", f"{names[0]}=nats/token")
    return (
        f"say what they are: --higher-better {options} where more is better,"
        f" {unit} (or perplexity, bits/byte) where less is, or name the"
        " targets: --targets A B"
    )


def _related(decisions: Sequence[Decision], domains: Sequence[str]) -> list[Decision]:
    """Returns the decisions with the domains whose text targets are, and with what stands twice."""
    names = [decision.name for decision in decisions if _is_of_text(decision)]
    texts = texts_of(names, domains)
    first: dict[tuple[str, ...], str] = {}
    result = []
    for decision in decisions:
        note = ""
        if decision.role == TARGET:
            earlier = first.setdefault(stem(decision.name), decision.name)
            note = _note(decision.name, earlier)
        text = texts.get(decision.name, "")
        result.append(replace(decision, text=text, note=note))
    return result


def _is_of_text(decision: Decision) -> bool:
    """Whether a target's numbers are losses on a text, in whichever unit."""
    metric = decision.metric
    if decision.role != TARGET or metric is None:
        return False
    return metric.name == "perplexity" or metric.title in TEXT_LOSSES


def _note(name: str, earlier: str) -> str:
    """Returns what to know of a target; `earlier` is the first one with the same words."""
    if earlier != name:
        return f"{earlier} and {name} measure one thing, and both are targets; --targets keeps one"
    if is_bare_loss(name) and not is_held_out(name):
        return f"{name}: of which text is not said; that of training differs between mixtures"
    return ""
