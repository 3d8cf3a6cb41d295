"""Files that megatron-core itself wrote, which is installed from the registry in a folder aside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mixwright.sources import create
from mixwright.sources.base import Reading
from mixwright.sources.places import Places
from token_proxies import losses_of, shards_of
from token_writers import (
    encoded,
    texts,
    write_jsonl,
    write_megatron,
    write_memmap,
    write_tokenizer,
)

PACKAGE = "megatron-core==0.16.1"
# What tools/preprocess_data.py does with each document: once a document, or a sentence at a time.
PROGRAM = """
import json, sys
import numpy
import torch
from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder

plan = json.loads(sys.stdin.read())
for prefix, options in plan["files"].items():
    dtype = getattr(numpy, options["dtype"])
    builder = IndexedDatasetBuilder(prefix + ".bin", dtype=dtype)
    for ids in plan["documents"]:
        ids = ids + options["closed"]
        if options["sentences"]:
            for start in range(0, len(ids), 50):
                builder.add_item(torch.tensor(ids[start : start + 50]))
            builder.end_document()
        else:
            builder.add_document(ids, [len(ids)])
    builder.finalize(prefix + ".idx")
"""


@pytest.fixture(scope="module")
def megatron(tmp_path_factory) -> dict[str, str]:
    """The environment of a process that can import megatron-core; torch is that of the tests."""
    folder = tmp_path_factory.mktemp("megatron")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries", "0"]
    try:
        done = subprocess.run(
            [*pip, "--disable-pip-version-check", "--target", str(folder), PACKAGE],
            capture_output=True,
            text=True,
            timeout=120,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{PACKAGE} was not installed within two minutes")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip failed"]
        pytest.skip(f"{PACKAGE} cannot be installed from the registry here: {lines[-1]}")
    return os.environ | {"PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore"}


def read(tokenizer: str, files: Path) -> tuple[list[str], list[list[int]], int]:
    """The texts, the ids, and the training tokens that the index says."""
    settings = {"source": "tokens", "files": str(files)}
    reading = Reading()
    source = create("web", settings, Places("results/x", tokenizer=tokenizer))
    rows = list(source.documents(reading))
    tokens = [row["tokens"].tolist() for row in rows]
    return [row["text"] for row in rows], tokens, reading.tally.tokens


def test_proxies_on_files_of_its_writer_have_the_losses_of_their_text(megatron, tmp_path):
    tokenizer = write_tokenizer(tmp_path / "tokenizer")
    documents = texts(300, seed=3)
    ids, end = encoded(tokenizer, documents)
    files = {}
    for dtype in ("uint16", "int32", "int64"):
        for sentences in (False, True):
            for closed in ([], [end]):
                name = f"{dtype}-{sentences}-{len(closed)}"
                options = {"dtype": dtype, "sentences": sentences, "closed": closed}
                files[str(tmp_path / name)] = options
    plan = json.dumps({"documents": ids, "files": files})
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=plan,
        env=megatron,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    total = sum(len(one) + 1 for one in ids)
    memmap = write_memmap(tmp_path / "memmap.bin", ids, end)
    for prefix in (*files, memmap):
        assert read(tokenizer, Path(prefix)) == (documents, ids, total), prefix
    # The tests' own writer, which all other tests use, writes the same bytes.
    for dtype in ("uint16", "int32", "int64"):
        own = write_megatron(tmp_path / "own", ids, end, np.dtype(dtype).newbyteorder("<").str)
        theirs = tmp_path / f"{dtype}-False-1"
        assert own.read_bytes() == Path(f"{theirs}.bin").read_bytes()
        index = Path(f"{theirs}.idx").read_bytes()
        assert own.with_suffix(".idx").read_bytes() == index
    write_jsonl(tmp_path / "web.jsonl", documents)
    write_jsonl(tmp_path / "code.jsonl", texts(80, seed=6))
    sources = {
        "text": {"source": "files", "files": str(tmp_path / "web.jsonl")},
        "megatron": {"source": "tokens", "files": str(tmp_path / "int32-False-1")},
        "memmap": {"source": "tokens", "files": str(memmap)},
    }
    losses = {}
    for name, web in sources.items():
        code = {"source": "files", "files": str(tmp_path / "code.jsonl")}
        domains = {"code": code, "web": web}
        losses[name] = repr(losses_of(shards_of(tmp_path / name, tokenizer, domains)))
    assert losses["megatron"] == losses["text"]
    assert losses["memmap"] == losses["text"]
