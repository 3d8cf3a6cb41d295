"""The files of a tokenizer folder, and the hash of what they say. Imports nothing heavy."""

import hashlib
from pathlib import Path

from mixwright.files import sha256
from mixwright.sources.tokens.tokenizer_folder import tokenizer_json

# What is copied of a tokenizer folder.
FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "chat_template*",
    "config.json",
)
# Of a model: no tokenizer reads it.
OF_MODEL = "config.json"


def files_of(folder: str | Path) -> list[Path]:
    """Returns the files of a tokenizer folder that are copied, sorted.

    Raises:
        MixwrightError: the folder holds no tokenizer.
    """
    tokenizer_json(folder)
    files: set[Path] = set()
    for pattern in FILES:
        for path in Path(folder).glob(pattern):
            if path.is_file():
                files.add(path)
    return sorted(files)


def fingerprint(folder: str | Path, whole: bool) -> str:
    """Returns the SHA-256 of a tokenizer, in hex digits.

    Args:
        folder: where it lies.
        whole: whether all files count, as in a folder of the user. Of a tokenizer that was trained
            here tokenizer.json is enough: the other files are always the same.

    Raises:
        MixwrightError: the folder holds no tokenizer.
    """
    files = files_of(folder)
    if not whole:
        return sha256(Path(folder) / "tokenizer.json")
    total = hashlib.sha256()
    for path in files:
        if path.name != OF_MODEL:
            line = f"{path.name} {sha256(path)}\n"
            total.update(line.encode())
    return total.hexdigest()
