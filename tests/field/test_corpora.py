"""What a corpus of files is taken for: domains of 30 : 6 : 3, of which a sample is read."""

import json
import random
from pathlib import Path

import pytest

from mixwright import tables
from mixwright.corpus.counts import count_domains
from mixwright.corpus.documents import read_counts, write_part
from mixwright.corpus.join import join_parts
from mixwright.corpus.text_settings import TextSettings
from mixwright.corpus.tokenize import tokenize_part
from mixwright.corpus.tokenizer import train_tokenizer
from mixwright.report.corpus_caveats import corpus_caveats
from mixwright.sources import create
from study_tables import proxies

SAMPLE = 150_000
SIZES = {"books": 300_000, "web": 3_000_000, "wiki": 600_000}


def text(seed: int, count: int) -> str:
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefghij", k=5)) for _ in range(count))


def write_lines(path: Path, size: int, seed: int) -> None:
    """A file of jsonl with about `size` bytes of text, 600 a document."""
    rows = [{"text": text(seed + number, 100)} for number in range(size // 600)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def shard_of(folder: Path, name: str, parts: int, settings: TextSettings) -> dict[str, int]:
    """Makes the documents of a domain's parts, and returns the counts of the first one."""
    source = create(name, {"source": "files", "files": str(folder / f"{name}.jsonl")})
    for part in range(parts):
        to = folder / "documents" / name / f"{part}.parquet"
        to.parent.mkdir(parents=True, exist_ok=True)
        write_part(source, settings, [], to, part, parts)
    return read_counts(folder / "documents" / name / "0.parquet")


def count(folder: Path, parts: int, settings: TextSettings):
    """The DOMAINS table of the three domains, read in so many parts, by domain."""
    for name, size in SIZES.items():
        write_lines(folder / f"{name}.jsonl", size, size)
        shard_of(folder, name, parts, settings)
    documents = sorted(folder.glob("documents/*/*.parquet"))
    tokenizer = {"vocabulary": 300, "folder": None, "sample_bytes": 20_000}
    train_tokenizer(documents, tokenizer, folder / "tokenizer")
    shards = []
    for name in SIZES:
        tokens = []
        for part in range(parts):
            tokens.append(folder / "tokens" / name / str(part))
            document = folder / "documents" / name / f"{part}.parquet"
            tokenize_part(name, document, folder / "tokenizer", tokens[-1])
        shards.append(folder / "shards" / name)
        join_parts(name, tokens, shards[-1])
    counts = tables.check(count_domains(shards), tables.DOMAINS, "domains")
    return counts[counts.split == "train"].set_index("domain")


@pytest.fixture(scope="module")
def sampled(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sampled")


@pytest.fixture(scope="module")
def counts(sampled):
    return count(sampled, 1, TextSettings(sample=SAMPLE))


def test_natural_is_the_proportion_of_the_text_there_is(counts):
    shares = counts.source_tokens / counts.source_tokens.sum()
    assert shares.round(2).to_dict() == {"books": 0.08, "web": 0.77, "wiki": 0.15}
    assert set(counts.counted) == {"estimated"}
    # Of each domain about as much was read.
    assert counts.tokens.max() < 1.2 * counts.tokens.min()


def test_an_estimate_is_near_what_a_full_count_says(counts, tmp_path):
    whole = count(tmp_path, 1, TextSettings())
    assert set(whole.counted) == {"counted"}
    assert (whole.source_tokens == whole.tokens).all()
    # Sizes are about SIZES; a tenth of few documents is held out, more or less.
    assert counts.source_tokens.to_dict() == pytest.approx(whole.source_tokens.to_dict(), rel=0.06)


def test_parts_estimate_the_same(counts, tmp_path):
    parts = count(tmp_path, 3, TextSettings(sample=SAMPLE))
    assert parts.source_tokens.to_dict() == pytest.approx(counts.source_tokens.to_dict(), rel=0.06)


def test_a_sample_alone_is_no_caveat(sampled, counts):
    manifests = [json.loads(path.read_text()) for path in sorted(sampled.glob("shards/*/*.json"))]
    design, _ = proxies()
    assert len(manifests) == 3
    assert corpus_caveats(manifests, {}, design.iloc[:0], []) == []
