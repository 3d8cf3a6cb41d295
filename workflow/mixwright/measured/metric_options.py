"""What a table's numbers are, as people say it: `arc=accuracy,questions=1172`, `bits/byte`.

Words name a target by its heading, or by an ending or a beginning that no other heading has.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mixwright.errors import MixwrightError, as_typed, closest, nearest
from mixwright.learners import (
    ACCURACY,
    ACCURACY_SETTINGS,
    KINDS,
    LOSS,
    PERCENT,
    PERPLEXITY,
    SCORE,
    Metric,
    kind,
    with_setting,
)
from mixwright.measured.headings import words
from mixwright.measured.vocabulary import BITS, CHARACTERS, PHRASES
from mixwright.mixture import Array

METRIC, HIGHER, UNIT = "--metric", "--higher-better", "--unit"
FORM = "write NAME=accuracy,questions=1172,chance=.25; kinds are " + ", ".join(KINDS)
# name, kind and settings; a name may hold commas and equals signs
WORD = re.compile(r"(?:(.+?)=)?([a-z]+)((?:,[a-z]+=[^,=]+)*)")
# units that are a kind of number of their own
KIND_OF_UNIT = {
    "perplexity": PERPLEXITY,
    "ppl": PERPLEXITY,
    "accuracy": ACCURACY,
    "percent": PERCENT,
    "%": PERCENT,
    "score": SCORE,
}
# other words for units
SAME_UNITS = {
    "percentage": "percent",
    "pct": "percent",
    "nats token": "nats/token",
    "nats per token": "nats/token",
}
# units whose misspellings are refused
USUAL_UNITS = ("nats/token", "bits/byte", "perplexity", "accuracy", "percent", "score")
# Between the words of a heading.
SEPARATOR = r"[\W_]"


class NumberError(MixwrightError):
    """A number that its metric cannot have; the remedy depends on where the metric was given."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem


def read_metrics(
    metric: Sequence[str] = (),
    higher_better: Sequence[str] = (),
    unit: Sequence[str] = (),
    targets: Sequence[str] = (),
    values: Mapping[str, Array] | None = None,
) -> dict[str, Metric]:
    """Returns target -> what its numbers are, for the targets that the words speak of.

    Args:
        metric: `NAME=KIND` or `NAME=KIND,questions=N,chance=SHARE,whole=100`; a bare kind is that
            of all targets that no other word names.
        higher_better: targets of which more is better: accuracies where all values lie in [0, 1] or
            are percent, else scores.
        unit: `NAME=UNIT`; a bare unit is that of all targets that no other word names.
        targets: the table's headings.
        values: target -> (runs,) its numbers; they tell shares from percent and from scores.

    Raises:
        MixwrightError: a word is malformed, names no target, or contradicts another.
    """
    values = values or {}
    spoken = _Words(tuple(targets))
    for word in metric:
        spoken.add_metric(word)
    for name in higher_better:
        spoken.add_higher(name, values)
    for word in unit:
        spoken.add_unit(word)
    result: dict[str, Metric] = {}
    for name in targets:
        chosen = spoken.of(name)
        if chosen is not None:
            if not spoken.says_whole(name):
                chosen = _in_percent(chosen, values.get(name))
            result[name] = chosen
    return result


def higher_metric(values: Array | None) -> Metric:
    """Returns the metric of numbers of which more is better: accuracy, percent, or a score.

    Args:
        values: (runs,) the numbers; None: unknown, a score.
    """
    if values is None or not np.isfinite(values).any():
        return SCORE
    low = float(np.nanmin(values))
    high = float(np.nanmax(values))
    if low < 0 or high > PERCENT.whole:
        return SCORE
    if high <= 1:
        return ACCURACY
    if _is_percent(values):
        return PERCENT
    return SCORE


def check_numbers(
    metric: Metric,
    target: str,
    values: Array,
    where: Callable[[int], str],
) -> None:
    """Refuses numbers that the metric cannot have.

    Args:
        values: (rows,) as measured; NaN is passed over.
        where: row -> what messages call it.

    Raises:
        NumberError: an accuracy outside [0, whole], percent of which none is over 1, or a
            perplexity under 1.
    """
    if metric.name == "accuracy":
        outside = (values < 0) | (values > metric.whole)
        percent = f"{target}=accuracy,whole=100"
        problem = f"no accuracy from 0 to {metric.whole:g}"
        remedy = f"correct it, or say what it is: {as_typed('--metric', percent)} for"
        remedy += f" percent, {as_typed(f'{target}=score')} for a number without a best value"
        if metric.whole == PERCENT.whole and _are_shares(values):
            outside = values > 0
            problem = "and no number of this target is over 1 percent"
            remedy = "multiply them by 100, or give shares of 1 and leave percent out"
    elif metric.name == "perplexity":
        outside = values < 1
        problem = "no perplexity"
        unit = as_typed("--unit", f"{target}=nats/token")
        remedy = f"correct it, or say what it is: {unit} for a loss"
    else:
        return
    if not outside.any():
        return
    row = int(np.flatnonzero(outside)[0])
    raise NumberError(f"{where(row)}: {target} is {values[row]:g}, {problem}", remedy)


