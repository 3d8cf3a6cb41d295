"""What the files of an order are written in: JSON or YAML, with names, numbers and lists."""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from mixwright.errors import MixwrightError, nearest

# Tags of YAML: that of text, and those of words that a name may look like.
TEXT = "tag:yaml.org,2002:str"
OTHER_THAN_TEXT = [
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null", "timestamp")
]


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
        # a name in a CSV may hold \r\n, which a translation would make another name
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError:
        raise MixwrightError(f"{path}: not readable as text; write it as UTF-8") from None
    except OSError as error:
        raise MixwrightError(f"{path}: {error.strerror}; correct the path") from None


def rows_of_csv(path: Path) -> list[tuple[str, list[str]]]:
    """Returns the rows of a CSV, each with its place for messages; empty lines are none.

    Raises:
        MixwrightError: it is not there, or is no CSV.
    """
    reader = csv.reader(io.StringIO(text_of(path), newline=""))
    rows = []
    try:
        for row in reader:
            if row:
                rows.append((f"{path}: line {reader.line_num}", row))
    except csv.Error as error:
        raise MixwrightError(f"{path}: no CSV: {error}; correct the quotes") from None
    return rows


class _Loader(yaml.SafeLoader):
    """Reads YAML whose keys are names: each is text, as it is written.

    YAML reads `no` as false and 007 as 7, which would be other names. A key that stands twice is
    refused: one of the two would be lost.
    """

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = []
        for key_node, _ in node.value:
            if key_node.tag in OTHER_THAN_TEXT:
                key_node.tag = TEXT
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
        number = number_of(value, f"{where}: {name}")
        if number is not None:
            numbers[str(name)] = number
    return numbers


def number_of(value: Any, where: str) -> float | None:
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


def listed(value: Any) -> list[Any]:
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
