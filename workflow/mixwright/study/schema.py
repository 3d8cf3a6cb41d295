"""What config/schema.yaml says of a study: keys, defaults, and a line for each mistake."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError

from mixwright.errors import MixwrightError, closest

Schema = Mapping[str, Any]
# How alike the name of a key in another section must be to be offered, from 0 to 1.
ALIKE_ELSEWHERE = 0.6


def read_yaml(path: Path) -> dict[str, Any]:
    """Returns the content of a YAML file, read by the C parser where there is one."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(), Loader=loader)


def keys(schema: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (dotted name, its node) for every key, in the schema's order.

    A node holds a key's description, type, default and bounds.
    """
    return _keys_below(schema, "", schema)


def _keys_below(node: Schema, prefix: str, schema: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
    children = dict(node.get("properties", {}))
    if isinstance(node.get("additionalProperties"), Mapping) and "propertyNames" in node:
        children["<name>"] = node["additionalProperties"]
    for name, child in children.items():
        resolved = follow(child, schema)
        yield f"{prefix}{name}", resolved
        yield from _keys_below(resolved, f"{prefix}{name}.", schema)


def follow(node: Any, schema: Schema) -> Any:
    """Returns the node that a `$ref` points at, or the node itself."""
    while isinstance(node, Mapping) and "$ref" in node:
        target: Any = schema
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def with_defaults(value: Any, node: Schema, schema: Schema) -> Any:
    """Fills the schema's defaults into `value`, in place and recursively, and returns it."""
    node = follow(node, schema)
    if not isinstance(value, dict):
        return value
    properties = node.get("properties", {})
    for name, child_node in properties.items():
        child = follow(child_node, schema)
        if name not in value and "default" in child:
            value[name] = copy.deepcopy(child["default"])
        if name not in value:
            continue
        # A section that is written and left empty is an empty section.
        if value[name] is None and child.get("type") == "object":
            value[name] = {}
        value[name] = with_defaults(value[name], child, schema)
    extra = node.get("additionalProperties")
    if isinstance(extra, Mapping):
        for name in value.keys() - properties.keys():
            value[name] = with_defaults(value[name], extra, schema)
    return value


def check_against(study: Mapping[str, Any], schema: Schema) -> None:
    """Checks a study with its defaults.

    Raises:
        MixwrightError: the first mistake in the order of the keys, in one line.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(study), key=_path)
    if errors:
        raise MixwrightError(f"config: {_message(errors[0], schema)}")


def did_you_mean(name: str, known: Sequence[str], prefix: str = "") -> str:
    """Returns `; did you mean x?`, or nothing where no known name is alike."""
    close = closest(name, known)
    return f"; did you mean {prefix}{close}?" if close else ""


def _path(error: ValidationError) -> list[str]:
    return [str(part) for part in error.absolute_path]


def _message(error: ValidationError, schema: Schema) -> str:
    """One line for a schema error: where, what, and what to write instead."""
    where = ".".join(_path(error))
    value = error.instance
    if error.validator == "additionalProperties":
        return _unknown_key(error, where, schema)
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in value)
        dotted = f"{where}.{missing}".lstrip(".")
        return f"{dotted} is missing; give it"
    if error.validator == "anyOf":
        return f"{where} is {value!r}; it takes {error.schema['title']}"
    if error.validator == "enum":
        choices = [str(choice) for choice in error.validator_value]
        hint = did_you_mean(str(value), choices)
        return f"{where} is {value!r}{hint}; it takes {' or '.join(choices)}"
    if error.validator == "type":
        types = error.validator_value
        if not isinstance(types, str):
            types = " or ".join(types)
        kind = type(value).__name__
        return f"{where} is {value!r}, a {kind}; it takes a value of type {types}"
    return f"{where or 'the study'}: {error.message.splitlines()[0][:200]}"


def _unknown_key(error: ValidationError, where: str, schema: Schema) -> str:
    known = list(error.schema.get("properties", {}))
    unknown = next(name for name in error.instance if name not in known)
    prefix = f"{where}." if where else ""
    hint = did_you_mean(unknown, known, prefix)
    if not hint:
        hint = _elsewhere(unknown, schema)
    if not hint:
        hint = f"; known here: {', '.join(known) or 'nothing'}"
    return f"{prefix}{unknown} is unknown{hint}"


def _elsewhere(name: str, schema: Schema) -> str:
    """Points a key that stands in the wrong section to the right one."""
    dotted_names = [dotted for dotted, _ in keys(schema)]
    last_words = [dotted.rsplit(".", 1)[-1] for dotted in dotted_names]
    close = closest(name, last_words, ALIKE_ELSEWHERE)
    if not close:
        return ""
    return f"; did you mean {dotted_names[last_words.index(close)]}?"
