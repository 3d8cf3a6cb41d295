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
from mixwright.proposals.export.text.yaml_source import refused

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
        # a name in a CSV may hold \r\n, which a translation would make another name
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
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


def two_columns(text: str, where: str, columns: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Returns the lines of a CSV of two columns, the heading first: the place, and both cells.

    Empty lines are none.

    Args:
        text: of the file.
        where: what messages call it.
        columns: what they call its columns.

    Raises:
        MixwrightError: it is no CSV, or a line has another number of cells.
    """
    # without newline="" a name that holds a line end of Windows would lose half of it
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines = []
    try:
        for row in reader:
            place = f"{where}: line {reader.line_num}"
            if len(row) == 2:
                lines.append((place, row[0], row[1]))
            elif row:
                wanted = " and ".join(columns)
                raise MixwrightError(f"{place} has {len(row)} cells; give two columns, {wanted}")
    except csv.Error as error:
        raise MixwrightError(f"{where}: no CSV: {error}; correct the quotes") from None
    return lines


def shares_of(text: str, where: str, columns: tuple[str, str]) -> dict[str, str]:
    """Returns name -> share of a CSV with a heading; nothing of one without lines.

    Raises:
        MixwrightError: it is no such CSV, a name stands twice, or the first line is no heading:
            nobody would miss its name where its share is small.
    """
    shares: dict[str, str] = {}
    for number, (place, name, share) in enumerate(two_columns(text, where, columns)):
        if number == 0:
            if is_number(share):
                heading = ",".join(columns)
                raise MixwrightError(f"{place} is no heading; write {heading} above it")
        elif name in shares:
            raise MixwrightError(f"{place}: {name} stands twice; add its shares up")
        else:
            shares[name] = share
    return shares


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
