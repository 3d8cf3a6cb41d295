"""What a YAML of Levanter says, ours or anybody's.

Read in marin-levanter 0.2.20.dev202606180959: levanter/data/text/datasets.py (LmDataConfig),
levanter/data/mixture.py (rescale_mixture_schedule_for_batch_schedule) and levanter/schedule.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import REFUSED, REMARK, Blend, Entry, Fault
from mixwright.proposals.export.text.yaml_source import (
    mapping,
    number_of,
    whole_number,
    yaml_documents,
)
from mixwright.proposals.export.trainers.levanter_block import DEFAULT

# Sequences of a step where the file names none (TrainerConfig.train_batch_size).
BATCH = 512
# What messages call keys of the section.
WEIGHTS, BLOCK = "train_weights", "mixture_block_size"


@dataclass(frozen=True)
class _Steps:
    """How many sequences were read before a step."""

    # (step, sequences of a step from there on), in their order
    phases: tuple[tuple[int, int], ...]

    def sequences_before(self, step: int) -> int:
        """Returns the sequences of all steps before this one."""
        total = 0
        later = [start for start, _ in self.phases[1:]]
        ends = [*later, step]
        for (start, batch), end in zip(self.phases, ends, strict=True):
            steps = min(step, end) - start
            if steps > 0:
                total += steps * batch
        return total


@dataclass(frozen=True)
class _Section:
    """What the data section of a file says of all stages."""

    where: str
    components: tuple[str, ...]
    settings: Mapping[str, Any]
    faults: tuple[Fault, ...]

    def blend(self, weights: Mapping[Any, Any], where: str) -> Blend:
        """Returns the blend of weights, in the order of the components."""
        numbers: dict[str, float] = {}
        for name, value in weights.items():
            spot = f"{where}: {WEIGHTS}: {name}"
            numbers[str(name)] = number_of(value, spot)
        entries = []
        for name in self.components:
            if name in numbers:
                entries.append(Entry(name, numbers[name]))
        faults = list(self.faults)
        for name, weight in numbers.items():
            if name in self.components:
                continue
            entries.append(Entry(name, weight))
            if self.components:
                message = f"{where}: {name} is in {WEIGHTS} and not in components; add it there"
                faults.append(Fault(REFUSED, message))
        if not entries:
            raise MixwrightError(f"{where}: {WEIGHTS} is empty; give NAME: WEIGHT")
        return Blend(tuple(entries), self.settings, faults=tuple(faults))


def read_data(text: str, where: str) -> tuple[Blend, ...]:
    """Returns the blend of each stage of a training's YAML, or of its data section alone.

    Raises:
        MixwrightError: it is no such file.
    """
    loaded = yaml_documents(text, where)
    if len(loaded) != 1:
        raise MixwrightError(f"{where}: {len(loaded)} documents of YAML; give one")
    content = mapping(loaded[0], where, "a mapping with `data:`")
    data = mapping(content.get("data", content), f"{where}: data", "`components:`")
    section = _section(data, where)
    weights = data.get(WEIGHTS)
    if weights is None:
        weights = dict.fromkeys(section.components, 1.0)
    if isinstance(weights, Mapping):
        return (section.blend(weights, where),)
    if isinstance(weights, list) and weights:
        return _stages(section, weights, content)
    raise MixwrightError(f"{where}: {WEIGHTS} is no mapping and no list; give NAME: WEIGHT")


def _stages(
    section: _Section,
    weights: Sequence[Any],
    content: Mapping[Any, Any],
) -> tuple[Blend, ...]:
    """Returns the blends of a list of steps and weights."""
    steps = _steps(content, section.where)
    length = _sequence(content, section.where)
    block = section.settings.get(BLOCK, DEFAULT)
    blends = []
    before = -1
    for place, stage in enumerate(weights, start=1):
        where = f"{section.where}: stage {place}"
        step, of_stage = _stage(stage, where)
        start = steps.sequences_before(step)
        blend = section.blend(of_stage, where)
        wrong = _start_faults(where, start, before, block)
        blends.append(
            replace(
                blend,
                name=f"from step {step}",
                begins=float(start * length),
                sequences_before=start,
                faults=(*blend.faults, *wrong),
            )
        )
        before = start
    return tuple(blends)


def _section(data: Mapping[Any, Any], where: str) -> _Section:
    names: Any = {}
    faults = []
    if "components" in data:
        names = mapping(data["components"], f"{where}: components", "a mapping of sources")
    elif "configs" in data:
        names = mapping(data["configs"], f"{where}: configs", "a mapping of sources")
        message = "the key configs is called components in Levanter of 2026; rename it"
        faults.append(Fault(REFUSED, message))
    elif WEIGHTS in data:
        message = f"no components stand there, and Levanter wants the names of {WEIGHTS} in them"
        faults.append(Fault(REFUSED, f"{message}; add them"))
    else:
        raise MixwrightError(f"{where}: no components stand there; give `data: components:`")
    if WEIGHTS not in data:
        message = f"no {WEIGHTS}: every component has the same weight"
        faults.append(Fault(REMARK, message))
    components = [str(name) for name in names]
    settings = _settings(data, where)
    return _Section(where, tuple(components), settings, tuple(faults))


def _settings(data: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """Returns the keys that the arithmetic reads, as far as the file has them."""
    settings: dict[str, Any] = {}
    for key in (BLOCK, "experiment_budget", "target_budget"):
        value = whole_number(data.get(key), f"{where}: {key}")
        if value is not None:
            settings[key] = value
    if "stop_strategy" in data:
        settings["stop_strategy"] = str(data["stop_strategy"])
    batches = data.get("max_train_batches")
    if isinstance(batches, Mapping):
        names = [str(name) for name in batches]
        settings["max_train_batches"] = names
    return settings


def _stage(stage: Any, where: str) -> tuple[int, Mapping[Any, Any]]:
    """Returns the step at which a stage begins, and its weights."""
    if not isinstance(stage, list) or len(stage) != 2:
        raise MixwrightError(f"{where}: a stage is a list of a step and weights; write both")
    step, weights = stage
    begins = whole_number(step, f"{where}: step")
    return begins or 0, mapping(weights, where, "NAME: WEIGHT")


def _start_faults(
    where: str,
    start: int,
    before: int,
    block: int,
) -> list[Fault]:
    """Returns what is wrong with the sequence at which a stage begins; `before` is -1 at first."""
    faults = []
    if before < 0 and start != 0:
        message = f"{where}: the first stage begins at 0; write 0"
        faults.append(Fault(REFUSED, message))
    if before >= 0 and start <= before:
        message = f"{where}: it begins before the last one; sort the stages"
        faults.append(Fault(REFUSED, message))
    if start % block:
        message = (
            f"{where}: it begins at sequence {start:,} (its step times train_batch_size), which is"
            f" no multiple of the block, {block:,}; move the step, or choose another block"
        )
        faults.append(Fault(REFUSED, message))
    return faults


def _steps(content: Mapping[Any, Any], where: str) -> _Steps:
    """Returns the sizes of steps, from `trainer: train_batch_size:`."""
    spot = f"{where}: trainer"
    trainer = content.get("trainer") or {}
    if not isinstance(trainer, Mapping):
        raise MixwrightError(f"{spot} is no mapping; give `train_batch_size:`")
    size = trainer.get("train_batch_size", BATCH)
    if not isinstance(size, list):
        size = [{"start": 0, "value": size}]
    phases = []
    for phase in size:
        of_phase = mapping(phase, f"{spot}: train_batch_size", "start and value")
        start = whole_number(of_phase.get("start"), f"{spot}: start")
        batch = whole_number(of_phase.get("value"), f"{spot}: value")
        phases.append((start or 0, batch or BATCH))
    return _Steps(tuple(phases))


def _sequence(content: Mapping[Any, Any], where: str) -> int:
    """Returns the tokens of a sequence; 0 where the file does not say."""
    length = content.get("train_seq_len")
    model = content.get("model")
    if length is None and isinstance(model, Mapping):
        length = model.get("max_seq_len")
    tokens = whole_number(length, f"{where}: length of a sequence")
    return tokens or 0
