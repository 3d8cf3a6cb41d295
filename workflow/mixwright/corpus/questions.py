"""Every answer of a question of a target, as it stands behind the question."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mixwright.corpus.texts import plain

# Why a row with choices is no question that a model can choose the answer of.
FEW_ANSWERS = "under_two_answers"
EQUAL_ANSWERS = "equal_answers"
UNLIKE_TEXT = "answer_not_in_text"
CUT = "answer_cut"
REASONS = (FEW_ANSWERS, EQUAL_ANSWERS, UNLIKE_TEXT, CUT)
# The tokenizer knows nothing of an answer.
WITHOUT_TOKEN = "answers_without_token"
# What is counted of the rows with choices, beside the reasons.
ASKED, EMPTY_ANSWERS = "asked", "empty_answers"
QUESTION_COUNTS = (ASKED, EMPTY_ANSWERS, *REASONS)


def left_out(counts: Mapping[str, int]) -> int:
    """Returns how many rows with choices are no questions, by the counts of a target's file.

    Where no row is one, the target has no questions, and nothing is left out.
    """
    if not counts.get("questions"):
        return 0
    return sum(counts.get(reason, 0) for reason in (*REASONS, WITHOUT_TOKEN))


@dataclass(frozen=True)
class Answers:
    """The answers of one question."""

    # what stands between the context of the document and every answer
    lead: str
    # what is scored of each answer, behind the context and the lead
    texts: tuple[str, ...]
    # of each answer alone, as it is written in the data
    characters: tuple[int, ...]
    # place of the right one
    right: int

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Answers":
        """Returns what `as_record` wrote."""
        texts = tuple(record["texts"])
        return cls(record["lead"], texts, tuple(record["characters"]), record["right"])

    def as_record(self) -> dict[str, Any]:
        """Returns the fields, for a column of a table."""
        return asdict(self)


def answers_of(row: Mapping[str, Any], scored: str, counts: dict[str, int]) -> Answers | None:
    """Returns the answers of a row; None where it is no question with a right one among several.

    Empty answers are left out, and wrong answers that stand there before: as in tables with room
    for more answers than a question has. A question whose right answer stands there twice has no
    right answer. Where the text holds the question, the right answer must be its end: the others
    then stand in its place.

    Args:
        row: what `mixwright.corpus.answers.with_answers` yields.
        scored: the text that is scored of it (see `mixwright.corpus.cleaning.split_query`).
        counts: QUESTION_COUNTS, to which the row is added.
    """
    listed = row.get("answers", ())
    if not listed:
        return None
    counts[ASKED] += 1
    answers = [plain(text or "") for text in listed]
    right = answers[row["right"]]
    counts[EMPTY_ANSWERS] += not all(text.strip() for text in answers)
    if answers.count(right) > 1:
        counts[EQUAL_ANSWERS] += 1
        return None
    different = [text for text in dict.fromkeys(answers) if text.strip()]
    if len(different) < 2:
        counts[FEW_ANSWERS] += 1
        return None
    parts = _around(scored, right)
    if parts is None:
        counts[UNLIKE_TEXT] += 1
        return None
    before, after = parts
    # A space belongs to what follows it, as in every text that is scored.
    lead = before.rstrip(" ")
    space = before[len(lead) :]
    texts = tuple(space + text + after for text in different)
    return Answers(lead, texts, tuple(map(len, different)), different.index(right))


def _around(scored: str, answer: str) -> tuple[str, str] | None:
    """What stands before and after the answer at the end of a text; None where it is not there.

    Only signs may follow it, such as a full stop, and no letter may touch it.
    """
    before, match, after = scored.rpartition(answer)
    if not match or any(sign.isalnum() for sign in after):
        return None
    touched = before[-1:].isalnum() and answer[:1].isalnum()
    return None if touched else (before, after)
