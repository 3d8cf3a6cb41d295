"""What files of MosaicML Streaming say: YAML of streams, and Python that makes them.

Read in mosaicml-streaming 0.13.0: streaming/base/stream.py, dataset.py and util.py
(number_abbrev_to_int).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import REFUSED, Blend, Entry, Fault
from mixwright.proposals.export.text.python_source import arguments, calls, constants, parsed
from mixwright.proposals.export.text.yaml_source import (
    mapping,
    number_of,
    whole_number,
    yaml_documents,
)

KINDS = ("proportion", "repeat", "choose")
PROPORTION, REPEAT, CHOOSE = KINDS
# The kind of a stream that has no number.
WHOLE = ""
# shuffle_seed where the file names none.
SEED = 9_176
# Suffixes of epoch_size.
THOUSANDS = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


def read_yaml(text: str, where: str) -> Blend:
    """Returns the blend of YAML: streams, wherever they stand, beside keys of the data set."""
    loaded = yaml_documents(text, where)
    if len(loaded) != 1:
        raise MixwrightError(f"{where}: {len(loaded)} documents of YAML; give one")
    data = _holder(loaded[0])
    if data is None:
        raise MixwrightError(f"{where}: no streams stand there; give `streams:`")
    streams = data["streams"]
    named: list[tuple[str, Any]] = []
    if isinstance(streams, Mapping):
        for name, stream in streams.items():
            named.append((str(name), stream))
    elif isinstance(streams, list):
        for place, stream in enumerate(streams, start=1):
            named.append((_name(stream, place), stream))
    return _blend(named, data, where)


def read_python(text: str, where: str) -> Blend:
    """Returns the blend of Python: calls of Stream, and the one of StreamingDataset."""
    tree = parsed(text, where)
    values = constants(tree)
    named = []
    for place, call in enumerate(calls(tree, "Stream"), start=1):
        stream = arguments(call, (), values)
        named.append((_name(stream, place), stream))
    data: dict[str, Any] = {}
    for call in calls(tree, "StreamingDataset"):
        data = arguments(call, (), values)
    return _blend(named, data, where)


def _holder(content: Any) -> Mapping[Any, Any] | None:
    """Returns the first mapping, however deep, that has `streams`."""
    if not isinstance(content, Mapping):
        return None
    if "streams" in content:
        return content
    for value in content.values():
        holder = _holder(value)
        if holder is not None:
            return holder
    return None


def _name(stream: Any, place: int) -> str:
    """Returns what a stream without a name is called: where it lies."""
    if not isinstance(stream, Mapping):
        return f"stream {place}"
    path = stream.get("remote") or stream.get("local")
    return str(path or f"stream {place}")


def _blend(
    named: Sequence[tuple[str, Any]],
    data: Mapping[Any, Any],
    where: str,
) -> Blend:
    if not named:
        raise MixwrightError(f"{where}: streams is empty; give NAME: local and proportion")
    entries = []
    faults: list[Fault] = []
    for name, written in named:
        spot = f"{where}: {name}"
        stream = mapping(written, spot, "a mapping with local or remote")
        faults += _faults(stream, name)
        entries.append(_entry(stream, name, spot))
    settings, wrong = _settings(data, where)
    faults += wrong
    return Blend(tuple(entries), settings, faults=tuple(faults))


def _faults(stream: Mapping[Any, Any], name: str) -> list[Fault]:
    faults = []
    kinds = [kind for kind in KINDS if stream.get(kind) is not None]
    if len(kinds) > 1:
        words = " and ".join(kinds)
        faults.append(Fault(REFUSED, f"{name} has {words}; give it one of them"))
    if not (stream.get("local") or stream.get("remote")):
        faults.append(Fault(REFUSED, f"{name} has no local and no remote; give it a place"))
    return faults


def _entry(
    stream: Mapping[Any, Any],
    name: str,
    where: str,
) -> Entry:
    for kind in KINDS:
        value = stream.get(kind)
        if value is not None:
            amount = number_of(value, f"{where}: {kind}")
            return Entry(name, amount, settings={"kind": kind})
    return Entry(name, 1.0, settings={"kind": WHOLE})


def _settings(data: Mapping[Any, Any], where: str) -> tuple[dict[str, Any], list[Fault]]:
    """Returns the keys that the arithmetic reads, and what the trainer cannot read of them."""
    settings: dict[str, Any] = {}
    faults = []
    for key in ("shuffle", "batching_method"):
        if data.get(key) is not None:
            settings[key] = data[key]
    seed = whole_number(data.get("shuffle_seed"), f"{where}: shuffle_seed")
    if seed is not None:
        settings["shuffle_seed"] = seed
    size = data.get("epoch_size")
    if size is not None:
        rows = _rows(size)
        if rows is None:
            message = f"epoch_size is {size}; write a whole number, or one with k, m, b or t"
            faults.append(Fault(REFUSED, message))
        else:
            settings["epoch_size"] = rows
    return settings, faults


def _rows(size: Any) -> int | None:
    """Returns the rows of an epoch as the trainer reads them; None of what it cannot read."""
    if isinstance(size, int | float):
        return int(size)
    text = str(size).lower().strip()
    if text.isdigit():
        return int(text)
    times = THOUSANDS.get(text[-1:])
    if times is None:
        return None
    try:
        return int(float(text[:-1]) * times)
    except ValueError:
        return None
