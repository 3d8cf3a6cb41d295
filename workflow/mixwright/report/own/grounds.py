"""Sections of a page of own tables that say why: trade-offs, evidence and mechanism, as HTML."""

from collections.abc import Sequence
from html import escape

import numpy as np

from mixwright.errors import counted
from mixwright.learners import LOSS, Metric
from mixwright.mixers.laws.mixer import TEACHES
from mixwright.mixture import Array
from mixwright.report.frame import bullets, note, part, table, text
from mixwright.report.own.answering import rank_of, rank_words, reference_of
from mixwright.report.own.cells import largest, number, side, size, worded
from mixwright.report.own.gathering import OwnResult
from mixwright.report.own.trade_offs import TradeOffs
from mixwright.report.predictions import ranged
from mixwright.report.proposed import listed
from mixwright.trust.surface.surface import Surface

# Share of the largest effect in a row under which an effect has no colour.
FAINT = 0.1
# Rank correlations from which held-out runs are ordered closely, and mostly.
CLOSELY, MOSTLY = 0.9, 0.6
# Shares of a mixture that a line of a table names.
SHARES = 2
# How much more of a domain an effect is of.
STEP = 0.01


def trade_offs(result: OwnResult) -> str:
    """What the best mixture for each target alone would give it, and cost the goal."""
    costs = result.trade_offs
    if costs is None:
        return ""
    metric = result.readout.metric
    lines = []
    for row, name in enumerate(costs.targets):
        of_target = result.source.metrics.get(name, LOSS)
        gain = costs.proposed[row] - costs.measured[row, row]
        if of_target.higher:
            gain = -gain
        cells = [escape(name), side(float(gain), of_target)]
        cells += [side(-float(costs.goal_cost[row]), metric)]
        cells.append(escape(largest(costs.mixtures[name], SHARES)))
        lines.append(cells)
    heads = ["best mixture for", "that target", "the goal", "its largest shares"]
    caption = "The best mixture for each target alone, against the proposal"
    words = (
        "Predicted, inside the bounds: how much better each target would be than at the proposal"
        " if the mixture served it alone, and what that would cost the goal."
    )
    left = len(result.source.targets) - len(costs.targets)
    if left > 0:
        words += f" {counted(left, 'more target')}: not shown."
    content = table(heads, lines, caption) + note(worded(words + _stand_in(result)))
    between = "mixwright pareto lists the mixtures between any two targets, or groups of them."
    metrics = [result.source.metrics.get(name, LOSS) for name in costs.targets]
    return content + _each_on_each(costs, metrics) + note(between)


def _each_on_each(costs: TradeOffs, metrics: Sequence[Metric]) -> str:
    """What each of these mixtures reaches on each target, behind a line that opens it."""
    lines = []
    for name, row in zip(costs.targets, costs.measured, strict=True):
        lines.append([escape(name), *map(number, row.tolist(), metrics)])
    lines.append(["the proposal", *map(number, costs.proposed.tolist(), metrics)])
    heads = ["best mixture for", *map(escape, costs.targets)]
    caption = "What each of these mixtures is predicted to reach on each target, in its own unit"
    title = "Every mixture on every target"
    return f"<details><summary>{title}</summary>{table(heads, lines, caption)}</details>"


def mechanism_lead(result: OwnResult) -> str:
    """Which domains help and harm the goal the most, in a sentence; empty: none, or unknown."""
    surface = result.surface
    if surface is None:
        return ""
    minimised = _one_more(result, surface)
    columns = [surface.targets.index(target) for target in result.goal.targets]
    objective = result.readout.objective(minimised[:, columns])
    metric = result.readout.metric
    gains = objective[1:] - objective[0]
    if not metric.higher:
        gains = -gains
    best, worst = int(gains.argmax()), int(gains.argmin())
    names = result.source.domains
    if not gains[worst] < 0 < gains[best]:
        return ""
    return (
        f"From {reference_of(result)}, 1 % more {names[best]} helps the goal most"
        f" ({size(float(gains[best]), metric)} better), and 1 % more {names[worst]} harms it"
        f" most ({size(float(gains[worst]), metric)} worse); all others give way in proportion."
    )


def mechanism(result: OwnResult, as_table: bool = True) -> str:
    """What one percent more of a domain does to the goal, and to each target.

    Args:
        as_table: whether each target is shown in a table; a figure may show it.
    """
    surface = result.surface
    if surface is None:
        return ""
    minimised = _one_more(result, surface)
    content = _teaches(result)
    if not as_table:
        return content
    values = result.source.measured(minimised)
    changes = values[1:] - values[0]
    heads = ["target", *map(escape, result.source.domains)]
    lines = []
    for column, name in enumerate(surface.targets):
        metric = result.source.metrics.get(name, LOSS)
        sign = 1 if metric.higher else -1
        gains = sign * changes[:, column]
        cells = [escape(name)]
        for gain in gains.tolist():
            cells.append(_coloured(gain, float(np.abs(gains).max())))
        lines.append(cells)
    caption = f"What 1 % more of a domain does to each target, from {reference_of(result)}"
    words = (
        "The domain gets 1 % of the training more, all others less in proportion. In thousandths"
        " of the target's unit."
    )
    return content + table(heads, lines, caption) + note(worded(words + _stand_in(result)))


