"""The files of an order: mixtures by stage, and the map of prepared sources."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mixwright.errors import MixwrightError, nearest
from mixwright.mixture import Mixture
from mixwright.proposals.export.blend import Size
from mixwright.proposals.export.order import Source, Stage

SIZE_KEYS = ("tokens", "documents", "rows")
SOURCE_KEYS = ("path", "files", *SIZE_KEYS)
STAGE_KEYS = ("name", "tokens", "mixture")


def read_content(path: Path) -> Any:
    """Returns the content of a JSON or YAML file.

    Raises:
        MixwrightError: it is neither, or a key stands twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except UnicodeDecodeError:
        raise MixwrightError(f"{path}: not readable as text; write it as UTF-8") from None
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise MixwrightError(f"{path}: neither JSON nor YAML: {line}; correct the file") from None


class _Loader(yaml.SafeLoader):
    """Reads YAML, and refuses a key that stands twice: one of the two would be lost."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                problem = f"the key {key} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)


def read_stages(path: Path, tokens: float | None) -> tuple[tuple[Stage, ...], dict[str, Size]]:
    """Reads a mixture, or mixtures by stage, and the sizes of domains as far as the file has them.

    A file is what `mixwright propose` wrote, domain -> share as JSON, YAML or CSV, or `stages:`, a
    list of `name`, `tokens` and `mixture` (domain -> share, or such a file).

    Args:
        path: the file.
        tokens: of the whole training, where the user says them.

    Returns:
        The stages, and domain -> size.

    Raises:
        MixwrightError: the file holds no mixture, or stages have no tokens.
    """
    if path.suffix == ".csv":
        return (Stage(_of_csv(path), "", tokens),), {}
    content = read_content(path)
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{path}: no mixture stands there; give DOMAIN: SHARE")
    if "stages" in content:
        return _staged(path, content["stages"], tokens), {}
    weights = content.get("weights", content)
    if tokens is None and isinstance(content.get("tokens"), Mapping):
        tokens = float(sum(content["tokens"].values()))
    return (Stage(_mixture(weights, str(path)), "", tokens),), _sizes_of_proposal(content)


def _staged(path: Path, listed: Any, tokens: float | None) -> tuple[Stage, ...]:
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        raise MixwrightError(f"{path}: stages is no list; give each stage its name and mixture")
    stages = []
    for number, entry in enumerate(listed, start=1):
        where = f"{path}: stage {number}"
        if not isinstance(entry, Mapping):
            raise MixwrightError(f"{where}: give name, tokens and mixture")
        _check_keys(entry, STAGE_KEYS, where)
        mixture = entry.get("mixture")
        if isinstance(mixture, str):
            (inner,), _ = read_stages(path.parent / mixture, None)
            weights = inner.mixture
        else:
            weights = _mixture(mixture, where)
        count = _number(entry.get("tokens"), f"{where}: tokens")
        if count is None:
            raise MixwrightError(f"{where}: tokens is missing; a stage ends after so many")
        stages.append(Stage(weights, str(entry.get("name") or f"stage {number}"), count))
    total = sum(stage.tokens or 0.0 for stage in stages)
    if tokens is not None and not math.isclose(total, tokens, rel_tol=1e-6):
        raise MixwrightError(
            f"{path}: its stages have {total:g} tokens and --tokens says {tokens:g};"
            " leave --tokens away, or correct the stages"
        )
    return tuple(stages)


def _mixture(weights: Any, where: str) -> Mixture:
    if not isinstance(weights, Mapping) or not weights:
        raise MixwrightError(f"{where}: no mixture stands there; give DOMAIN: SHARE")
    numbers: dict[str, float] = {}
    for name, weight in weights.items():
        number = _number(weight, f"{where}: {name}")
        if number is None:
            raise MixwrightError(f"{where}: {name} has no share; give a number")
        numbers[str(name)] = number
    try:
        return Mixture.of(numbers)
    except MixwrightError as error:
        raise MixwrightError(f"{where}: {error}") from None


def _of_csv(path: Path) -> Mixture:
    """Reads two columns with a heading: domain and share."""
    text = path.read_text(encoding="utf-8-sig")
    weights: dict[str, Any] = {}
    for row in list(csv.reader(io.StringIO(text)))[1:]:
        if len(row) != 2 or row[0] in weights:
            raise MixwrightError(f"{path}: give two columns, domain and share, a domain once")
        weights[row[0]] = row[1]
    return _mixture(weights, str(path))


def _sizes_of_proposal(content: Mapping[str, Any]) -> dict[str, Size]:
    """Returns the tokens of domains, from the tokens and passes that a proposal states."""
    sizes = {}
    tokens, epochs = content.get("tokens"), content.get("epochs")
    if isinstance(tokens, Mapping) and isinstance(epochs, Mapping):
        for name, count in tokens.items():
            passes = epochs.get(name)
            if passes and count:
                sizes[name] = Size(tokens=float(round(count / passes)))
    return sizes


def read_sources(
    path: Path | None, domains: Sequence[str], sizes: Mapping[str, Size]
) -> list[Source]:
    """Reads the map of prepared sources: DOMAIN -> path, or path, files and sizes, or several.

    Without a map a domain's name stands for its path.

    Args:
        path: YAML or JSON; None: no map.
        domains: of the mixture.
        sizes: domain -> size, where the map says nothing.

    Raises:
        MixwrightError: the map is faulty, or lacks a domain.
    """
    content = {} if path is None else read_content(path)
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{path}: no map of sources; give DOMAIN: PATH")
    for name in content:
        if str(name) not in domains:
            raise MixwrightError(
                f"{path}: {name} is no domain of the mixture; {nearest(str(name), domains)}"
            )
    sources: list[Source] = []
    for domain in domains:
        written = content.get(domain, None if path else domain)
        if written is None:
            raise MixwrightError(f"{path}: nothing is said of {domain}; give its path")
        entries = written if isinstance(written, list) else [written]
        whole = sizes.get(domain, Size()) if len(entries) == 1 else Size()
        for entry in entries:
            sources.append(_source(domain, entry, whole, f"{path}: {domain}"))
    _check_once(sources, str(path))
    return sources


def _source(domain: str, entry: Any, size: Size, where: str) -> Source:
    if isinstance(entry, str):
        entry = {"path": entry}
    if not isinstance(entry, Mapping):
        raise MixwrightError(f"{where}: give a path, or path, files, tokens, documents and rows")
    _check_keys(entry, SOURCE_KEYS, where)
    files = entry.get("files") or []
    if isinstance(files, str):
        files = [files]
    path = entry.get("path", domain)
    if len(files) == 1:
        path = entry.get("path", files[0])
    numbers = {}
    for key in SIZE_KEYS:
        stated = _number(entry.get(key), f"{where}: {key}")
        numbers[key] = getattr(size, key) if stated is None else stated
    return Source(domain, str(path), tuple(map(str, files)), **numbers)


def read_sizes(path: Path) -> dict[str, Size]:
    """Reads sizes by path, of a file that somebody else wrote; a map of sources serves too.

    A bare number is tokens.

    Raises:
        MixwrightError: the file is faulty.
    """
    content = read_content(path)
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{path}: no sizes; give PATH: TOKENS, or tokens, documents and rows")
    sizes: dict[str, Size] = {}
    for name, written in content.items():
        for entry in written if isinstance(written, list) else [written]:
            where = f"{path}: {name}"
            if not isinstance(entry, Mapping):
                sizes[str(name)] = Size(tokens=_number(entry, where))
                continue
            _check_keys(entry, SOURCE_KEYS, where)
            numbers = {key: _number(entry.get(key), f"{where}: {key}") for key in SIZE_KEYS}
            sizes[str(entry.get("path", name))] = Size(**numbers)
    return sizes


def _check_keys(entry: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in entry:
        if key not in known:
            raise MixwrightError(f"{where}: {key} is unknown; {nearest(str(key), known)}")


def _check_once(sources: Sequence[Source], where: str) -> None:
    paths = [source.path for source in sources]
    for path in paths:
        if paths.count(path) > 1:
            raise MixwrightError(
                f"{where}: {path} stands twice; give every source a path of its own"
            )


def _number(value: Any, where: str) -> float | None:
    """Returns a number from 0 on; None where nothing is written."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise MixwrightError(f"{where} is {value!r}; give a number") from None
    if not (math.isfinite(number) and number >= 0) or isinstance(value, bool):
        raise MixwrightError(f"{where} is {value!r}; give a number from 0 on")
    return number
