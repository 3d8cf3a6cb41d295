"""Lays a summary out as one HTML page that needs no other file."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from mixwright.learners import Learner
from mixwright.report.answer import caveat_box
from mixwright.report.answered import answers_section
from mixwright.report.by_task import tasks_section
from mixwright.report.caveats import Caveat
from mixwright.report.cells import cell_of, interval_of
from mixwright.report.drawings import Drawn, figure_boxes
from mixwright.report.exported import exports_section
from mixwright.report.figures.style import AXIS, VERDICTS
from mixwright.report.frame import (
    bullets,
    document,
    heading,
    in_percent,
    note,
    quantity,
    section,
    sources,
    table,
    text,
)
from mixwright.report.predictions import predicted_gains, predicted_losses, ranged, signed
from mixwright.report.sections import SECTIONS
from mixwright.report.summary import ArmSummary, Summary
from mixwright.report.your_data import data_section
from mixwright.trust.intervals import Difference

# A drawn interval, in pixels.
WIDTH, HEIGHT = 130, 18


def summary_page(summary: Summary, figures: Sequence[Drawn] = ()) -> str:
    """Returns the whole page.

    Args:
        summary: what it says.
        figures: what `mixwright.report.drawings.embedded` returns.
    """
    sentences = [_arm(arm) for arm in summary.arms]
    parts = [
        heading(summary.study, summary.headline, summary.detail),
        caveat_box(summary.caveats),
        section("The final models", _finals(summary)),
        _predicted(summary),
        backtest_section(summary.backtest),
        transfer_section(summary.transfer),
        _targets(summary),
        section("Tasks", tasks_section(summary.tasks, _mixers(summary))),
        answers_section(summary.answers, summary.proxies_answers, _mixers(summary)),
        section("Mixer by mixer", bullets(sentences)),
        section("Files for trainers", exports_section(summary.exports)),
        data_section(summary.data, summary.chosen),
        section("The evidence", _boxes(figures)),
        other_caveats(summary.caveats),
        sources(summary.provenance),
    ]
    return document(summary.study, "".join(parts))


def _boxes(figures: Sequence[Drawn]) -> str:
    return "".join(figure_boxes(figures, key) for key in SECTIONS)


def other_caveats(caveats: Sequence[Caveat]) -> str:
    """Returns all other caveats."""
    lines = [text(caveat.text) for caveat in caveats if not caveat.serious]
    if not lines:
        return ""
    return section("What to keep in mind", bullets(lines))


def _finals(summary: Summary) -> str:
    """The table of final models, the best first."""
    judged, second = summary.learner.judged, summary.learner.second
    heads = [
        "mixer",
        judged.title,
        second.title,
        "minus natural",
        "",
        "95% interval",
        "verdict",
        "held-out ρ",
        "proxy tokens" if summary.learner.sized else "proxy runs",
    ]
    reach = _reach(summary.arms)
    rows = []
    for arm in summary.arms:
        rows.append(_final(arm, (judged.name, second.name), reach))
    return table(heads, rows, "The final models") + note(text(_reading(summary)))


def _reading(summary: Summary) -> str:
    """How to read the table of final models."""
    judged, second = summary.learner.judged, summary.learner.second
    targets = in_percent(summary.targets)
    rank = (
        "Held-out ρ is the rank correlation of predicted and measured loss"
        " on proxies that the mixer was not fitted to."
    )
    if summary.learner.sized and not judged.higher:
        values = (
            f"Losses are in {judged.unit}, means over the targets ({targets}) and seeds;"
            " lower is better."
        )
        cost = "Proxy tokens are the training tokens of the runs that the mixer was fitted to."
        return f"{values} {summary.method} {rank} {cost}"
    direction = "Higher" if judged.higher else "Lower"
    values = (
        f"Values are means over the targets ({targets})."
        f" {direction} {judged.title} is better; lower {second.title} ({second.unit}) is better."
    )
    cost = ""
    if summary.learner.sized:
        cost = " Proxy tokens are the training tokens of the runs that the mixer was fitted to."
    return f"{values} {summary.method} {rank}{cost}"


def _mixers(summary: Summary) -> list[str]:
    return [arm.mixer for arm in summary.arms]


def _final(arm: ArmSummary, metrics: tuple[str, str], reach: tuple[float, float]) -> list[str]:
    """The cells of one mixer in the table of final models."""
    gap = arm.natural
    colour = VERDICTS[gap.verdict]
    difference, verdict = signed(gap.value), gap.verdict
    if gap.arm == gap.reference:
        difference, verdict = "–", "reference"
    drawing = ""
    if not gap.identical:
        drawing = _drawing(gap, colour, reach)
    rank = "–"
    if arm.rank_correlation is not None:
        rank = f"{arm.rank_correlation:.2f}".replace("-", "−")
    cost = "–"
    if arm.proxy_tokens:
        cost = quantity(arm.proxy_tokens)
    judged, second = metrics
    return [
        escape(arm.mixer),
        f"{arm.scores[judged]:.3f}",
        f"{arm.scores[second]:.3f}",
        difference,
        drawing,
        interval_of(gap) or "–",
        f'<span style="color:{colour}">{verdict}</span>',
        rank,
        cost,
    ]


def _predicted(summary: Summary) -> str:
    """What each mixer's refits predicted, beside what the finals gained."""
    measured = {arm.mixer: signed(arm.natural.value) for arm in summary.arms}
    intervals = {arm.mixer: arm.intervals for arm in summary.arms if "gain" in arm.intervals}
    losses: dict[str, dict[str, float]] = {}
    for target, row in summary.by_target.items():
        for mixer in measured:
            value = row[mixer].predicted
            if value is not None:
                losses.setdefault(mixer, {})[target] = value
    learner = summary.learner
    units: str | dict[str, str] = learner.loss.unit
    if learner.chosen:
        units = {target: learner.judges(target).unit for target in summary.by_target}
    content = predicted_gains(intervals, learner.loss, measured)
    content += predicted_losses(losses, intervals, units)
    if not content:
        return ""
    return section("What the proxies predicted", content)


