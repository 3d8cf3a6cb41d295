"""Hugging Face datasets: `interleave_datasets` with probabilities.

    number  probability of a source at each draw; they must sum to 1 to within 1.49e-8 (numpy's
            Generator.choice)
    draws   at random
    unit    rows
    zero    never drawn. With all_exhausted datasets 5.2.0 refuses it; streamed, or in older
            versions, or without replacement, the data set never ends
    end     first_exhausted (default of datasets): the data set ends with the first source that
            ends; all_exhausted: sources start again until each has ended once;
            all_exhausted_without_replacement: every row is read once, so that the shares change

Read in datasets 5.2.0: src/datasets/combine.py, arrow_dataset.py (_interleave_map_style_datasets),
iterable_dataset.py.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    REFUSED,
    ROWS,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.interleaving import (
    AUTO,
    FIRST,
    STRATEGIES,
    Rule,
    interleaved,
    rule_that_feeds,
)
from mixwright.proposals.export.rules.row_counts import sizes_in_words
from mixwright.proposals.export.text.data_files import BUILDERS
from mixwright.proposals.export.text.python_source import (
    arguments,
    calls,
    constants,
    parsed,
    value_of,
)
from mixwright.proposals.export.text.quoting import commented, python_text

PARAMETERS = ("datasets", "probabilities", "seed", "info", "split", "stopping_strategy")
MODULE = '''{header}from datasets import interleave_datasets, load_dataset

# source -> probability of a row
PROBABILITIES = {{
{lines}}}
# ending of a file -> how it is loaded
BUILDERS = {builders}


def load(name):
    """Returns a source; change this where yours need more than a name."""
    builder = BUILDERS.get(name.rsplit(".", 1)[-1])
    if builder:
        return load_dataset(builder, data_files=name, split={split!r}, streaming={streaming})
    return load_dataset(name, split={split!r}, streaming={streaming})


def mixed():
    """Returns the mixture."""
    mixture = interleave_datasets(
        [load(name) for name in PROBABILITIES],
        probabilities=list(PROBABILITIES.values()),
        seed={seed},
        stopping_strategy={strategy!r},
    )
    return {returned}
'''


@dataclass(frozen=True)
class Interleaved(Format):
    """Writes a module whose function `mixed()` returns the interleaved data set."""

    name = "hf"
    trainer = "Hugging Face datasets (read 5.2.0)"
    unit = ROWS
    meaning = "Each number is the probability with which a row is drawn; they must sum to 1."
    suffix = ".py"
    # stopping_strategy: auto takes first_exhausted where no source ends before the training, and
    # else all_exhausted, whose result is repeated if the training is longer.
    # streaming: auto streams where the index of all_exhausted would take gigabytes.
    defaults: ClassVar[Mapping[str, Any]] = {
        "stopping_strategy": AUTO,
        "split": "train",
        "streaming": AUTO,
    }
    words: ClassVar[Words] = {
        "stopping_strategy": (AUTO, *STRATEGIES),
        "streaming": (AUTO, True, False),
    }

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        rule = rule_that_feeds(order, self.entries(order, numbers))
        strategy = self.settings["stopping_strategy"]
        streaming = self.settings["streaming"]
        if strategy == AUTO:
            strategy = rule.strategy
        if streaming == AUTO:
            streaming = rule.streaming
        repeats = 1
        if strategy == rule.strategy:
            repeats = rule.repeats
        return {
            "stopping_strategy": strategy,
            "streaming": bool(streaming),
            "repeats": repeats,
        }

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        lines = []
        for entry in blend.entries:
            lines.append(f"    {python_text(entry.path)}: {entry.number!r},\n")
        strategy = blend.settings["stopping_strategy"]
        repeats = blend.settings["repeats"]
        sizes = sizes_in_words(blend, document.order)
        header = [*document.header, *sizes]
        if self.settings["stopping_strategy"] == AUTO:
            header.append(_reason(strategy, repeats))
        returned = "mixture"
        if repeats > 1:
            returned = f"mixture.repeat({repeats})"
        return MODULE.format(
            header=commented(header, "# "),
            lines="".join(lines),
            builders=BUILDERS,
            split=str(self.settings["split"]),
            streaming=blend.settings["streaming"],
            seed=document.order.seed,
            strategy=strategy,
            returned=returned,
        )

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        tree = parsed(text, where)
        values = constants(tree)
        for call in calls(tree, "interleave_datasets"):
            written = arguments(call, PARAMETERS, values)
            probabilities = written.get("probabilities")
            if not isinstance(probabilities, list | tuple) or not probabilities:
                continue
            names = _names(tree, call, values, probabilities)
            settings = {
                "stopping_strategy": written.get("stopping_strategy") or FIRST,
                "repeats": _repeats(tree),
                "streaming": _is_streaming(tree, values),
            }
            faults = _faults_of_lengths(names, probabilities)
            return (Blend(_entries(names, probabilities, where), settings, faults=faults),)
        raise MixwrightError(
            f"{where}: no interleave_datasets with a list of probabilities stands there;"
            " write the numbers into the file"
        )

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        rule = Rule(
            strategy=blend.settings.get("stopping_strategy", FIRST),
            streaming=blend.settings.get("streaming", False),
            repeats=blend.settings.get("repeats", 1),
            refuses_zero=True,
        )
        return interleaved(blend, budget, rule)


def _reason(strategy: str, repeats: int) -> str:
    """Says why a strategy was taken."""
    if strategy == FIRST:
        return "first_exhausted: no source ends before the training does."
    reason = "all_exhausted: sources that end start again, so that the whole training is fed."
    if repeats > 1:
        reason = f"{reason} The training reads the result {repeats} times."
    return reason


def _entries(names: Sequence[str], probabilities: Sequence[Any], where: str) -> tuple[Entry, ...]:
    entries = []
    for name, number in zip(names, probabilities, strict=False):
        try:
            entries.append(Entry(name, float(number)))
        except (TypeError, ValueError):
            raise MixwrightError(
                f"{where}: {name} has the probability {number!r}; give it a number"
            ) from None
    return tuple(entries)


def _faults_of_lengths(names: Sequence[str], probabilities: Sequence[Any]) -> tuple[Fault, ...]:
    if len(names) == len(probabilities):
        return ()
    message = f"{len(names)} sources and {len(probabilities)} probabilities: datasets refuses them"
    return (Fault(REFUSED, f"{message}; give each source one"),)


def _names(
    tree: ast.Module, call: ast.Call, values: Mapping[str, Any], probabilities: Sequence[Any]
) -> list[str]:
    """Returns what the sources are called: what is loaded, names of variables, or numbers."""
    for value in values.values():
        if isinstance(value, Mapping) and list(value.values()) == list(probabilities):
            return [str(name) for name in value]
    listed = _argument(call, "datasets")
    if isinstance(listed, ast.Name):
        listed = _assigned(tree).get(listed.id)
    if not isinstance(listed, ast.List | ast.Tuple):
        return [f"source {number}" for number in range(1, len(probabilities) + 1)]
    names: list[str] = []
    for number, node in enumerate(listed.elts, start=1):
        name = _name(node, tree, values) or f"source {number}"
        if name in names:
            name = f"{name} ({number})"
        names.append(name)
    return names


def _name(node: ast.expr, tree: ast.Module, values: Mapping[str, Any]) -> str:
    """Returns what a data set is called: the first argument of its load_dataset, or a variable."""
    made = node
    if isinstance(node, ast.Name):
        made = _assigned(tree).get(node.id, node)
    for call in ast.walk(made):
        if isinstance(call, ast.Call) and _called(call) == "load_dataset" and call.args:
            loaded = value_of(call.args[0], values)
            for keyword in call.keywords:
                # a file is loaded by the name of its builder
                if keyword.arg == "data_files" and loaded in BUILDERS.values():
                    loaded = value_of(keyword.value, values)
            if isinstance(loaded, str):
                return loaded
    return node.id if isinstance(node, ast.Name) else ""


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """Returns name -> expression of the assignments, inside functions too."""
    assigned = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned[node.targets[0].id] = node.value
    return assigned


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    place = PARAMETERS.index(name)
    return call.args[place] if place < len(call.args) else None


def _called(call: ast.Call) -> str:
    function = call.func
    return str(getattr(function, "id", getattr(function, "attr", "")))


def _is_streaming(tree: ast.Module, values: Mapping[str, Any]) -> bool:
    """Whether a source is streamed, or made an iterable data set."""
    for call in calls(tree, "load_dataset"):
        for keyword in call.keywords:
            if keyword.arg == "streaming" and value_of(keyword.value, values):
                return True
    return any(True for _ in calls(tree, "to_iterable_dataset"))


def _repeats(tree: ast.Module) -> int:
    """Returns how often the interleaved data set is read, by a call of its `repeat`."""
    assigned = _assigned(tree)
    for call in calls(tree, "repeat"):
        if not isinstance(call.func, ast.Attribute) or len(call.args) != 1:
            continue
        made: ast.expr | None = call.func.value
        if isinstance(made, ast.Name):
            made = assigned.get(made.id)
        times = value_of(call.args[0], {})
        is_mixture = isinstance(made, ast.Call) and _called(made) == "interleave_datasets"
        if is_mixture and isinstance(times, int) and times > 0:
            return times
    return 1
