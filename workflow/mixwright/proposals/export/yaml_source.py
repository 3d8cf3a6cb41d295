"""YAML files of trainers: a mapping, with errors in one line."""

from collections.abc import Mapping
from typing import Any

import yaml

from mixwright.errors import MixwrightError


def mapping_of(text: str, where: str) -> dict[str, Any]:
    """Returns the mapping that a file of YAML holds.

    Raises:
        MixwrightError: the text is no YAML, or no mapping.
    """
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = " ".join(str(error).split())
        raise MixwrightError(f"{where}: no YAML: {line}; correct the file") from None
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{where}: no mapping stands there; write KEY: VALUE")
    return {str(key): value for key, value in content.items()}


def mappings_under(content: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    """Returns the list of mappings under a key.

    Raises:
        MixwrightError: there is none, or an element is no mapping.
    """
    listed = content.get(key)
    if not isinstance(listed, list) or not listed:
        raise MixwrightError(f"{where}: no {key} stands there; give a list of sources")
    for number, entry in enumerate(listed, start=1):
        if not isinstance(entry, Mapping):
            raise MixwrightError(f"{where}: {key} {number} is no mapping; give path: and the rest")
    return listed


def number_of(value: Any, where: str) -> float:
    """Returns a number, also where it is written as text.

    Raises:
        MixwrightError: it is none.
    """
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError):
        raise MixwrightError(f"{where} is {value!r}; give a number") from None
