"""ms-swift: numbers of rows behind paths, or probabilities.

form counts
    number  rows of a source, `path#N`: rows are read N // rows times, and N % rows of them once
            more; none: all rows, once
    sum     none: shares are N / sum
    zero    refused
    end     an epoch is the list of these rows
    stream  the first N rows; nothing repeats
form probabilities
    number  probability of a source at each draw (`--interleave_prob`), by `interleave_datasets`;
            they must sum to 1
    end     stopping_strategy first_exhausted (default) or all_exhausted

A path is read as hub::name:subsets#N; the last # counts.

Read in ms-swift 4.6.0: swift/dataset/dataset_syntax.py, dataset_meta.py (post_process), utils.py
(sample_dataset), loader.py (load_dataset), swift/cli/main.py (parse_yaml_args).
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    ENDS,
    REFUSED,
    REMARK,
    ROWS,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
    Size,
)
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import never_drawn, numbers_of
from mixwright.proposals.export.rules.interleaving import (
    AUTO,
    FIRST,
    STRATEGIES,
    Rule,
    interleaved,
    rule_that_feeds,
)
from mixwright.proposals.export.rules.row_counts import (
    needs_tokens,
    of_epochs,
    rows_of,
    rows_wanted,
    sizes_in_words,
    tokens_that_keep,
)
from mixwright.proposals.export.text.quoting import commented, refuse, yaml_text
from mixwright.proposals.export.text.yaml_source import mapping_of, number_of

ARGUMENT = re.compile(r"(^|\s)--dataset[\s=]")
COMMENT = re.compile(r"(?m)(?<!\S)#.*$")
COUNTS, PROBABILITIES = "counts", "probabilities"
HUBS = ("hf::", "ms::")
KEYS = ("dataset", "interleave_prob", "stopping_strategy", "streaming", "num_train_epochs")


@dataclass(frozen=True)
class MsSwift(Format):
    """Writes the keys of a training's YAML that name and mix the sources."""

    name = "ms-swift"
    trainer = "ms-swift (read 4.6.0)"
    unit = ROWS
    meaning = "A number behind a path is its rows in an epoch; a probability is that of a row."
    # form: counts, or probabilities for interleave_prob.
    # stopping_strategy: auto takes first_exhausted where no source ends before the training.
    defaults: ClassVar[Mapping[str, Any]] = {
        "form": COUNTS,
        "stopping_strategy": AUTO,
        "streaming": False,
    }
    words: ClassVar[Words] = {
        "form": (COUNTS, PROBABILITIES),
        "stopping_strategy": (AUTO, *STRATEGIES),
    }

    def numbers(
        self,
        order: Order,
        shares: Array,
        tokens: float | None,
    ) -> Array:
        if self._form() == PROBABILITIES:
            return super().numbers(order, shares, tokens)
        return rows_wanted(
            self.name,
            order,
            shares,
            needs_tokens(self.name, tokens),
            self.tokens_a_unit(order),
        )

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        settings: dict[str, Any] = {
            "form": self._form(),
            "streaming": bool(self.settings["streaming"]),
        }
        if self._form() == PROBABILITIES:
            rule = rule_that_feeds(order, self.entries(order, numbers))
            strategy = self.settings["stopping_strategy"]
            if strategy == AUTO:
                strategy = rule.strategy
            settings["stopping_strategy"] = strategy
        return settings

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        paths = []
        numbers = []
        for entry in blend.entries:
            self._check(entry.path)
            path = entry.path
            if self._form() == COUNTS:
                path = f"{path}#{entry.number:.0f}"
            paths.append(path)
            numbers.append(entry.number)
        content: dict[str, Any] = {"dataset": paths}
        notes = list(document.header)
        notes += sizes_in_words(blend, document.order)
        if self._form() == COUNTS:
            content["num_train_epochs"] = 1
            notes.append("One epoch is the planned training.")
        else:
            content["interleave_prob"] = numbers
            content["stopping_strategy"] = blend.settings["stopping_strategy"]
        if blend.settings["streaming"]:
            content["streaming"] = True
            notes.append("Streaming needs max_steps: the rows of the training by those of a step.")
        return commented(notes, "# ") + yaml_text(content)

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        content = _content(text, where)
        listed = _several(content.get("dataset"))
        if not listed:
            raise MixwrightError(f"{where}: no dataset stands there; give dataset: [PATH#ROWS]")
        entries = []
        faults = []
        for word in listed:
            entry, fault = _entry(str(word))
            entries.append(entry)
            faults += fault
        settings = {
            "form": COUNTS,
            "stopping_strategy": str(content.get("stopping_strategy") or FIRST),
            "streaming": _is_true(content.get("streaming")),
            "epochs": number_of(content.get("num_train_epochs") or 1, f"{where}: num_train_epochs"),
        }
        probabilities = _several(content.get("interleave_prob"))
        if probabilities:
            settings["form"] = PROBABILITIES
            if len(probabilities) != len(entries):
                message = f"{len(entries)} sources and {len(probabilities)} interleave_prob"
                faults.append(Fault(REFUSED, f"{message}; give each source one"))
            mixed = []
            for entry, value in zip(entries, probabilities, strict=False):
                number = number_of(value, f"{where}: interleave_prob")
                mixed.append(replace(entry, number=number))
            entries = mixed
        return (Blend(tuple(entries), settings, faults=tuple(faults)),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        streaming = bool(blend.settings.get("streaming"))
        if blend.settings.get("form", COUNTS) == PROBABILITIES:
            rule = Rule(
                strategy=blend.settings.get("stopping_strategy", FIRST),
                streaming=streaming,
                restarts=True,
            )
            return interleaved(blend, _limited(blend, budget), rule)
        counts = []
        faults = []
        for entry, there in zip(blend.entries, rows_of(blend, budget), strict=True):
            count, fault = _rows_of_entry(entry, float(there), streaming)
            counts.append(count)
            faults += fault
        units = np.array(counts) * blend.settings.get("epochs", 1.0)
        faults += never_drawn(blend, units)
        faults += of_epochs(
            blend,
            units,
            budget,
            remedy="write larger numbers, with which sources repeat",
        )
        return Drawn(units, tuple(faults))

    def remedy(
        self,
        blend: Blend,
        lost: Sequence[str],
        budget: Budget,
    ) -> str:
        return tokens_that_keep(blend, lost, budget, numbers_of(blend))

    def _form(self) -> str:
        form: str = self.settings["form"]
        return form

    def _check(self, path: str) -> None:
        """Refuses a path that the trainer would take apart in another way."""
        if path.startswith("-"):
            refuse(path, "-", self.name, "a word that begins with it is an option")
        for edge in (path[:1], path[-1:]):
            if edge.isspace():
                refuse(path, edge, self.name, "the trainer strips blanks at its ends")
        name = path
        if path[:4].lower() in HUBS:
            name = path[4:]
        if "::" in name:
            refuse(path, ":", self.name, "what stands before :: is the name of a hub")
        if self._form() == PROBABILITIES:
            refuse(path, "#", self.name, "what stands behind # is a number of rows")


def _content(text: str, where: str) -> Mapping[str, Any]:
    """Returns the keys of a YAML file, or of the arguments of a command."""
    if not ARGUMENT.search(text):
        return mapping_of(text, where)
    try:
        # shlex takes a # inside a word for a comment too
        bare = COMMENT.sub("", text)
        words = shlex.split(bare.replace("\\\n", " "))
    except ValueError as error:
        raise MixwrightError(f"{where}: {error}; close the quote") from None
    content: dict[str, list[str]] = {}
    key = ""
    for word in words:
        if word.startswith("--"):
            key, _, value = word[2:].partition("=")
            content[key] = []
            if value:
                content[key].append(value)
        elif key:
            content[key].append(word)
    result: dict[str, Any] = {}
    for name in KEYS:
        values: Any = content.get(name)
        if values and name not in ("dataset", "interleave_prob"):
            values = values[0]
        result[name] = values
    return result


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, list):
        return value
    return [value]


