"""The right answer of each question of a target.

How a column of answers names them is decided over all rows: by label, letter, number or text.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixwright.corpus.layouts import (
    NUMBER,
    choices_of,
    gold_of,
    mark_of,
    marked_labels,
    plain_number,
)
from mixwright.errors import MixwrightError

log = logging.getLogger(__name__)

# What the key `gold_is` may say, beside null: the ways to name one of several answers.
LABELS = "labels"
LETTERS = "letters"
FROM_0 = "from-0"
FROM_1 = "from-1"
ANSWER = "text"
# What messages say of each.
WORDS = {
    LABELS: "the label of an answer",
    LETTERS: "a letter, A the first",
    FROM_0: "a number, counted from 0",
    FROM_1: "a number, counted from 1",
    ANSWER: "the answer's text",
}
# `B`, `(b)`, `B.`
LETTER = re.compile(r"\(?([A-Za-z])[).:]?")


@dataclass(frozen=True)
class Question:
    """A row of a target whose right answer is to be chosen."""

    place: str  # for messages
    gold: str
    texts: tuple[str | None, ...]  # the answers; none where gold is the answer itself
    labels: tuple[str, ...] = ()  # of the answers, where the rows name them


def with_answers(
    rows: Iterable[Mapping[str, Any]], name: str, gold_is: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yields the rows of a target of questions with their right `answer`.

    Rows without an answer (null, or empty) get the answer "". So do rows whose text holds the
    query and what follows. Rows with choices get all `answers` too, and the place of the `right`
    one. All rows are read before the first comes out.

    Args:
        rows: what a source yields.
        name: the target, for messages.
        gold_is: one of WORDS; None decides over all rows.

    Raises:
        MixwrightError: the column of answers names no answer, or may be read in two ways.
    """
    listed = []
    for number, row in enumerate(rows, 1):
        listed.append({**row, "place": place_of(row, number)})
    questions = _questions(listed, name)
    answers = _answers(list(questions.values()), name, gold_is)
    bare = _answered_by_text(listed, name)
    for number, row in enumerate(listed):
        row["answer"] = ""
        if number in questions:
            row |= next(answers)
        elif bare:
            row["answer"] = row.get("text") or ""
        yield row


def scored_after(text: str, query: str) -> tuple[str, str]:
    """Returns (text up to the query's last occurrence, what follows it); ("", "") without one."""
    before, match, scored = text.rpartition(query)
    if not match or not scored.strip():
        return "", ""
    return before + match, scored


def _questions(rows: Sequence[Mapping[str, Any]], name: str) -> dict[int, Question]:
    """Number of a row -> its question, of the rows that name an answer."""
    questions = {}
    parsed = 0
    golds = [row.get("gold") for row in rows]
    marked = all(mark_of(gold) is not None for gold in golds if gold)
    for number, row in enumerate(rows):
        place = row["place"]
        gold = golds[number]
        marks: list[Any] = []
        if marked and gold:
            marks = gold
            gold = mark_of(gold)
        gold = gold_of(gold, name, place)
        if not gold:
            continue
        choices = row.get("choices")
        if isinstance(choices, str):
            parsed += 1
        texts, labels = choices_of(choices, name, place)
        if marks:
            labels = marked_labels(marks, texts, name, place)
        questions[number] = Question(place, gold, texts, labels)
    if parsed:
        log.warning("%s: %d lists of choices were text and were read as lists", name, parsed)
    return questions