class _Words:
    """What the words say so far."""

    def __init__(self, targets: tuple[str, ...]) -> None:
        self.targets = targets
        # target -> its metric, and the word that said so; the empty name: every other target
        self.metrics: dict[str, tuple[Metric, str]] = {}
        self.units: dict[str, tuple[str, str]] = {}

    def of(self, target: str) -> Metric | None:
        """Returns the metric of a target; None where no word speaks of it."""
        unit, unit_word = self.units.get(target, ("", ""))
        common, common_word = self.units.get("", ("", ""))
        metric, word = self.metrics.get(target, (None, ""))
        if metric is None and not unit:
            metric, word = self.metrics.get("", (None, ""))
            unit, unit_word = common, common_word
        if not unit:
            return metric
        return _with_unit(metric, word, unit, unit_word)

    def says_whole(self, target: str) -> bool:
        """Whether a word says of what whole the target's numbers are."""
        common = self.metrics.get("", (None, ""))
        _, word = self.metrics.get(target, common)
        return "whole=" in word

    def add_metric(self, word: str) -> None:
        """Takes one word of --metric."""
        parts = WORD.fullmatch(word)
        if parts is None:
            raise MixwrightError(f"{METRIC} {word}: {FORM}")
        name, kind_name, settings = parts.groups()
        target = self._target(METRIC, word, name)
        try:
            metric = kind(kind_name)
        except MixwrightError as error:
            raise MixwrightError(f"{METRIC} {word}: {error}") from None
        for setting in filter(None, settings.split(",")):
            key, _, value = setting.partition("=")
            metric = _set(word, metric, key, value)
        self._put(target, metric, f"{METRIC} {word}")

    def add_higher(self, name: str, values: Mapping[str, Array]) -> None:
        """Takes one name of --higher-better."""
        target = self._target(HIGHER, name, name)
        metric, word = self.metrics.get(target, (None, ""))
        if metric is None:
            self._put(target, higher_metric(values.get(target)), f"{HIGHER} {name}")
        elif not metric.higher:
            raise MixwrightError(
                f"{HIGHER} {name}: {word} says that less of it is better; give one of the two"
            )

    def add_unit(self, word: str) -> None:
        """Takes one word of --unit."""
        name, equals, unit = word.rpartition("=")
        target = ""
        if equals:
            target = self._target(UNIT, word, name)
        if not unit.strip():
            raise MixwrightError(f"{UNIT} {word}: write NAME=UNIT, such as NAME=bits/byte")
        unit = _usual_unit(word, unit.strip())
        earlier, earlier_word = self.units.get(target, (unit, ""))
        if earlier != unit:
            raise MixwrightError(f"{UNIT} {word}: {earlier_word} says another; give one of the two")
        self.units[target] = (unit, f"{UNIT} {word}")

    def _put(self, target: str, metric: Metric, word: str) -> None:
        earlier, earlier_word = self.metrics.get(target, (metric, ""))
        if earlier != metric:
            raise MixwrightError(f"{word}: {earlier_word} says another; give one of the two")
        self.metrics[target] = (metric, word)

    def _target(self, option: str, word: str, name: str | None) -> str:
        """The target that a word names; empty where it names none, and so means every other."""
        if name is None:
            return ""
        if name in self.targets:
            return name
        ending = re.compile(f".*{SEPARATOR}{re.escape(name)}|{re.escape(name)}{SEPARATOR}.*")
        matches = [target for target in self.targets if ending.fullmatch(target)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            several = ", ".join(matches)
            raise MixwrightError(
                f"{option} {word}: {name} may be {several}; write the whole heading"
            )
        hint = nearest(name, self.targets)
        raise MixwrightError(f"{option} {word}: {name} is no target; {hint}")


def _set(word: str, metric: Metric, key: str, value: str) -> Metric:
    """Returns the metric with one of its settings."""
    if key not in ACCURACY_SETTINGS:
        hint = nearest(key, ACCURACY_SETTINGS)
        raise MixwrightError(f"{METRIC} {word}: {key} is no setting of a metric; {hint}")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return with_setting(f"{METRIC} {word}", metric, key, number)


def _usual_unit(word: str, unit: str) -> str:
    """Returns a unit under its usual name: `Perplexity` is perplexity, `bpb` is bits/byte.

    A unit of another kind of loss stays as it is.
    """
    if unit in KIND_OF_UNIT or unit in USUAL_UNITS:
        return unit
    spoken = " ".join(words(unit))
    meaning = dict(PHRASES).get(spoken)
    if meaning in (ACCURACY, SCORE, PERPLEXITY):
        return meaning.name
    if meaning in (BITS, CHARACTERS):
        return meaning.unit
    if spoken in SAME_UNITS:
        return SAME_UNITS[spoken]
    near = closest(unit.lower(), USUAL_UNITS, 0.85)
    if near:
        raise MixwrightError(f"{UNIT} {word}: {unit} is no unit; did you mean {near}?")
    return unit


def _with_unit(metric: Metric | None, word: str, unit: str, unit_word: str) -> Metric:
    """The metric in a unit; one of both may say what the other leaves open."""
    special = KIND_OF_UNIT.get(unit)
    if metric is None:
        return special or replace(LOSS, unit=unit)
    if special is None and metric.name in ("loss", "score"):
        return replace(metric, unit=unit)
    if special is not None and metric.name == special.name:
        return replace(metric, whole=special.whole, unit=special.unit)
    raise MixwrightError(f"{unit_word}: {word} says {metric.name}; give one of the two")


def _in_percent(metric: Metric, values: Array | None) -> Metric:
    """An accuracy whose numbers are percent, where nobody said of what whole they are."""
    if metric.name != "accuracy" or metric.whole != 1 or values is None:
        return metric
    if not _is_percent(values):
        return metric
    return replace(metric, whole=PERCENT.whole, unit=PERCENT.unit)


def _are_shares(values: Array) -> bool:
    """Whether there are numbers, and all lie between 0 and 1."""
    finite = values[np.isfinite(values)]
    return len(finite) > 0 and float(finite.min()) >= 0 and 0 < float(finite.max()) <= 1


def _is_percent(values: Array) -> bool:
    """Whether most numbers are over 1, and none is over 100."""
    return bool(np.nanmedian(values) > 1 and np.nanmax(values) <= PERCENT.whole)
