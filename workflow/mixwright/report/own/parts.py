"""The sections of a page of own tables, each as HTML; empty where there is nothing to say."""

import re
from collections.abc import Collection, Sequence
from html import escape

from mixwright.errors import counted, quantity
from mixwright.report.answer import command
from mixwright.report.exported import exports_section
from mixwright.report.frame import bullets, note, table, text
from mixwright.report.own.answering import MEAN, NATURAL, rank_words
from mixwright.report.own.cells import (
    UNKNOWN,
    decimals_of,
    largest,
    number,
    percent,
    side,
    size,
    worded,
)
from mixwright.report.own.gathering import OwnResult
from mixwright.report.own.option_words import folded
from mixwright.report.own.target_rows import TargetRow
from mixwright.report.predictions import ranged
from mixwright.report.proposed import listed
from mixwright.trust.reach import TRACE

# Where the lines of a page write the mixture, if nobody said.
MIXTURE = "mixture.json"
# A bound of a mixture's file.
BOUND = re.compile(r"(.+?)(<=|>=)([0-9.e-]+)")
# Differences under this are none that anybody could measure; certificates say no less.
SMALL = 1e-4


def data(result: OwnResult) -> str:
    """A row a domain: what runs took of it, what is proposed, and passes where they are known."""
    spans = _spans(result)
    natural = dict(zip(result.goal.names, result.goal.natural.tolist(), strict=True))
    weights = result.proposal.mixture.as_dict()
    available = result.options.available
    epochs = result.record.get("epochs", {})
    heads = ["domain", "proposed"]
    if available:
        heads += ["natural", "tokens there are"]
    if epochs:
        heads.append("passes")
    covered = result.record.get("run_epochs", {})
    if covered:
        heads.append("most passes of a run")
    heads += ["least of a run", "mean of the runs", "most of a run", "runs with it"]
    rows = []
    for name in sorted(weights, key=lambda name: (-weights[name], name)):
        cells = [escape(name), percent(weights[name])]
        if available:
            cells += [percent(natural[name]), quantity(available[name])]
        if epochs:
            cells.append(_passes(epochs[name]))
        if covered:
            cells.append(_passes(covered[name]))
        rows.append([*cells, *spans[name]])
    caption = "What is proposed of each domain, and what your runs took of it; in percent"
    words = f"{counted(result.source.runs, 'run')}, {counted(len(weights), 'domain')}."
    if epochs:
        words += f" Passes are those of {quantity(result.goal.tokens)} training tokens."
    if not available:
        words += (
            " How many tokens each domain has is unknown: --available tells it, and with --tokens"
            " the page then shows passes over each domain."
        )
    elif not epochs:
        words += " With --tokens the page shows passes over each domain."
    return table(heads, rows, caption) + note(worded(words))


def targets(result: OwnResult, rows: Sequence[TargetRow]) -> str:
    """A row a target: predicted of the proposal and of natural, measured of the best run."""
    reference = NATURAL if result.natural_known else MEAN
    units = {_unit(row) for row in rows}
    # what matters most stands where a phone shows it
    heads = ["target", "difference", "predicted of the proposal", f"predicted of {reference}"]
    if result.best is not None:
        heads.append("measured of the best run")
    if len(units) > 1:
        heads.append("unit")
    heads += ["weight in the goal", "held-out rank correlation"]
    lines = []
    for row in rows:
        cells = [escape(row.name), _difference(row), _predicted(row)]
        cells.append(number(row.natural, row.metric))
        if result.best is not None:
            cells.append(number(row.best, row.metric))
        if len(units) > 1:
            cells.append(escape(_unit(row)))
        cells.append(f"{percent(row.weight)} %" if row.weight else "not in it")
        cells.append(UNKNOWN if row.rank is None else text(rank_words(row.rank)))
        lines.append(cells)
    caption = "What is predicted of the proposal, target by target"
    content = table(heads, lines, caption)
    return content + note(worded(" ".join(_reading(result, reference, units))))


