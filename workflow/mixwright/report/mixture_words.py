"""A mixture in words: its largest shares, what it is worth, and its shares as lines to copy."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import counted
from mixwright.learners import PERCENT, Metric
from mixwright.report.proposed import listed
from mixwright.trust.intervals import REFERENCE, of_worst

# Domains that the first sentence names, and their letters, at most; the block below it has all.
NAMED, LETTERS = 4, 64
# Decimals of the shares of the block.
DECIMALS = 5
# Names that YAML takes for nothing but names.
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


def recipe(weights: Mapping[str, float]) -> str:
    """Returns the largest shares in words: `36 % pycode, 27 % prose and 37 % in 5 others together`.

    The shares sum to 100. Empty where there are no weights.
    """
    largest = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    largest = [(name, weight) for name, weight in largest if weight > 0]
    count = len(largest) if len(largest) <= NAMED + 1 else NAMED
    while count > 1 and sum(len(name) for name, _ in largest[:count]) > LETTERS:
        count -= 1
    names, others = largest[:count], largest[count:]
    shares = [weight for _, weight in names]
    whats = [name for name, _ in names]
    if others:
        shares.append(sum(weight for _, weight in others))
        together = " together" if len(others) > 1 else ""
        whats.append(f"in {counted(len(others), 'other')}{together}")
    parts = []
    for share, what in zip(_percents(shares), whats, strict=True):
        parts.append(f"{share} {what}")
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def worth(
    gain: float,
    metric: Metric,
    natural: float | None = None,
    reference: str = REFERENCE,
    goal: str = "",
) -> str:
    """Returns what a mixture is worth in words: `0.24 nats/token better than natural, ...`.

    Nats/token are told as perplexity, too, bits/byte and other losses as a share of natural's.

    Args:
        gain: by how much the number is better than natural's, in the metric's unit; negative where
            it is worse.
        metric: what the number is.
        natural: natural's number, where it is known.
        reference: what it is better than.
        goal: on what, as `on_goal` returns it.
    """
    side = "better" if gain >= 0 else "worse"
    if goal and reference != REFERENCE:
        # "the mean of your runs on a" is read as the mean of some runs
        goal = f",{goal}"
    words = f"{amount(gain, metric)} {metric.unit or metric.title} {side} than {reference}{goal}"
    if metric.unit == "nats/token" and metric.name != "perplexity":
        change = 1 - math.exp(-gain)
        if abs(change) < 0.0005:
            return words
        direction = "lower" if gain > 0 else "higher"
        return f"{words}, about {_share(abs(change))} {direction} perplexity"
    if metric.higher or not natural or natural <= 0:
        return words
    of = {"bits/byte": "fewer bits for each byte"}.get(metric.unit, f"less {metric.title}")
    if gain < 0:
        of = of.replace("fewer", "more").replace("less", "more")
    return f"{words}, about {_share(abs(gain) / natural)} {of}"


def on_goal(targets: Sequence[str]) -> str:
    """Returns the targets that a goal weighs, as the end of a sentence: ` on a, b and c`.

    Empty without targets. Many, or long names, are counted.
    """
    if not targets:
        return ""
    names = listed(sorted(targets))
    if len(targets) > NAMED or len(names) > LETTERS:
        return f" on the {len(targets)} targets of the goal"
    return f" on {names}"


def on_judged(intervals: Mapping[str, Any], targets: Sequence[str]) -> str:
    """Returns what a predicted gain is of, as the end of a sentence.

    Args:
        intervals: what a proposal's file holds under `intervals`.
        targets: those of the goal.
    """
    if "worst_target" in intervals:
        return of_worst(str(intervals["worst_target"]))
    return on_goal(targets)


def mean_words(intervals: Mapping[str, Any], metric: Metric) -> str:
    """Returns the predicted gain of the targets' mean, for a sentence; empty: it is `gain`."""
    if "mean" not in intervals:
        return ""
    gain = intervals["mean"]["gain"]
    return f"; on the mean of the targets {worth(float(gain['value']), metric)}"


def amount(value: float, metric: Metric) -> str:
    """Returns the size of a difference without its sign: `0.24`, or `25.6` of points of 100."""
    size = abs(value)
    decimals = 1 if metric.whole == PERCENT.whole else 3
    if size >= 1:
        decimals = min(decimals, 2)
    if size < 0.5 * 10**-decimals:
        return f"{size:.1g}"
    return f"{size:.{decimals}f}".rstrip("0").rstrip(".")


def mixture_of(name: str) -> str:
    """Returns what a mixture is called: a method's name alone reads like its content."""
    if name == REFERENCE:
        return "the natural mixture"
    return f"the mixture of the method {name}"


def block(weights: Mapping[str, float]) -> str:
    """Returns a mixture as `name: share` lines, the largest first; the shares sum to 1.

    `mixwright export --mixture` and a pasted mixture of the page read them.
    """
    lines = []
    for name, share in _rounded(weights).items():
        word = name
        if not PLAIN.fullmatch(name) or name.lower() in WORDS:
            word = json.dumps(name, ensure_ascii=False)
        lines.append(f"{word}: {share:.{DECIMALS}f}")
    return "\n".join(lines)


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    """The weights in so many decimals, by largest remainder, so that they sum to 1."""
    whole = 10**DECIMALS
    total = math.fsum(weights.values())
    scaled = {name: whole * weight / total for name, weight in weights.items()}
    counts = {name: math.floor(value) for name, value in scaled.items()}
    left = whole - sum(counts.values())
    for name in sorted(scaled, key=lambda name: counts[name] - scaled[name])[:left]:
        counts[name] += 1
    largest = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return {name: count / whole for name, count in largest}


def _percents(shares: Sequence[float]) -> list[str]:
    """Shares in percent that sum to 100: whole where they round to one or more, else `0.4 %`.

    Each is rounded as usual; what is missing to 100 falls to the last one.
    """
    percents = [100 * share for share in shares]
    whole = [place for place, percent in enumerate(percents) if 0.55 <= percent < 99.5]
    rounded = {place: round(percents[place]) for place in whole}
    if whole:
        # the last one is the rest
        total = round(sum(percents[place] for place in whole))
        rounded[whole[-1]] += total - sum(rounded.values())
    words = []
    for place, percent in enumerate(percents):
        words.append(f"{rounded[place]} %" if place in rounded else _small(percent))
    return words


def _small(percent: float) -> str:
    """What is under one percent, or nearly all: `0.4 %`, `99.7 %`, `100 %`."""
    if percent >= 99.95:
        return "100 %"
    return f"{percent:.1f} %" if percent >= 0.05 else "under 0.1 %"


def _share(share: float) -> str:
    """A change in percent: `22 %`, `0.3 %`."""
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 2 else f"{percent:.1g} %"
