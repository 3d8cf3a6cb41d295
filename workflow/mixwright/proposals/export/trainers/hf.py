"""Hugging Face datasets: `interleave_datasets` with probabilities.

    number  probability of a source at each draw; they must sum to 1 (numpy's Generator.choice)
    draws   at random
    unit    rows
    end     first_exhausted (default): the data set ends with the first source that ends;
            all_exhausted: sources start again until each has ended once

Read in datasets 5.2.0: src/datasets/combine.py, arrow_dataset.py (_interleave_map_style_datasets).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mixwright.errors import MixwrightError
from mixwright.proposals.export.arithmetic import (
    expected,
    first_exhausted,
    is_sum_one,
    never_drawn,
    numbers_of,
)
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    ENDS,
    REFUSED,
    ROWS,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.python_source import arguments, calls, constants, parsed
from mixwright.proposals.export.quoting import commented, python_text

FIRST, ALL = "first_exhausted", "all_exhausted"
STRATEGIES = (FIRST, ALL, "all_exhausted_without_replacement")
PARAMETERS = ("datasets", "probabilities", "seed", "info", "split", "stopping_strategy")


@dataclass(frozen=True)
class Interleaved(Format):
    """Writes a module whose function `mixed()` returns the interleaved data set."""

    name = "hf"
    trainer = "Hugging Face datasets (read 5.2.0)"
    unit = ROWS
    meaning = "Each number is the probability with which a row is drawn; they must sum to 1."
    suffix = ".py"
    defaults: ClassVar[Mapping[str, Any]] = {"stopping_strategy": FIRST, "split": "train"}

    def blend_settings(self, order: Any, numbers: Any) -> Mapping[str, Any]:
        return {"stopping_strategy": self.settings["stopping_strategy"]}

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        lines = []
        for entry in blend.entries:
            lines.append(f"    {python_text(entry.path)}: {entry.number!r},\n")
        return (
            f"{commented(document.header, '# ')}"
            "from datasets import interleave_datasets, load_dataset\n\n"
            "# source -> probability of a row\n"
            f"PROBABILITIES = {{\n{''.join(lines)}}}\n\n\n"
            "def mixed():\n"
            '    """Returns the mixture; give load_dataset what your sources need."""\n'
            f"    split = {self.settings['split']!r}\n"
            "    sources = [load_dataset(name, split=split) for name in PROBABILITIES]\n"
            "    return interleave_datasets(\n"
            "        sources,\n"
            "        probabilities=list(PROBABILITIES.values()),\n"
            f"        seed={document.order.seed},\n"
            f"        stopping_strategy={blend.settings['stopping_strategy']!r},\n"
            "    )\n"
        )

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        tree = parsed(text, where)
        values = constants(tree)
        for call in calls(tree, "interleave_datasets"):
            written = arguments(call, PARAMETERS, values)
            probabilities = written.get("probabilities")
            if not isinstance(probabilities, list):
                continue
            names = _names(values, written.get("datasets"), probabilities)
            entries = []
            for name, number in zip(names, probabilities, strict=True):
                entries.append(Entry(name, float(number)))
            strategy = written.get("stopping_strategy") or FIRST
            return (Blend(tuple(entries), {"stopping_strategy": strategy}),)
        raise MixwrightError(
            f"{where}: no interleave_datasets with a list of probabilities stands there;"
            " write the numbers into the file"
        )

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        units = expected(self.unit, blend, budget)
        faults = list(never_drawn(blend, units))
        total = numbers_of(blend).sum()
        if not is_sum_one(blend):
            message = f"the probabilities sum to {total:.9g}: datasets wants 1; divide them by it"
            faults.append(Fault(REFUSED, message))
        strategy = blend.settings.get("stopping_strategy", FIRST)
        zeros = [entry.path for entry in blend.entries if entry.number == 0]
        if strategy != FIRST and zeros:
            message = f"{', '.join(zeros)}: a source of probability 0 never ends, nor does the data"
            faults.append(Fault(ENDS, f"{message} set with {strategy}; leave it out"))
        if strategy == FIRST:
            faults += first_exhausted(self.unit, units, blend, budget)
        return Drawn(units, tuple(faults), random=True)


def _names(values: Mapping[str, Any], datasets: Any, probabilities: list[Any]) -> list[str]:
    """Returns what the sources are called: keys of the mapping of probabilities, or numbers."""
    for value in values.values():
        if isinstance(value, Mapping) and list(value.values()) == probabilities:
            return [str(name) for name in value]
    if isinstance(datasets, list):
        return [str(name) for name in datasets]
    return [f"source {number}" for number in range(1, len(probabilities) + 1)]
