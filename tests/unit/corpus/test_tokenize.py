import json
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mixwright.corpus.cleaning import Document
from mixwright.corpus.counts import count_domains
from mixwright.corpus.documents import write_documents
from mixwright.corpus.shards import Examples, open_shard
from mixwright.corpus.tokenize import tokenize_target
from mixwright.corpus.tokenizer import END, balanced, train_tokenizer
from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.sources.tokens.tokenizer_folder import end_token, open_tokenizer
from mixwright.tables import DOMAINS, check
from whole_domain import tokenize_domain

SETTINGS = {"vocabulary": 300, "folder": None, "sample_bytes": 20_000}
SYLLABLES = ["ka", "lo", "mi", " ta", " ru", " ne", "so", ".\n", " é"]


def text(seed: int, length: int = 120) -> str:
    return "".join(random.Random(seed).choices(SYLLABLES, k=length))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two domains of different size, a target with contexts, a tokenizer."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, seeds in {"a": range(40), "b": range(100, 300)}.items():
        documents = [
            Document("validation" if seed % 10 == 0 else "train", text(seed)) for seed in seeds
        ]
        write_documents(documents, folder / f"{name}.parquet")
    write_documents(
        [Document("target", " ta", text(7)), Document("target", text(8))], folder / "t.parquet"
    )
    train_tokenizer([folder / "a.parquet", folder / "b.parquet"], SETTINGS, folder / "tokenizer")
    for name in ("a", "b"):
        tokenize_domain(
            name,
            folder / f"{name}.parquet",
            folder / "tokenizer",
            folder / "shards" / name,
            context=64,
        )
    tokenize_target("t", folder / "t.parquet", folder / "tokenizer", folder / "targets/t.npz")
    return folder


def test_training_twice_gives_the_same_tokenizer_whatever_the_order_of_files(folder, tmp_path):
    train_tokenizer([folder / "b.parquet", folder / "a.parquet"], SETTINGS, tmp_path / "again")
    for path in (folder / "tokenizer").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_the_sample_is_balanced_and_short_domains_leave_their_share(folder):
    files = [folder / "a.parquet", folder / "b.parquet"]
    size = {
        name: sum(len(t.encode()) for t in balanced([folder / f"{name}.parquet"], 10**9))
        for name in "ab"
    }
    assert size["a"] < 12_000 < size["b"]
    sampled = sum(len(t.encode()) for t in balanced(files, 24_000))
    assert 24_000 <= sampled < 24_600


