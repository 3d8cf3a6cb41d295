"""Sections of a page of own tables that say why: trade-offs, evidence and mechanism, as HTML."""

from html import escape

import numpy as np

from mixwright.learners import LOSS
from mixwright.report.frame import bullets, note, part, table, text
from mixwright.report.own.answering import reference_of
from mixwright.report.own.cells import signed, worded
from mixwright.report.own.gathering import OwnResult
from mixwright.report.predictions import ranged

# Share of the largest effect in a row under which an effect has no colour.
FAINT = 0.1
# How much more of a domain an effect is of.
STEP = 0.01


def trade_offs(result: OwnResult) -> str:
    """What the best mixture for one target costs the others, and fronts between two."""
    costs = result.trade_offs
    if costs is None:
        return ""
    heads = ["best for"]
    for name in costs.targets:
        heads.append(escape(name))
    lines = []
    for row, name in enumerate(costs.targets):
        cells = [escape(name)]
        for column in range(len(costs.targets)):
            cells.append(_cost(costs.measured[row, column], costs.cost[row, column]))
        lines.append(cells)
    caption = "Predicted of the best mixture for each target alone, inside the bounds"
    words = (
        "A row is the best mixture for one target, a column what it is predicted to reach on"
        " another, in that target's unit; in brackets the part of that target's range that is lost"
        " (0 % is its own best mixture, 100 % the worst of these)."
    )
    content = table(heads, lines, caption) + note(worded(words + _stand_in(result)))
    words = "mixwright pareto lists the mixtures between any two of them."
    return content + note(words)


def mechanism(result: OwnResult) -> str:
    """What one percent more of a domain does to each target."""
    surface = result.surface
    if surface is None:
        return ""
    natural = result.goal.natural
    corners = np.eye(len(natural))
    mixtures = np.vstack([natural, (1 - STEP) * natural + STEP * corners])
    amounts = surface.mixer.amounts_at(result.goal, mixtures, result.source.most_tokens)
    values = result.source.measured(surface.mixer.predict(amounts))
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
        " of the target's unit: + is better, − is worse."
    )
    return table(heads, lines, caption) + note(worded(words + _stand_in(result)))


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
            f"Predictions explain {share:.0%} of the differences between held-out runs of"
            f" {facts['mixtures']} mixtures."
        )
        items.append(
            f"The proposal lies {facts['distance']:.2f} times as far out as the outermost run."
        )
    if "noise" in result.proposal.intervals:
        items.append(_noise(result))
    items += [text(words) for key, words in result.lacking.items() if key != "surface"]
    content = bullets(dict.fromkeys(items)) if items else ""
    return content + _curve(result) if curve else content


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
        f"{record['answer']}. Regret is how much worse the run is that the fit picks among the"
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
    """A change in thousandths, in colour where it is no small one."""
    words = f"{1000 * gain:+.2f}"
    if abs(gain) < FAINT * largest:
        return words.replace("-", "−")
    return signed(gain, words)


def _cost(measured: float, share: float) -> str:
    """What a target reaches by another's best mixture, with what of its range is lost."""
    return f"{measured:.3f} ({100 * max(share, 0.0):.0f} %)".replace("-", "−")
