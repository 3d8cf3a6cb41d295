"""What the settings of mixers take, in words: a whole number, a number, a word."""

from types import UnionType
from typing import Any, get_args

# What a setting of a type takes, in words.
WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
    type(None): "null",
}


def kinds_of_value(annotation: Any) -> list[str]:
    """Returns in words what a setting of this type takes; none where it may be anything."""
    types = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return [WORDS[type_] for type_ in types if type_ in WORDS]


def is_of_kind(value: Any, kinds: list[str]) -> bool:
    """Whether a setting that takes `kinds` may have this value; a whole number is a number."""
    if type(value) is int and WORDS[float] in kinds:
        return True
    return WORDS.get(type(value)) in kinds
