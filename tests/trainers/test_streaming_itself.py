"""Files for MosaicML Streaming, drawn from by a StreamingDataset of rows without text."""

from dataclasses import replace
from pathlib import Path

import pytest

from mixwright.proposals.export import create
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.order import budget_of
from orders import WEIGHTS, order
from trainer_envs import answer, environment

# What its data sets need, without the SDKs of clouds, and vision.
PACKAGES = (
    "mosaicml-streaming==0.13.0",
    "torch==2.13.0",
    "numpy==2.1.3",
    "typing_extensions",
    "filelock",
    "sympy",
    "mpmath",
    "networkx",
    "jinja2",
    "markupsafe",
    "fsspec",
    "brotli",
    "python-snappy",
    "cramjam",
    "xxhash",
    "zstd",
    "catalogue",
    "tqdm",
    "pillow",
    "pyyaml",
)

# Rows of a stream; they are one shard.
ROWS = 500

DRAW = """
import sys, types
# Empty modules in place of what its data loader and its own data sets import.
for name in ("transformers", "transformers.feature_extraction_utils",
             "transformers.tokenization_utils_base", "streaming.text", "streaming.vision",
             "streaming.multimodal"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["transformers.feature_extraction_utils"].BatchFeature = dict
sys.modules["transformers.tokenization_utils_base"].BatchEncoding = dict
import numpy as np, os, yaml
from streaming import MDSWriter, Stream, StreamingDataset
from streaming.base.batching import generate_work
from streaming.base.world import World

arguments = yaml.safe_load(open(VALUES["file"]))
arguments.update(VALUES["change"])
streams = arguments.pop("streams")
for name in streams:
    if not os.path.exists(name):
        with MDSWriter(out=name, columns={"row": "int"}) as writer:
            for row in range(VALUES["rows"]):
                writer.write({"row": row})
dataset = StreamingDataset(
    streams=[Stream(**stream) for stream in streams.values()], batch_size=100, **arguments)
dataset.num_canonical_nodes = dataset.num_canonical_nodes or 1
dataset.shuffle_block_size = dataset.shuffle_block_size or 1 << 18

def counts(rows):
    of_stream = np.searchsorted(dataset.sample_offset_per_stream, rows, side="right") - 1
    return dict(zip(streams, np.bincount(of_stream, minlength=len(streams)).tolist()))

drawn = []
for epoch in range(2):
    work = generate_work(dataset.batching_method, dataset, World.detect(), epoch, 0)
    rows = work.transpose(3, 2, 0, 1, 4).flatten()
    drawn.append(rows[rows >= 0])
ANSWER = {
    "epochs": [counts(rows) for rows in drawn],
    "first": counts(drawn[0][: len(drawn[0]) // 10]),
}
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return environment("streaming", *PACKAGES, alone=True)


def at(folder: Path, wanted):
    sources = []
    for source in wanted.sources:
        sources.append(replace(source, path=str(folder / source.domain)))
    return replace(wanted, sources=tuple(sources))


def predicted(wanted, text: str) -> dict[str, float]:
    trainer = create("streaming")
    (blend,) = trainer.read(text, "FILE")
    units = trainer.draw(blend, budget_of(wanted, wanted.stages[0])).units
    paths = [entry.path for entry in blend.entries]
    return dict(zip(paths, units.tolist(), strict=True))


def drawn_by(python: Path, file: Path, **change) -> dict:
    return answer(python, DRAW, file=str(file), change=change, rows=ROWS)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_million_rows_hold_the_shares(python, tmp_path, seed):
    """In each epoch exactly as foretold, also where streams repeat."""
    wanted = replace(at(tmp_path, order(packed=True)), seed=seed)
    file = tmp_path / "streams.yaml"
    file.write_text(export(create("streaming"), wanted).text)
    drawn = drawn_by(python, file)
    foretold = predicted(wanted, file.read_text())
    assert drawn["epochs"] == [foretold, foretold]
    for domain, weight in WEIGHTS.items():
        assert foretold[str(tmp_path / domain)] == pytest.approx(weight * 1e6, abs=1)
    # A tenth of the epoch is nearly as the whole: shards are shuffled in one piece, so that it
    # scatters by shards. Four standard errors.
    for domain in ("web", "code", "wiki"):
        path = str(tmp_path / domain)
        shards = foretold[path] / 10 / ROWS
        assert drawn["first"][path] / ROWS == pytest.approx(shards, abs=4 * shards**0.5)


def test_a_short_epoch_loses_what_was_dropped_by_name(python, tmp_path):
    """1,999 rows: who gets the rows that rounding left is foretold as well."""
    trainer = create("streaming", {"epoch_size": 1_999})
    for seed in range(3):
        wanted = replace(at(tmp_path, order(packed=True)), seed=seed)
        result = export(trainer, wanted)
        file = tmp_path / "streams.yaml"
        file.write_text(result.text)
        (epoch, _) = drawn_by(python, file)["epochs"]
        names = {drop.source.path for drop in result.dropped}
        assert names | set(epoch) == {source.path for source in wanted.sources}
        assert all(count > 0 for count in epoch.values())
        foretold = predicted(wanted, result.text)
        for path, count in epoch.items():
            assert count == pytest.approx(foretold[path] * 1_999 / 1e6, abs=1e-6)


def test_without_shuffle_the_first_tenth_is_the_first_stream(python, tmp_path):
    wanted = at(tmp_path, order(packed=True))
    file = tmp_path / "streams.yaml"
    file.write_text(export(create("streaming"), wanted).text)
    drawn = drawn_by(python, file, shuffle=False)
    assert drawn["first"][str(tmp_path / "web")] == 100_000
