"""What config/schema.yaml says of a study: keys and defaults."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mixwright.errors import closest

Schema = Mapping[str, Any]


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
        value[name] = with_defaults(_section(value[name], child), child, schema)
    extra = node.get("additionalProperties")
    if isinstance(extra, Mapping):
        for name in value.keys() - properties.keys():
            section = _section(value[name], follow(extra, schema))
            value[name] = with_defaults(section, extra, schema)
    return value


def _section(value: Any, node: Schema) -> Any:
    """A section that is written and left empty is an empty section."""
    if value is None and node.get("type") == "object":
        return {}
    return value


def did_you_mean(name: str, known: Sequence[str], prefix: str = "") -> str:
    """Returns `; did you mean x?`, or nothing where no known name is alike."""
    close = closest(name, known)
    return f"; did you mean {prefix}{close}?" if close else ""
