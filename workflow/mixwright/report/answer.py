"""The answer that a page leads with: in words, as a block to copy, and as bars."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from mixwright.errors import counted
from mixwright.learners import PERCENT, Metric
from mixwright.report.bars import weight_bars
from mixwright.report.caveats import Caveat, serious_first
from mixwright.report.frame import bullets, note, text
from mixwright.trust.intervals import REFERENCE

# Domains that the first sentence names, and their letters, at most; the block below it has all.
NAMED, LETTERS = 4, 64
# Decimals of the shares of the block.
DECIMALS = 5
# Names that YAML takes for nothing but names.
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


@dataclass(frozen=True)
class Answer:
    """What a page says first, before it is laid out. Its fields go to JSON."""

    # names the mixture and what it is worth, or says that none is clearly better
    headline: str
    # how sure that is, a sentence each
    sure: tuple[str, ...]
    # what is given up for it: the targets that get worse
    costs: tuple[str, ...] = ()
    # what to copy: whose mixture, and its weights; empty: nothing
    arm: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    # domain -> share of the natural mixture; empty: there is none, or it is what to copy
    natural: Mapping[str, float] = field(default_factory=dict)
    # domain -> where the weight lies in 95 % of refits
    intervals: Mapping[str, Sequence[float]] = field(default_factory=dict)
    # file of the mixture, such as results/demo/mixtures/regmix.json; empty: there is none
    file: str = ""
    # lines of a shell that use the file
    use: tuple[str, ...] = ()
    # what the weights are shares of
    whole: str = "training tokens"

    def as_json(self) -> dict[str, Any]:
        """Returns what `summary.json` holds of it."""
        content = asdict(self)
        return content | {"recipe": recipe(self.weights)}


# Of a result that is not laid out.
NO_ANSWER = Answer("", ())


def recipe(weights: Mapping[str, float]) -> str:
    """Returns the largest shares in words: `36 % pycode, 27 % prose and 37 % of 5 others`.

    Empty where there are no weights.
    """
    largest = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    largest = [(name, weight) for name, weight in largest if weight > 0]
    count = len(largest) if len(largest) <= NAMED + 1 else NAMED
    while count > 1 and sum(len(name) for name, _ in largest[:count]) > LETTERS:
        count -= 1
    names, others = largest[:count], largest[count:]
    parts = [f"{_percent(weight)} {name}" for name, weight in names]
    if others:
        rest = sum(weight for _, weight in others)
        parts.append(f"{_percent(rest)} of {counted(len(others), 'other')}")
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def worth(
    gain: float, metric: Metric, natural: float | None = None, reference: str = REFERENCE
) -> str:
    """Returns what a mixture is worth in words: `0.24 nats/token better than natural, ...`.

    Nats/token are told as perplexity, too, bits/byte and other losses as a share of natural's.

    Args:
        gain: by how much the number is better than natural's, in the metric's unit; negative where
            it is worse.
        metric: what the number is.
        natural: natural's number, where it is known.
        reference: what it is better than.
    """
    side = "better" if gain >= 0 else "worse"
    words = f"{amount(gain, metric)} {metric.unit or metric.title} {side} than {reference}"
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


def amount(value: float, metric: Metric) -> str:
    """Returns the size of a difference without its sign: `0.24`, or `25.6` of points of 100."""
    size = abs(value)
    decimals = 1 if metric.whole == PERCENT.whole else 3
    if size < 0.5 * 10**-decimals:
        return f"{size:.1g}"
    return f"{size:.{decimals}f}".rstrip("0").rstrip(".")


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


def export_line(file: str) -> str:
    """Returns the line of a shell that writes a mixture as the file of a trainer."""
    return f"mixwright export --mixture {file} --format FORMAT --to FILE"


def answer_section(study: str, answer: Answer, caveats: Sequence[Caveat] = ()) -> str:
    """Returns the first section of a page as HTML.

    Args:
        study: kind and name of what the page is about, such as `study demo`.
        answer: what to say.
        caveats: those that are serious stand right under the answer.
    """
    # a share and its sign stand in one line
    headline = text(answer.headline).replace(" %", "\u00a0%")
    sentences = ""
    for sentence in (*answer.sure, *answer.costs):
        sentences += f'<p class="detail">{text(sentence)}</p>'
    return (
        f'<section id="answer"><p class="study">mixwright · {escape(study)}</p>'
        f"<h1>{headline}</h1>{sentences}{caveat_box(caveats)}{_to_copy(answer)}"
        f"{_bars(answer)}</section>"
    )


def caveat_box(caveats: Sequence[Caveat]) -> str:
    """Returns the caveats that can turn the answer over."""
    lines = [f"<p>{text(caveat.text)}</p>" for caveat in caveats if caveat.serious]
    if not lines:
        return ""
    title = "<p><strong>Before you trust this</strong></p>"
    return f'<div class="serious">{title}{"".join(lines)}</div>'


def caveat_list(caveats: Sequence[Caveat]) -> str:
    """Returns all caveats as HTML, those that can turn the answer over first; empty without."""
    lines = []
    for caveat in serious_first(caveats):
        mark = '<strong class="red">Serious:</strong> ' if caveat.serious else ""
        lines.append(mark + text(caveat.text))
    return bullets(lines) if lines else ""


def command(lines: Sequence[str], name: str) -> str:
    """Returns lines of a shell in a box with a button that copies them, as HTML.

    Args:
        lines: what to type.
        name: of the box, unique on the page.
    """
    return _box("\n".join(lines), name)


def _to_copy(answer: Answer) -> str:
    """The mixture as lines, and what reads them."""
    if not answer.weights:
        return ""
    content = _box(block(answer.weights), "mixture")
    owner = "The natural mixture"
    if answer.arm != REFERENCE:
        owner = f"The mixture of {escape(answer.arm)}"
    words = f"{owner}, as shares of the {answer.whole}"
    if answer.file:
        words += f"; the same stands in <code>{escape(answer.file)}</code>"
    content += note(f"{words}.")
    if answer.use:
        content += _box("\n".join(answer.use), "use")
    return content


def _bars(answer: Answer) -> str:
    if not answer.weights:
        return ""
    return weight_bars(answer.weights, answer.natural, answer.intervals, answer.whole)


def _box(lines: str, name: str) -> str:
    return (
        f'<div class="copy"><pre id="block-{name}" tabindex="0">{escape(lines)}</pre>'
        f'<button data-copy="block-{name}" hidden>Copy</button></div>'
    )


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


def _percent(weight: float) -> str:
    """A weight in percent, whole where it is more than one: `36 %`, `0.4 %`."""
    percent = 100 * weight
    if 99.5 <= percent < 99.95:
        return f"{percent:.1f} %"
    if percent >= 0.95:
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if percent >= 0.05 else "under 0.1 %"


def _share(share: float) -> str:
    """A change in percent: `22 %`, `0.3 %`."""
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 2 else f"{percent:.1g} %"
