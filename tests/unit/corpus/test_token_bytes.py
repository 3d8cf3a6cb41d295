"""Bytes of tokens: those of a text sum to the text's, whatever the tokenizer makes of it."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from mixwright.corpus import encoding
from mixwright.corpus.cleaning import Document
from mixwright.corpus.token_bytes import sized

TEXTS = [
    "Hello wörld 北京 \U0001f600\U0001f468‍\U0001f469 end.  \n\n  two ",
    "日本語のテキスト。",
    "a",
    "ééééé zz",
    "plain ascii text, of words\nand lines   ",
]
BYTES = pre_tokenizers.ByteLevel.alphabet()
LONG = random.Random(0)


def trained(tokenizer: Tokenizer, trainer: trainers.Trainer) -> Tokenizer:
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def byte_level(prefix: bool = False, trimmed: bool = False, vocabulary: int = 300) -> Tokenizer:
    """GPT-2's kind. Its offsets leave out spaces where they are `trimmed`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    if trimmed:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=BYTES, show_progress=False
    )
    return trained(tokenizer, trainer)


def word_piece() -> Tokenizer:
    """BERT's kind: no token holds white space, and accents and capitals are gone."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=80, special_tokens=["[UNK]"], show_progress=False
    )
    return trained(tokenizer, trainer)


def unigram() -> Tokenizer:
    """T5's kind."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=60, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
    )
    return trained(tokenizer, trainer)


MAKERS = [byte_level, lambda: byte_level(True, True), word_piece, unigram]


@pytest.mark.parametrize("make", MAKERS)
def test_the_bytes_of_all_tokens_are_those_of_the_text(make: Callable[[], Tokenizer], monkeypatch):
    encoder = make()
    texts = [*TEXTS, "", "".join(LONG.choices(TEXTS, k=40))]
    documents = [Document("target", text) for text in texts]
    expected = [encoder.encode(text, add_special_tokens=False).ids for text in texts]
    results = list(sized(encoder, documents))
    assert [list(ids) for ids, _ in results] == expected
    # In stretches the tokens of some kinds differ, and their bytes still are the text's.
    monkeypatch.setattr(encoding, "STRETCH", 50)
    for (text, by_stretches), (ids, sizes) in zip(
        zip(texts, sized(encoder, documents), strict=True), results, strict=True
    ):
        for numbers, of_each in ((ids, sizes), by_stretches):
            assert len(numbers) == len(of_each) and (of_each >= 0).all()
            assert of_each.sum() == (len(text.encode()) if len(numbers) else 0)


def test_each_token_has_the_bytes_of_its_own_text():
    # Tokens are single bytes: the first of a character has all of them.
    encoder = byte_level(vocabulary=len(BYTES))
    ((_, sizes),) = sized(encoder, [Document("target", "é 北 \U0001f600 z")])
    assert sizes.tolist() == [2, 0, 1, 3, 0, 0, 1, 4, 0, 0, 0, 1, 1]
    # White space counts with the word after it, and with the last token at the end.
    words = word_piece()
    words.model = models.WordPiece({"[UNK]": 0, "hello": 1, "end": 2, ".": 3}, unk_token="[UNK]")
    ((_, sizes),) = sized(words, [Document("target", " Hello  end. ")])
    assert sizes.tolist() == [6, 5, 2]


@pytest.mark.parametrize("make", MAKERS)
def test_tokens_of_a_file_have_the_bytes_of_what_they_decode_to(make: Callable[[], Tokenizer]):
    encoder = make()
    for text in TEXTS:
        ids = np.array(encoder.encode(text, add_special_tokens=False).ids, np.uint32)
        decoded = encoder.decode(ids.tolist(), skip_special_tokens=False)
        document = Document("validation", decoded, tokens=ids)
        ((taken, sizes),) = sized(encoder, [document])
        assert (taken == ids).all()
        assert len(sizes) == len(ids) and (sizes >= 0).all()
        assert sizes.sum() == len(decoded.encode())
    ascii_ids = np.array(encoder.encode("and lines").ids, np.uint32)
    decoded = encoder.decode(ascii_ids.tolist(), skip_special_tokens=False)
    (of_file,) = sized(encoder, [Document("validation", decoded, tokens=ascii_ids)])
    (of_text,) = sized(encoder, [Document("validation", decoded)])
    if list(of_text[0]) == ascii_ids.tolist():
        assert of_file[1].tolist() == of_text[1].tolist()