def _one_more(result: OwnResult, surface: Surface) -> Array:
    """(1 + domains, targets) what is minimised at natural, and with 1 % more of each domain."""
    natural = result.goal.natural
    corners = np.eye(len(natural))
    mixtures = np.vstack([natural, (1 - STEP) * natural + STEP * corners])
    amounts = surface.mixer.amounts_at(result.goal, mixtures, result.source.most_tokens)
    return np.asarray(surface.mixer.predict(amounts))


def _teaches(result: OwnResult) -> str:
    """Which domains teach the goal most, as the law says; empty where it does not."""
    for words in result.proposal.notes:
        beginning, _, names = words.partition(": ")
        if beginning == TEACHES:
            return note(
                text(
                    "By the law, a share of the training teaches the goal most if it goes to"
                    f" {listed(names.split(', '))}, in this order."
                )
            )
    return ""


def evidence_lead(result: OwnResult) -> str:
    """What the rank correlation on held-out runs means for the choice; empty: it is unknown."""
    rank = rank_of(result)
    if rank is None:
        return ""
    words = "better than chance, and no more: take the mixture as a hint"
    if rank.low <= 0:
        words = "not clearly better than chance: do not choose by it"
    elif rank.low >= CLOSELY:
        words = "nearly as they were measured: it can be trusted to choose between mixtures"
    elif rank.low >= MOSTLY:
        words = "mostly as they were measured: large differences can be trusted, small ones not"
    return f"The fit orders held-out runs {words} (rank correlation {rank_words(rank)})."


def evidence(result: OwnResult, curve: bool = True) -> str:
    """How well held-out runs are predicted, the noise of a run, and what more runs would add.

    Args:
        curve: whether the learning curve is shown as a table; a figure may show it.
    """
    items = []
    facts = result.proposal.intervals.get("evidence")
    if facts:
        share = max(0.0, facts["explained"])
        items.append(
            f"The predictions explain {100 * share:.0f} % of the differences between held-out runs"
            f" ({counted(facts['mixtures'], 'mixture')})."
        )
        items.append(text(_distance(facts["distance"])))
    if "noise" in result.proposal.intervals:
        items.append(_noise(result))
    items += [text(words) for key, words in result.lacking.items() if key != "surface"]
    content = bullets(dict.fromkeys(items)) if items else ""
    return content + _curve(result) if curve else content


def _distance(distance: float) -> str:
    """How far out the proposal lies, in words."""
    if distance <= 1:
        return "The proposal lies inside the runs: no farther from their centre than the outermost."
    return (
        f"The proposal lies outside the runs, {distance:.1f} times as far from their centre as the"
        " outermost: there the predictions rest on the form of the law."
    )


def _curve(result: OwnResult) -> str:
    """Rank correlation by the number of runs, and whether to train more."""
    if result.curve is None:
        return ""
    record = result.curve.as_json()
    lines = []
    for point in record["points"]:
        interval = {"value": point["spearman"], "low": point["low"], "high": point["high"]}
        lines.append([str(point["runs"]), ranged(interval, 3), f"{point['regret']:.3g}"])
    unit = f", {record['regret_unit']}" if record["regret_unit"] else ""
    heads = ["runs", "rank correlation", f"regret{escape(unit)}"]
    caption = f"Learning curve of {escape(result.source.mixer)}, on held-out runs"
    words = (
        "Regret is how much worse the run is that the fit picks among the"
        " held-out runs than their best; the mean over the goal's targets."
    )
    return part("What more runs would add", table(heads, lines, caption) + note(worded(words)))


def _noise(result: OwnResult) -> str:
    """How far two runs of one mixture differ."""
    noise = result.proposal.intervals["noise"]
    if noise is None:
        return (
            "No mixture was trained twice, so the noise of a run is unknown and counts as error of"
            " the mixer."
        )
    unit = f" {result.readout.metric.unit}".rstrip()
    return text(
        f"The noise of one run is {noise['value']:.3f}{unit} [{noise['low']:.3f},"
        f" {noise['high']:.3f}], over {noise['runs']} repeats."
    )


def _stand_in(result: OwnResult) -> str:
    """A sentence where another law stands for the mixer."""
    surface = result.surface
    if surface is None or not surface.stands_for:
        return ""
    return (
        f" {result.source.mixer} has no formula: this is the {surface.law} law, fitted to the same"
        " runs."
    )


def _coloured(gain: float, largest: float) -> str:
    """A gain in thousandths, in colour where it is no small one."""
    kind = "better" if gain > 0 else "worse"
    words = f"{abs(1000 * gain):.2f} {kind}"
    if abs(gain) < FAINT * largest:
        return words
    return f'<span class="{kind}">{words}</span>'
