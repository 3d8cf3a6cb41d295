"""Where a Hugging Face data set lies on this machine, and which of its files are read. Parse time.

A data set is named (org/name), or is a folder: what the hub holds of it, in the hub's own layout,
or what `save_to_disk` wrote. Where the hub is switched off (HF_HUB_OFFLINE), a named data set is
looked for in the hub's cache.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mixwright.errors import MixwrightError, as_typed, nearest
from mixwright.sources.files import spans
from mixwright.sources.files.opening import FORMS, PACKED
from mixwright.sources.hub import hub_cache
from mixwright.sources.hub.hub_errors import needs_code, no_split
from mixwright.sources.places import expanded, patterns

Settings = Mapping[str, Any]
# A data set of the hub: name, or organisation and name.
NAMED = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
COMMIT = re.compile(r"[0-9a-f]{40}")
SPLIT = "train"
CARD = "README.md"
# Files that `save_to_disk` writes: of one split, and of several.
STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
# The ends of names of data files.
ENDINGS = {*PACKED, *FORMS, ".zip", ".arrow", ".csv", ".tsv"}


def offline() -> bool:
    """Returns whether the hub's own packages were told to open no connection."""
    names = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
    for name in names:
        value = os.environ.get(name, "")
        if value.upper() in ("1", "ON", "YES", "TRUE"):
            return True
    return False


def split_of(settings: Settings) -> str:
    """Returns the split that is read."""
    return str(settings.get("split") or SPLIT)


def folder_of(name: str, settings: Settings) -> Path | None:
    """Returns the folder in which a data set lies; None where it is read from the hub.

    Args:
        name: the domain or target, for messages.
        settings: what the config says of it.

    Raises:
        MixwrightError: there is no such folder, or the hub is switched off and its cache lacks
            the data set.
    """
    dataset = str(settings["dataset"])
    folder = Path(expanded(dataset))
    if folder.is_dir():
        return folder.absolute()
    if not NAMED.fullmatch(dataset):
        what = "is a file" if folder.is_file() else "is not there"
        raise MixwrightError(
            f"{name}: the data set {folder} {what}; give its folder, or a name of the hub, org/name"
        )
    return _cached(name, dataset, settings.get("revision")) if offline() else None


def is_saved(folder: Path) -> bool:
    """Returns whether `save_to_disk` wrote a folder."""
    return (folder / STATE).is_file() or (folder / SPLITS).is_file()


def saved_split(name: str, folder: Path, settings: Settings) -> Path:
    """Returns the folder of one split of what `save_to_disk` wrote."""
    useless = [key for key in ("config", "data_files", "revision") if settings.get(key)]
    if useless:
        raise MixwrightError(
            f"{name}: {useless[0]} says nothing of {folder}, which save_to_disk wrote; leave it out"
        )
    if not (folder / SPLITS).is_file():
        if settings.get("split"):
            raise MixwrightError(f"{name}: {folder} was saved without splits; leave `split` out")
        return folder
    splits = [str(split) for split in _json(name, folder / SPLITS).get("splits", [])]
    split = split_of(settings)
    if split not in splits:
        raise no_split(name, str(folder), split, splits)
    return folder / split


def files_of(name: str, folder: Path, settings: Settings) -> list[Path]:
    """Returns the files of a folder that decide what is read, those with rows last.

    Raises:
        MixwrightError: there are none, or they are not what is asked for.
    """
    if is_saved(folder):
        return _saved_files(name, folder, settings)
    script = folder / f"{Path(str(settings['dataset'])).name}.py"
    if script.is_file():
        raise needs_code(name, str(folder))
    files = _data_files(name, folder, settings)
    if not files:
        raise MixwrightError(
            f"{name}: {folder} has no data files of the split {split_of(settings)};"
            " correct dataset, or name them in data_files"
        )
    card = folder / CARD
    return [card, *files] if card.is_file() else files


def text_bytes(name: str, folder: Path, settings: Settings) -> int:
    """Returns about how many bytes of text the data files hold."""
    counts = _card_bytes(folder, settings)
    if counts:
        return counts
    total = 0
    for path in files_of(name, folder, settings):
        # what is left: the card, and the JSON that save_to_disk wrote
        if path.name not in (CARD, STATE, INFO, SPLITS):
            total += spans.text_bytes(path, path.stat().st_size)
    return total


def state_print(folder: Path, settings: Settings) -> str | None:
    """Returns the fingerprint that `save_to_disk` wrote; None where it wrote none."""
    try:
        state = _json("", saved_split("", folder, settings) / STATE)
    except MixwrightError:
        return None
    return state.get("_fingerprint")


def _cached(name: str, dataset: str, revision: str | None) -> Path:
    """The snapshot of a data set in the hub's cache."""
    wanted = revision or hub_cache.MAIN
    snapshot = hub_cache.snapshot_of(dataset, wanted)
    if snapshot is not None:
        return snapshot
    what = f"the data set {dataset}"
    if hub_cache.snapshots_of(dataset).is_dir():
        what = f"the revision {wanted} of {dataset}"
    fetch = as_typed("hf", "download", "--repo-type", "dataset", dataset)
    if revision:
        fetch += f" --revision {as_typed(revision)}"
    raise MixwrightError(
        f"{name}: {what} is not in the cache {hub_cache.cache_folder()}, and the hub is switched"
        f" off (HF_HUB_OFFLINE); fetch it ({fetch}), or unset HF_HUB_OFFLINE"
    )


