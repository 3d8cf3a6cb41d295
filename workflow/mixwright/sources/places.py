"""Where the files that a study names lie: paths and globs, the mirror folder, public files."""

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.sources.files.folders import files_below
from mixwright.sources.public import PublicFile, basename, mirror_folder, named

MIRROR = "mirror:"
VARIABLE = re.compile(r"\$\{?(\w+)")


@dataclass(frozen=True)
class Places:
    """The folder of a study's results, and the public files that the study names."""

    # results/{study}
    results: str = "results"
    # The config's section `public`.
    public: Mapping[str, PublicFile] = field(default_factory=dict)
    # The folder of the tokenizer that the study names; None where it trains one.
    tokenizer: str | None = None

    def located(self, files: str | Sequence[str]) -> list[str]:
        """Returns file patterns with `public:<name>` as the path of the fetched file."""
        located = []
        # A pattern that is listed twice is read once.
        for pattern in dict.fromkeys(patterns(files)):
            name = named(pattern, self.public, "files")
            located.append(self.fetched(name) if name else expanded(pattern))
        return located

    def inputs(
        self, where: str, files: str | Sequence[str], *, folders: bool = False
    ) -> list[Path]:
        """Returns the files that patterns name, at parse time: before public files are fetched.

        Args:
            where: what messages name, a domain, a target or a table.
            files: paths, globs, `mirror:` paths and `public:` names.
            folders: whether a folder stands for the files of text below it.

        Raises:
            MixwrightError: a pattern matches no file; the message starts with `where`.
        """
        paths: list[Path] = []
        for pattern in dict.fromkeys(patterns(files)):
            name = named(pattern, self.public, "files")
            if name:
                paths.append(Path(self.fetched(name)))
            else:
                paths += matches(where, pattern, folders=folders)
        return list(dict.fromkeys(paths))

    def files(self, where: str, files: str | Sequence[str], *, folders: bool = False) -> list[Path]:
        """Returns the files that patterns name, in a job: all of them are there.

        Files are sorted within each pattern, and one that several match is read once. Arguments
        and errors are as for `inputs`.
        """
        if not patterns(files):
            raise MixwrightError(f"{where}: no files given; list paths or globs under `files`")
        paths = []
        for pattern in self.located(files):
            paths += matches(where, pattern, folders=folders, say=True)
        return list(dict.fromkeys(paths))

    def fetched(self, name: str) -> str:
        """Returns the path of the fetched copy of a public file."""
        return f"{self.results}/public/{basename(self.public[name])}"

    def name_of(self, file: str) -> str:
        """Returns the public file that is fetched to the file name `file`."""
        for name, entry in self.public.items():
            if basename(entry) == file:
                return name
        raise MixwrightError(
            f"{file} is not among the study's public files; name it in the section `public`"
        )

    def pinned(self, files: Iterable[str]) -> dict[str, str]:
        """Returns name -> SHA-256 of the public files among file patterns."""
        hashes = {}
        for pattern in files:
            name = named(pattern, self.public, "files")
            if name:
                hashes[name] = self.public[name]["sha256"]
        return hashes


def patterns(files: str | Sequence[str] | None) -> list[str]:
    """Returns what a key `files` lists: no pattern, one or several."""
    if isinstance(files, str):
        return [files]
    return list(files or [])


def expanded(pattern: str) -> str:
    """Returns a pattern with `~` and `$NAME` written out, unless a file has that very name."""
    if Path(pattern).exists():
        return pattern
    return os.path.expandvars(os.path.expanduser(pattern))  # noqa: PTH111


def matches(where: str, pattern: str, *, folders: bool = False, say: bool = False) -> list[Path]:
    """Returns the files that one pattern matches, sorted, as absolute paths.

    Args:
        where: what messages name.
        pattern: a path, a glob or a `mirror:` path.
        folders: whether a folder stands for the files of text below it.
        say: whether the log names what is passed by in folders.

    Raises:
        MixwrightError: it matches nothing, or something that is no file: a broken link, a folder
            without text. Nothing that a pattern matches is left out.
    """
    located = pattern
    try:
        located = expanded(pattern)
        if pattern.startswith(MIRROR):
            located = _in_mirror(where, pattern)
        files = _files(where, located, folders=folders, say=say)
    except OSError as error:
        raise MixwrightError(
            f"{where}: {error.filename or located}: {error.strerror}; correct the path, or the"
            " permissions of its folder"
        ) from None
    if not files:
        raise MixwrightError(f"{where}: no file matches {located}; {_remedy(located)}")
    return sorted(files)


def _files(where: str, located: str, *, folders: bool, say: bool) -> list[Path]:
    """The files that a pattern on this machine matches."""
    paths = [located]
    if not Path(located).is_file():
        # Path.glob takes no absolute pattern.
        paths = glob.glob(located, recursive=True)  # noqa: PTH207
    files = []
    for name in paths:
        path = Path(name)
        if path.is_file():
            # A link keeps its name: stores of large files (Hugging Face's cache, DVC, git-annex)
            # name what it leads to by a hash, and the name's end tells what a file is.
            files.append(path.absolute())
        elif path.is_dir() and located.endswith(("**", "**/*")):
            # Such a pattern matches the files of its folders too.
            continue
        elif path.is_dir() and folders:
            files += files_below(where, path.absolute(), say=say)
        else:
            raise MixwrightError(f"{where}: {_no_file(path)}")
    return files


def _remedy(located: str) -> str:
    """Says what to do about a pattern that matches no file: what it holds that no pattern has."""
    if "://" in located:
        return (
            "addresses are not read: fetch the file and give its path,"
            " or name it in the section `public`"
        )
    remedy = f"correct the path (relative ones start at {Path.cwd()})"
    names = VARIABLE.findall(located)
    if names:
        return f"{remedy}, or set {', '.join(names)}"
    if "{" in located:
        return f"{remedy}; braces are no pattern: write *, ? or [0-9], or a list of paths"
    if "," in located:
        return f"{remedy}; several are a list: [a.jsonl, b.jsonl]"
    if "[" in located:
        return f"{remedy}; in a pattern, [ is written [[]"
    return remedy


def _no_file(path: Path) -> str:
    """Says what a path is that is no file, and what to do."""
    if path.is_dir():
        suffixes = Counter(file.suffix for file in path.iterdir() if file.suffix)
        suffix = suffixes.most_common(1)[0][0] if suffixes else ".jsonl"
        return f"{path} is a folder; write a pattern of its files, such as {path / f'*{suffix}'}"
    if path.is_symlink():
        if os.path.lexists(path.parent / path.readlink()):
            return (
                f"{path} is a broken link (in a circle, or to what is no file);"
                " correct it or leave it out"
            )
        return (
            f"{path} is a broken link to {path.readlink()};"
            " fetch the file (git annex get, dvc pull) or leave the link out"
        )
    return f"{path} is no file of text (a pipe, a socket or a device); leave it out"


def _in_mirror(where: str, pattern: str) -> str:
    """The pattern's place on this machine, in the folder that $MIXWRIGHT_MIRROR names."""
    inner = pattern.removeprefix(MIRROR)
    mirror = mirror_folder()
    if mirror is None:
        raise MixwrightError(
            f"{where}: {pattern} needs a mirror;"
            f" set MIXWRIGHT_MIRROR to the folder that holds {Path(inner)}"
        )
    return str(mirror / inner)
