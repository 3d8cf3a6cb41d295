"""One row of a question, from the layouts in which questions are published."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError

NUMBER = re.compile(r"-?\d+(\.0+)?")


def gold_of(gold: Any, name: str, place: str) -> str:
    """Returns the column's value as text; a list of one is that value, and an empty one none."""
    if isinstance(gold, list) and len(gold) < 2:
        gold = gold[0] if gold else None
    if isinstance(gold, list | dict | bytes):
        raise MixwrightError(
            f"{name}: {place}: gold holds {gold!r:.60}, not one answer;"
            " set `gold` to a column with one label, letter, number or text a row"
        )
    if gold is None or gold != gold:
        return ""
    text = str(gold).strip()
    return text if isinstance(gold, bool) else plain_number(text)


def plain_number(text: str) -> str:
    """Returns a whole number without its point: 1.0 is how a table with gaps writes 1."""
    return text.split(".")[0] if NUMBER.fullmatch(text) else text


def mark_of(gold: Any) -> int | None:
    """Returns the place of the only 1 among the 0s of a list, as TruthfulQA marks an answer."""
    if not isinstance(gold, list) or len(gold) < 2:
        return None
    if any(isinstance(mark, str) or mark not in (0, 1) for mark in gold):
        return None
    return gold.index(1) if gold.count(1) == 1 else None


def marked_labels(
    marks: Sequence[Any], texts: Sequence[Any], name: str, place: str
) -> tuple[str, ...]:
    """Returns the labels of answers of which one is marked: their places, as text."""
    if len(marks) != len(texts):
        raise MixwrightError(
            f"{name}: {place}: gold marks one of {len(marks)} answers, and choices has"
            f" {len(texts)}; give each answer a 0 or a 1"
        )
    return tuple(map(str, range(len(texts))))


def choices_of(value: Any, name: str, place: str) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    """Returns the answers of a row and their labels, from any published layout."""
    if value is None:
        return (), ()
    listed = value
    if isinstance(value, str):
        listed = _parsed(value)
    labels: Sequence[Any] = ()
    if isinstance(listed, Mapping) and {"text", "label"} <= listed.keys():
        listed, labels = listed["text"], listed["label"]
    elif isinstance(listed, Mapping) and _is_labelled(listed):
        listed, labels = list(listed.values()), list(listed)
    elif isinstance(listed, list) and listed and all(isinstance(one, Mapping) for one in listed):
        labels = [one.get("label") for one in listed]
        listed = [one.get("text") for one in listed]
    plain = isinstance(listed, list | tuple) and isinstance(labels, list | tuple)
    if not plain or not all(isinstance(text, str | int | float | None) for text in listed):
        raise MixwrightError(
            f"{name}: {place}: choices holds {value!r:.60}, not a list of answers;"
            " write a list of texts, or an object of the lists `text` and `label`"
        )
    if labels and len(labels) != len(listed):
        raise MixwrightError(
            f"{name}: {place}: choices has {len(listed)} texts and {len(labels)} labels;"
            " give each answer a label"
        )
    # A NaN is how tables write that there is no answer.
    texts = tuple(None if text is None or text != text else str(text) for text in listed)
    return texts, tuple(plain_number(str(label).strip()) for label in labels)


def _is_labelled(choices: Mapping[str, Any]) -> bool:
    """Whether an object is answers by their labels: {"A": "a text", "B": "another"}."""
    texts = [value for value in choices.values() if value is not None]
    return len(texts) > 1 and all(isinstance(text, str) for text in texts)


def _parsed(text: str) -> Any:
    """A list of two or more answers that was written as text, in JSON or in Python; or None.

    Python joins texts without a comma between them, as numpy prints them, to one: no list of one
    is read.
    """
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, list | tuple) and len(value) > 1:
            return list(value)
        if isinstance(value, dict):
            return value
    return None