def _answered_by_text(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether the text of questions without `gold` is the answer alone, and not behind the query.

    Where most rows hold their query, those that do not are left without an answer.
    """
    holds = 0
    lacking = []
    for row in rows:
        text, query = row.get("text"), row.get("query")
        if "gold" in row or not text or not query:
            continue
        if scored_after(text, query)[1]:
            holds += 1
        else:
            lacking.append(row["place"])
    if holds and len(lacking) > holds:
        raise MixwrightError(
            f"{name}: {lacking[0]}: the text holds no answer behind the query, and {holds} of"
            f" {holds + len(lacking)} rows do; give the answers a column and name it as `gold`"
        )
    return holds == 0


def place_of(row: Mapping[str, Any], number: int) -> str:
    """Returns where a row stands: its file and line, or its number."""
    return getattr(row, "place", "") or f"row {number}"


def _answers(
    questions: Sequence[Question], name: str, gold_is: str | None
) -> Iterator[dict[str, Any]]:
    """What each question adds to its row, in their order."""
    if not questions:
        return iter(())
    with_choices = [question for question in questions if question.texts]
    if not with_choices:
        return ({"answer": text} for text in _bare_answers(questions, name, gold_is))
    if len(with_choices) < len(questions):
        lacking = next(question for question in questions if not question.texts)
        raise MixwrightError(
            f"{name}: {lacking.place} has no choices, and other rows have; give it some, or"
            " leave the row out"
        )
    reading, places = _decided(questions, name, gold_is)
    log.info("%s: the answers are read as %s", name, WORDS[reading])
    answers = []
    for question, place in zip(questions, places, strict=True):
        texts = question.texts
        answers.append({"answer": texts[place] or "", "answers": texts, "right": place})
    return iter(answers)


def _bare_answers(questions: Sequence[Question], name: str, gold_is: str | None) -> list[str]:
    """The column's texts: without choices they are the answers themselves."""
    short = re.compile(rf"{NUMBER.pattern}|{LETTER.pattern}")
    golds = [question.gold for question in questions]
    if gold_is is None and all(short.fullmatch(gold) for gold in golds):
        raise MixwrightError(
            f"{name}: gold holds {golds[0]!r} and the target names no choices; name the column of"
            " the answers as `choices`, or set gold_is: text if that is the answer itself"
        )
    if gold_is not in (None, ANSWER):
        raise MixwrightError(
            f"{name}: gold_is is {gold_is} and the target names no choices;"
            " name the column of the answers as `choices`"
        )
    return golds


def _decided(
    questions: Sequence[Question], name: str, gold_is: str | None
) -> tuple[str, list[int]]:
    """How the column names answers, and the place of each right one.

    A way that fits no answer of some row is out. Labels that fit every row are what the column
    means. Of the others, all that are left must agree.
    """
    fits: dict[str, list[int]] = {}
    # The first row in which a way names no answer.
    refused: dict[str, int] = {}
    for reading in [gold_is] if gold_is else WORDS:
        places = _places(questions, reading)
        if None in places:
            refused[reading] = places.index(None)
        else:
            fits[reading] = [place for place in places if place is not None]
    if LABELS in fits:
        return LABELS, fits[LABELS]
    if not fits:
        # The way that goes furthest is the one that was meant.
        raise _no_answer(questions[max(refused.values())], name)
    first, chosen = next(iter(fits.items()))
    for reading, others in fits.items():
        if others == chosen:
            continue
        number = next(row for row in range(len(chosen)) if chosen[row] != others[row])
        question = questions[number]
        raise MixwrightError(
            f"{name}: {question.place}: gold is {question.gold!r}, which may be {WORDS[first]}, or"
            f" {WORDS[reading]}, and no row tells; set gold_is: {first} or gold_is: {reading}"
        )
    return first, chosen


def _no_answer(question: Question, name: str) -> MixwrightError:
    """The error of a row whose right answer is none of its choices."""
    choices = f"{len(question.texts)} choices"
    if not all(question.texts):
        choices += " (an empty one is no answer)"
    return MixwrightError(
        f"{name}: {question.place}: gold is {question.gold};"
        f" give the number of one of the {choices}, counted from 0 or from 1 in all rows,"
        " its letter, its label or its text"
    )


def _places(questions: Sequence[Question], reading: str) -> list[int | None]:
    """The place of each row's right answer under one way to name it; None where there is none.

    Letters may stand beside numbers, as in ARC: the numbers are read as `reading` says.
    """
    numbers = any(NUMBER.fullmatch(question.gold) for question in questions)
    if reading in (FROM_0, FROM_1) and not numbers:
        return [None] * len(questions)
    return [_place(question, reading) for question in questions]


def _place(question: Question, reading: str) -> int | None:
    """The place of a row's right answer, which has text."""
    place = _named(question, reading)
    if place is None or not (question.texts[place] or "").strip():
        return None
    return place


def _named(question: Question, reading: str) -> int | None:
    """The place that a row names."""
    options = question.texts
    if reading == ANSWER:
        return _position(question.gold, [text and plain_number(text.strip()) for text in options])
    if reading == LABELS:
        if question.labels.count(question.gold) > 1:
            return None
        return _position(question.gold, question.labels)
    letter = LETTER.fullmatch(question.gold)
    place = -1
    if letter:
        place = ord(letter[1].upper()) - ord("A")
    elif reading != LETTERS and NUMBER.fullmatch(question.gold):
        place = int(question.gold) - (reading == FROM_1)
    return place if 0 <= place < len(options) else None


def _position(value: str, values: Sequence[str | None]) -> int | None:
    """The place of a value; small letters stand for capital ones where that leaves one."""
    if value in values:
        return values.index(value)
    folded = [other is not None and other.casefold() == value.casefold() for other in values]
    return folded.index(True) if sum(folded) == 1 else None