def _is_true(value: Any) -> bool:
    return str(value).lower() in ("true", "1", "yes")


def _entry(word: str) -> tuple[Entry, list[Fault]]:
    """Returns a source and its rows, by the last # of a word; 1 where all of its rows are meant."""
    path, mark, number = word.rpartition("#")
    if not mark:
        return Entry(word, 1.0), []
    try:
        count = int(number)
    except ValueError:
        message = f"{word}: what stands behind # is no number of rows; rename the file"
        return Entry(word, 1.0), [Fault(REFUSED, message)]
    faults = []
    if count <= 0:
        message = f"{path} has {count} rows: ms-swift takes numbers above 0; leave the source out"
        faults.append(Fault(REFUSED, message))
    entry = Entry(path, float(count), settings={"count": count})
    return entry, faults


def _rows_of_entry(
    entry: Entry,
    there: float,
    streaming: bool,
) -> tuple[float, list[Fault]]:
    """Returns the rows of a source in an epoch; NaN where nobody knows them."""
    if not entry.settings and entry.number == 1:
        message = f"{entry.path} has no number: all of its rows are read once"
        return there, [Fault(REMARK, message)]
    # rows under a half are none; an export leaves them as they are, to drop them by name
    count = float(round(max(0.0, entry.number)))
    if streaming and count > there:
        message = f"{entry.path} has {there:,.0f} rows, and streaming reads none of them twice"
        message = f"{message}; do not stream, where {count:,.0f} are wanted"
        return there, [Fault(ENDS, message)]
    return count, []


def _limited(blend: Blend, budget: Budget) -> Budget:
    """Returns the budget whose sources have the rows that numbers behind paths leave of them."""
    sizes = dict(budget.sizes)
    for entry in blend.entries:
        count = entry.settings.get("count")
        if count is None:
            continue
        size = sizes.get(entry.path, Size())
        tokens = None
        if size.tokens is not None and size.rows:
            tokens = size.tokens / size.rows * count
        sizes[entry.path] = Size(tokens, size.documents, float(count))
    return replace(budget, sizes=sizes)
