"""A folder that litdata itself wrote, which is installed from the registry in a folder aside."""

import json
import os
import subprocess
import sys

import pytest

from token_writers import encoded, texts, write_tokenizer

# litdata, and what it imports that the tests do not have.
PACKAGES = (
    "litdata==0.2.76",
    "lightning-utilities",
    "filelock",
    "obstore",
    "boto3",
    "botocore",
    "jmespath",
    "s3transfer",
    "python-dateutil",
    "tifffile",
)
PROGRAM = """
import json, sys
from functools import partial
import torch
from litdata import TokensLoader, optimize
from mixwright.sources import create
from mixwright.sources.base import Reading
from mixwright.sources.places import Places

def item(ids):
    return torch.tensor(ids, dtype=torch.int32)

if __name__ == "__main__":
    plan = json.loads(sys.argv[1])
    closed = [[*ids, plan["end"]] for ids in plan["documents"]]
    optimize(item, closed, plan["to"], chunk_size=4096, item_loader=TokensLoader(), num_workers=1)
    source = create("web", {"source": "tokens", "files": plan["to"]},
                    Places(tokenizer=plan["tokenizer"]))
    result = {"texts": [], "ids": [], "tokens": 0, "inputs": len(source.inputs())}
    for part in range(3):
        reading = Reading(part=part, parts=3)
        for row in source.documents(reading):
            result["texts"].append(row["text"])
            result["ids"].append(row["tokens"].tolist())
        result["tokens"] += reading.tally.tokens
    open(plan["result"], "w").write(json.dumps(result))
"""


def test_a_folder_of_its_writer_holds_the_documents_of_their_text(tmp_path):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries", "0"]
    folder = tmp_path / "packages"
    try:
        done = subprocess.run(
            [*pip, "--disable-pip-version-check", "--target", str(folder), *PACKAGES],
            capture_output=True,
            text=True,
            timeout=180,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("litdata was not installed within three minutes")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip failed"]
        pytest.skip(f"litdata cannot be installed from the registry here: {lines[-1]}")
    tokenizer = write_tokenizer(tmp_path / "tokenizer")
    documents = texts(100, seed=4)
    ids, end = encoded(tokenizer, documents)
    result = tmp_path / "result.json"
    plan = {
        "documents": ids,
        "end": end,
        "to": str(tmp_path / "litdata"),
        "tokenizer": tokenizer,
        "result": str(result),
    }
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    paths = [*sys.path, str(folder)]
    done = subprocess.run(
        [sys.executable, str(program), json.dumps(plan)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(result.read_text())
    assert answer["texts"] == documents
    assert answer["ids"] == ids
    assert answer["tokens"] == sum(len(one) + 1 for one in ids)
    assert answer["inputs"] > 4, "the index, its files and the tokenizer"