def test_autotokenizer_loads_it_and_agrees(folder, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(folder / "tokenizer")
    encoder, end = open_tokenizer(folder / "tokenizer")
    sample = f"{text(1)} unseen Wörter 北京"
    assert loaded.encode(sample, add_special_tokens=False) == encoder.encode(sample).ids
    assert loaded.decode(loaded.encode(sample)) == sample
    assert loaded.eos_token_id == loaded.bos_token_id == loaded.pad_token_id == end


def test_the_stream_is_every_document_followed_by_the_end_token(folder):
    shard = open_shard(folder / "shards/a")
    encoder, end = open_tokenizer(folder / "tokenizer")
    pieces = np.split(shard.tokens, np.flatnonzero(shard.tokens == end) + 1)
    decoded = [encoder.decode(piece[:-1].tolist()) for piece in pieces[:-1]]
    assert decoded == [text(seed) for seed in range(40) if seed % 10]
    assert len(pieces[-1]) == 0
    assert shard.tokens.dtype == np.uint16
    assert shard.unigram.tolist() == np.bincount(shard.tokens, minlength=shard.vocabulary).tolist()


def test_a_text_that_spells_the_end_token_does_not_end_there(folder, tmp_path):
    spelled = f"ka {END} lo"
    write_documents(
        [Document("train", spelled), Document("validation", "lo")], tmp_path / "d.parquet"
    )
    tokenize_domain("d", tmp_path / "d.parquet", folder / "tokenizer", tmp_path / "d")
    shard = open_shard(tmp_path / "d")
    encoder, end = open_tokenizer(folder / "tokenizer")
    assert np.flatnonzero(shard.tokens == end).tolist() == [len(shard.tokens) - 1]
    assert encoder.decode(shard.tokens[:-1].tolist()) == spelled


def test_a_tokenizer_that_truncates_or_pads_is_told_not_to(folder, tmp_path):
    settings = json.loads((folder / "tokenizer/tokenizer.json").read_text())
    settings["truncation"] = {
        "direction": "Right",
        "max_length": 4,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(settings))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": END}))
    assert len(open_tokenizer(tmp_path)[0].encode(text(1)).ids) > 4


def test_blocks_overlap_by_the_token_to_predict(folder):
    shard = open_shard(folder / "shards/a")
    first, second, last = (shard.sequence(block, 64) for block in (0, 1, shard.sequences(64) - 1))
    assert len(first) == len(last) == 65
    assert first[-1] == second[0]
    assert np.array_equal(second, shard.tokens[64:129])
    assert (shard.sequences(64) + 1) * 64 >= len(shard.tokens)


def test_validation_counts_every_token_and_byte(folder):
    validation = open_shard(folder / "shards/b").validation
    rows = count_domains([folder / "shards/b", folder / "shards/a"])
    check(rows, DOMAINS, "domains")
    assert rows.domain.tolist() == ["a", "a", "b", "b"]
    counts = rows[(rows.domain == "b") & (rows.split == "validation")].iloc[0]
    assert validation.scored_tokens.sum() == counts.tokens
    assert validation.scored_bytes.sum() == counts.bytes
    assert counts.documents == 20


def test_the_validation_split_keeps_whole_documents_and_the_bytes_of_each_token(folder, tmp_path):
    texts = [text(2, 3000), "北京, é and \U0001f600\U0001f600.\n", text(3, 1500)]
    documents = [Document("train", text(1)), *(Document("validation", one) for one in texts)]
    write_documents(documents, tmp_path / "d.parquet")
    tokenize_domain("d", tmp_path / "d.parquet", folder / "tokenizer", tmp_path / "d")
    validation = open_shard(tmp_path / "d").validation
    encoder, end = open_tokenizer(folder / "tokenizer")
    decoded = []
    for first, last in pairwise(validation.starts):
        assert validation.tokens[first] == end and validation.token_bytes[first] == 0
        decoded.append(encoder.decode(validation.tokens[first + 1 : last].tolist()))
    assert decoded == texts
    assert validation.scored_tokens.max() > 1000
    assert validation.scored_bytes.tolist() == [len(one.encode()) for one in texts]


def test_a_target_scores_its_text_after_its_context(folder):
    examples = Examples.load(folder / "targets/t.npz")
    encoder, end = open_tokenizer(folder / "tokenizer")
    first = examples.tokens[: examples.starts[1]]
    assert first[0] == end
    assert encoder.decode(first[examples.scored_from[0] :].tolist()) == " ta"
    assert encoder.decode(first[1 : examples.scored_from[0]].tolist()) == text(7)
    assert examples.scored_from[1] == 1
    assert examples.scored_bytes.tolist() == [3, len(text(8).encode())]


def test_a_domain_under_one_sequence_is_refused(folder, tmp_path):
    write_documents([Document("train", "ka"), Document("validation", "lo")], tmp_path / "d.parquet")
    with pytest.raises(
        MixwrightError,
        match=r"d: \d training tokens, under one sequence of 64; give the domain more text",
    ):
        tokenize_domain(
            "d", tmp_path / "d.parquet", folder / "tokenizer", tmp_path / "d", context=64
        )


def test_a_domain_without_a_validation_token_is_refused(folder, tmp_path):
    write_documents(
        [Document("train", text(1)), Document("validation", "")], tmp_path / "d.parquet"
    )
    with pytest.raises(
        MixwrightError, match="d: not one validation token; give the domain more text"
    ):
        tokenize_domain("d", tmp_path / "d.parquet", folder / "tokenizer", tmp_path / "d")


def test_a_broken_shard_is_refused(folder, tmp_path):
    with pytest.raises(MixwrightError, match="not a token shard"):
        open_shard(tmp_path)
    tokenize_domain("a", folder / "a.parquet", folder / "tokenizer", tmp_path / "a")
    (part,) = read_json(tmp_path / "a/manifest.json")["parts"]
    with (tmp_path / "a" / part["folder"] / "train.bin").open("ab") as file:
        file.write(b"\0\0")
    with pytest.raises(MixwrightError, match=r"train\.bin has \d+ tokens, its manifest \d+"):
        open_shard(tmp_path / "a")


def test_a_tokenizer_of_the_users_is_copied_and_checked(folder, tmp_path):
    users = tmp_path / "own"
    users.mkdir()
    with pytest.raises(MixwrightError, match=r"no tokenizer\.json"):
        train_tokenizer([], {"folder": str(users)}, tmp_path / "copy")
    for path in (folder / "tokenizer").iterdir():
        (users / path.name).write_bytes(path.read_bytes())
    (users / "model.safetensors").write_bytes(b"0" * 100)
    train_tokenizer([], {"folder": str(users)}, tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == sorted(
        path.name for path in (folder / "tokenizer").iterdir()
    )
    (users / "special_tokens_map.json").unlink()
    (users / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "</s>"}}))
    assert end_token(users) == "</s>"
    with pytest.raises(MixwrightError, match=r"its end token </s> is not in its vocabulary"):
        open_tokenizer(users)
    (users / "tokenizer_config.json").write_text("{}")
    with pytest.raises(MixwrightError, match="give eos_token"):
        open_tokenizer(users)


