"""The tree of a user's folder: the files in it that can be read, told by their names."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mixwright.errors import MixwrightError, counted, shortened
from mixwright.sources.files.opening import FORMS, PACKED, form_of
from mixwright.study.draft.unit import Survey, is_held_out
from mixwright.study.draft.vocabulary import GENERIC, LISTS, PAPERS


@dataclass
class Node:
    """A folder: the files in it that can be read, and its folders that hold some."""

    path: Path
    name: str
    files: list[Path] = field(default_factory=list)
    # of token ids
    tokens: list[Path] = field(default_factory=list)
    folders: list["Node"] = field(default_factory=list)
    # whether `save_to_disk` wrote it; its splits, where it has several
    saved: bool = False
    splits: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing here and below that could be read."""
        return not (self.files or self.tokens or self.folders or self.saved)

    def below(self) -> Iterator["Node"]:
        """Yields this folder and all below it."""
        yield self
        for folder in self.folders:
            yield from folder.below()


def tree_of(path: Path, survey: Survey, above: tuple[Path, ...] = ()) -> Node:
    """Returns the tree of a folder. Hidden files and folders are no part of it.

    Args:
        path: the folder.
        survey: what is left out is noted there.
        above: the folders that the walk is inside of, without links.
    """
    node = Node(path, path.name)
    inside = (*above, path.resolve())
    others: dict[str, list[str]] = {}
    try:
        entries = sorted(path.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        survey.notes.append(f"{path}: {error.strerror}; left out")
        return node
    names = {entry.name for entry in entries}
    if {"dataset_info.json", "state.json"} <= names or "dataset_dict.json" in names:
        return _saved(node, survey)
    if "tokenizer.json" in names:
        survey.tokenizers.append(path)
    if "index.json" in names and any(name.endswith((".mds", ".bin")) for name in names):
        # MosaicML Streaming and litdata list their files in it
        node.tokens.append(path / "index.json")
        return node
    for entry in entries:
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            # a link to a folder above would be walked for ever
            if entry.resolve() not in inside:
                node.folders.append(tree_of(entry, survey, inside))
        else:
            add_file(node, entry, survey, others)
    for ending, files in others.items():
        kind = f"{counted(len(files), 'file')} {ending}" if ending else shortened(files, 3)
        survey.notes.append(f"{path}: {kind}: this kind of file is not read; left out")
    node.folders = [folder for folder in node.folders if not folder.is_empty]
    return node


def _saved(node: Node, survey: Survey) -> Node:
    """A data set that `save_to_disk` wrote, with or without several splits."""
    node.saved = True
    listing = node.path / "dataset_dict.json"
    if listing.is_file():
        try:
            node.splits = tuple(json.loads(listing.read_text())["splits"])
        except (ValueError, KeyError, TypeError, OSError):
            survey.notes.append(f"{listing}: not readable; its splits are unknown")
    return node


def add_file(node: Node, path: Path, survey: Survey, others: dict[str, list[str]]) -> None:
    """Adds a file to its folder, by its kind."""
    if not path.is_file():
        survey.notes.append(f"{path}: a broken link, or no file; left out")
        return
    stem = path.name.split(".")[0].lower()
    if _is_tokens(path):
        node.tokens.append(path)
    elif path.suffix in (".idx", ".index") or _is_paper(path):
        return
    elif path.suffix != ".json" or stem not in LISTS:
        try:
            form_of(path)
            node.files.append(path)
        except MixwrightError:
            others.setdefault(path.suffix, []).append(path.name)


def _is_paper(path: Path) -> bool:
    """Whether a file is a read-me, a licence or the like."""
    return path.suffix in ("", ".txt", ".md", ".rst") and path.name.lower().startswith(PAPERS)


def _is_tokens(path: Path) -> bool:
    """Whether a file holds token ids; a .bin may be anything, unless an index lies beside it."""
    if path.suffix in (".npy", ".ds"):
        return True
    # nanoGPT writes train.bin and val.bin
    named = path.stem == "train" or is_held_out(path.stem)
    return path.suffix == ".bin" and (named or path.with_suffix(".idx").is_file())


def name_of(path: Path) -> str:
    """What a folder is called; of `.` the folder that is meant, of `train` the one above."""
    absolute = path.absolute()
    if path.name in ("", ".."):
        absolute = path.resolve()
    name = absolute.name
    if name.lower() in GENERIC:
        return absolute.parent.name or name
    return name


def endings() -> str:
    """Returns the kinds of files that are looked at, for messages."""
    return f"{', '.join(FORMS)}, also packed ({', '.join(PACKED)}), and token files"
