"""nanotron: `dataset_folder` and `dataset_weights` of a stage in `data_stages`.

    number  weight of a folder; weights are divided by their sum and count sequences
    index   deterministic, Megatron's helper: every folder is within one sequence of its share
    zero    allowed: the folder is not read
    end     a folder is read from its start again, by the index modulo its length
    none    without weights every folder has the same share
    stages  begin at a step: sequences before a stage, over sequences a step. Each reads the head of
            an index of its own. run_train.py builds the data of the last stage of a config alone:
            train with the first stage, add the next one and resume
    dict    paths with weights in dataset_folder, as docs/nanoset.md says, are refused by the config

Read in nanotron's repository of April 2026: run_train.py, src/nanotron/config/config.py,
src/nanotron/data/tokenized_bytes.py, src/nanotron/data/nemo_dataset/blendable_dataset.py. The class
Nanoset (src/nanotron/data/nanoset.py), of which the index was shuffled, is no longer called. PyPI
has 0.4 of 2024, without either: nothing was run.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from mixwright.errors import MixwrightError
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    CHANGED,
    REFUSED,
    REMARK,
    Blend,
    Budget,
    Drawn,
    Fault,
)
from mixwright.proposals.export.rules.arithmetic import (
    deterministic,
    longer_training,
    numbers_of,
)
from mixwright.proposals.export.text.quoting import commented, yaml_text
from mixwright.proposals.export.text.yaml_source import yaml_content
from mixwright.proposals.export.trainers.megatron_index import too_many
from mixwright.proposals.export.trainers.nanotron_stages import (
    Stage,
    faults_of_stages,
    stages_of,
    tokens_a_step,
)

# Keys of the config whose product is the sequences of a step.
SEQUENCES_A_STEP = "micro_batch_size * batch_accumulation_per_replica * dp"
# The setting of a blend that says how many tokens its stage trains on.
TOKENS = "tokens"


@dataclass(frozen=True)
class Nanotron(Format):
    """Writes `data_stages` and the part of `tokens` that they depend on."""

    name = "nanotron"
    trainer = "nanotron (read April 2026)"
    meaning = "Each number is a weight of sequences; nanotron divides them by their sum."
    staged = True
    # batch: sequences a step, on all ranks
    defaults: ClassVar[Mapping[str, Any]] = {"batch": 512}

    def write(self, document: Document) -> str:
        order = document.order
        batch = self._batch()
        content: dict[str, Any] = {"data_stages": []}
        for number, blend in enumerate(document.blends, start=1):
            weights = [entry.number for entry in blend.entries]
            dataset = {
                "dataset_folder": [entry.path for entry in blend.entries],
                "dataset_weights": weights,
            }
            stage = {
                "name": blend.name or f"stage {number}",
                "start_training_step": self._step(blend.begins, order.sequence),
                "data": {"dataset": dataset, "num_loading_workers": 1, "seed": order.seed},
            }
            content["data_stages"].append(stage)
        _check_steps(content["data_stages"])
        tokens: dict[str, Any] = {"micro_batch_size": 1, "batch_accumulation_per_replica": batch}
        if order.sequence is not None:
            tokens["sequence_length"] = order.sequence
            if order.tokens is not None:
                tokens["train_steps"] = math.ceil(order.tokens / (batch * order.sequence))
        content["tokens"] = tokens
        header = [
            *document.header,
            "Put data_stages into your config, and train_steps into its tokens.",
            f"A step has {batch} sequences ({SEQUENCES_A_STEP}); --settings sets another batch.",
        ]
        if len(document.blends) > 1:
            header.append("Train with the first stage alone; add the next one and resume.")
        return commented(header, self.comment) + yaml_text(content)

    def _batch(self) -> int:
        batch: int = self.settings["batch"]
        return batch

    def _step(self, begins: float, sequence: int | None) -> int:
        """Returns the step at which a stage starts; the first one is 1."""
        if not begins:
            return 1
        if sequence is None:
            raise MixwrightError(
                "nanotron: a stage starts at a step, and nobody said how long a sequence is;"
                " give --sequence"
            )
        return 1 + round(begins / (self._batch() * sequence))

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        content = yaml_content(text, where)
        stages = stages_of(content, where)
        step = tokens_a_step(content)
        blends = []
        for stage in stages:
            blends.append(_blend(stage, step, len(stages) > 1))
        faults = faults_of_stages(stages)
        first = blends[0]
        blends[0] = replace(first, faults=(*first.faults, *faults))
        return tuple(blends)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        tokens = blend.settings.get(TOKENS)
        if tokens is not None:
            budget = replace(budget, tokens=tokens)
        faults = [*too_many(blend), *_of_numbers(blend)]
        units = deterministic(self.unit, blend, budget)
        return Drawn(units, tuple(faults))

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        return longer_training(self.unit, blend, lost)


def _check_steps(stages: Sequence[Mapping[str, Any]]) -> None:
    before: Mapping[str, Any] = {}
    for stage in stages:
        step = stage["start_training_step"]
        if before and step <= before["start_training_step"]:
            raise MixwrightError(
                f"nanotron: {before['name']} is shorter than a step; give it more tokens, or a"
                " smaller batch in --settings"
            )
        before = stage


def _blend(stage: Stage, step: float | None, several: bool) -> Blend:
    """Returns the blend of a stage.

    Args:
        stage: as the file has it.
        step: tokens a step; None where the file does not say it.
        several: whether the file has several stages.
    """
    settings = {}
    begins = 0.0
    if step is not None:
        begins = (stage.start - 1) * step
        if stage.steps is not None:
            settings[TOKENS] = stage.steps * step
    name = stage.name if several else ""
    return Blend(stage.entries, settings, name, begins, stage.faults)


def _of_numbers(blend: Blend) -> list[Fault]:
    faults = []
    if not numbers_of(blend).sum() > 0:
        message = "the weights do not sum to a number above 0, and nanotron stops; correct them"
        faults.append(Fault(REFUSED, message))
    for entry in blend.entries:
        if entry.number < 0:
            message = f"{entry.path} has {entry.number:g}: it is not read, and the others' shares"
            faults.append(Fault(CHANGED, f"{message} grow past 1; leave the source out"))
    local = [entry.path for entry in blend.entries if "s3" not in entry.path]
    if local:
        message = (
            f'{local[0]}: run_train.py stops where a folder\'s path has no "s3" in it'
            " (BlendableDataset.get_consumption_stats); take that assertion out for other paths"
        )
        faults.append(Fault(REMARK, message))
    return faults
