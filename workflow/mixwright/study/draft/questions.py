"""Which columns of a target are its question, its choices and the right one."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

from mixwright.corpus.answers import with_answers
from mixwright.errors import MixwrightError
from mixwright.sources.files.lines import pick
from mixwright.study.draft.vocabulary import CHOICES, GOLDS, QUERIES, SEVERAL

# What the error says of a column that only further rows make clear.
UNDECIDED = "no row tells"

Rows = Sequence[Mapping[str, Any]]
Settings = dict[str, Any]


def question_settings(rows: Rows) -> tuple[Settings, str]:
    """Returns the keys query, choices and gold of a target, and what is unsure of them.

    They are empty where the rows are no questions.
    """
    if not rows:
        return {}, ""
    undecided: tuple[Settings, str] = ({}, "")
    for settings in _layouts(rows):
        try:
            with _quiet():
                answered = list(with_answers(_rows(rows, settings), "target", None))
        except MixwrightError as error:
            if UNDECIDED in str(error) and not undecided[0]:
                undecided = settings, "say how gold names the answer, from-0 or from-1, as gold_is"
            continue
        if any(row["answer"] for row in answered):
            return settings, ""
    return undecided


@contextmanager
def _quiet() -> Iterator[None]:
    """Says nothing of layouts that are only tried."""
    log = logging.getLogger(with_answers.__module__)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _layouts(rows: Rows) -> Iterator[Settings]:
    """The ways to read the rows as questions whose columns are there, the most telling first."""
    queries = [name for name in QUERIES if _is_text(rows, name)]
    golds = [name for name in GOLDS if _is_there(rows, name)]
    choices: list[Any] = [name for name in CHOICES if _is_there(rows, name)]
    for names in SEVERAL:
        if all(_is_there(rows, name) for name in names):
            choices.append(list(names))
    for query, choice, gold in product(queries, choices, golds):
        if len({query, gold}) == 2 and choice != gold:
            yield {"query": query, "choices": choice, "gold": gold}
    for query, gold in product(queries, golds):
        if query != gold:
            yield {"query": query, "gold": gold}


def _is_there(rows: Rows, name: str) -> bool:
    return any(pick(row, name)[1] is not None for row in rows)


def _is_text(rows: Rows, name: str) -> bool:
    return any(isinstance(pick(row, name)[1], str) for row in rows)


def _rows(rows: Rows, settings: Settings) -> Iterator[dict[str, Any]]:
    """The rows as a source yields them for these settings."""
    for row in rows:
        question: dict[str, Any] = {"text": None, "place": ""}
        for key, names in settings.items():
            if isinstance(names, list):
                texts = [pick(row, name)[1] for name in names]
                question[key] = {"text": texts, "label": names}
            else:
                question[key] = pick(row, names)[1]
        yield question