def test_ids_with_gaps_count_up_to_the_greatest(folder, tmp_path):
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    (tmp_path / "own").mkdir()
    letters = sorted(set("".join(SYLLABLES)))
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    model = models.WordLevel(vocabulary | {"<end>": 70_000}, unk_token="k")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.save(str(tmp_path / "own/tokenizer.json"))
    (tmp_path / "own/tokenizer_config.json").write_text(json.dumps({"eos_token": "<end>"}))
    tokenize_domain("a", folder / "a.parquet", tmp_path / "own", tmp_path / "a")
    shard = open_shard(tmp_path / "a")
    assert shard.vocabulary == len(shard.unigram) == 70_001
    assert shard.tokens.max() == shard.end_token == 70_000


def test_a_vocabulary_must_hold_every_byte(folder, tmp_path):
    with pytest.raises(MixwrightError, match="need at least 257"):
        train_tokenizer([folder / "a.parquet"], SETTINGS | {"vocabulary": 100}, tmp_path / "t")
    assert END in json.loads((folder / "tokenizer/tokenizer.json").read_text())["model"]["vocab"]


def test_opening_shards_imports_nothing_heavy():
    heavy = ("torch", "pandas", "tokenizers", "datasets", "pyarrow")
    code = f"import sys, mixwright.corpus.shards; print(*sys.modules.keys() & {heavy})"
    paths = {"PYTHONPATH": str(Path(__file__).parents[3] / "workflow"), "PATH": ""}
    assert (
        subprocess.run(
            [sys.executable, "-c", code], env=paths, capture_output=True, text=True, check=True
        ).stdout.strip()
        == ""
    )


def test_a_tokenizer_for_masked_models_has_a_token_that_no_text_is_encoded_to(folder, tmp_path):
    train_tokenizer([folder / "a.parquet"], SETTINGS, tmp_path / "masked", masked=True)
    tokenize_domain("a", folder / "a.parquet", tmp_path / "masked", tmp_path / "a")
    shard = open_shard(tmp_path / "a")
    encoder, _ = open_tokenizer(tmp_path / "masked")
    assert shard.mask_token == encoder.token_to_id("[MASK]") is not None
    assert (
        shard.mask_token not in shard.tokens
        and shard.mask_token not in encoder.encode("a [MASK] b").ids
    )
    from transformers import AutoTokenizer

    assert AutoTokenizer.from_pretrained(tmp_path / "masked").mask_token == "[MASK]"
    tokenize_domain("a", folder / "a.parquet", folder / "tokenizer", tmp_path / "plain")
    assert open_shard(tmp_path / "plain").mask_token is None
    with pytest.raises(
        MixwrightError, match="no mask token in its vocabulary; name one as mask_token"
    ):
        train_tokenizer(
            [], SETTINGS | {"folder": str(folder / "tokenizer")}, tmp_path / "copied", masked=True
        )
