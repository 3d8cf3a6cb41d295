"""The final models of a study: a table of all, target by target, and mixer by mixer."""

from collections.abc import Sequence
from html import escape

import numpy as np

from mixwright.errors import counted, quantity
from mixwright.learners import Learner
from mixwright.report.by_target import Tally
from mixwright.report.cells import cell_of, interval_of
from mixwright.report.frame import bullets, folded, in_percent, note, part, table, text
from mixwright.report.predictions import predicted_gains, predicted_losses, sign_words, signed
from mixwright.report.speed import sentence as speed_sentence
from mixwright.report.summary import ArmSummary, Summary
from mixwright.trust.intervals import REFERENCE, Difference

# A drawn interval, in pixels.
WIDTH, HEIGHT = 130, 18
COLOURS = {"better": "var(--blue)", "worse": "var(--orange)"}


def finals_table(summary: Summary) -> str:
    """Returns the table of final models, the best first, and a sentence a mixer."""
    judged, second = summary.learner.judged, summary.learner.second
    heads = [
        "mixer",
        "verdict",
        "minus natural",
        "95% interval",
        "",
        f"{judged.title}, measured",
        second.title,
        "held-out ρ",
        "proxy tokens" if summary.learner.sized else "proxy runs",
    ]
    reach = _reach(summary.arms)
    rows = []
    for arm in summary.arms:
        rows.append(_final(arm, (judged.name, second.name), reach))
    content = table(heads, rows, "The final models against those on the natural mixture")
    content += note(text(_reading(summary)))
    reached = speed_sentence(summary.speeds, judged)
    if reached:
        content += f"<p>{text(reached)}</p>"
    sentences = bullets(_arm(arm) for arm in summary.arms)
    return content + folded("Mixer by mixer, also against uniform", sentences) + _notes(summary)


def targets_table(summary: Summary) -> str:
    """Returns a row a target, a column a mixer: its value, and its interval against natural."""
    if not summary.by_target:
        return ""
    judged = summary.learner.judged
    arms = _in_view(summary)
    heads = ["target", *(escape(arm.mixer) for arm in arms)]
    lines = []
    for target, row in summary.by_target.items():
        cells = [escape(_with_number(target, summary.learner))]
        for arm in arms:
            cells.append(cell_of(row[arm.mixer]))
        lines.append(cells)
    means, verdicts, same = ["mean"], ["verdicts"], ["proposed natural"]
    for arm in arms:
        means.append(f"{arm.scores[judged.name]:.3f}")
        tally = arm.tally
        verdicts.append("" if tally is None or arm.mixer == REFERENCE else _verdicts(tally))
        same.append("" if tally is None else f"on {counted(tally.same, 'target')}")
    lines += [means, verdicts]
    if any(arm.tally and arm.tally.same for arm in arms):
        lines.append(same)
    reading = (
        f"{judged.title.capitalize()} of the final models, measured; below it the 95% interval of"
        f" the difference from natural. {sign_words(judged)} Each interval is for one comparison"
        " alone."
    )
    caption = "Each target, measured on the final models of every mixer"
    return table(heads, lines, caption) + note(reading)


def _in_view(summary: Summary) -> list[ArmSummary]:
    """The mixers, the chosen one, natural and uniform before the others."""
    first = [summary.chosen, REFERENCE, "uniform"]
    arms = sorted(summary.arms, key=lambda arm: arm.mixer not in first)
    return sorted(arms, key=lambda arm: first.index(arm.mixer) if arm.mixer in first else 3)


def _verdicts(tally: Tally) -> str:
    """`3 better`, or `2 better, 1 worse`."""
    words = []
    for count, verdict in (
        (tally.better, "better"),
        (tally.level, "level"),
        (tally.worse, "worse"),
    ):
        if count:
            words.append(f"{count} {verdict}")
    return ", ".join(words)


def predicted_part(summary: Summary) -> str:
    """Returns what mixers predicted of their proposals, beside what the finals came to."""
    intervals = {}
    measured = {}
    for arm in summary.arms:
        if "gain" in arm.intervals:
            intervals[arm.mixer] = arm.intervals
            gap = arm.foreseen
            measured[arm.mixer] = f"{signed(gap.value)} {interval_of(gap)}".strip()
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
    return part("What the proxies predicted", content)


