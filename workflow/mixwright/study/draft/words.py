"""What the words of `mixwright init` name: paths that are there, or data sets of Hugging Face."""

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from mixwright.errors import MixwrightError, closest

# How a data set of Hugging Face is named, and how its address begins.
DATASET = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
ADDRESS = re.compile(r"(?:hf://datasets/|https?://huggingface\.co/datasets/)([^/]+/[^/?#]+)")
# A missing path whose first part reads so much like one that is there is a slip of the pen.
ALIKE = 0.75


def named(words: Sequence[str]) -> list[str | Path]:
    """Returns the paths, and as texts the data sets, that the words name.

    Raises:
        MixwrightError: a word names nothing that is there, or an address.
    """
    named: list[str | Path] = []
    for word in words:
        named += _of_word(word)
    return named


def _of_word(word: str) -> list[str | Path]:
    path = Path(word).expanduser()
    if path.is_dir() or path.is_file():
        return [path]
    address = ADDRESS.match(word)
    if address:
        return [address[1]]
    if "://" in word:
        raise MixwrightError(
            f"{word}: init looks at files on this machine and does not read addresses; fetch the"
            " files and name their folder, or write the address into the study's file by hand"
        )
    if path.is_symlink():
        raise MixwrightError(f"{word}: a broken link to {path.readlink()}; correct it")
    if path.exists():
        raise MixwrightError(f"{word}: no file and no folder; name one")
    matches = sorted(glob.glob(str(path)))  # noqa: PTH207
    if matches:
        return [Path(match) for match in matches]
    like = _like(path)
    if DATASET.fullmatch(word) and not like and not path.parent.exists():
        return [word]
    raise MixwrightError(f"{word}: no such file or folder; {_hint(path, like)}")


def _like(path: Path) -> Path | None:
    """The path that was probably meant: of the first part that is not there, one like it."""
    above = Path(path.anchor)
    parts = path.parts[1:] if path.anchor else path.parts
    for number, part in enumerate(parts):
        if (above / part).exists():
            above /= part
            continue
        if not above.is_dir():
            return None
        # the first part may be the owner of a data set as well
        cutoff = ALIKE if above == Path() else 0.5
        name = closest(part, [entry.name for entry in above.iterdir()], cutoff)
        return above.joinpath(name, *parts[number + 1 :]) if name else None
    return None


def _hint(path: Path, like: Path | None) -> str:
    if like is not None:
        return f"did you mean {like}?"
    return (
        f"correct the path (relative ones start at {Path.cwd()});"
        " a data set of Hugging Face is written OWNER/NAME"
    )
