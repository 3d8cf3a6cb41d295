"""How many training tokens a step has, and how many steps and tokens a run takes."""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from mixwright.learners import LEARNERS

UNREAD_VOCABULARY = 131_072  # of a tokenizer folder, which nothing opens at parse time
# Tokens scored of a document, however short the models' contexts: a few hundred tokens tell a
# domain, and a few thousand scored tokens then come from many of its documents.
DOCUMENT_TOKENS = 512


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


def read_a_scored(config: Mapping[str, Any], part: str) -> float:
    """Returns the tokens that a causal model reads for each that is scored, at the most.

    A document that is longer than the context is read in windows that go on by half a context.

    Args:
        config: a resolved study.
        part: the section of the model.
    """
    if LEARNERS[config["learner"]].masked:
        return 1.0
    context = config[part]["shape"]["context"]
    longest = config["evaluation"]["document_tokens"]
    if longest is None:
        return 2.0
    more = max(0, longest - context)
    windows = 1 + ceil(2 * more / context)
    return max(1.0, windows * context / max(longest, context))


def document_tokens(config: Mapping[str, Any], parts: Iterable[str]) -> int | None:
    """Returns the tokens that are scored of a held-out document at most; None for all.

    `auto` is DOCUMENT_TOKENS, or the longest context of the study's models where that is more.

    Args:
        config: the config, with the shapes of its models written out.
        parts: the sections whose models the study trains.
    """
    limit = config["evaluation"]["document_tokens"]
    if limit is None:
        return None
    if limit != "auto":
        return int(limit)
    longest = DOCUMENT_TOKENS
    for part in parts:
        settings = config[part]
        context = settings.get("context") or settings["shape"]["context"]
        longest = max(longest, int(context))
    return longest


def _is_sized(config: Mapping[str, Any]) -> bool:
    return LEARNERS[config.get("learner", "causal-lm")].sized
