"""The stages of a config of nanotron that anybody wrote; the grammar is in nanotron.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import REFUSED, REMARK, Entry, Fault

FOLDERS, WEIGHTS = "dataset_folder", "dataset_weights"


@dataclass(frozen=True)
class Stage:
    """A stage of a config."""

    name: str
    # its first step, from 1 on
    start: int
    # None where the file does not say when it ends
    steps: int | None
    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]


def stages_of(content: Any, where: str) -> list[Stage]:
    """Returns the stages of a config, by their first step; a part of a config is one stage.

    Raises:
        MixwrightError: no folders stand there, or weights are no numbers.
    """
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{where}: no mapping stands there; give data_stages")
    listed = content.get("data_stages")
    if listed is None:
        listed = [content]
    if not isinstance(listed, list) or not listed:
        raise MixwrightError(f"{where}: data_stages is no list; give each stage its data")
    stages = []
    for number, entry in enumerate(listed, start=1):
        stages.append(_stage(entry, number, where))
    stages.sort(key=lambda stage: stage.start)
    last = _number(content, "tokens", "train_steps")
    end = None
    if last is not None:
        end = int(last) + 1
    return _ended(stages, end)


def _ended(stages: Sequence[Stage], end: int | None) -> list[Stage]:
    """Returns the stages with their steps: each ends where the next one starts."""
    ended = []
    for stage in reversed(stages):
        steps = None
        if end is not None:
            steps = max(end - stage.start, 0)
        ended.append(replace(stage, steps=steps))
        end = stage.start
    ended.reverse()
    return ended


def _stage(content: Any, number: int, where: str) -> Stage:
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{where}: stage {number} is no mapping; give name, start and data")
    name = str(content.get("name") or f"stage {number}")
    start = content.get("start_training_step", 1)
    if isinstance(start, bool) or not isinstance(start, int) or start < 0:
        raise MixwrightError(
            f"{where}: {name}: start_training_step is {start!r}; give a step from 1 on"
        )
    here = f"{where}: {name}"
    dataset = _dataset(content, here)
    entries, faults = _entries(dataset, here)
    return Stage(name, start, None, tuple(entries), tuple(faults))


def _dataset(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Returns the mapping that has the folders: of a stage, of its data, or of its dataset."""
    place: Any = content
    for key in ("data", "dataset"):
        if isinstance(place, Mapping) and FOLDERS not in place:
            place = place.get(key, place)
    if not isinstance(place, Mapping) or FOLDERS not in place:
        raise MixwrightError(f"{where}: no {FOLDERS} stands there; give a list of folders")
    return place


def _entries(dataset: Mapping[str, Any], where: str) -> tuple[list[Entry], list[Fault]]:
    folders: Any = dataset[FOLDERS]
    weights: Any = dataset.get(WEIGHTS)
    faults = []
    if isinstance(folders, str):
        # its weight is 1, whatever stands there
        folders = [folders]
        weights = [1.0]
    elif isinstance(folders, Mapping):
        message = f"{FOLDERS} maps paths to weights, which the config refuses; write {FOLDERS} and"
        faults.append(Fault(REFUSED, f"{message} {WEIGHTS}, a list each"))
        weights = list(folders.values())
        folders = list(folders)
    if not isinstance(folders, list) or not folders:
        raise MixwrightError(f"{where}: {FOLDERS} names no source; give a list of folders")
    if not weights:
        weights = [1.0] * len(folders)
        if len(folders) > 1:
            message = f"no {WEIGHTS} stand there: every folder has the same share"
            faults.append(Fault(REMARK, message))
    if not isinstance(weights, list) or len(weights) != len(folders):
        raise MixwrightError(
            f"{where}: {len(folders)} folders and not so many weights; give each a number"
        )
    entries = []
    for folder, weight in zip(folders, weights, strict=True):
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise MixwrightError(f"{where}: {folder} has {weight!r}; give it a number")
        entries.append(Entry(str(folder), float(weight)))
    return entries, faults


def faults_of_stages(stages: Sequence[Stage]) -> list[Fault]:
    """Returns what nanotron refuses of the stages together, and how several are trained."""
    faults = []
    starts = {stage.start for stage in stages}
    names = {stage.name for stage in stages}
    if 1 not in starts:
        message = "no stage starts at step 1, and nanotron stops; let the first one do so"
        faults.append(Fault(REFUSED, message))
    if len(starts) < len(stages):
        message = "two stages start at the same step, and nanotron stops; correct one"
        faults.append(Fault(REFUSED, message))
    if len(names) < len(stages):
        message = "two stages have the same name, and nanotron stops; rename one"
        faults.append(Fault(REFUSED, message))
    if len(stages) > 1:
        message = "run_train.py builds the data of the last stage of a config alone: train with the"
        faults.append(Fault(REMARK, f"{message} first stage, add the next one and resume"))
    return faults


def tokens_a_step(content: Mapping[str, Any]) -> float | None:
    """Returns the tokens of a step on all ranks; None where the config does not say them."""
    product = 1.0
    for key in ("micro_batch_size", "batch_accumulation_per_replica", "sequence_length"):
        number = _number(content, "tokens", key)
        if number is None:
            return None
        product *= number
    return product * (_number(content, "parallelism", "dp") or 1)


def _number(content: Mapping[str, Any], section: str, key: str) -> float | None:
    """Returns a number above 0 of a section of the config."""
    values = content.get(section)
    if not isinstance(values, Mapping):
        return None
    number = values.get(key)
    if isinstance(number, bool) or not isinstance(number, int | float) or not number > 0:
        return None
    return number
