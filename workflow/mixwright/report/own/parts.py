"""The sections of a page of own tables, each as HTML; empty where there is nothing to say."""

import re
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from mixwright.learners import LOSS
from mixwright.report.answer import command
from mixwright.report.exported import exports_section
from mixwright.report.frame import bullets, note, part, quantity, table, text
from mixwright.report.own.answering import NATURAL, about, rank_words, reference_of
from mixwright.report.own.gathering import OwnResult
from mixwright.report.own.option_words import folded
from mixwright.report.own.target_rows import TargetRow
from mixwright.report.predictions import ranged
from mixwright.trust.power import runs_to_tell
from mixwright.trust.reach import TRACE

# Weights of a mixture that a cell names.
NAMED = 4
# Share of the largest effect in a row under which an effect has no colour.
FAINT = 0.1
# The least weight that words name.
SHOWN = 0.005
# How much more of a domain an effect is of.
STEP = 0.01
UNKNOWN = "–"
# Where the lines of a page write the mixture, if nobody said.
MIXTURE = "mixture.json"
OPTION = re.compile(r"(--[a-z-]+)")


def data(result: OwnResult) -> str:
    """A row a domain: what runs took of it, what is proposed, and passes where they are known."""
    spans = _spans(result)
    natural = dict(zip(result.goal.names, result.goal.natural.tolist(), strict=True))
    weights = result.proposal.mixture.as_dict()
    available = result.options.available
    epochs = result.record.get("epochs", {})
    heads = ["domain", "least", "mean", "most", "runs with it", "proposed"]
    if available:
        heads += ["tokens there are", "natural"]
    if epochs:
        heads.append("passes")
    rows = []
    for name in sorted(weights, key=lambda name: (-weights[name], name)):
        span = spans[name]
        cells = [escape(name), *span, _percent(weights[name])]
        if available:
            cells += [quantity(available[name]), _percent(natural[name])]
        if epochs:
            passes = epochs[name]
            cells.append(UNKNOWN if passes is None else f"{passes:.3g}")
        rows.append(cells)
    caption = "What your runs took of each domain, and what is proposed; weights in percent"
    words = f"{result.source.runs} runs over {len(result.source.domains)} domains."
    if not available:
        words += (
            " Nothing is known of how many tokens each domain has: --available tells it, and"
            " with --tokens the page then shows passes over each domain."
        )
    elif not epochs:
        words += " With --tokens the page shows passes over each domain."
    return table(heads, rows, caption) + note(_worded(words))


def targets(result: OwnResult, rows: Sequence[TargetRow]) -> str:
    """A row a target: predicted of the proposal and of natural, measured of the best run."""
    reference = NATURAL if result.natural_known else "mean of your runs"
    heads = ["target", "counts", "unit", "predicted", reference, "difference"]
    if result.best is not None:
        heads.append("best run")
    heads.append("held-out ρ")
    lines = []
    for row in rows:
        cells = [escape(row.name), _percent(row.weight, 0), escape(_unit(row))]
        cells += [_predicted(row), _number(row.natural), _difference(row)]
        if result.best is not None:
            cells.append(_number(row.best))
        cells.append(UNKNOWN if row.rank is None else text(rank_words(row.rank)))
        lines.append(cells)
    caption = "What is predicted of the proposal, target by target"
    words = [
        "Each target is in its own unit; brackets hold 95% intervals. The difference is what the"
        f" proposal is predicted better (+) or worse (−) than {reference_of(result)}.",
        "Held-out ρ is the rank correlation of predicted and measured on runs that the mixer was"
        " not fitted to.",
    ]
    if result.best is not None:
        words.append(f"The best run is {result.best.run}: what it measured, its luck included.")
    return table(heads, lines, caption) + note(_worded(" ".join(words)))


def limits(result: OwnResult) -> str:
    """The bounds that the mixture touches, what they cost, and what else limits it."""
    items = []
    unit = f" {result.readout.metric.unit}".rstrip()
    touched = {bound.partition("<")[0].partition(">")[0] for bound in _active(result)}
    for price in result.prices:
        change = "costs nothing: without it the best mixture is predicted no better"
        if price.gain > 1e-6:
            change = f"costs {price.gain:.3g}{unit}: without it {_largest(price.weights)}"
        items.append(f"{text(price.words)} <small>{text(price.option)}: {text(change)}.</small>")
    if _active(result):
        words = f"The proposal touches {', '.join(_active(result))}."
        items.insert(0, text(words))
    if not items:
        items.append("No bound limits the mixture: none was set, or none is touched.")
    if not touched and result.prices:
        items.append("The proposal touches none of the bounds.")
    if result.proposal.gap is not None:
        gap = f"{result.proposal.gap:.1g} {result.proposal.gap_unit}".rstrip()
        items.append(
            f"Inside the bounds nothing is better by more than {text(gap)}, as the fit predicts it."
        )
    words = (
        "What would change it: other bounds (--cap, --floor, --fix, --group), other targets"
        " (--target), limits on single targets (--never-worse), or runs where these have none."
    )
    return bullets(items) + note(_worded(words))


def export(file: str, propose: str) -> str:
    """The lines that write the mixture for a trainer.

    Args:
        file: of the mixture; empty: none was written.
        propose: the line that proposes it again.
    """
    content = ""
    if not file:
        words = "First write the mixture to a file; --mixture writes it with this page."
        content = note(_worded(words)) + command([folded(f"{propose} --to {MIXTURE}")], "propose")
    return content + exports_section((), file or MIXTURE)


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
    content = table(heads, lines, caption) + note(_worded(words + _stand_in(result)))
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
    return table(heads, lines, caption) + note(_worded(words + _stand_in(result)))


