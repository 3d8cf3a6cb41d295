"""What is looked at for a draft: files that belong together, and the names that they get."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mixwright.study.draft.vocabulary import HELD_OUT

# What a unit holds: files of text, files of tokens, a data set that `save_to_disk` wrote, or the
# name of a data set of Hugging Face.
TEXT, TOKENS, SAVED, HUB = "text", "tokens", "saved", "hub"
# The longest name of a domain.
LONGEST = 100


@dataclass(frozen=True)
class Unit:
    """Files that become one domain or one target."""

    # as the user named it; not yet a valid name
    name: str
    files: tuple[Path, ...]
    holds: str = TEXT
    # the folder of a saved data set, or the name of one of Hugging Face
    dataset: str = ""
    # of a saved data set
    split: str = ""


@dataclass
class Survey:
    """All that was met while the user's paths were walked."""

    domains: list[Unit] = field(default_factory=list)
    targets: list[Unit] = field(default_factory=list)
    # what was left out, and why; one line each
    notes: list[str] = field(default_factory=list)
    # folders with a tokenizer.json
    tokenizers: list[Path] = field(default_factory=list)


def is_held_out(name: str) -> bool:
    """Returns whether a folder or the start of files' names is called like a set of targets."""
    return name.lower() in HELD_OUT


def valid_name(name: str, taken: Iterable[str], substitute: str) -> str:
    """Returns a name as a study takes it, like none of those that are taken.

    Args:
        name: any text.
        taken: names that are in use.
        substitute: the name where nothing of `name` is left, as of one in Chinese.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", plain).strip("-_.")
    plain = plain[: LONGEST - 4] or substitute
    used = {other.casefold() for other in taken}
    unique = plain
    number = 2
    while unique.casefold() in used:
        unique = f"{plain}-{number}"
        number += 1
    return unique


def one_line(text: object) -> str:
    """Returns a text without line ends and control characters, for a comment or a message."""
    line = "".join(letter if letter.isprintable() else "?" for letter in str(text))
    return line.encode(errors="replace").decode()
