"""From ids to text, with the tokenizer that made the ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.sources.tokens.token_streams import TokenDocument
from mixwright.sources.tokens.tokenizer_folder import (
    open_tokenizer,
    tokenizer_json,
    vocabulary_size,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Documents decoded at a time, and the tokens after which no further one is added.
MOST_DOCUMENTS, MOST_TOKENS = 256, 1 << 18


@dataclass(frozen=True, eq=False)
class Decoder:
    """A tokenizer that turns documents of ids into text."""

    tokenizer: "Tokenizer"
    folder: str
    # id of its end token
    end: int
    # one more than its greatest id
    vocabulary: int

    @classmethod
    def open(cls, folder: str) -> Self:
        """Opens the tokenizer of a folder.

        Raises:
            MixwrightError: the folder holds no tokenizer, or one without an end token.
        """
        tokenizer, end = open_tokenizer(folder)
        return cls(tokenizer, folder, end, vocabulary_size(tokenizer))

    def texts(self, documents: Sequence[TokenDocument]) -> list[str]:
        """Returns the texts of documents, special tokens among them as they are spelled."""
        ids = [document.ids.tolist() for document in documents]
        texts: list[str] = self.tokenizer.decode_batch(ids, skip_special_tokens=False)
        return texts

    def check(self, path: Path, document: TokenDocument) -> None:
        """Refuses a document with an id that the tokenizer does not have."""
        if not len(document.ids):
            return
        wrong = int(document.ids.max())
        if int(document.ids.min()) < 0:
            wrong = int(document.ids.min())
        elif wrong < self.vocabulary:
            return
        raise MixwrightError(
            f"{path}: {document.place} has the id {wrong}, and the ids of the tokenizer in"
            f" {self.folder} are 0 to {self.vocabulary - 1}; set tokenizer.folder to the tokenizer"
            " that made the file, or `dtype` to the type of its ids"
        )


def batch_of(documents: Iterator[TokenDocument], most_tokens: int) -> list[TokenDocument]:
    """Returns the next documents: one at least, then as many as fit; none at the end.

    Args:
        documents: where they are taken from.
        most_tokens: how many tokens are wanted.
    """
    batch: list[TokenDocument] = []
    tokens = 0
    for document in islice(documents, MOST_DOCUMENTS):
        batch.append(document)
        tokens += len(document.ids)
        if tokens >= min(most_tokens, MOST_TOKENS):
            break
    return batch


def vocabulary_of(folder: str) -> int:
    """Returns one more than the greatest id, without the library of tokenizers. Parse time.

    Raises:
        MixwrightError: the folder holds no tokenizer, or another one than a list of tokens.
    """
    path = tokenizer_json(folder)
    return _vocabulary(path, path.stat().st_mtime_ns)


@lru_cache
def _vocabulary(path: Path, _changed: int) -> int:
    """The vocabulary of a tokenizer.json, read once for all domains."""
    content = read_json(path)
    try:
        tokens = content["model"]["vocab"]
        if isinstance(tokens, dict):
            greatest = max(tokens.values(), default=-1)
        else:
            greatest = len(tokens) - 1
        for token in content.get("added_tokens") or []:
            greatest = max(greatest, token["id"])
    except (TypeError, KeyError, AttributeError):
        raise MixwrightError(
            f"{path}: not a tokenizer; save it again with save_pretrained"
        ) from None
    return 1 + int(greatest)
