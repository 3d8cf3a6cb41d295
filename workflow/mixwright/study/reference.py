"""config/README.md, generated from the schema."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixwright.study.config import keys, read_yaml


def reference(schema: Mapping[str, Any]) -> str:
    """config/README.md: every key of the schema, its type, bounds, default and meaning."""
    lines = [
        "# Every key of a study",
        "",
        "Generated from `schema.yaml` by `python -m mixwright.study.reference config/schema.yaml > config/README.md`;"
        " edit the schema instead.",
        "`config.yaml` is the demo, `studies/` holds others, `models/` the shapes that `proxy.model` and `final.model` name.",
        "",
        "| key | takes | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, node in keys(schema):
        default = (
            ""
            if "default" not in node or node["default"] == {}
            else f"`{json.dumps(node['default'])}`"
        )
        lines.append(f"| `{name}` | {_takes(node)} | {default} | {node.get('description', '')} |")
    return "\n".join(lines) + "\n"


def _takes(node: Mapping[str, Any]) -> str:
    """What a key takes, in words: type, choices and bounds."""
    if "title" in node:
        return str(node["title"])
    if "enum" in node:
        return " or ".join(f"`{choice}`" for choice in node["enum"])
    kind = node["type"] if isinstance(node["type"], str) else " or ".join(node["type"])
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "over",
        "maximum": "at most",
        "exclusiveMaximum": "under",
    }
    return ", ".join(
        [kind.replace("object", "section")]
        + [f"{word} {node[key]:,}" for key, word in words.items() if key in node]
    )


if __name__ == "__main__":
    print(reference(read_yaml(Path(sys.argv[1]))), end="")