def evidence(result: OwnResult) -> str:
    """How well held-out runs are predicted, the noise of a run, and what more runs would add."""
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
    return content + _curve(result)


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
    return part("What more runs would add", table(heads, lines, caption) + note(_worded(words)))


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


def _spans(result: OwnResult) -> dict[str, list[str]]:
    """Domain -> least, mean and most of the runs, and how many took more than a trace."""
    spans = {}
    if result.runs is not None:
        runs = result.runs.of_role("swarm")
        weights = runs.weights if runs.runs else result.runs.weights
        for name, column in zip(result.source.domains, weights.T, strict=True):
            ends = [_percent(float(value)) for value in (column.min(), column.mean(), column.max())]
            spans[name] = [*ends, str(int((column > TRACE).sum()))]
        return spans
    assert result.surface is not None
    reach = result.surface.reach
    for place, name in enumerate(result.source.domains):
        mean = _percent(float(reach.centre[place]))
        most = _percent(float(reach.most[place]))
        spans[name] = [UNKNOWN, mean, most, str(int(reach.took[place]))]
    return spans


def _active(result: OwnResult) -> list[str]:
    return list(result.record["active_bounds"])


def _stand_in(result: OwnResult) -> str:
    """A sentence where another law stands for the mixer."""
    surface = result.surface
    if surface is None or not surface.stands_for:
        return ""
    return (
        f" {result.source.mixer} has no formula: this is the {surface.law} law, fitted to the same"
        " runs."
    )


def _worded(sentences: str) -> str:
    """Sentences as HTML, with options in the letters of a terminal, and in one piece."""
    return OPTION.sub(r'<code style="white-space:nowrap">\1</code>', text(sentences))


def _largest(weights: Mapping[str, float]) -> str:
    """The largest weights in words: `web 62 %, code 21 %`."""
    order = sorted(weights, key=lambda name: (-weights[name], name))
    parts = []
    for name in order[:NAMED]:
        if weights[name] >= SHOWN:
            parts.append(f"{name} {100 * weights[name]:.0f} %")
    return ", ".join(parts)


def _unit(row: TargetRow) -> str:
    return row.metric.unit or row.metric.title


def _predicted(row: TargetRow) -> str:
    if row.predicted is None:
        return UNKNOWN
    if row.low is None or row.high is None:
        return _number(row.predicted)
    return ranged({"value": row.predicted, "low": row.low, "high": row.high}, 3)


def _difference(row: TargetRow) -> str:
    """By how much a target is predicted better or worse than at natural."""
    if row.gain is None:
        return UNKNOWN
    return _signed(row.gain, f"{row.gain:+.3f}")


def _coloured(gain: float, largest: float) -> str:
    """A change in thousandths, in colour where it is no small one."""
    words = f"{1000 * gain:+.2f}"
    if abs(gain) < FAINT * largest:
        return words.replace("-", "−")
    return _signed(gain, words)


def _cost(measured: float, share: float) -> str:
    """What a target reaches by another's best mixture, with what of its range is lost."""
    return f"{measured:.3f} ({100 * max(share, 0.0):.0f} %)".replace("-", "−")


def _signed(value: float, words: str) -> str:
    kind = "better" if value >= 0 else "worse"
    return f'<span class="{kind}">{words.replace("-", "−")}</span>'


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}".replace("-", "−")


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}"


def next_steps(result: OwnResult, seeds: int | None) -> str:
    """What to do now: which runs would tell, whether more pay, and how to test the mixture.

    Args:
        seeds: of each mixture that would tell the gain from noise; None: unknown.
    """
    items = []
    evidence_of = result.proposal.intervals.get("evidence") or {}
    for reason in evidence_of.get("reasons", ()):
        words = about(reason, result)
        items.append(text(f"{words[:1].upper()}{words[1:]}."))
    needed = _runs_to_tell(result)
    if needed:
        items.append(text(needed))
    if result.curve is not None:
        items.append(text(f"More runs? {result.curve.answer()}."))
    if "noise" in result.proposal.intervals and not result.proposal.intervals["noise"]:
        items.append(
            "Train one mixture two or three times with other seeds, and add the runs: then the"
            " noise of a run is known, and intervals no longer count it as error of the mixer."
        )
    items.append(text(_test(result, seeds)))
    return bullets(items)


def _runs_to_tell(result: OwnResult) -> str:
    """How many runs would tell the gain from zero; empty where it is told, or there is none."""
    gain = result.proposal.intervals.get("gain")
    enough = (result.proposal.intervals.get("evidence") or {}).get("reasons") == []
    if not gain or not enough or gain["low"] > 0 or gain["value"] <= 0:
        return ""
    runs = result.source.runs
    needed = runs_to_tell(gain["value"], gain["low"], gain["high"], runs)
    if needed is None:
        return ""
    unit = f" {result.readout.metric.unit}".rstrip()
    return (
        f"If the gain is what is predicted, {gain['value']:.3f}{unit}, about {needed:,} runs would"
        f" tell it from zero ({runs:,} are there). This takes the interval to narrow with the root"
        " of the number of runs."
    )


def _test(result: OwnResult, seeds: int | None) -> str:
    """How to test the proposal."""
    reference = reference_of(result)
    words = f"To test the mixture, train the same model on it and on {reference}"
    if seeds is None:
        return f"{words}, with the same tokens and seeds, and compare the targets."
    return (
        f"{words}: {seeds} seeds of each would tell the predicted gain from the noise of a run,"
        " at the size of your runs."
    )