def _saved_files(name: str, folder: Path, settings: Settings) -> list[Path]:
    """The files that `save_to_disk` wrote for one split."""
    split = saved_split(name, folder, settings)
    state = _json(name, split / STATE)
    files = [split / STATE, split / INFO]
    if split != folder:
        files.insert(0, folder / SPLITS)
    for entry in state.get("_data_files", []):
        files.append(split / entry["filename"])
    for path in files:
        if not path.is_file():
            raise MixwrightError(
                f"{name}: {path} is missing, which {split / STATE} names; save the data set again"
            )
    return files


def _json(name: str, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise MixwrightError(
            f"{name}: {path} is not readable as json; save the data set again (save_to_disk)"
        )
    return content


def _data_files(name: str, folder: Path, settings: Settings) -> list[Path]:
    """The files with rows: those that are named, or the card's, or all of the split's."""
    listed = patterns(settings.get("data_files"))
    if not listed:
        listed = list(_card_patterns(name, folder, settings))
    if listed:
        files: list[Path] = []
        for pattern in listed:
            files += _matching(folder, pattern)
        return sorted(dict.fromkeys(files))
    return _of_split(folder, _matching(folder, "**"), split_of(settings))


def _matching(folder: Path, pattern: str) -> Iterator[Path]:
    """The data files that a pattern of the data set matches, below a folder too."""
    if pattern.endswith("**"):
        pattern = f"{pattern}/*"
    for path in folder.glob(pattern):
        inside = path.relative_to(folder)
        hidden = any(part.startswith((".", "_")) for part in inside.parts)
        if path.is_dir() and "**" not in pattern:
            yield from _matching(folder, f"{inside}/**")
        elif path.is_file() and path.suffix.lower() in ENDINGS and not hidden:
            yield path


def _of_split(folder: Path, files: Iterable[Path], split: str) -> list[Path]:
    """The files whose path names the split as a word; all files where none does."""
    files = sorted(files)
    of_split = []
    for path in files:
        inside = str(path.relative_to(folder)).lower()
        if split.lower() in re.split("[^a-z0-9]+", inside):
            of_split.append(path)
    return of_split or files


def _card(folder: Path) -> dict[str, Any]:
    """The front matter of README.md; empty where it has none that can be read."""
    try:
        text = (folder / CARD).read_text(encoding="utf-8", errors="replace")
        parts = re.split(r"^---\s*$", text, maxsplit=2, flags=re.MULTILINE)
        content = yaml.safe_load(parts[1]) if len(parts) == 3 else {}
    except (OSError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _sections(card: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of sections of the card; of one section, that."""
    sections = card.get(key) or []
    if isinstance(sections, dict):
        sections = [sections]
    return [section for section in sections if isinstance(section, dict)]


def _card_patterns(name: str, folder: Path, settings: Settings) -> Iterator[str]:
    """The patterns of the configuration and split that the card lists."""
    configs = {}
    default = "default"
    for section in _sections(_card(folder), "configs"):
        config = str(section.get("config_name", "default"))
        configs[config] = section
        if section.get("default"):
            default = config
    if len(configs) == 1:
        default = next(iter(configs))
    wanted = str(settings.get("config") or default)
    if configs and wanted not in configs:
        names = ", ".join(configs)
        what = f"has no configuration {wanted}; {nearest(wanted, configs)}"
        if not settings.get("config"):
            what = f"has several configurations; set `config` to one of {names}"
        raise MixwrightError(f"{name}: {folder} {what}")
    yield from _section_patterns(name, folder, configs.get(wanted, {}), split_of(settings))


def _section_patterns(
    name: str, folder: Path, section: Mapping[str, Any], split: str
) -> Iterator[str]:
    """The patterns of one split of a configuration of the card."""
    inside = str(section.get("data_dir", ""))
    listed = section.get("data_files") or []
    if inside and not listed:
        yield f"{inside}/**"
    by_split: dict[str, list[str]] = {}
    for entry in [listed] if isinstance(listed, str | dict) else listed:
        if isinstance(entry, str):
            by_split.setdefault(SPLIT, []).append(entry)
        else:
            by_split.setdefault(str(entry.get("split", SPLIT)), []).extend(
                patterns(entry.get("path"))
            )
    if by_split and split not in by_split:
        raise no_split(name, str(folder), split, list(by_split))
    for pattern in by_split.get(split, []):
        yield str(Path(inside) / pattern)


def _card_bytes(folder: Path, settings: Settings) -> int:
    """The bytes that the card counts of the split; 0 where it counts none, or files are chosen."""
    if settings.get("data_files") or is_saved(folder):
        return 0
    sections = _sections(_card(folder), "dataset_info")
    for section in sections:
        config = str(section.get("config_name", "default"))
        if len(sections) > 1 and config != str(settings.get("config") or "default"):
            continue
        for split in _sections(section, "splits"):
            if split.get("name") == split_of(settings):
                return int(split.get("num_bytes") or 0)
    return 0
