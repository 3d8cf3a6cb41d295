"""The study's tokenizer: a byte-level BPE trained on the domains, or a folder of the user's own."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.corpus.documents import read_texts
from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json, written

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END = "<|endoftext|>"
MASK = "[MASK]"
SPECIAL = {"bos_token": END, "eos_token": END, "pad_token": END}
CONFIG = SPECIAL | {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "clean_up_tokenization_spaces": False,  # decoding gives back what was encoded
    "model_max_length": 1_000_000_000,
}
FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "chat_template*",
    "config.json",
)
SMALLEST = 256 + 1  # every byte, and the end token


def train_tokenizer(
    documents: Sequence[str | Path],
    settings: Mapping[str, Any],
    to: str | Path,
    masked: bool = False,
) -> None:
    """Writes a folder that AutoTokenizer loads: a copy of `settings.folder` if that is given, else a BPE of the domains' training text.

    With `masked` it has a mask token, as masked language models need.
    """
    with written(to) as beside:
        beside.mkdir()
        if settings.get("folder"):
            _copy(Path(settings["folder"]), beside, masked)
            return
        marks = {"mask_token": MASK} if masked else {}
        trained = train_bpe(
            balanced(documents, int(settings["sample_bytes"])),
            int(settings["vocabulary"]),
            [*marks.values()],
        )
        trained.save(str(beside / "tokenizer.json"))
        write_json(beside / "tokenizer_config.json", CONFIG | marks)
        write_json(beside / "special_tokens_map.json", SPECIAL | marks)


def train_bpe(texts: Iterable[str], vocabulary: int, marks: Sequence[str] = ()) -> "Tokenizer":
    """A byte-level BPE (GPT-2's splitting, no space put in front) of at most `vocabulary` tokens; the same texts give the same tokens.

    `marks` are tokens that no text is encoded to.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocabulary < SMALLEST + len(marks):
        others = " and ".join(["the end token", *marks])
        raise MixwrightError(
            f"tokenizer.vocabulary is {vocabulary}; every byte and {others} need at least {SMALLEST + len(marks)}"
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
    """Training texts of all files, together about `sample_bytes`; all give the same share, and short ones leave theirs to the rest."""
    sizes = {
        path: sum(len(document.text) for document in read_texts(path, "train"))
        for path in sorted(documents, key=str)
    }
    left = sample_bytes
    for place, path in enumerate(
        sorted(sizes, key=lambda path: sizes[path])
    ):  # read again: one file at a time is in memory
        share = left / (len(sizes) - place)
        for document in read_texts(path, "train"):
            if share <= 0:
                break
            yield document.text
            size = len(document.text.encode())
            share, left = share - size, left - size


def open_tokenizer(folder: str | Path) -> tuple["Tokenizer", int]:
    """(tokenizer, id of the end token) of a tokenizer folder; it encodes whole texts, as plain text whatever they spell."""
    from tokenizers import Tokenizer

    path = Path(folder) / "tokenizer.json"
    if not path.is_file():
        raise MixwrightError(
            f"{folder}: no tokenizer.json; save a fast tokenizer there with save_pretrained"
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises nothing narrower
        raise MixwrightError(
            f"{path}: not a tokenizer ({error}); save it again with save_pretrained"
        ) from None
    tokenizer.encode_special_tokens = (
        True  # a document that spells the end token does not end there
    )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    end = tokenizer.token_to_id(end_token(folder))
    if end is None:
        raise MixwrightError(
            f"{folder}: its end token {end_token(folder)} is not in its vocabulary; name one that is as eos_token"
        )
    return tokenizer, end


def vocabulary_size(tokenizer: "Tokenizer") -> int:
    """One more than the greatest id: a tokenizer whose ids have gaps has fewer tokens than that."""
    return 1 + max(tokenizer.get_vocab().values())


def end_token(folder: str | Path) -> str:
    """The end token that a tokenizer folder names."""
    found = _special(folder, "eos_token")
    if found is None:
        raise MixwrightError(f"{folder}: no end token; give eos_token in tokenizer_config.json")
    return found


def mask_id(folder: str | Path, tokenizer: "Tokenizer") -> int | None:
    """Id of the mask token that a tokenizer folder names; none for most."""
    named = _special(folder, "mask_token")
    found: int | None = tokenizer.token_to_id(named) if named else None
    return found


def _special(folder: str | Path, kind: str) -> str | None:
    """A token by its role, from the folder's configuration or its map of special tokens."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = Path(folder) / name
        token = read_json(path).get(kind) if path.is_file() else None
        if token:
            return str(token["content"] if isinstance(token, dict) else token)
    return None


def _copy(folder: Path, to: Path, masked: bool) -> None:
    """The user's tokenizer, without the weights that may lie beside it; opened once to see that it is whole."""
    tokenizer, _ = open_tokenizer(folder)
    if masked and mask_id(folder, tokenizer) is None:
        raise MixwrightError(
            f"{folder}: no mask token in its vocabulary; name one as mask_token in tokenizer_config.json"
        )
    for path in sorted(
        {path for pattern in FILES for path in folder.glob(pattern) if path.is_file()}
    ):
        shutil.copyfile(path, to / path.name)
