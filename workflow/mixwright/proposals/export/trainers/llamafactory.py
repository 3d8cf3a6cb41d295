"""LLaMA-Factory: `interleave_probs` of a training's YAML.

    number  probability of a source at each draw, as `interleave_datasets`; they must sum to 1
    keys    dataset and interleave_probs, with commas; mix_strategy interleave_under
            (first_exhausted) or interleave_over (all_exhausted). interleave_once is refused by the
            versions of datasets that the trainer allows (<= 4.0.0)
    zero    never drawn; with interleave_over the data set never ends
    stream  the trainer recommends it. Files give no row then with dataloader_num_workers 0, its
            default, and max_steps is needed

Read in LLaMA-Factory 0.9.5: llamafactory/data/data_utils.py (merge_dataset), data/loader.py,
data/parser.py, hparams/data_args.py, hparams/parser.py.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
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
from mixwright.proposals.export.rules.interleaving import (
    ALL,
    AUTO,
    FIRST,
    ONCE,
    Rule,
    interleaved,
    rule_that_feeds,
)
from mixwright.proposals.export.rules.row_counts import (
    rows_of,
    sizes_in_words,
)
from mixwright.proposals.export.text.data_files import is_local
from mixwright.proposals.export.text.quoting import commented, number_text, refuse, yaml_text
from mixwright.proposals.export.text.yaml_source import mapping_of, number_of

UNDER, OVER, ONLY_ONCE = "interleave_under", "interleave_over", "interleave_once"
CONCAT = "concat"
# strategy of the trainer -> strategy of datasets
STRATEGIES = {UNDER: FIRST, OVER: ALL, ONLY_ONCE: ONCE}


@dataclass(frozen=True)
class LlamaFactory(Format):
    """Writes the keys of a training's YAML that name and mix the sources."""

    name = "llamafactory"
    trainer = "LLaMA-Factory (read 0.9.5)"
    unit = ROWS
    meaning = "Each number is the probability with which a row is drawn; they must sum to 1."
    # mix_strategy: auto takes interleave_under where no source ends before the training.
    # dataset_dir: of dataset_info.json; ONLINE where the sources are names at a hub.
    defaults: ClassVar[Mapping[str, Any]] = {
        "mix_strategy": AUTO,
        "streaming": True,
        "dataset_dir": "data",
    }
    words: ClassVar[Words] = {"mix_strategy": (AUTO, CONCAT, *STRATEGIES)}

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        strategy = self.settings["mix_strategy"]
        if strategy == AUTO:
            rule = rule_that_feeds(order, self.entries(order, numbers))
            strategy = OVER
            if rule.strategy == FIRST:
                strategy = UNDER
        return {
            "mix_strategy": strategy,
            "streaming": bool(self.settings["streaming"]),
        }

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        for entry in blend.entries:
            _refuse_edges(entry.path, self.name)
            refuse_interpolation(entry.path, self.name)
            refuse(entry.path, ",", self.name, "the trainer splits `dataset` at commas")
        names = [entry.path for entry in blend.entries]
        numbers = [number_text(entry.number) for entry in blend.entries]
        content: dict[str, Any] = {
            "dataset": ",".join(names),
            "dataset_dir": str(self.settings["dataset_dir"]),
            "mix_strategy": blend.settings["mix_strategy"],
            "interleave_probs": ",".join(numbers),
        }
        notes = list(document.header)
        notes += sizes_in_words(blend, document.order)
        if blend.settings["streaming"]:
            content["streaming"] = True
            content["dataloader_num_workers"] = 1
            notes += STREAMED
        if content["dataset_dir"] != "ONLINE":
            notes += _info(names)
        return commented(notes, "# ") + yaml_text(content)

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        content = mapping_of(text, where)
        names = _listed(content.get("dataset"))
        if not names:
            raise MixwrightError(f"{where}: no dataset stands there; give names with commas")
        strategy = str(content.get("mix_strategy", CONCAT))
        probabilities = _listed(content.get("interleave_probs"))
        faults = _faults_of_keys(content, names, probabilities, strategy)
        numbers = []
        for text_of_number in probabilities:
            numbers.append(number_of(text_of_number, f"{where}: interleave_probs"))
        if not probabilities:
            numbers = [1.0 / len(names)] * len(names)
        entries = []
        for name, number in zip(names, numbers, strict=False):
            entries.append(Entry(name, number))
        settings = {
            "mix_strategy": strategy,
            "streaming": bool(content.get("streaming", False)),
        }
        return (Blend(tuple(entries), settings, faults=tuple(faults)),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        strategy = blend.settings.get("mix_strategy", UNDER)
        streaming = bool(blend.settings.get("streaming", False))
        if strategy == CONCAT:
            return Drawn(rows_of(blend, budget))
        rule = Rule(
            strategy=STRATEGIES.get(strategy, strategy),
            streaming=streaming,
            restarts=True,
        )
        drawn = interleaved(blend, budget, rule)
        if strategy != ONLY_ONCE:
            return drawn
        message = "interleave_once: datasets up to 4.0.0, which the trainer asks for, refuses it"
        fault = Fault(REFUSED, f"{message}; use {OVER}")
        return Drawn(drawn.units, (*drawn.faults, fault), random=True)


# Lines for the head of the file.
STREAMED = (
    "Streaming needs max_steps: the rows of the training divided by those of a step.",
    "With dataloader_num_workers 0 a streamed file gives no row.",
)


def _info(names: Sequence[str]) -> list[str]:
    """Returns the lines of dataset_info.json that the names need."""
    info = {}
    for name in names:
        key = "hf_hub_url"
        if is_local(name):
            key = "file_name"
        info[name] = {key: name}
    text = json.dumps(info, indent=1, ensure_ascii=False)
    return ["dataset_info.json in dataset_dir needs:", *text.splitlines()]


def _faults_of_keys(
    content: Mapping[str, Any],
    names: Sequence[str],
    probabilities: Sequence[str],
    strategy: str,
) -> list[Fault]:
    """Faults of the file's keys, whatever is drawn."""
    faults = []
    if probabilities and strategy == CONCAT:
        message = "interleave_probs with mix_strategy concat is refused; use interleave_over"
        faults.append(Fault(REFUSED, message))
    if not probabilities and strategy == CONCAT:
        message = "no interleave_probs: every row is read once, whatever the sources' sizes are"
        faults.append(Fault(REMARK, message))
    if not probabilities and strategy != CONCAT:
        message = "no interleave_probs: the same number of rows is read of each source"
        faults.append(Fault(REMARK, message))
    if probabilities and len(probabilities) != len(names):
        message = f"{len(names)} sources and {len(probabilities)} interleave_probs"
        faults.append(Fault(REFUSED, f"{message}; give each source one"))
    if len(set(names)) < len(names) and probabilities:
        message = "a source stands twice: the trainer joins the two, and the numbers do not fit"
        faults.append(Fault(REFUSED, f"{message}; name it once"))
    if strategy not in (CONCAT, *STRATEGIES):
        known = ", ".join((CONCAT, *STRATEGIES))
        faults.append(Fault(REFUSED, f"mix_strategy {strategy} is none; use one of {known}"))
    if content.get("streaming") and not content.get("dataloader_num_workers"):
        message = "streaming with dataloader_num_workers 0: a file gives no row; use 1 or more"
        faults.append(Fault(REMARK, message))
    return faults


def _listed(value: Any) -> list[str]:
    """Returns the words of a text with commas, or of a list."""
    if value is None:
        return []
    words = value
    if not isinstance(value, list):
        words = str(value).split(",")
    return [str(word).strip() for word in words]


def _refuse_edges(path: str, name: str) -> None:
    for edge in (path[:1], path[-1:]):
        if edge.isspace():
            refuse(path, edge, name, "the trainer strips blanks at its ends")


def refuse_interpolation(path: str, name: str) -> None:
    """Refuses what OmegaConf, which reads the file, takes for a reference or a gap."""
    if "${" in path:
        refuse(path, "$", name, "OmegaConf reads ${} as a reference")
    if path == "???":
        refuse(path, "?", name, "OmegaConf reads ??? as a value that is missing")
