"""A study's file as it was written: what a YAML parser takes in without a word is said here.

YAML takes the last of two equal keys, reads `no` as false and `010` as 8. Snakemake has read the
file by then and has no trace of it left. So the file is read once more, for its lines.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mixwright.errors import MixwrightError

TEXT_TAG = "tag:yaml.org,2002:str"
MERGE_TAG = "tag:yaml.org,2002:merge"
# The end of a scalar's tag -> what YAML takes the word for.
READ_AS = {
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "null": "nothing",
    "timestamp": "a date",
}
# Whole numbers that YAML 1.1 reads to another base: 010 is 8, 1:30 is 90, 0x1F is 31.
OTHER_BASE = re.compile(r"[-+]?(0[0-9_]+|0[xb][0-9a-fA-F_]+|[0-9_]+(:[0-9]+)+(\.[0-9_]*)?)")
# A file with this key is a template, whose keys are only known when it is filled in.
TEMPLATE = "__use_yte__"


def check_files(files: Iterable[str | Path]) -> None:
    """Checks the files that a study is written in, YAML or JSON.

    Raises:
        MixwrightError: a file cannot be read, a key stands twice in a section, or YAML reads a
            name as something else than text. The line names the file and its line.
    """
    for file in files:
        path = Path(file)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MixwrightError(
                f"config: {path}: not readable as UTF-8 text ({_reason(error)});"
                " correct the path or the file"
            ) from None
        _check_text(text, path.name)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)


def _check_text(text: str, file: str) -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        # JSON may hold tabs, which YAML refuses.
        _check_json(text, file, error)
        return
    if root is not None and not _is_template(root):
        _Written(file).check(root, "")


def _is_template(root: Node) -> bool:
    if not isinstance(root, MappingNode):
        return False
    return any(key.value == TEMPLATE for key, _ in root.value)


def _check_json(text: str, file: str, yaml_error: yaml.YAMLError) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        section: dict[str, Any] = {}
        for key, value in pairs:
            if key in section:
                raise MixwrightError(
                    f"config: {file}: {key} stands twice in a section; keep one, or rename one"
                )
            section[key] = value
        return section

    try:
        json.loads(text, object_pairs_hook=once)
    except ValueError:
        problem = " ".join(str(yaml_error).split())
        raise MixwrightError(
            f"config: {file}: no YAML or JSON ({problem}); correct that place"
        ) from None


@dataclass(frozen=True)
class _Written:
    """The walk through one file."""

    file: str
    # nodes that were checked: an alias is its anchor's node once more
    checked: set[int] = field(default_factory=set)
    # nodes that the walk is inside of
    above: set[int] = field(default_factory=set)

    def check(self, node: Node, where: str) -> None:
        """Checks a node and all below it. `where` is its dotted key."""
        if id(node) in self.above:
            raise MixwrightError(
                f"config: {self.file}: {where} is an alias of a section that it stands in;"
                " write out what is meant"
            )
        if id(node) in self.checked:
            return
        self.checked.add(id(node))
        self.above.add(id(node))
        self._check_node(node, where)
        self.above.discard(id(node))

    def _check_node(self, node: Node, where: str) -> None:
        if isinstance(node, MappingNode):
            self._check_keys(node, where)
            for key, value in node.value:
                self.check(value, _dotted(where, key))
        elif isinstance(node, SequenceNode):
            for number, item in enumerate(node.value):
                self.check(item, f"{where}.{number}")
        else:
            self._check_number(node, where)

    def _check_keys(self, section: MappingNode, where: str) -> None:
        lines: dict[str, int] = {}
        for key, _ in section.value:
            line = key.start_mark.line + 1
            place = f"config: {self.file}, line {line}"
            dotted = _dotted(where, key)
            if not isinstance(key, ScalarNode):
                raise MixwrightError(f"{place}: a key is a list or a section; write a word")
            if key.tag == MERGE_TAG:
                continue
            if key.tag != TEXT_TAG:
                kind = READ_AS.get(key.tag.rsplit(":", 1)[-1], "no text")
                name = key.value or "(nothing)"
                raise MixwrightError(
                    f"{place}: the key {dotted} is read as {kind}, not as text;"
                    f' write it in quotes: "{name}"'
                )
            if key.value in lines:
                raise MixwrightError(
                    f"{place}: {dotted} stands in line {lines[key.value]} already;"
                    " keep one of the two, or rename one"
                )
            lines[key.value] = line

    def _check_number(self, node: Node, where: str) -> None:
        """Refuses a number that YAML reads to another base than ten."""
        if node.style or node.tag.rsplit(":", 1)[-1] not in ("int", "float"):
            return
        if not OTHER_BASE.fullmatch(node.value):
            return
        line = node.start_mark.line + 1
        value = yaml.safe_load(node.value)
        raise MixwrightError(
            f"config: {self.file}, line {line}: {where}: YAML reads {node.value} as {value};"
            f' write {value}, or in quotes "{node.value}" where a word is meant'
        )


def _dotted(where: str, key: Node) -> str:
    return f"{where}.{key.value}" if where else str(key.value)
