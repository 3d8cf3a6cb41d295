"""Plain tables of a mixture: domain and share of the tokens, as CSV, JSON or YAML.

    number  a share of the tokens; shares are read as numbers over their sum, which is told
    zero    allowed, and nothing is read of it
    names   any text: quoted as the format quotes it, line ends included

No trainer reads them by itself: they are for scripts. What is drawn is what is written.
"""

import csv
import io
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import REMARK, TOKENS, Blend, Budget, Drawn, Entry, Fault
from mixwright.proposals.export.rules.arithmetic import (
    expected,
    is_sum_one,
    never_drawn,
    numbers_of,
)
from mixwright.proposals.export.text.content import shares_of
from mixwright.proposals.export.text.quoting import commented, yaml_text
from mixwright.proposals.export.text.yaml_source import json_content, refused

HEADING = ("source", "share")


@dataclass(frozen=True)
class Plain(Format):
    """What the plain formats have in common: shares of tokens, drawn as they are."""

    trainer = "scripts"
    unit = TOKENS
    meaning = "Each number is a share of the training tokens; they sum to 1."

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        units = expected(self.unit, blend, budget)
        faults = list(never_drawn(blend, units))
        if not is_sum_one(blend):
            total = numbers_of(blend).sum()
            message = f"the shares sum to {total:.9g}; they are read as parts of it"
            faults.append(Fault(REMARK, message))
        return Drawn(units, tuple(faults))


@dataclass(frozen=True)
class PlainCsv(Plain):
    """Two columns, `source` and `share`."""

    name = "csv"
    suffix = ".csv"
    comment = ""

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        file = io.StringIO()
        # Python 3.11 leaves a lone carriage return without quotes
        returns = any("\r" in entry.path for entry in blend.entries)
        writer = csv.writer(
            file,
            lineterminator="\n",
            quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL,
        )
        writer.writerow(HEADING)
        for entry in blend.entries:
            writer.writerow([entry.path, repr(entry.number)])
        return file.getvalue()

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        return (_blend(shares_of(text, where, HEADING).items(), where),)


@dataclass(frozen=True)
class PlainJson(Plain):
    """One object, source -> share."""

    name = "json"
    suffix = ".json"
    comment = ""

    def write(self, document: Document) -> str:
        return json.dumps(_shares(document), indent=1, ensure_ascii=False) + "\n"

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        content = json_content(text, where, _Pairs)
        return (_blend(_of_proposal(content, where), where),)


@dataclass(frozen=True)
class PlainYaml(Plain):
    """One mapping, source -> share."""

    name = "yaml"

    def write(self, document: Document) -> str:
        return commented(document.header, self.comment) + yaml_text(_shares(document))

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        with refused("YAML", where):
            content = yaml.load(text, Loader=_Loader)
        return (_blend(_of_proposal(content, where), where),)


class _Pairs(list[tuple[Any, Any]]):
    """A mapping whose keys may stand twice: two lines of one source are told, and not joined."""


class _Loader(yaml.SafeLoader):
    """Reads the mappings of YAML as pairs."""


def _pairs(loader: yaml.SafeLoader, node: Any) -> _Pairs:
    loader.flatten_mapping(node)
    pairs = _Pairs()
    for key, value in node.value:
        name = loader.construct_object(key, deep=True)
        pairs.append((name, loader.construct_object(value, deep=True)))
    return pairs


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _pairs)


def _shares(document: Document) -> dict[str, float]:
    (blend,) = document.blends
    return {entry.path: entry.number for entry in blend.entries}


def _of_proposal(content: Any, where: str) -> Iterable[tuple[Any, Any]]:
    """Returns the pairs of source and share; of what `mixwright propose` wrote, its weights."""
    if not isinstance(content, _Pairs):
        raise MixwrightError(
            f"{where}: no source stands there; give source: share",
        )
    for name, value in content:
        if name == "weights" and isinstance(value, _Pairs):
            return value
    return content


def _blend(pairs: Iterable[tuple[Any, Any]], where: str) -> Blend:
    shares: dict[str, float] = {}
    for name, written in pairs:
        if not isinstance(name, str):
            raise MixwrightError(
                f"{where}: {name!r} is no text; write the source in quotes",
            )
        shown = json.dumps(name, ensure_ascii=False)
        if name in shares:
            raise MixwrightError(
                f"{where}: {shown} stands twice; give every source one share",
            )
        shares[name] = _number(written, shown, where)
    if not shares:
        raise MixwrightError(
            f"{where}: no source stands there; give source and share",
        )
    entries = []
    for name, share in shares.items():
        entries.append(Entry(name, share))
    return Blend(tuple(entries))


def _number(written: Any, shown: str, where: str) -> float:
    """Returns a share from 0 on."""
    try:
        number = float(written)
    except (TypeError, ValueError):
        raise MixwrightError(f"{where}: {shown} has {written!r}; give it a number") from None
    is_share = math.isfinite(number) and number >= 0
    if isinstance(written, bool) or not is_share:
        raise MixwrightError(
            f"{where}: {shown} has {written!r}; give it a number from 0 on",
        )
    return number
