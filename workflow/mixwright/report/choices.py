"""The mixtures that final models cannot tell from the best one, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from mixwright.errors import quantity
from mixwright.report.comparison import Comparison
from mixwright.report.frame import note, table, text
from mixwright.report.mixture_words import amount, recipe
from mixwright.report.outside import Outside
from mixwright.report.proposed import listed
from mixwright.trust.intervals import REFERENCE, Difference

LEVEL = ("not distinguishable", "identical")


@dataclass(frozen=True)
class Choice:
    """One mixture that may be taken. Its fields go to JSON."""

    mixer: str
    weights: Mapping[str, float]
    # from natural, widened for the choice among all mixtures
    natural: Difference
    # from the best mixture, for this comparison alone; None: it is the best
    best: Difference | None
    # of the proxies that its mixer learned from: training tokens, or how many there are; 0: none
    cost: int = 0
    cost_of: str = "proxy tokens"
    # the text outside the goal that loses most; None: none is known
    outside: Outside | None = None

    @property
    def learned_from(self) -> str:
        """What its mixer needed, in words."""
        return f"{quantity(self.cost)} {self.cost_of}" if self.cost else "no proxies"

    def as_json(self) -> dict[str, Any]:
        """Returns what `summary.json` holds of it."""
        return {
            "mixer": self.mixer,
            "weights": dict(self.weights),
            "natural": _ends(self.natural),
            "best": None if self.best is None else _ends(self.best),
            "proxy_tokens": self.cost,
            "outside": None if self.outside is None else self.outside.as_json(),
        }


def level_with(comparison: Comparison) -> tuple[str, ...]:
    """Returns the mixers whose final models cannot be told from the best one's."""
    best = str(comparison.means.index[0])
    level = []
    for arm in comparison.means.index[1:]:
        if comparison.difference(str(arm), best).verdict in LEVEL:
            level.append(str(arm))
    return tuple(level)


def choices_of(
    comparison: Comparison,
    weights: Mapping[str, Mapping[str, float]],
    cost: Mapping[str, int],
    outside: Mapping[str, Sequence[Outside]],
    cost_of: str = "proxy tokens",
) -> tuple[Choice, ...]:
    """Returns the best mixture and those that are level with it; none where it stands alone.

    Args:
        comparison: of the final models that may be the answer.
        weights: mixer -> domain -> weight; mixers with several mixtures are left out.
        cost: mixer -> training tokens of the runs that it learned from, or their number.
        outside: mixer -> texts outside the goal, the worst first.
        cost_of: what the cost counts.
    """
    best = str(comparison.means.index[0])
    rivals = max(len(comparison.distinct) - 1, 1)
    names = [best, *level_with(comparison)]
    if len(names) < 2:
        return ()
    choices = []
    for name in names:
        texts = outside.get(name, ())
        choice = Choice(
            mixer=name,
            weights=weights.get(name, {}),
            natural=comparison.difference(name, REFERENCE, comparisons=rivals),
            best=None if name == best else comparison.difference(name, best),
            cost=cost.get(name, 0),
            cost_of=cost_of,
            outside=texts[0] if texts else None,
        )
        choices.append(choice)
    return tuple(choices)


def level_words(choices: Sequence[Choice]) -> str:
    """Returns which mixtures do as well as the best one, and which is cheaper, in words."""
    if not choices:
        return ""
    best, *others = choices
    names = listed([choice.mixer for choice in others])
    methods = "method" if len(others) == 1 else "methods"
    words = f"On the goal the mixture of the {methods} {names} does as well"
    if len(others) > 1:
        words = f"On the goal the mixtures of the {methods} {names} do as well"
    words += f", as far as these final models can tell.{_loses_least(choices)}"
    cheapest = min(choices, key=lambda choice: choice.cost)
    if not best.cost or 2 * cheapest.cost > best.cost:
        return words
    return (
        f"{words} {cheapest.mixer} was the cheapest to learn: it needed {cheapest.learned_from},"
        f" {best.mixer} {quantity(best.cost)}."
    )


