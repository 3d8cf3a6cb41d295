"""YAML and JSON files of trainers, read as they stand."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from mixwright.errors import MixwrightError

# Makes a mapping of the pairs of JSON.
Pairs = Callable[[list[tuple[Any, Any]]], Any]


@contextmanager
def refused(kind: str, where: str) -> Iterator[None]:
    """Turns what PyYAML and json raise into a line that names the file.

    Beside errors of their own they raise ValueError, for a date with a month 13, and
    RecursionError.

    Args:
        kind: of the file.
        where: what messages call it.

    Raises:
        MixwrightError: the file is of another kind.
    """
    try:
        yield
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = " ".join(str(error).split())
        raise MixwrightError(f"{where}: no {kind}: {line}; correct the file") from None


def yaml_content(text: str, where: str) -> Any:
    """Returns the one document of a YAML file; None where it is empty.

    Raises:
        MixwrightError: it is no YAML.
    """
    with refused("YAML", where):
        return yaml.safe_load(text)


def json_content(text: str, where: str, pairs: Pairs | None = None) -> Any:
    """Returns the content of a JSON file.

    Raises:
        MixwrightError: it is no JSON.
    """
    with refused("JSON", where):
        return json.loads(text, object_pairs_hook=pairs)


def yaml_documents(text: str, where: str) -> list[Any]:
    """Returns the documents of a YAML file; empty ones are left out.

    Raises:
        MixwrightError: it is no YAML.
    """
    with refused("YAML", where):
        loaded = list(yaml.safe_load_all(text))
    return [document for document in loaded if document is not None]


def mapping(value: Any, where: str, wanted: str) -> Mapping[Any, Any]:
    """Returns a value that must be a mapping with something in it.

    Args:
        value: of the file.
        where: what messages call the place.
        wanted: what should stand there.

    Raises:
        MixwrightError: it is no such mapping.
    """
    if not isinstance(value, Mapping) or not value:
        raise MixwrightError(f"{where}: {wanted} is missing; write it into the file")
    return value


def mapping_of(text: str, where: str) -> dict[str, Any]:
    """Returns the mapping that a file of one document holds.

    Raises:
        MixwrightError: the text is no YAML, no mapping, or several documents.
    """
    loaded = yaml_documents(text, where)
    if len(loaded) != 1 or not isinstance(loaded[0], Mapping):
        raise MixwrightError(f"{where}: no mapping stands there; write KEY: VALUE")
    return {str(key): value for key, value in loaded[0].items()}


def mappings_under(content: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    """Returns the list of mappings under a key.

    Raises:
        MixwrightError: there is none, or an element is no mapping.
    """
    listed = content.get(key)
    if not isinstance(listed, list) or not listed:
        raise MixwrightError(f"{where}: no {key} stands there; give a list of sources")
    for place, entry in enumerate(listed, start=1):
        if not isinstance(entry, Mapping):
            raise MixwrightError(f"{where}: {key} {place} is no mapping; give path: and the rest")
    return listed


def typed_value(text: str, key: str) -> str:
    """Returns the value of a word KEY=VALUE of a command line; the whole text where there is none.

    Args:
        text: of the file.
        key: of the trainer's config.
    """
    _, word, rest = text.partition(f"{key}=")
    if not word:
        return text
    quote = rest[:1]
    if quote in ("'", '"'):
        return rest[1:].partition(quote)[0]
    return rest.split()[0] if rest.split() else ""


def number_of(value: Any, where: str, of_text: bool = True) -> float:
    """Returns a number; as YAML 1.1 knows 1.0e-5 and takes 1e-5 for text, text may be one too.

    Args:
        value: of the file.
        where: what messages call the place.
        of_text: whether the trainer takes numbers that are written as text.

    Raises:
        MixwrightError: it is no number.
    """
    kinds = (int, float, str) if of_text else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise _no_number(value, where)
    try:
        result = float(value)
    except ValueError:
        raise _no_number(value, where) from None
    if not math.isfinite(result):
        raise _no_number(value, where)
    return result


def above_zero(value: Any, where: str) -> float:
    """Returns a number above 0.

    Raises:
        MixwrightError: it is none.
    """
    number = number_of(value, where)
    if not number > 0:
        raise MixwrightError(f"{where} is {value!r}; give a number above 0")
    return number


def _no_number(
    value: Any,
    where: str,
) -> MixwrightError:
    return MixwrightError(f"{where} is {value!r}; give a number")


def whole_number(value: Any, where: str) -> int | None:
    """Returns a whole number; None where nothing is written.

    Raises:
        MixwrightError: it is no number.
    """
    if value is None:
        return None
    return int(number_of(value, where))
