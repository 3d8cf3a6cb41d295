"""Metadatasets of Megatron-Energon that anybody wrote; the grammar is in energon.py."""

import re
from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import REFUSED, REMARK, Blend, Entry, Fault

# The form of repetitions, and the setting of a blend that has them.
EPOCHIZED = "blend_epochized"
# Key of a list -> the key of an entry's number.
NUMBERS = {"blend": "weight", EPOCHIZED: "repetitions", "datasets": "weight"}
VERSION_2 = "MetadatasetV2"
# Numbers that Energon reads, and YAML 1.1 takes for text.
EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


def train_of(content: Any, where: str) -> Blend:
    """Returns the blend of the split train.

    Raises:
        MixwrightError: no such split stands there, or a number is none.
    """
    train = content
    for key in ("splits", "train"):
        if isinstance(train, Mapping):
            train = train.get(key)
    if not isinstance(train, Mapping):
        raise MixwrightError(f"{where}: no split train stands there; give splits: train: blend:")
    faults = _of_class(content, train)
    key, listed = _sources(train, where)
    number_key = NUMBERS[key]
    entries = []
    for written in listed:
        if not isinstance(written, Mapping):
            raise MixwrightError(f"{where}: {written!r} is no source; give path and {number_key}")
        path = _path(written, where)
        number = _number(written.get(number_key, 1), f"{where}: {path}")
        entries.append(Entry(path, number))
        faults += _of_entry(written, path, number_key)
    return Blend(tuple(entries), {EPOCHIZED: key == EPOCHIZED}, faults=tuple(faults))


def _sources(train: Mapping[str, Any], where: str) -> tuple[str, list[Any]]:
    """Returns the key of the list of sources, and the list; one data set is a list of one."""
    if "path" in train or "join" in train:
        return "blend", [train]
    for key in NUMBERS:
        listed = train.get(key)
        if isinstance(listed, list) and listed:
            return key, listed
    raise MixwrightError(
        f"{where}: train has no list of sources; give blend, blend_epochized or path"
    )


def _of_class(content: Mapping[str, Any], train: Mapping[str, Any]) -> list[Fault]:
    """Returns the fault of a file whose version is not that of its keys."""
    named = content.get("__class__")
    if named is None and "datasets" not in train:
        message = "no __class__ stands there, and Energon takes the file for version 1; add"
        message = f"{message} __module__: megatron.energon and __class__: {VERSION_2}"
        return [Fault(REFUSED, message)]
    if named == VERSION_2 and "datasets" in train:
        return [Fault(REFUSED, "datasets is a key of version 1; write blend in its place")]
    return []


def _path(written: Mapping[str, Any], where: str) -> str:
    """Returns the path of an entry, or the paths of those that it joins."""
    path = written.get("path")
    if path is not None:
        return str(path)
    joined = written.get("join")
    if isinstance(joined, Mapping):
        joined = list(joined.values())
    if not isinstance(joined, list) or not joined:
        raise MixwrightError(f"{where}: an entry has no path; give it one")
    paths = []
    for part in joined:
        if isinstance(part, Mapping):
            paths.append(_path(part, where))
    return " + ".join(paths)


def _number(value: Any, where: str) -> float:
    if isinstance(value, str) and EXPONENT.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MixwrightError(f"{where} has {value!r}; give it a number without quotes")
    return float(value)


def _of_entry(written: Mapping[str, Any], path: str, key: str) -> list[Fault]:
    """Returns what Energon refuses of an entry, and what the file alone does not say."""
    faults = []
    for other in ("weight", "repetitions"):
        if other != key and other in written:
            message = f"{path} has {other}, and Energon stops at it; write {key}"
            faults.append(Fault(REFUSED, message))
    if path.endswith((".yaml", ".yml")):
        message = f"{path} is another metadataset: its numbers multiply with this one's"
        faults.append(Fault(REMARK, f"{message}; check it by itself"))
    if written.get("subset") is not None:
        message = f"{path}: a subset of it is read; give the size of that part"
        faults.append(Fault(REMARK, message))
    return faults
