"""Settings of a format that take one of a few words."""

from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError


def one_of(trainer: str, settings: Mapping[str, Any], key: str, words: Sequence[str]) -> Any:
    """Returns a setting, which must be one of these words.

    Args:
        trainer: the format.
        settings: of the format.
        key: of the setting.
        words: that it may be.

    Raises:
        MixwrightError: it is another; the message lists them.
    """
    value = settings[key]
    if value in words:
        return value
    listed = ", ".join(words)
    raise MixwrightError(
        f"--settings: {trainer} has no {key} {value}; use one of {listed}",
    )