def _reading(result: OwnResult, reference: str, units: Collection[str]) -> list[str]:
    """How to read the table of targets, a sentence each."""
    where = "Each target is in its own unit"
    if len(units) == 1:
        where = f"All numbers are {next(iter(units))}"
    words = [
        f"{where}; brackets hold 95% intervals.",
        f"The difference is how much better or worse the proposal is predicted than {reference}.",
        "The rank correlation is that of predicted and measured, over runs held out of the fit.",
    ]
    if result.best is not None:
        words.append(
            f"The best run is {result.best.run}: it came out best on the goal, luck included."
        )
    return words


def limits(result: OwnResult) -> str:
    """The bounds that the mixture touches, what they cost, and what else limits it."""
    items = []
    metric = result.readout.metric
    for price in result.prices:
        change = "costs nothing: without it the best mixture is predicted no better"
        if price.gain >= SMALL:
            gain = size(price.gain, metric)
            change = f"costs {gain}; without it the best mixture is {largest(price.weights)}"
        items.append(f"{text(price.words)} <small>{text(price.option)}</small>: {text(change)}.")
    if _active(result):
        words = f"The proposal touches {listed([_bound(words) for words in _active(result)])}."
        items.insert(0, text(words))
    elif result.prices:
        items.append("The proposal touches none of the bounds.")
    else:
        items.append("No bound limits the mixture: none was set.")
    if result.proposal.gap is not None:
        most = max(result.proposal.gap, SMALL)
        words = f"no other mixture inside the bounds is predicted more than {most:.1g}"
        words = f"{words} {result.proposal.gap_unit}".rstrip()
        items.append(text(f"Certified: {words} better than the proposal."))
    words = (
        "What would change it: other bounds (--cap, --floor, --fix, --group), other targets"
        " (--target), limits on single targets (--never-worse), or runs where these have none."
    )
    return bullets(items) + note(worded(words))


def export(file: str, propose: str) -> str:
    """The lines that write the mixture for a trainer.

    Args:
        file: of the mixture; empty: none was written.
        propose: the line that proposes it again.
    """
    content = ""
    if not file:
        words = "First write the mixture to a file; --mixture writes it with this page."
        content = note(worded(words)) + command([folded(f"{propose} --to {MIXTURE}")], "propose")
    return content + exports_section((), file or MIXTURE)


def _spans(result: OwnResult) -> dict[str, list[str]]:
    """Domain -> least, mean and most of the runs, and how many took more than a trace."""
    spans = {}
    if result.runs is not None:
        runs = result.runs.of_role("swarm")
        weights = runs.weights if runs.runs else result.runs.weights
        for name, column in zip(result.source.domains, weights.T, strict=True):
            ends = [percent(float(value)) for value in (column.min(), column.mean(), column.max())]
            spans[name] = [*ends, str(int((column > TRACE).sum()))]
        return spans
    assert result.surface is not None
    reach = result.surface.reach
    for place, name in enumerate(result.source.domains):
        mean = percent(float(reach.centre[place]))
        most = percent(float(reach.most[place]))
        spans[name] = [UNKNOWN, mean, most, str(int(reach.took[place]))]
    return spans


def _active(result: OwnResult) -> list[str]:
    return list(result.record["active_bounds"])


def _bound(words: str) -> str:
    """A bound such as `web<=0.3` in words; a group's stands as it is."""
    match = BOUND.fullmatch(words)
    if match is None:
        return words
    side_of = {"<=": "at most", ">=": "at least"}[match[2]]
    return f"{match[1]} {side_of} {100 * float(match[3]):.3g} %"


def _unit(row: TargetRow) -> str:
    return row.metric.unit or row.metric.title


def _predicted(row: TargetRow) -> str:
    if row.predicted is None:
        return UNKNOWN
    if row.low is None or row.high is None:
        return number(row.predicted, row.metric)
    interval = {"value": row.predicted, "low": row.low, "high": row.high}
    return ranged(interval, decimals_of(row.metric))


def _difference(row: TargetRow) -> str:
    """By how much a target is predicted better or worse than at natural."""
    return UNKNOWN if row.gain is None else side(row.gain, row.metric)


def _passes(passes: float | None) -> str:
    """Passes over a domain in three digits."""
    if passes is None:
        return UNKNOWN
    return "&lt;0.001" if 0 < passes < 0.001 else f"{passes:.3g}"
