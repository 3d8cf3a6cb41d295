"""The study's tokenizer: a byte-level BPE trained on the domains, or a folder of the user."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.corpus.documents import iter_documents, read_counts
from mixwright.corpus.tokenizer_files import files_of
from mixwright.errors import MixwrightError
from mixwright.files import write_json, written
from mixwright.sources.tokens.tokenizer_folder import open_tokenizer, special_token

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END = "<|endoftext|>"
MASK = "[MASK]"
SPECIAL = {"bos_token": END, "eos_token": END, "pad_token": END}
CONFIG = SPECIAL | {
    "tokenizer_class": "PreTrainedTokenizerFast",
    # Decoding gives back what was encoded.
    "clean_up_tokenization_spaces": False,
    "model_max_length": 1_000_000_000,
}
# Every byte, and the end token.
SMALLEST = 256 + 1


def train_tokenizer(
    documents: Sequence[str | Path],
    settings: Mapping[str, Any],
    to: str | Path,
    masked: bool = False,
) -> None:
    """Writes a tokenizer folder that AutoTokenizer loads.

    Args:
        documents: the domains' files of documents.
        settings: the config's section `tokenizer`. With `folder` that folder is copied, else a
            BPE is trained on the domains' training text.
        to: the folder to write.
        masked: whether it needs a mask token, as masked language models do.
    """
    with written(to) as temporary:
        temporary.mkdir()
        if settings.get("folder"):
            _copy(Path(settings["folder"]), temporary, masked)
            return
        marks = {"mask_token": MASK} if masked else {}
        texts = balanced(documents, int(settings["sample_bytes"]))
        tokenizer = train_bpe(texts, int(settings["vocabulary"]), list(marks.values()))
        # Not by the library, whose errors do not say what the system refused.
        content = tokenizer.to_str(pretty=True)
        (temporary / "tokenizer.json").write_text(content, encoding="utf-8")
        write_json(temporary / "tokenizer_config.json", CONFIG | marks)
        write_json(temporary / "special_tokens_map.json", SPECIAL | marks)


def train_bpe(texts: Iterable[str], vocabulary: int, marks: Sequence[str] = ()) -> "Tokenizer":
    """Trains a byte-level BPE (GPT-2's splitting, no space put in front).

    The same texts give the same tokens.

    Args:
        texts: what it is trained on.
        vocabulary: number of tokens at most.
        marks: tokens that no text is encoded to.

    Raises:
        MixwrightError: the vocabulary is too small for every byte.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    smallest = SMALLEST + len(marks)
    if vocabulary < smallest:
        others = " and ".join(["the end token", *marks])
        raise MixwrightError(
            f"tokenizer.vocabulary is {vocabulary};"
            f" every byte and {others} need at least {smallest}"
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END, *marks],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def balanced(documents: Sequence[str | Path], sample_bytes: int) -> Iterator[str]:
    """Yields training texts of all domains, about `sample_bytes` of them.

    Every domain gives the same share, and short ones leave theirs to the rest. A domain's share
    comes from its parts by their sizes. Memory does not grow with the files.

    Args:
        documents: files of documents. Those that are called by a number are the parts of the
            domain that their folder is called by; each other one is a domain.
        sample_bytes: UTF-8 bytes of text.
    """
    domains: dict[Path, list[tuple[int, Path]]] = {}
    for path in map(Path, sorted(documents, key=str)):
        number = int(path.stem) if path.stem.isdecimal() else 0
        name = path.parent if path.stem.isdecimal() else path
        domains.setdefault(name, []).append((number, path))
    sizes: dict[Path, int] = {}
    for parts in domains.values():
        for _, path in parts:
            sizes[path] = _train_characters(path)
    totals = {}
    for name, files in domains.items():
        totals[name] = sum(sizes[path] for _, path in files)
    left = sample_bytes
    for place, name in enumerate(sorted(totals, key=totals.__getitem__)):
        share = left / (len(totals) - place)
        unread = totals[name]
        for _, path in sorted(domains[name]):
            quota = share * (sizes[path] / max(unread, 1))
            unread -= sizes[path]
            for text in _up_to(quota, path):
                yield text
                size = len(text.encode())
                share -= size
                left -= size


def _up_to(quota: float, path: Path) -> Iterator[str]:
    """Training texts of a file until they have a number of bytes."""
    if quota <= 0:
        return
    for document in iter_documents(path, "train"):
        yield document.text
        quota -= len(document.text.encode())
        if quota <= 0:
            return


def _train_characters(path: Path) -> int:
    """Characters of the training texts of a file of documents."""
    counted = read_counts(path).get("train_characters")
    if counted is not None:
        return counted
    return sum(len(document.text) for document in iter_documents(path, "train"))


def mask_id(folder: str | Path, tokenizer: "Tokenizer") -> int | None:
    """Returns the id of the mask token that a tokenizer folder names; most name none."""
    token = special_token(folder, "mask_token")
    if not token:
        return None
    number: int | None = tokenizer.token_to_id(token)
    return number


def unknown_id(tokenizer: "Tokenizer") -> int | None:
    """Returns the id of the token that stands for what the tokenizer does not know; None: none."""
    model = json.loads(tokenizer.to_str())["model"]
    number: int | None = model.get("unk_id")
    token = model.get("unk_token")
    if token:
        number = tokenizer.token_to_id(token)
    return number


def lost_characters(tokenizer: "Tokenizer") -> "LostCharacters | None":
    """Returns what counts the characters that a tokenizer drops without a token for the unknown.

    None where it drops nothing: it works on bytes, or has such a token.
    """
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    bare = model["type"] == "BPE" and not model.get("unk_token") and not model.get("byte_fallback")
    if not bare or "ByteLevel" in json.dumps([content["pre_tokenizer"], content["normalizer"]]):
        return None
    return LostCharacters(tokenizer, frozenset("".join(model["vocab"])))


@dataclass(frozen=True, eq=False)
class LostCharacters:
    """Counts the characters of texts that stand in no token."""

    tokenizer: "Tokenizer"
    alphabet: frozenset[str]

    def count(self, text: str) -> tuple[int, int]:
        """Returns how many characters of a text are lost, and of how many; none is white space."""
        normalizer = self.tokenizer.normalizer
        plain = normalizer.normalize_str(text) if normalizer else text
        characters = Counter("".join(plain.split()))
        lost = sum(count for one, count in characters.items() if one not in self.alphabet)
        return lost, characters.total()


def _copy(folder: Path, to: Path, masked: bool) -> None:
    """Copies the user's tokenizer, without the weights that may lie beside it.

    It is opened once to see that it is whole.
    """
    tokenizer, _ = open_tokenizer(folder)
    if masked and mask_id(folder, tokenizer) is None:
        raise MixwrightError(
            f"{folder}: no mask token in its vocabulary;"
            " name one as mask_token in tokenizer_config.json"
        )
    for path in files_of(folder):
        shutil.copyfile(path, to / path.name)
