"""The values of a study in the form that the schema asks for.

YAML 1.1 reads 2e4 as text and 2.0e+4 as a float, and `--config` makes text of numbers inside a
section. What is plainly a number is taken as one. What is not is left for the schema to refuse.
"""

import copy
import math
import re
from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.study.schema import Schema, follow

NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
WHOLE = re.compile(r"[-+]?[0-9]+")
# What YAML reads as true or false.
SWITCHES = {
    "true": True,
    "yes": True,
    "on": True,
    "false": False,
    "no": False,
    "off": False,
}
NOTHING = ("null", "~")
# From here on not every whole number is a float of its own. No setting means so much.
LARGEST = 2**53


def as_wanted(value: Any, node: Any, schema: Schema, where: str = "") -> Any:
    """Returns a value with its numbers, switches and nulls in the schema's form.

    A whole number is an int, also where any number may stand: a study has the same runs whether
    it says 12 or 12.0. A value equal to its key's default is the default.

    Args:
        value: what the user wrote.
        node: the schema of its key.
        schema: the whole schema.
        where: the dotted key, for messages.

    Raises:
        MixwrightError: a key is no text, or a number is not finite or too large.
    """
    node = follow(node, schema)
    if isinstance(value, Mapping):
        value = _section(value, node, schema, where)
    elif isinstance(value, list):
        value = _list(value, node, schema, where)
    else:
        value = _scalar(value, _takes(node), where)
    default = node.get("default")
    if _alike(value, default):
        return copy.deepcopy(default)
    return value


def _section(value: Mapping[Any, Any], node: Schema, schema: Schema, where: str) -> dict[str, Any]:
    node = _alternative(node, "object", schema)
    properties = node.get("properties", {})
    others = node.get("additionalProperties")
    if not isinstance(others, Mapping):
        others = {}
    section = {}
    for name, inner in value.items():
        dotted = f"{where}.{name}" if where else f"{name}"
        if not isinstance(name, str):
            kind = type(name).__name__
            raise MixwrightError(
                f"config: the key {dotted} is read as {kind}, not as text (YAML takes no, yes, on"
                " and off for true and false); write it in quotes"
            )
        section[name] = as_wanted(inner, properties.get(name, others), schema, dotted)
    return section


def _list(value: list[Any], node: Schema, schema: Schema, where: str) -> list[Any]:
    node = _alternative(node, "array", schema)
    items = node.get("items", {})
    wanted = []
    for number, item in enumerate(value):
        wanted.append(as_wanted(item, items, schema, f"{where}.{number}"))
    return wanted


def _alternative(node: Schema, kind: str, schema: Schema) -> Schema:
    """The alternative of a node that is a section or a list, or the node itself."""
    for alternative in node.get("anyOf", ()):
        followed = follow(alternative, schema)
        if followed.get("type") == kind:
            return followed  # type: ignore[no-any-return]
    return node


def _takes(node: Schema) -> set[str]:
    """The types of values that a node takes, as JSON schema names them; `word` for a choice."""
    takes: set[str] = set()
    types = node.get("type", [])
    takes |= {types} if isinstance(types, str) else set(types)
    choices = list(node.get("enum", []))
    if "const" in node:
        choices.append(node["const"])
    for choice in choices:
        if isinstance(choice, bool):
            takes.add("boolean")
        elif isinstance(choice, str):
            takes.add("word")
        else:
            takes.add("number")
    for alternative in node.get("anyOf", ()):
        takes |= _takes(alternative)
    return takes


def _scalar(value: Any, takes: set[str], where: str) -> Any:
    if isinstance(value, str) and "string" not in takes:
        value = _read(value.strip(), value, takes)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not takes & {"integer", "number"}:
        return value
    # A NaN is not below anything.
    if not abs(value) <= LARGEST:
        _refuse_number(value, takes, where)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _refuse_number(value: float, takes: set[str], where: str) -> None:
    """Refuses a number that is not finite, or too large."""
    if isinstance(value, float) and not math.isfinite(value):
        remedy = "null for no limit" if "null" in takes else "a finite one"
        raise MixwrightError(f"config: {where} is {value}; give {remedy}")
    raise MixwrightError(
        f"config: {where} has {len(str(int(abs(value))))} digits, more than anything counts;"
        f" give at most {LARGEST}"
    )


def _read(text: str, written: str, takes: set[str]) -> Any:
    """What a text plainly means, where a key takes no free text."""
    if takes & {"integer", "number"} and NUMBER.fullmatch(text):
        return int(text) if WHOLE.fullmatch(text) else float(text)
    if "boolean" in takes and text.lower() in SWITCHES:
        return SWITCHES[text.lower()]
    if "null" in takes and text.lower() in NOTHING:
        return None
    return written


def _alike(value: Any, default: Any) -> bool:
    """Whether two values are equal, 3 and 3.0 being so and True and 1 not."""
    if isinstance(value, bool) != isinstance(default, bool):
        return False
    return default is not None and bool(value == default)
