"""MaxText: mixtures of ArrayRecord files, by Grain's interleaving.

    json    the file of grain_train_mixture_config_path: name -> path and weight. Weights are
            divided by their sum. A training that resumes finds each source's place by its name:
            the domain, or the path where a domain has several sources.
    list    grain_train_files: `path,weight;path,weight`. Shares are rounded to four decimals, so
            that one under 0.00005 is 0, and a zero stops the training with a ValueError.
            Commas and semicolons split paths.
    number  above 0; Grain scales the least to 100 and cuts the others (grain_rule.py)
    unit    records, before they are packed. With `use_truncation`, the default, MaxText keeps the
            first max_target_length tokens of a record
    end     each source is read num_epoch times; the data stop with the first that ends
    paths   patterns of files; only grain_file_type arrayrecord is mixed in this way

Read in maxtext 0.2.5: input_pipeline/grain_data_processing.py (get_datasets),
input_pipeline/grain_tokenizer.py (TokenizeAndTrim), configs/base.yml; grain 0.2.18.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    CHANGED,
    REFUSED,
    REMARK,
    ROWS,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import first_exhausted, normalised
from mixwright.proposals.export.rules.grain_mix import (
    interleaved,
    proportions,
    refused,
    remedy,
    whole_numbers,
)
from mixwright.proposals.export.text.quoting import commented, number_text, refuse, yaml_text
from mixwright.proposals.export.text.yaml_source import (
    above_zero,
    json_content,
    typed_value,
    yaml_content,
)
from mixwright.proposals.export.units import sizes_of, tokens_a_unit, units_of

JSON, LIST = "json", "list"
FILES = "grain_train_files"
# Decimals of a share in the form list.
DECIMALS = 4
# Added to a whole number, so that a rounding error leaves it whole; how often that is tried.
LITTLE = 0.001
ATTEMPTS = 100
# A change of a share that is worth a fault.
CHANGE = 0.01


@dataclass(frozen=True)
class MaxText(Format):
    """Writes the JSON of a mixture, or the keys of a config with a list of files."""

    name = "maxtext"
    trainer = "MaxText (read 0.2.5)"
    unit = ROWS
    meaning = "Each number is a weight of records; MaxText divides them by their sum."
    comment = ""
    suffix = ".json"
    # form: json or list. num_epoch, use_truncation: of MaxText's config. ranks: hosts that read.
    defaults: ClassVar[Mapping[str, Any]] = {
        "form": JSON,
        "num_epoch": 1,
        "use_truncation": True,
        "ranks": 1,
    }
    words: ClassVar[Words] = {"form": (JSON, LIST)}

    def numbers(self, order: Order, shares: Array, tokens: float | None) -> Array:
        of_unit = super().numbers(order, shares, tokens)
        if self.settings["form"] == LIST:
            return of_unit
        return _that_stay(whole_numbers(of_unit))

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        return self.settings

    def entries(self, order: Order, numbers: Array) -> tuple[Entry, ...]:
        entries = super().entries(order, numbers)
        if self.settings["form"] == LIST:
            return entries
        domain_of = {source.path: source.domain for source in order.sources}
        are_alone = len(set(domain_of.values())) == len(domain_of)
        named = []
        for entry in entries:
            name = entry.path
            if are_alone:
                name = domain_of[name]
            settings = {"name": name}
            named.append(replace(entry, settings=settings))
        return tuple(named)

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        if self.settings["form"] == JSON:
            return _json(blend)
        parts = []
        for entry in blend.entries:
            refuse(entry.path, ",;", self.name, f"{FILES} splits at it; use the form json")
            parts.append(f"{entry.path},{number_text(entry.number)}")
        keys = {
            "dataset_type": "grain",
            "grain_file_type": "arrayrecord",
            FILES: ";".join(parts),
            "num_epoch": self.settings["num_epoch"],
            "use_truncation": self.settings["use_truncation"],
        }
        return commented(document.header, "# ") + yaml_text(keys)

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        if text.lstrip().startswith("{"):
            return (self._read_json(text, where),)
        return (self._read_list(text, where),)

    def _read_json(self, text: str, where: str) -> Blend:
        content = json_content(text, where, lambda pairs: _once(pairs, where))
        entries = []
        for name, written in content.items():
            is_whole = isinstance(written, Mapping) and {"path", "weight"} <= set(written)
            if not is_whole:
                raise MixwrightError(
                    f"{where}: {name} has no path and weight; give both",
                )
            path = str(written["path"])
            number = _number(written["weight"], name, where)
            settings = {"name": name}
            entries.append(Entry(path, number, settings=settings))
        settings = {**self.settings, "form": JSON}
        return _blend(entries, settings, where)

    def _read_list(self, text: str, where: str) -> Blend:
        content = _keys(text, where)
        settings = {**self.settings, "form": LIST}
        settings["use_truncation"] = content.get("use_truncation", settings["use_truncation"])
        if "num_epoch" in content:
            settings["num_epoch"] = above_zero(content["num_epoch"], f"{where}: num_epoch")
        listed = str(content.get(FILES) or "")
        entries = []
        for part in listed.split(";"):
            words = part.split(",")
            if len(words) != 2:
                raise MixwrightError(
                    f"{where}: {part!r} is no `path,weight`; write {FILES}: path,weight;path,weight"
                )
            path, weight = words
            number = _number(weight, path, where)
            entries.append(Entry(path, number))
        return _blend(entries, settings, where)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        ranks = self.settings["ranks"]
        rounded = _as_mixed(blend)
        units = self._units(rounded, budget, ranks)
        faults = refused(blend, "MaxText")
        if blend.settings["form"] == LIST:
            faults += _rounded(blend, rounded)
        epochs = blend.settings["num_epoch"]
        for fault in first_exhausted(self.unit, units / epochs, blend, budget):
            needed = _epochs(units, blend, budget)
            message = f"{fault.message}: num_epoch={needed} in MaxText, or more"
            faults.append(Fault(fault.kind, message))
        if blend.settings["use_truncation"]:
            faults += _cut(blend, budget)
        return Drawn(units, tuple(faults))

    def _units(self, blend: Blend, budget: Budget, ranks: int) -> Array:
        """Returns (entries,) records; Grain takes the sources of JSON in the order of their names.

        JAX sorts the keys of a mapping (grain/_src/core/tree_lib.py), and MaxText imports it.
        """
        names = []
        for entry in blend.entries:
            names.append(str(entry.settings.get("name", "")))
        places = list(range(len(names)))
        places.sort(key=names.__getitem__)
        entries = tuple(blend.entries[place] for place in places)
        in_turn = replace(blend, entries=entries)
        units = np.zeros(len(places))
        units[places] = interleaved(self.unit, in_turn, budget, ranks)
        return units

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        rounded = _as_mixed(blend)
        numbers = [entry.number for entry in rounded.entries]
        if min(numbers) <= 0:
            return 'the form json does not round: --settings \'{"form": "json"}\' keeps them'
        ranks = self.settings["ranks"]
        return remedy("records", rounded, lost, ranks)


def _that_stay(numbers: Array) -> Array:
    """Returns whole numbers, or a little more, that MaxText and Grain turn into these numbers.

    MaxText divides them by their sum, Grain multiplies and cuts. A product may fall short of a
    whole number by a rounding error, and be cut to the number below: one percent of the least.
    """
    above = numbers > 0
    wanted = numbers[above]
    larger = wanted > wanted.min()
    largest = int(wanted.argmax())
    written = wanted
    # the least cannot be raised: another sum rounds it otherwise
    for attempt in range(ATTEMPTS):
        shares = written / written.sum()
        cut = np.array(proportions(shares.tolist()))
        if np.array_equal(cut, wanted) or not larger.any():
            break
        written = wanted + LITTLE * larger
        written[largest] += LITTLE * attempt
    result = np.zeros(len(numbers))
    result[above] = written
    return result


def _json(blend: Blend) -> str:
    mixture = {}
    for entry in blend.entries:
        weight = entry.number
        if weight.is_integer():
            weight = int(weight)
        name = entry.settings["name"]
        mixture[name] = {
            "path": entry.path,
            "weight": weight,
        }
    text = json.dumps(mixture, indent=1, ensure_ascii=False)
    return f"{text}\n"


def _once(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise MixwrightError(
                f"{where}: {name} stands twice; give every source its own name",
            )
        result[name] = value
    return result


def _keys(text: str, where: str) -> Mapping[str, Any]:
    """Returns the keys of a config; a bare list of files counts as one of its keys."""
    content = yaml_content(text, where)
    if isinstance(content, str):
        content = {FILES: typed_value(content, FILES)}
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{where}: no mixture stands there; write {FILES}, or JSON")
    return content


def _number(value: Any, name: str, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise MixwrightError(f"{where}: {name} has {value!r}; give it a number") from None


def _blend(entries: list[Entry], settings: Mapping[str, Any], where: str) -> Blend:
    if not entries:
        raise MixwrightError(f"{where}: no source stands there; give name, path and weight")
    return Blend(tuple(entries), settings)


def _as_mixed(blend: Blend) -> Blend:
    """Returns the blend with the numbers that MaxText hands to Grain."""
    shares = normalised(blend).tolist()
    is_list = blend.settings["form"] == LIST
    entries = []
    for entry, share in zip(blend.entries, shares, strict=True):
        number = share
        if is_list:
            number = round(share, DECIMALS)
        entries.append(replace(entry, number=number))
    return replace(blend, entries=tuple(entries))


def _rounded(blend: Blend, rounded: Blend) -> list[Fault]:
    """What four decimals do to the shares of a list."""
    faults = []
    shares = normalised(blend).tolist()
    for share, entry in zip(shares, rounded.entries, strict=True):
        off = abs(entry.number - share)
        if share > 0 and entry.number == 0:
            message = (
                f"{entry.path}: MaxText rounds {share:.2g} to 0, and stops with a ValueError;"
                " leave it out, or use the form json"
            )
            faults.append(Fault(REFUSED, message))
        elif off > CHANGE * share:
            message = (
                f"{entry.path}: MaxText rounds {share:.5g} to {entry.number:g}; use the form json"
            )
            faults.append(Fault(CHANGED, message))
    return faults


def _epochs(units: Array, blend: Blend, budget: Budget) -> int:
    """Returns how often the source that is read most often must be read."""
    most = 1.0
    sizes = sizes_of(blend, budget)
    for count, size in zip(units.tolist(), sizes, strict=True):
        records = units_of(ROWS, size, budget.sequence, budget.packed)
        if records:
            most = max(most, count / records)
    return math.ceil(most)


def _cut(blend: Blend, budget: Budget) -> list[Fault]:
    """Records that are longer than a sequence, of which MaxText keeps the first tokens alone."""
    faults: list[Fault] = []
    most = budget.sequence
    if budget.packed or most is None:
        return faults
    sizes = sizes_of(blend, budget)
    for entry, size in zip(blend.entries, sizes, strict=True):
        tokens = tokens_a_unit(ROWS, size, most, budget.packed)
        if tokens is None or tokens <= most:
            continue
        message = (
            f"{entry.path}: a record holds {tokens:,.0f} tokens on average,"
            f" and MaxText keeps the first {most:,};"
            " set use_truncation=false in MaxText"
        )
        faults.append(Fault(REMARK, message))
    return faults
