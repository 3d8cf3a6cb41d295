"""Proxies on files of tokens have the losses of proxies on the text of these files, bit for bit."""

from pathlib import Path

import numpy as np
import pytest

from mixwright.corpus.shards import Examples
from token_proxies import VOCABULARY, losses_of, shards_of
from token_writers import (
    encoded,
    texts,
    write_datatrove,
    write_jsonl,
    write_megatron,
    write_memmap,
    write_tokenizer,
)

FORMS = {
    "megatron": lambda folder, ids, end: write_megatron(folder / "web", ids, end),
    "megatron without ends": lambda folder, ids, end: write_megatron(folder / "web", ids),
    "memmap": lambda folder, ids, end: write_memmap(folder / "web.bin", ids, end),
    "datatrove": lambda folder, ids, end: write_datatrove(folder / "web.ds", ids, end),
}


@pytest.fixture(scope="module")
def of_text(tmp_path_factory) -> tuple[Path, str, list[str], list]:
    """A folder, its tokenizer, the texts of the domain `web`, and losses of proxies on texts."""
    folder = tmp_path_factory.mktemp("text")
    tokenizer = write_tokenizer(folder / "tokenizer", VOCABULARY)
    documents = texts(150, seed=5)
    # The same text twice, and in other places of the two files.
    write_jsonl(folder / "web.jsonl", [*documents[::-1], documents[7]])
    write_jsonl(folder / "code.jsonl", texts(80, seed=6))
    shards = shards_of(folder, tokenizer, domains(folder, {"files": str(folder / "web.jsonl")}))
    return folder, tokenizer, documents, losses_of(shards)


def domains(folder: Path, web: dict) -> dict[str, dict]:
    """Two domains: one of text, and `web`, of text too unless it says otherwise."""
    text = {"source": "files", "text": "text"}
    return {"code": text | {"files": str(folder / "code.jsonl")}, "web": text | web}


@pytest.mark.parametrize("form", FORMS)
def test_losses_are_those_of_the_text(of_text, tmp_path, form):
    folder, tokenizer, documents, losses = of_text
    ids, end = encoded(tokenizer, [*documents, documents[7]])
    path = FORMS[form](tmp_path, ids, end)
    tokens = domains(folder, {"source": "tokens", "files": str(path)})
    shards = shards_of(tmp_path, tokenizer, tokens)
    for name in ("web", "code"):
        for file in ("train.bin", "validation.npz", "unigram.npy"):
            of_tokens = tmp_path / "tokens" / name / "0" / file
            assert of_tokens.read_bytes() == (folder / "tokens" / name / "0" / file).read_bytes()
    assert repr(losses_of(shards)) == repr(losses)


def test_ids_that_the_tokenizer_would_not_choose_are_taken_as_they_are(of_text, tmp_path):
    folder, tokenizer, documents, _ = of_text
    ids, end = encoded(tokenizer, documents)
    # As a tokenizer that joins no letters would have written them: the same text, other ids.
    for number, text in enumerate(documents):
        letters, _ = encoded(tokenizer, list(text))
        ids[number] = [token for letter in letters for token in letter]
    path = write_megatron(tmp_path / "web", ids, end)
    shards_of(tmp_path, tokenizer, domains(folder, {"source": "tokens", "files": str(path)}))
    train = np.fromfile(tmp_path / "tokens" / "web" / "0" / "train.bin", np.uint16)
    held_out = Examples.load(tmp_path / "tokens" / "web" / "0" / "validation.npz")
    scored = int(held_out.scored_tokens.sum())
    assert len(train) + scored >= sum(len(one) for one in ids)