def _loses_least(choices: Sequence[Choice]) -> str:
    """Which of them loses least outside the goal, where they differ beyond their intervals."""
    known = [choice for choice in choices if choice.outside is not None]
    if len(known) < len(choices):
        return ""
    texts = {choice.mixer: choice.outside for choice in known if choice.outside is not None}
    least = min(texts, key=lambda mixer: texts[mixer].worse)
    first = texts[choices[0].mixer]
    if not texts[least].high < first.low:
        return ""
    return f" {least} loses least outside the goal: {texts[least].words}."


def choices_table(choices: Sequence[Choice], among: Sequence[str]) -> str:
    """Returns the mixtures side by side as HTML; empty where there is no choice.

    Args:
        choices: what `choices_of` returns.
        among: the mixtures that the best was chosen from, in words.
    """
    if not choices:
        return ""
    best = choices[0].mixer
    metric = choices[0].natural.metric
    heads = ["method", f"against natural, {escape(metric.unit or metric.title)}"]
    heads.append(f"against {escape(best)}")
    known = any(choice.outside for choice in choices)
    if known:
        heads.append("worst outside the goal")
    heads += [choices[0].cost_of, "its mixture"]
    rows = []
    for choice in choices:
        row = [
            escape(choice.mixer),
            _gain(choice.natural),
            "–" if choice.best is None else _behind(choice.best),
        ]
        if known:
            row.append(_worst(choice.outside))
        row.append(quantity(choice.cost) if choice.cost else "none")
        row.append(f'<span class="words">{text(recipe(choice.weights))}</span>')
        rows.append(row)
    words = (
        "The final models of these mixtures cannot be told apart. In brackets 95% intervals:"
        f" gains, here and in the headline, are widened for the choice among {len(among)}"
        f" mixtures ({', '.join(among)}); all others on this page are for one comparison alone,"
        " and narrower."
    )
    if choices[0].natural.of:
        words += " All are of each mixture's worst target."
    title = "Mixtures that do as well on the goal"
    if known:
        title += "; they differ in what they lose outside it"
    return table(heads, rows, title) + note(text(words))


def chosen_among(comparison: Comparison) -> tuple[str, ...]:
    """Returns the mixtures beside natural, equal ones once: `uniform (as unimax)`."""
    values = comparison.values.dropna(axis=1)
    if comparison.marks is not None:
        values = comparison.marks.reindex_like(values)
    groups: dict[tuple[float, ...], list[str]] = {}
    for arm in comparison.means.index:
        key = tuple(values.loc[arm].tolist())
        groups.setdefault(key, []).append(str(arm))
    names = []
    for first, *others in groups.values():
        if REFERENCE in (first, *others):
            continue
        names.append(f"{first} (as {listed(others)})" if others else first)
    return tuple(names)


def _ends(gap: Difference) -> dict[str, Any]:
    return {"value": gap.value, "low": gap.low, "high": gap.high, "verdict": gap.verdict}


def _gain(gap: Difference) -> str:
    """By how much a mixture is better than natural."""
    return _sized(gap, "worse" if (gap.value > 0) != gap.metric.higher else "better")


def _behind(gap: Difference) -> str:
    """By how much a mixture is behind the best one."""
    return "the same mixture" if gap.identical else _sized(gap, "worse")


def _sized(gap: Difference, side: str) -> str:
    """`0.176 better` above its interval, whose ends count in the same direction."""
    sign = 1 if gap.metric.higher == (side == "better") else -1
    low, high = sorted((sign * gap.low, sign * gap.high))
    interval = text(f"[{low:.3f}, {high:.3f}]")
    return f"{amount(gap.value, gap.metric)} {side}<br><small>{interval}</small>"


def _worst(outside: Outside | None) -> str:
    """The text outside the goal that loses most."""
    if outside is None:
        return "–"
    side = "worse" if outside.worse > 0 else "better"
    return f"{escape(outside.text)} {amount(outside.worse, outside.metric)} {side}"
