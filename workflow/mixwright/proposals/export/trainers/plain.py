"""Plain tables of a mixture: domain and share of the tokens, as CSV, JSON or YAML.

No trainer reads them by itself: they are for scripts. What is drawn is what is written.
"""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export.arithmetic import expected, never_drawn
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import TOKENS, Blend, Budget, Drawn, Entry
from mixwright.proposals.export.quoting import commented, yaml_text


@dataclass(frozen=True)
class Plain(Format):
    """What the plain formats have in common: shares of tokens, drawn as they are."""

    trainer = "scripts"
    unit = TOKENS
    meaning = "Each number is a share of the training tokens; they sum to 1."

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        units = expected(self.unit, blend, budget)
        return Drawn(units, never_drawn(blend, units))


@dataclass(frozen=True)
class PlainCsv(Plain):
    """Two columns, `source` and `share`."""

    name = "csv"
    suffix = ".csv"
    comment = ""

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["source", "share"])
        for entry in blend.entries:
            writer.writerow([entry.path, repr(entry.number)])
        return file.getvalue()

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        rows = list(csv.reader(io.StringIO(text)))
        shares: dict[str, Any] = {}
        for row in rows[1:]:
            if len(row) != 2:
                raise MixwrightError(f"{where}: a line has {len(row)} cells; give source and share")
            shares[row[0]] = row[1]
        return (_blend(shares, where),)


@dataclass(frozen=True)
class PlainJson(Plain):
    """One object, source -> share."""

    name = "json"
    suffix = ".json"
    comment = ""

    def write(self, document: Document) -> str:
        return json.dumps(_shares(document), indent=1, ensure_ascii=False) + "\n"

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise MixwrightError(f"{where}: no JSON: {error}; correct the file") from None
        return (_blend(content, where),)


@dataclass(frozen=True)
class PlainYaml(Plain):
    """One mapping, source -> share."""

    name = "yaml"

    def write(self, document: Document) -> str:
        return commented(document.header, self.comment) + yaml_text(_shares(document))

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            line = " ".join(str(error).split())
            raise MixwrightError(f"{where}: no YAML: {line}; correct the file") from None
        return (_blend(content, where),)


def _shares(document: Document) -> dict[str, float]:
    (blend,) = document.blends
    return {entry.path: entry.number for entry in blend.entries}


def _blend(content: Any, where: str) -> Blend:
    """Returns the blend of source -> share, or of what `mixwright propose` wrote."""
    if isinstance(content, Mapping) and isinstance(content.get("weights"), Mapping):
        content = content["weights"]
    if not isinstance(content, Mapping) or not content:
        raise MixwrightError(f"{where}: no source stands there; give source: share")
    entries = []
    for path, number in content.items():
        try:
            entries.append(Entry(str(path), float(number)))
        except (TypeError, ValueError):
            raise MixwrightError(f"{where}: {path} has {number!r}; give it a number") from None
    return Blend(tuple(entries))
