"""What the files of an order are written in: JSON or YAML, with names, numbers and lists."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from mixwright.errors import MixwrightError, nearest


def read_content(path: Path) -> Any:
    """Returns the content of a JSON or YAML file.

    Raises:
        MixwrightError: it is neither, or a key stands twice.
    """
    text = text_of(path)
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = " ".join(str(error).split())
        raise MixwrightError(f"{path}: neither JSON nor YAML: {line}; correct the file") from None


def text_of(path: Path) -> str:
    """Returns the text of a file.

    Raises:
        MixwrightError: it is not there, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise MixwrightError(f"{path}: not readable as text; write it as UTF-8") from None
    except OSError as error:
        raise MixwrightError(f"{path}: {error.strerror}; correct the path") from None


class _Loader(yaml.SafeLoader):
    """Reads YAML, and refuses a key that stands twice: one of the two would be lost."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                problem = f"the key {key} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            keys.append(key)
        return super().construct_mapping(node, deep)


def numbers_by_name(values: Any, where: str) -> dict[str, float]:
    """Returns name -> number, of a mapping; names without a number are left out."""
    numbers: dict[str, float] = {}
    if not isinstance(values, Mapping):
        return numbers
    for name, value in values.items():
        number = amount_of(value, f"{where}: {name}")
        if number is not None:
            numbers[str(name)] = number
    return numbers


def amount_of(value: Any, where: str) -> float | None:
    """Returns a number from 0 on; None where nothing is written."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise MixwrightError(f"{where} is {value!r}; give a number") from None
    is_size = math.isfinite(number) and number >= 0
    if not is_size or isinstance(value, bool):
        raise MixwrightError(f"{where} is {value!r}; give a number from 0 on")
    return number


def as_list(value: Any) -> list[Any]:
    """Returns the values of a list, or the one value."""
    if isinstance(value, list):
        return value
    return [value]


def name_of(value: Any, where: str) -> str:
    """Returns a path: text, or a number as it is written."""
    if isinstance(value, bool | list | dict) or value is None or value == "":
        raise MixwrightError(f"{where} is {value!r}; give a path in quotes")
    return str(value)


def check_keys(entry: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuses keys that are unknown.

    Raises:
        MixwrightError: one is; the message says which is meant.
    """
    for key in entry:
        if key not in known:
            raise MixwrightError(f"{where}: {key} is unknown; {nearest(str(key), known)}")
