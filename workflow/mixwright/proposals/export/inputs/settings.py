"""What users may set of a format: every value is checked before a file is written."""

from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError, nearest

# More of anything is a mistake.
MOST = 10**15

Words = Mapping[str, Sequence[Any]]


def with_defaults(
    name: str,
    defaults: Mapping[str, Any],
    words: Words,
    settings: Mapping[str, Any],
    where: str = "--settings",
) -> dict[str, Any]:
    """Returns every setting of a format: the user's, and the default of the others.

    A setting is of the kind of its default: yes or no, text, a list, or a whole number from 1 on,
    as is one whose default is None.

    Args:
        name: of the format.
        defaults: setting -> value.
        words: setting -> the values that it takes, where they are few.
        settings: of the user.
        where: what messages begin with.

    Raises:
        MixwrightError: a setting is unknown, or its value is of another kind.
    """
    values = dict(defaults)
    for key, value in settings.items():
        if key not in defaults:
            hint = nearest(key, defaults) or "it has no settings; leave it out"
            raise MixwrightError(f"{where}: {name} knows no {key}; {hint}")
        if key in words:
            values[key] = _one_of(words[key], value, f"{where}: {name} has no {key} {value}")
        else:
            values[key] = _alike(defaults[key], value, f"{where}: {name}: {key} is {value!r}")
    return values


def _one_of(words: Sequence[Any], value: Any, wrong: str) -> Any:
    """Returns one of a few values; 0.3 stands for the word `0.3`, and 1 for no word."""
    for word in words:
        if isinstance(word, bool) or isinstance(value, bool):
            is_meant = word is value
        else:
            is_meant = word == str(value)
        if is_meant:
            return word
    raise MixwrightError(f"{wrong}; use one of {', '.join(map(_typed, words))}")


def _typed(word: Any) -> str:
    """A value as JSON has it, and text without quotes."""
    if isinstance(word, bool):
        return str(word).lower()
    return str(word)


def _alike(default: Any, value: Any, wrong: str) -> Any:
    """Returns a value of the kind of a default."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise MixwrightError(f"{wrong}; give true or false")
        return value
    if isinstance(default, str):
        if not isinstance(value, str) or not value.isprintable() or not value:
            raise MixwrightError(f"{wrong}; give text in a line")
        return value
    if isinstance(default, list):
        if not isinstance(value, list) or not all(map(_is_word, value)):
            raise MixwrightError(f"{wrong}; give a list of weights and paths in turn")
        return value
    if value is None and default is None:
        return None
    return _whole(value, wrong)


def _is_word(value: Any) -> bool:
    """Whether a value is text or a number."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _whole(value: Any, wrong: str) -> int:
    """Returns a whole number from 1 on, also of 1e6."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 1 <= value <= MOST or value != int(value):
        raise MixwrightError(f"{wrong}; give a whole number from 1 to {MOST:,}")
    return int(value)
