"""Writes config/README.md from the schema, so that every key is described once."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixwright.study.schema import keys, read_yaml

GENERATED = (
    "Generated from `schema.yaml` by"
    " `python -m mixwright.study.reference config/schema.yaml > config/README.md`;"
    " edit the schema instead."
)
FILES = (
    "`config.yaml` is the demo, `studies/` holds others,"
    " `models/` the shapes that `proxy.model` and `final.model` name."
)
HEAD = f"""# Every key of a study

{GENERATED}
{FILES}

| key | takes | default | meaning |
|---|---|---|---|
"""
# Bounds of a number, in words.
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "over",
    "maximum": "at most",
    "exclusiveMaximum": "under",
}


def reference(schema: Mapping[str, Any]) -> str:
    """Returns config/README.md: every key of the schema, its type, bounds, default and meaning."""
    rows = []
    for name, node in keys(schema):
        default = ""
        if node.get("default", {}) != {}:
            default = f"`{json.dumps(node['default'])}`"
        meaning = node.get("description", "")
        rows.append(f"| `{name}` | {_values(node)} | {default} | {meaning} |\n")
    return HEAD + "".join(rows)


def _values(node: Mapping[str, Any]) -> str:
    """What a key takes, in words: type, choices and bounds."""
    if "title" in node:
        return str(node["title"])
    if "enum" in node:
        return " or ".join(f"`{choice}`" for choice in node["enum"])
    types = node["type"]
    if not isinstance(types, str):
        types = " or ".join(types)
    words = [types.replace("object", "section")]
    for key, word in BOUNDS.items():
        if key in node:
            words.append(f"{word} {node[key]:,}")
    return ", ".join(words)


if __name__ == "__main__":
    print(reference(read_yaml(Path(sys.argv[1]))), end="")
