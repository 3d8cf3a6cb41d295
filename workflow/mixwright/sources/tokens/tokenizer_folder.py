"""A folder with a tokenizer: opened, and what it says of itself. Imports nothing heavy."""

from pathlib import Path
from typing import TYPE_CHECKING

from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.sources.files.opening import opened

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def tokenizer_json(folder: str | Path) -> Path:
    """Returns the file of a folder's tokenizer.

    Raises:
        MixwrightError: the folder holds no tokenizer.
    """
    path = Path(folder) / "tokenizer.json"
    if not path.is_file():
        raise MixwrightError(
            f"{folder}: no tokenizer.json; save a fast tokenizer there with save_pretrained"
        )
    return path


def open_tokenizer(folder: str | Path) -> tuple["Tokenizer", int]:
    """Returns the tokenizer of a folder and the id of its end token.

    It encodes whole texts, as plain text whatever they spell.

    Raises:
        MixwrightError: the folder holds no tokenizer, or one without an end token.
    """
    from tokenizers import Tokenizer

    path = tokenizer_json(folder)
    # A pointer of git-lfs in its place is told.
    with opened(path):
        pass
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        # The Rust library raises nothing narrower.
        raise MixwrightError(
            f"{path}: not a tokenizer ({error}); save it again with save_pretrained"
        ) from None
    # A document that spells the end token does not end there.
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    end = tokenizer.token_to_id(end_token(folder))
    if end is None:
        raise MixwrightError(
            f"{folder}: its end token {end_token(folder)} is not in its vocabulary;"
            " name one that is as eos_token"
        )
    return tokenizer, end


def vocabulary_size(tokenizer: "Tokenizer") -> int:
    """Returns one more than the greatest id: where ids have gaps there are fewer tokens."""
    return 1 + max(tokenizer.get_vocab().values())


def end_token(folder: str | Path) -> str:
    """Returns the end token that a tokenizer folder names."""
    token = special_token(folder, "eos_token")
    if token is None:
        raise MixwrightError(f"{folder}: no end token; give eos_token in tokenizer_config.json")
    return token


def special_token(folder: str | Path, kind: str) -> str | None:
    """Returns a token by its role, from the folder's configuration or its map of special tokens.

    None where it names none.
    """
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = Path(folder) / name
        if not path.is_file():
            continue
        content = read_json(path)
        if not isinstance(content, dict):
            raise MixwrightError(
                f"{path}: no object of settings; save it again with save_pretrained"
            )
        token = content.get(kind)
        if isinstance(token, dict):
            token = token.get("content")
        if token:
            return str(token)
    return None