def _reading(summary: Summary) -> str:
    """How to read the table of final models."""
    judged, second = summary.learner.judged, summary.learner.second
    targets = in_percent(summary.targets)
    rank = (
        "Held-out ρ is the rank correlation of predicted and measured loss"
        " on proxies that the mixer was not fitted to."
    )
    cost = ""
    if summary.learner.sized:
        cost = " Proxy tokens are the training tokens of the runs that the mixer was fitted to."
    if summary.learner.sized and not judged.higher:
        values = (
            f"Losses are in {judged.unit}, measured on final models, means over the targets"
            f" ({targets}) and seeds."
        )
    else:
        direction = "Higher" if judged.higher else "Lower"
        values = (
            f"Values are means over the targets ({targets})."
            f" {direction} {judged.title} is better; lower {second.title} ({second.unit}) is"
            " better."
        )
    return f"{values} {sign_words(judged)} {summary.method} {rank}{cost}"


def _final(arm: ArmSummary, metrics: tuple[str, str], reach: tuple[float, float]) -> list[str]:
    """The cells of one mixer in the table of final models."""
    gap = arm.natural
    difference, verdict = signed(gap.value), gap.verdict
    if gap.arm == gap.reference:
        difference, verdict = "–", "compared with"
    drawing = "" if gap.identical else _drawing(gap, reach)
    rank = "–"
    if arm.rank_correlation is not None:
        rank = f"{arm.rank_correlation:.2f}".replace("-", "−")
    cost = "–"
    if arm.proxy_tokens:
        cost = quantity(arm.proxy_tokens)
    judged, second = metrics
    return [
        escape(arm.mixer),
        f'<strong class="{verdict}">{verdict}</strong>' if verdict in COLOURS else verdict,
        difference,
        interval_of(gap) or "–",
        drawing,
        f"{arm.scores[judged]:.3f}",
        f"{arm.scores[second]:.3f}",
        rank,
        cost,
    ]


def _with_number(target: str, learner: Learner) -> str:
    """A target, with what it is judged by where targets are judged by several numbers."""
    if not learner.chosen:
        return target
    return f"{target}, {learner.judges(target).title}"


def _arm(arm: ArmSummary) -> str:
    """One mixer in a sentence."""
    name, rest = arm.sentence.split(": ", 1)
    return f"<strong>{escape(name)}</strong>: {text(rest)}."


def _notes(summary: Summary) -> str:
    """What the methods noted of their fits and mixtures, for those who know them."""
    items = []
    for arm in summary.arms:
        lines = "".join(f"<small>{text(line)}</small>" for line in arm.notes)
        if lines:
            items.append(f"{escape(arm.mixer)}{lines}")
    return folded("Notes of the methods", bullets(items) if items else "")


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


def _drawing(gap: Difference, reach: tuple[float, float]) -> str:
    """A small drawing of the interval with a line at zero."""
    # An unknown end is drawn at the value.
    low, high = np.nan_to_num([gap.low, gap.high], nan=gap.value)
    left, right = reach
    colour = COLOURS.get(gap.verdict, "var(--soft)")

    def x(position: float) -> str:
        return f"{WIDTH * (position - left) / (right - left):.1f}"

    size = f'width="{WIDTH}" height="{HEIGHT}"'
    words = f"{signed(gap.value)} {interval_of(gap)}, {gap.verdict}"
    line = f'y1="9" y2="9" style="stroke:{colour}" stroke-width="2.5" stroke-linecap="round"'
    return (
        f'<svg {size} role="img" aria-label="{escape(words)}">'
        f'<line x1="{x(0.0)}" x2="{x(0.0)}" y1="0" y2="{HEIGHT}" style="stroke:var(--axis)"/>'
        f'<line x1="{x(low)}" x2="{x(high)}" {line}/>'
        f'<circle cx="{x(gap.value)}" cy="9" r="4" style="fill:{colour}"/></svg>'
    )
