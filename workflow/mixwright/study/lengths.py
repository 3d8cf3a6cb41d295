"""How many training tokens a step has, and how many steps and tokens a run takes."""

from collections.abc import Mapping
from typing import Any

from mixwright.learners import LEARNERS

UNREAD_VOCABULARY = 131_072  # of a tokenizer folder, which nothing opens at parse time


def step_tokens(config: Mapping[str, Any], part: str) -> int:
    """Returns the training tokens of one step of `part`, proxy or final.

    It is 1 for trees, whose runs learn from all rows: their weights alone count.
    """
    if not _is_sized(config):
        return 1
    settings = config[part]
    return int(settings["batch"] * settings["shape"]["context"])


def steps(config: Mapping[str, Any], tokens: float, part: str) -> int:
    """Returns the whole steps of `part` that come nearest to so many tokens, at least one."""
    if not _is_sized(config):
        return 1
    return max(1, round(tokens / step_tokens(config, part)))


def final_tokens(config: Mapping[str, Any]) -> int:
    """Returns the training tokens of a final: the goal's, rounded to whole steps."""
    count = steps(config, config["goal"]["tokens"], "final")
    return count * step_tokens(config, "final")


def vocabulary_rows(config: Mapping[str, Any], part: str) -> int:
    """Returns the rows of a model's embedding, as far as they are known at parse time.

    `part` is proxy or final.
    """
    tokenizer = config["tokenizer"]
    tokens = UNREAD_VOCABULARY if tokenizer["folder"] else tokenizer["vocabulary"]
    return int(config[part]["shape"].get("vocabulary", tokens))


def _is_sized(config: Mapping[str, Any]) -> bool:
    return LEARNERS[config.get("learner", "causal-lm")].sized
