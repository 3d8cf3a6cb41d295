"""How much a study scores of a model: its texts, and the answers of its questions, about."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from mixwright.study.study import Study

# Tokens of a question with its answers, each behind it: ARC-Easy's are 4 x 155 bytes, OpenBookQA's
# 4 x 83 and PIQA's 2 x 153, at four bytes a token.
QUESTION_TOKENS = 160
# Tokens of a right answer alone, by which evaluation.final_tokens count.
RIGHT_TOKENS = 8
# Questions that a published set has, about: ARC-Easy 2,376, PIQA 1,838, OpenBookQA 500.
MOST_QUESTIONS = 2_000


def proxy_answers(study: Study) -> int:
    """Returns the tokens of the answers that one proxy is scored on, of all targets."""
    questions = study.evaluation.get("questions", 0)
    return int(questions * QUESTION_TOKENS * _targets(study))


def final_answers(study: Study) -> int:
    """Returns the tokens of the answers that one final is scored on, of all targets."""
    return _answers_of_a_target(study) * _targets(study)


def snapshot_tokens(study: Study) -> int:
    """Returns the tokens that the copies of one final are scored on: of the targets alone."""
    scored = study.evaluation["final_tokens"] * len(study.config["targets"])
    scored += len(study.chosen) * _answers_of_a_target(study)
    return len(study.final.get("snapshots", ())) * int(scored)


def by_text(study: Study, tokens: int) -> int:
    """Returns tokens of all texts together as tokens of each text."""
    return ceil(tokens / text_count(study))


def text_count(study: Study) -> int:
    """Returns on how many texts a model is scored: each domain's held-out part, each target."""
    return len({*study.config["domains"], *study.config["targets"]})


def _answers_of_a_target(study: Study) -> int:
    """Tokens of the answers that one final is scored on, of a target that names choices."""
    reached = int(study.evaluation["final_tokens"]) // RIGHT_TOKENS
    return min(reached, MOST_QUESTIONS) * QUESTION_TOKENS


def _targets(study: Study) -> int:
    """How many targets name choices."""
    return sum(map(_has_choices, study.config["targets"].values()))


def _has_choices(target: Mapping[str, Any]) -> bool:
    parts = [target, *(target.get("sources") or ())]
    return any(part.get("choices") for part in parts)
