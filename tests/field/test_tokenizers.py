"""A tokenizer that does not know the text is told by its share, in the log, or refused."""

import json
import logging
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from mixwright.corpus.cleaning import Document
from mixwright.corpus.documents import write_documents
from mixwright.corpus.shards import open_shard, read_counts
from mixwright.corpus.tokenize import tokenize_target
from mixwright.corpus.tokenizer import train_tokenizer
from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.report.corpus_caveats import corpus_caveats
from study_tables import proxies
from whole_domain import tokenize_domain

WORDS = [f"{a}{b}{c}" for a in "bdgk" for b in "aeiou" for c in "lmnrst"]


def save(folder: Path, tokenizer: Tokenizer) -> Path:
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<end>"}))
    return folder


def word_level(folder: Path, words: list[str]) -> Path:
    vocabulary = {word: number for number, word in enumerate(["[UNK]", "<end>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return save(folder, tokenizer)


def word_piece(folder: Path, words: list[str]) -> Path:
    vocabulary = {word: number for number, word in enumerate(["[UNK]", "<end>", *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return save(folder, tokenizer)


def unigram(folder: Path, words: list[str]) -> Path:
    pieces = [("<unk>", 0.0), ("<end>", 0.0), *[(f"▁{word}", -2.0) for word in words]]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return save(folder, tokenizer)


KINDS = {"word level": word_level, "word piece": word_piece, "unigram": unigram}


def corpus(folder: Path, unknown: float, words: list[str] = WORDS, seed: int = 0) -> Path:
    """Documents of which a share of the words is unknown to a tokenizer of WORDS."""
    draw = random.Random(seed)
    documents = []
    for number in range(60):
        text = [draw.choice(words) for _ in range(100)]
        for place in range(100):
            if draw.random() < unknown:
                text[place] = "zzz"
        split = "validation" if number % 10 == 0 else "train"
        documents.append(Document(split, " ".join(text)))
    write_documents(documents, folder / "web.parquet")
    return folder / "web.parquet"


def caveats(**entries: Any) -> str:
    """The report's words on domains and targets with these counts."""
    design, _ = proxies()
    found_in = [entry for entry in entries.values() if "domain" in entry]
    targets = {name: entry for name, entry in entries.items() if "domain" not in entry}
    listed = corpus_caveats(found_in, targets, design.iloc[:0], [])
    return " | ".join(caveat.text for caveat in listed if caveat.serious)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_that_knows_half_of_the_text_is_refused(tmp_path, kind):
    tokenizer = KINDS[kind](tmp_path / "own", WORDS)
    documents = corpus(tmp_path, 0.7)
    with pytest.raises(MixwrightError) as caught:
        tokenize_domain("web", documents, tokenizer, tmp_path / "web")
    message = str(caught.value)
    assert "\n" not in message and message.startswith("web: ")
    assert "of its text is unknown to the tokenizer in" in message
    assert "name a tokenizer.folder that knows it" in message
    write_documents([Document("target", "zzz zzz zzz zzz bal")], tmp_path / "t.parquet")
    with pytest.raises(MixwrightError, match=r"^t: .* is unknown to the tokenizer in"):
        tokenize_target("t", tmp_path / "t.parquet", tokenizer, tmp_path / "t.npz")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unknown", [0.0, 0.05, 0.3])
def test_the_share_is_told_and_reaches_the_report(tmp_path, caplog, kind, unknown):
    tokenizer = KINDS[kind](tmp_path / "own", WORDS)
    documents = corpus(tmp_path, unknown)
    with caplog.at_level(logging.WARNING):
        manifest = tokenize_domain("web", documents, tokenizer, tmp_path / "web")
        tokenize_target("t", documents, tokenizer, tmp_path / "t.npz")
    shard = open_shard(tmp_path / "web")
    text = shard.tokens[shard.tokens != shard.end_token]
    assert manifest["unknown"] == pytest.approx((text == 0).mean())
    # A word that is unknown is one token or more.
    assert unknown * 0.8 <= manifest["unknown"] <= 2.5 * unknown
    of_target = read_counts(tmp_path / "t.npz")
    assert of_target["unknown"] == pytest.approx(manifest["unknown"], abs=0.03)
    words = caveats(web=read_json(tmp_path / "web/manifest.json"), t=of_target)
    if unknown:
        assert "web: " in caplog.text and "unknown to the tokenizer" in caplog.text
        assert "The tokenizer does not know all of the text: " in words
        assert "web (" in words and "t (" in words
    else:
        assert not caplog.text
        assert "tokenizer" not in words


def test_characters_that_are_dropped_without_a_token_count_too(tmp_path):
    """A BPE of characters without a token for the unknown drops them: nothing stays to count."""
    letters = sorted(set("".join(WORDS)))
    vocabulary = {letter: number for number, letter in enumerate(["<end>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    own = save(tmp_path / "own", tokenizer)
    manifest = tokenize_domain("web", corpus(tmp_path, 0.1), own, tmp_path / "web")
    assert 0.05 < manifest["unknown"] < 0.15
    with pytest.raises(MixwrightError, match="is unknown to the tokenizer"):
        tokenize_domain("web", corpus(tmp_path, 0.8), own, tmp_path / "web")
    upper = corpus(tmp_path, 0.0, [word.upper() for word in WORDS])
    assert tokenize_domain("web", upper, own, tmp_path / "web")["unknown"] == 0


def test_a_tokenizer_on_bytes_knows_all_text(tmp_path):
    settings = {"vocabulary": 300, "folder": None, "sample_bytes": 20_000}
    train_tokenizer([corpus(tmp_path, 0.0)], settings, tmp_path / "own")
    others = ["北京", "ไทย", "🙂", "\x01"]
    manifest = tokenize_domain(
        "web", corpus(tmp_path, 0.5, others), tmp_path / "own", tmp_path / "w"
    )
    assert manifest["unknown"] == 0
    # Pieces of bytes in a BPE of characters, as in Llama's: there is an <unk> that nothing uses.
    pieces = ["<unk>", "<end>", *[f"<0x{byte:02X}>" for byte in range(256)]]
    model = models.BPE(
        {piece: number for number, piece in enumerate(pieces)},
        [],
        unk_token="<unk>",
        byte_fallback=True,
    )
    tokenizer = Tokenizer(model)
    tokenizer.decoder = decoders.ByteFallback()
    own = save(tmp_path / "llama", tokenizer)
    manifest = tokenize_domain("web", corpus(tmp_path, 0.5, others), own, tmp_path / "v")
    assert manifest["unknown"] == 0


def test_a_folder_with_sentencepiece_alone_is_one_line(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/tokenizer.model").write_bytes(b"\x0a\x0d")
    with pytest.raises(MixwrightError, match=r"no tokenizer\.json; save a fast tokenizer there"):
        tokenize_domain("web", corpus(tmp_path, 0.0), tmp_path / "own", tmp_path / "web")


@pytest.mark.parametrize("content", ["[]", '{"eos_token": {}}', '{"eos_token": null}', "{", "3"])
def test_settings_that_are_none_are_one_line(tmp_path, content):
    own = word_level(tmp_path / "own", WORDS)
    (own / "tokenizer_config.json").write_text(content)
    with pytest.raises(MixwrightError) as caught:
        tokenize_domain("web", corpus(tmp_path, 0.0), own, tmp_path / "web")
    assert "\n" not in str(caught.value) and "; " in str(caught.value)


def test_a_pointer_in_the_place_of_a_tokenizer_is_told(tmp_path):
    own = word_level(tmp_path / "own", WORDS)
    (own / "tokenizer.json").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d\n"
    )
    with pytest.raises(MixwrightError, match=r"tokenizer\.json: a git-lfs pointer, not the file"):
        tokenize_domain("web", corpus(tmp_path, 0.0), own, tmp_path / "web")


def test_the_end_token_is_not_the_unknown(tmp_path):
    """Some models share one token for both; ends of documents are no unknown text."""
    vocabulary = {word: number for number, word in enumerate(["<end>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<end>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    own = save(tmp_path / "own", tokenizer)
    manifest = tokenize_domain("web", corpus(tmp_path, 0.0), own, tmp_path / "web")
    assert manifest["unknown"] == 0
    assert np.count_nonzero(open_shard(tmp_path / "web").tokens == 0) == 54
    manifest = tokenize_domain("web", corpus(tmp_path, 0.2), own, tmp_path / "web")
    assert 0.15 < manifest["unknown"] < 0.25


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("WordLevel", {"unk_token": "[UNK]"}),
        ("WordPiece", {"unk_token": "[UNK]", "continuing_subword_prefix": "##"}),
        ("BPE", {"unk_token": "[UNK]", "merges": []}),
        ("Unigram", {"unk_id": None}),
    ],
)
def test_a_tokenizer_whose_unknown_token_is_missing_is_refused_in_a_line(tmp_path, model, settings):
    words = ["<end>", *WORDS[:5]]
    vocabulary: Any = {word: number for number, word in enumerate(words)}
    if model == "Unigram":
        vocabulary = [[word, -1.0] for word in words]
    if model == "WordPiece":
        settings = settings | {"max_input_chars_per_word": 100}
    folder = tmp_path / "tok"
    folder.mkdir()
    content = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": model, "vocab": vocabulary, **settings},
    }
    (folder / "tokenizer.json").write_text(json.dumps(content))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<end>"}))
    documents = corpus(tmp_path, 0.5)
    with pytest.raises(MixwrightError) as caught:
        tokenize_domain("web", documents, folder, tmp_path / "shard")
    message = str(caught.value)
    assert "\n" not in message and "cannot encode the text" in message
    assert "give it an unk_token that is in its vocabulary" in message
