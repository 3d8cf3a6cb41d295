"""Grain by itself: `MapDataset.mix` or `IterDataset.mix` with weights.

    number  a weight above 0; zeros raise a ValueError. The least is scaled to 100, and the others
            are cut to whole numbers: a ratio is off by one percent at most
    unit    elements of the data sets that are mixed: rows
    index   deterministic; every process that mixes for itself reads the same interleaving
    end     MapDataset.mix is as long as its shortest source lets it be, IterDataset.mix stops when
            one source ends; sources that `repeat()` never end

Read in grain 0.2.18: grain/_src/python/dataset/transformations/mix.py and dataset.py (mix).
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import ROWS, Blend, Budget, Drawn, Entry
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import first_exhausted
from mixwright.proposals.export.rules.grain_mix import interleaved, refused, remedy, whole_numbers
from mixwright.proposals.export.text.python_source import arguments, calls, constants, parsed
from mixwright.proposals.export.text.quoting import commented, python_text

PARAMETERS = ("datasets", "weights")


@dataclass(frozen=True)
class Grain(Format):
    """Writes a module whose function `mixed()` returns the mixed data set."""

    name = "grain"
    trainer = "Grain (read 0.2.18)"
    unit = ROWS
    meaning = "Each number is a weight of elements; the least is 100, as Grain scales it."
    suffix = ".py"
    # repeat: whether a source starts again when it ends. ranks: processes that mix for themselves.
    defaults: ClassVar[Mapping[str, Any]] = {"repeat": True, "ranks": 1}

    def numbers(self, order: Order, shares: Array, tokens: float | None) -> Array:
        return whole_numbers(super().numbers(order, shares, tokens))

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        return {"repeat": self.settings["repeat"]}

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        weights = ""
        files = ""
        for entry in blend.entries:
            path = python_text(entry.path)
            listed = list(document.sources[entry.path].listed)
            weights += f"    {path}: {entry.number:.0f},\n"
            files += f"    {path}: {listed!r},\n"
        repeated = ""
        if blend.settings["repeat"]:
            repeated = ".repeat()"
        return (
            f"{commented(document.header, '# ')}"
            "import grain\n\n"
            "# source -> weight of an element\n"
            f"WEIGHTS = {{\n{weights}}}\n\n"
            "# source -> its files, of ArrayRecord\n"
            f"FILES = {{\n{files}}}\n\n\n"
            f"def mixed(seed={document.order.seed}):\n"
            '    """Returns the mixture; open your sources as they are."""\n'
            "    datasets = []\n"
            "    for name in WEIGHTS:\n"
            "        source = grain.sources.ArrayRecordDataSource(FILES[name])\n"
            "        dataset = grain.MapDataset.source(source).shuffle(seed=seed)\n"
            f"        datasets.append(dataset{repeated})\n"
            "    return grain.MapDataset.mix(datasets, weights=list(WEIGHTS.values()))\n"
        )

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        tree = parsed(text, where)
        values = constants(tree)
        # whether any source repeats: what is mixed is not followed through the code
        settings = {"repeat": any(calls(tree, "repeat"))}
        for call in calls(tree, "mix"):
            written = arguments(call, PARAMETERS, values)
            weights = written.get("weights")
            if not isinstance(weights, list | tuple | Mapping):
                continue
            names = _names(call, values, weights)
            if isinstance(weights, Mapping):
                weights = weights.values()
            entries = _entries(names, list(weights), where)
            return (Blend(entries, settings),)
        raise MixwrightError(
            f"{where}: no mix(...) with weights stands there; write the numbers into the file"
        )

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        units = interleaved(self.unit, blend, budget, self.settings["ranks"])
        faults = refused(blend, "Grain")
        if not blend.settings["repeat"]:
            faults += first_exhausted(self.unit, units, blend, budget)
        return Drawn(units, tuple(faults))

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        return remedy(self.unit, blend, lost, self.settings["ranks"])


def _names(call: ast.Call, values: Mapping[str, Any], weights: Any) -> list[str]:
    """Returns what the sources are called.

    It is the keys of the weights, or of the constant that holds them; the variables of the list of
    data sets; or numbers.
    """
    if isinstance(weights, Mapping):
        return [str(name) for name in weights]
    for value in values.values():
        if isinstance(value, Mapping) and list(value.values()) == list(weights):
            return [str(name) for name in value]
    listed = call.args[0] if call.args else None
    for keyword in call.keywords:
        if keyword.arg == "datasets":
            listed = keyword.value
    if isinstance(listed, ast.List | ast.Tuple) and len(listed.elts) == len(weights):
        return [ast.unparse(node) for node in listed.elts]
    return [f"source {number}" for number in range(1, len(weights) + 1)]


def _entries(names: Sequence[str], numbers: Sequence[Any], where: str) -> tuple[Entry, ...]:
    entries = []
    for name, number in zip(names, numbers, strict=True):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise MixwrightError(
                f"{where}: the weight of {name} is {number!r}; write a number",
            )
        entries.append(Entry(name, float(number)))
    if not entries:
        raise MixwrightError(
            f"{where}: mix(...) has no weights; write one for each source",
        )
    return tuple(entries)
