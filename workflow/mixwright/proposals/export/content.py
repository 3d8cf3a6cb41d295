"""What the files of an order are written in: JSON, YAML or CSV, with names, numbers and lists."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from mixwright.errors import MixwrightError, nearest
from mixwright.proposals.export.yaml_source import refused


def read_content(path: Path) -> Any:
    """Returns the content of a JSON or YAML file.

    Raises:
        MixwrightError: it is neither, or a key stands twice, or is a switch such as `no`.
    """
    text = text_of(path)
    with refused("JSON or YAML", str(path)):
        # JSON may be indented with tabs, which YAML refuses
        with suppress(json.JSONDecodeError):
            return json.loads(text, object_pairs_hook=_once)
        return yaml.load(text, Loader=_Loader)


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


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Returns the mapping of JSON's pairs; a key that stands twice is refused."""
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"the key {key} stands twice")
        content[key] = value
    return content


class _Loader(yaml.SafeLoader):
    """Reads YAML, and refuses a key that stands twice: one of the two would be lost.

    It refuses `no`, the code of a language, and `yes` too, which YAML takes for switches.
    """

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            problem = ""
            if key in keys:
                problem = f"the key {key} stands twice"
            if isinstance(key, bool):
                problem = f"the key {key_node.value} is a switch; write it in quotes"
            if problem:
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            keys.append(key)
        return super().construct_mapping(node, deep)


def two_columns(text: str, where: str, columns: tuple[str, str]) -> list[tuple[str, str]]:
    """Returns the lines of a CSV of two columns, its heading first; empty lines are left out.

    Args:
        text: of the file.
        where: what messages call it.
        columns: what messages call the columns.

    Raises:
        MixwrightError: it is no CSV, or a line has another number of cells.
    """
    # without newline="" a name that holds a line end of Windows would lose half of it
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    wanted = " and ".join(columns)
    lines = []
    try:
        for row in reader:
            if row:
                first, *others = row
                if len(others) != 1:
                    place = f"{where}: line {reader.line_num} has {len(row)} cells"
                    raise MixwrightError(f"{place}; give two columns, {wanted}")
                lines.append((first, others[0]))
    except csv.Error as error:
        raise MixwrightError(f"{where}: no CSV: {error}; correct the quotes") from None
    if not lines:
        raise MixwrightError(f"{where}: it is empty; give two columns, {wanted}")
    return lines


def shares_of(text: str, where: str, columns: tuple[str, str]) -> list[tuple[str, str]]:
    """Returns the lines of a CSV of names and shares, below its heading.

    Raises:
        MixwrightError: it is no such CSV, or has no heading: its first line would be lost.
    """
    heading, *lines = two_columns(text, where, columns)
    if is_number(heading[1]):
        names = ",".join(columns)
        message = f"{where}: the first line has a number"
        raise MixwrightError(f"{message}; begin with the heading {names}")
    return lines


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


def is_number(value: Any) -> bool:
    """Returns whether a value is a number, also as text: YAML reads 2e10 as text."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


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
