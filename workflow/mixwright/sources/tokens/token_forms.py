"""What is listed as files of ids: their forms, and which files belong together. Parse time."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mixwright.errors import MixwrightError, nearest
from mixwright.files import reason
from mixwright.sources.places import expanded
from mixwright.sources.tokens.sample_folders import INDEX, files_of, form_of_index

AUTO = "auto"
# Forms whose files an `index.json` lists.
FOLDERS = ("mds", "litdata")
FORMATS = ("megatron", "numpy", *FOLDERS)
# The end of the name of a file of ids.
SUFFIXES = (".bin", ".npy", ".ds")
# The ends of names of files that lie beside those of ids and hold none.
BESIDE = (".idx", ".index", ".metadata", ".csv.gz")


@dataclass(frozen=True)
class Entry:
    """A file of ids, or one of the files of a folder's `index.json`."""

    form: str
    # the .bin, .npy, .ds or index.json
    path: Path
    # which file of an index.json
    number: int
    # on disk
    size: int


def spelled(pattern: str) -> list[str]:
    """Returns a folder as patterns of its files, a pair's common prefix as its `.bin`.

    Other patterns are returned as they are.
    """
    path = Path(expanded(pattern))
    if path.is_dir():
        inside = glob.escape(str(path))
        index = path / INDEX
        if index.is_file():
            return [glob.escape(str(index))]
        globs = [f"{inside}/**/*{suffix}" for suffix in SUFFIXES]
        with_files = [one for one in globs if glob.glob(one, recursive=True)]  # noqa: PTH207
        return with_files or [pattern]
    pair = Path(f"{path}.bin")
    if not path.exists() and pair.is_file():
        return [glob.escape(str(pair))]
    return [pattern]


def beside(path: Path) -> list[Path]:
    """Returns the files that belong to one that is listed, as far as they are there."""
    if path.name == INDEX:
        return files_of(path)
    ids = _ids_of(path)
    others = [ids, ids.with_suffix(".idx"), ids.with_name(f"{ids.name}.index")]
    return [other for other in others if other != path and other.is_file()]


def mains(paths: Sequence[Path], form: str) -> list[tuple[str, Path]]:
    """Returns (form, file of ids) of what is listed: pairs come once, in the list's order.

    Args:
        paths: files of ids, what lies beside them, and `index.json` files.
        form: what the study says they are, or auto.

    Raises:
        MixwrightError: a file is none of them, or one that belongs to it is missing.
    """
    listed = set(paths)
    forms: dict[Path, str] = {}
    for path in paths:
        main = _ids_of(path)
        if main not in listed and not main.is_file():
            raise MixwrightError(
                f"{path}: the file of ids that belongs to it, {main.name}, is missing;"
                " fetch it, or leave this one out"
            )
        forms[main] = _form(main, form, listed)
    return [(kind, path) for path, kind in forms.items()]


def entries(paths: Sequence[Path], form: str) -> list[Entry]:
    """Returns the files of ids that are listed, with their sizes; arguments are those of `mains`.

    Raises:
        MixwrightError: a file is missing, or none of the forms.
    """
    listed = []
    for kind, path in mains(paths, form):
        files = [path]
        if kind in FOLDERS:
            files = files_of(path)
        for number, file in enumerate(files):
            try:
                size = file.stat().st_size
            except OSError as error:
                raise MixwrightError(reason(error)) from None
            listed.append(Entry(kind, path, number, size))
    return listed


def _form(path: Path, form: str, listed: set[Path]) -> str:
    """What a file is read as: what the study says, or else what lies there."""
    index = path.with_suffix(".idx")
    paired = index in listed or index.is_file()
    if form == AUTO:
        if path.name == INDEX:
            return form_of_index(path)
        if path.suffix not in SUFFIXES:
            raise MixwrightError(
                f"{path}: not known as a file of ids; name {', '.join(SUFFIXES)} or an"
                f" {INDEX}, or set `format`"
            )
        return "megatron" if path.suffix == ".bin" and paired else "numpy"
    if form not in FORMATS:
        raise MixwrightError(f"format {form} is unknown; {nearest(form, FORMATS)}")
    if form == "megatron" and not paired:
        raise MixwrightError(
            f"{path}: its index {index.name} is missing; fetch it, or set `format: numpy`"
        )
    if form in FOLDERS and path.name != INDEX:
        raise MixwrightError(f"{path}: format {form} is a folder with an {INDEX}; name it")
    return form


def _ids_of(path: Path) -> Path:
    """The file of ids that a file beside it belongs to; one of ids is its own."""
    if not path.name.endswith(BESIDE):
        return path
    if path.suffix == ".idx":
        return path.with_suffix(".bin")
    if path.name.endswith(".csv.gz"):
        return path.with_name(path.name.removesuffix(".csv.gz") + ".npy")
    return path.with_suffix("")