def backtest_section(result: Mapping[str, Any]) -> str:
    """Returns what smaller scales predicted of the largest, and which extrapolation is trusted."""
    if not result:
        return ""
    predictions = {prediction["mixer"]: prediction for prediction in result["predictions"]}
    rows = []
    for choice in result["choices"]:
        name, second = choice["choice"], choice["autoscale_regret"]
        error, rank = "–", "–"
        if name in predictions:
            error = f"{predictions[name]['rmse']:.4f}"
            rank = ranged(predictions[name]["rank"], 2)
        by_autoscale = "–" if second is None else f"{second:.4f}"
        rows.append([escape(name), ranged(choice["regret"], 4), by_autoscale, error, rank])
    heads = [
        "choice without it",
        "regret",
        "regret by AutoScale's law",
        "error on its runs",
        "rank correlation",
    ]
    scales = ", ".join(quantity(total) for total in result["scales"])
    reading = [
        f"The scales are {scales} tokens; the {result['runs']} runs of the largest were left out.",
        "Regret and error are in nats/token.",
        "Regret is how much worse a mixture is than the best one at the largest scale,"
        " by the joint law fitted to all runs. Its 95% intervals come from refits of that law.",
    ]
    for sentence in result["notes"]:
        reading.append(f"{sentence[:1].upper()}{sentence[1:]}.")
    content = table(heads, rows, "The largest scale, left out") + note(text(" ".join(reading)))
    return section("The largest scale, left out", content, result["verdict"])


def transfer_section(result: Mapping[str, Any]) -> str:
    """Returns whether the ranking of a few mixtures at the proxies' size holds at a second one."""
    if not result:
        return ""
    rows = []
    for target, rank in result["ranks"].items():
        rows.append([escape(target), ranged(rank, 2)])
    content = table(["target", "rank correlation"], rows, "Another model size")
    return section("Another model size", content, result["verdict"])


def _targets(summary: Summary) -> str:
    """A row a target, a column a mixer: its value, and its interval against natural."""
    if not summary.by_target:
        return ""
    judged = summary.learner.judged
    heads = ["target", *(escape(arm.mixer) for arm in summary.arms)]
    lines = []
    for target, row in summary.by_target.items():
        cells = [escape(_with_number(target, summary.learner))]
        for arm in summary.arms:
            cells.append(cell_of(row[arm.mixer]))
        lines.append(cells)
    means, verdicts, same = ["mean"], ["better / level / worse"], ["proposed natural"]
    for arm in summary.arms:
        means.append(f"{arm.scores[judged.name]:.3f}")
        tally = arm.tally
        if tally is None:
            verdicts.append("")
            same.append("")
        else:
            verdicts.append(f"{tally.better} / {tally.level} / {tally.worse}")
            same.append(str(tally.same))
    rows = [means, verdicts]
    if any(arm.tally and arm.tally.same for arm in summary.arms):
        rows.append(same)
    lines += rows
    reading = (
        f"{judged.title.capitalize()}, and below it the 95% interval of the difference from"
        " natural. Each interval is for one comparison alone."
    )
    return section("Target by target", table(heads, lines, "Target by target") + note(reading))


def _with_number(target: str, learner: Learner) -> str:
    """A target, with what it is judged by where targets are judged by several numbers."""
    if not learner.chosen:
        return target
    return f"{target}, {learner.judges(target).title}"


def _arm(arm: ArmSummary) -> str:
    """One mixer in a sentence, with its notes below."""
    name, rest = arm.sentence.split(": ", 1)
    notes = ""
    for line in arm.notes:
        notes += f"<small>{text(line)}</small>"
    return f"<strong>{escape(name)}</strong>: {text(rest)}.{notes}"


def _reach(arms: Sequence[ArmSummary]) -> tuple[float, float]:
    """Left and right end of the drawn intervals, with zero inside."""
    ends = [0.0]
    for arm in arms:
        gap = arm.natural
        for end in (gap.value, gap.low, gap.high):
            if np.isfinite(end):
                ends.append(end)
    low, high = min(ends), max(ends)
    margin = 0.06 * (high - low) or 0.01
    return low - margin, high + margin


def _drawing(gap: Difference, colour: str, reach: tuple[float, float]) -> str:
    """A small drawing of the interval with a line at zero."""
    # An unknown end is drawn at the value.
    low, high = np.nan_to_num([gap.low, gap.high], nan=gap.value)
    left, right = reach

    def x(position: float) -> str:
        return f"{WIDTH * (position - left) / (right - left):.1f}"

    size = f'width="{WIDTH}" height="{HEIGHT}"'
    return (
        f'<svg {size} role="img" aria-label="{signed(gap.value)}">'
        f'<line x1="{x(0.0)}" x2="{x(0.0)}" y1="0" y2="{HEIGHT}" stroke="{AXIS}"/>'
        f'<line x1="{x(low)}" x2="{x(high)}" y1="9" y2="9" stroke="{colour}" stroke-width="2.5"'
        ' stroke-linecap="round"/>'
        f'<circle cx="{x(gap.value)}" cy="9" r="4" fill="{colour}"/></svg>'
    )
