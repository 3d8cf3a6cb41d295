"""Files of token ids as others write them, and the texts that they hold."""

import json
import struct
from pathlib import Path

import numpy as np

from mixwright.corpus.tokenizer import CONFIG, SPECIAL, train_bpe
from mixwright.files import write_json
from mixwright.sources.tokens.tokenizer_folder import open_tokenizer

# What a text may hold: other scripts, Windows line ends, a null byte, what spells the end token.
HOSTILE = (
    "naïve café 北京 العربية\r\nsecond line\r\n",
    "a null \x00 byte",
    "<|endoftext|> is spelled here <|endoftext|>",
    "  white space at both ends \n\n",
    "one",
)


def texts(count: int = 60, seed: int = 0) -> list[str]:
    """Draws texts of some words to some hundreds; all differ."""
    rng = np.random.default_rng(seed)
    words = ["mixture", "of", "domains", "the", "proxy", "learns", "été", "42", "loss", "a"]
    drawn = list(HOSTILE)
    while len(drawn) < count:
        chosen = rng.choice(words, int(rng.integers(3, 300)))
        drawn.append(" ".join([*chosen, str(len(drawn)), str(seed)]) + "\n")
    return drawn


def write_tokenizer(folder: Path, vocabulary: int = 300) -> str:
    """Writes a byte-level tokenizer, and returns its folder's path."""
    folder.mkdir(parents=True)
    tokenizer = train_bpe(texts(20, seed=9), vocabulary)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", CONFIG)
    write_json(folder / "special_tokens_map.json", SPECIAL)
    return str(folder)


def encoded(folder: str, documents: list[str]) -> tuple[list[list[int]], int]:
    """Returns the ids of each text without an end token, and the end token's id."""
    tokenizer, end = open_tokenizer(folder)
    batch = tokenizer.encode_batch(documents, add_special_tokens=False)
    return [one.ids for one in batch], end


def write_megatron(
    prefix: Path,
    documents: list[list[int]],
    end: int | None = None,
    dtype: str = "<i4",
    sequences: int = 1,
) -> Path:
    """Writes a pair of files after Megatron's format and returns the `.bin`.

    Args:
        prefix: what the names of both begin with.
        documents: ids of each.
        end: appended to each document; None: nothing is.
        dtype: type of the ids.
        sequences: in how many a document is laid down.
    """
    codes = {"<u1": 1, "<i1": 2, "<i2": 3, "<i4": 4, "<i8": 5, "<u2": 8}
    lengths: list[int] = []
    starts = [0]
    stream: list[int] = []
    for ids in documents:
        closed = [*ids] if end is None else [*ids, end]
        lengths += [len(piece) for piece in np.array_split(np.array(closed), sequences)]
        starts.append(len(lengths))
        stream += closed
    width = np.dtype(dtype).itemsize
    pointers = np.concatenate([[0], np.cumsum(lengths)])[: len(lengths)] * width
    np.array(stream, dtype).tofile(f"{prefix}.bin")
    header = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, codes[dtype], len(lengths), len(starts))
    tables = np.array(lengths, "<i4").tobytes() + pointers.astype("<i8").tobytes()
    Path(f"{prefix}.idx").write_bytes(header + tables + np.array(starts, "<i8").tobytes())
    return Path(f"{prefix}.bin")


def write_memmap(
    path: Path, documents: list[list[int]], end: int, dtype: str = "<u2", last_end: bool = True
) -> Path:
    """Writes a raw array, every document closed by an end token; the last if `last_end`."""
    stream: list[int] = []
    for ids in documents:
        stream += [*ids, end]
    if not last_end:
        stream = stream[:-1]
    np.array(stream, dtype).tofile(path)
    return path


def write_datatrove(path: Path, documents: list[list[int]], end: int, dtype: str = "<u2") -> Path:
    """Writes a `.ds` with its `.ds.index`."""
    write_memmap(path, documents, end, dtype)
    ends = np.cumsum([len(ids) + 1 for ids in documents])
    ends.astype("<u8").tofile(f"{path}.index")
    return path


def write_jsonl(path: Path, documents: list[str]) -> Path:
    """Writes the texts themselves, an object a line."""
    lines = [json.dumps({"text": text}) + "\n" for text in documents]
    path.write_text("".join(lines))
    return path
