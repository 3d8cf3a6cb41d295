"""Files for OLMo-core, loaded and built by OLMo-core."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mixwright.proposals.export import create
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.order import Order, Source, budget_of
from orders import WEIGHTS, order, staged
from trainer_envs import answer, environment

SEQUENCE = 8
TOKENS = 1_000_000 * SEQUENCE
PACKAGES = ("torch==2.13.0", "ai2-olmo-core==3.0.0")

# Sequences by source, and the first tokens of the first sequence of each.
DATASET = """
import numpy as np, yaml
from olmo_core.data import NumpyFSLDatasetConfig, TokenizerConfig
from olmo_core.data.source_mixture import SourceMixtureDatasetConfig, SourceMixtureList
ANSWER = []
for document in yaml.safe_load_all(open(VALUES["file"])):
    if "sources" in document:
        mixture = SourceMixtureDatasetConfig(
            source_list=SourceMixtureList.from_yaml(VALUES["file"]), requested_tokens=8_000_000,
            global_batch_size=8, quiet=True)
    else:
        mixture = SourceMixtureDatasetConfig.from_dict(document)
    dataset = NumpyFSLDatasetConfig.from_src_mix(
        mixture, tokenizer=TokenizerConfig.gpt2(), sequence_length=8, work_dir=VALUES["work"]
    ).build()
    counts, firsts = {}, {}
    for path, (begin, end) in zip(dataset.paths, dataset.offsets):
        counts[str(path)] = counts.get(str(path), 0) + end - begin
        firsts[str(path)] = dataset[begin]["input_ids"].tolist()
    ANSWER.append({"all": len(dataset), "counts": counts, "firsts": firsts})
"""

# Instances by source, in the order that the data loader reads them.
COMPOSABLE = """
import numpy as np, importlib.util
from olmo_core.data import TokenizerConfig
TokenizerConfig.dolma2 = TokenizerConfig.gpt2
spec = importlib.util.spec_from_file_location("mixture", VALUES["file"])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
loader = module.data_loader(VALUES["work"], 8)
loader.reshuffle(epoch=1)
order = loader.get_global_indices()
labels, lengths = [], []
for mixture in loader.sources:
    for source in mixture.sampled_sources:
        labels.append(source.label)
        lengths.append(len(source))
owner = np.repeat(np.arange(len(labels)), lengths)[order]
ANSWER = []
half = len(loader.sources[0])
for part in (owner[:half], owner[half:]):
    counts = {}
    for place, count in enumerate(np.bincount(part, minlength=len(labels)).tolist()):
        if count:
            counts[labels[place]] = counts.get(labels[place], 0) + count
    ANSWER.append(counts)
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return environment("olmo-core", *PACKAGES)


def with_files(wanted: Order, folder: Path, tokens: dict[str, int]) -> Order:
    """The order, with a file of 16-bit ids for each source; the first ids tell which it is."""
    sources = []
    for place, source in enumerate(wanted.sources):
        path = folder / f"{source.domain}.npy"
        count = tokens.get(source.domain, TOKENS)
        with path.open("wb") as file:
            np.full(SEQUENCE, place + 1, np.uint16).tofile(file)
            # The rest is a hole: it takes no place on the disk.
            file.truncate(2 * count)
        sources.append(Source(source.domain, str(path), (), float(count)))
    return replace(wanted, sources=tuple(sources), sequence=SEQUENCE)


def predicted(wanted: Order, text: str) -> list[dict[str, float]]:
    trainer = create("olmo-core")
    result = []
    for stage, blend in zip(wanted.stages, trainer.read(text, "FILE"), strict=True):
        units = trainer.draw(blend, budget_of(wanted, stage)).units
        paths = [entry.path for entry in blend.entries]
        result.append(dict(zip(paths, units.tolist(), strict=True)))
    return result


@pytest.mark.parametrize("form", ["dataset", "sources"])
@pytest.mark.parametrize("available", [{}, {"code": 1_000_003, "laws": 50}])
def test_the_data_set_holds_what_was_foretold(python, tmp_path, form, available):
    """Also where sources repeat, and files end within a sequence."""
    wanted = with_files(order(tokens=TOKENS), tmp_path, available)
    file = tmp_path / "mixture.yaml"
    file.write_text(export(create("olmo-core", {"form": form}), wanted).text)
    (drawn,) = answer(python, DATASET, file=str(file), work=str(tmp_path))
    assert [drawn["counts"]] == predicted(wanted, file.read_text())
    assert drawn["all"] == sum(drawn["counts"].values())
    for place, source in enumerate(wanted.sources):
        count = drawn["counts"][source.path]
        # A pass over a file leaves at most a sequence out, and code has eight passes.
        assert count == pytest.approx(WEIGHTS[source.domain] * 1e6, abs=9)
        # It begins with the first tokens of the file.
        assert drawn["firsts"][source.path] == [place + 1] * SEQUENCE


def test_stages_are_built_one_by_one(python, tmp_path):
    wanted = with_files(staged(TOKENS), tmp_path, {})
    file = tmp_path / "mixture.yaml"
    file.write_text(export(create("olmo-core"), wanted).text)
    drawn = answer(python, DATASET, file=str(file), work=str(tmp_path))
    assert [stage["counts"] for stage in drawn] == predicted(wanted, file.read_text())
    assert [stage["all"] for stage in drawn] == [900_000, 100_000]


@pytest.mark.parametrize("available", [{}, {"code": 1_000_003, "laws": 50}])
def test_the_composable_loader_reads_stage_after_stage(python, tmp_path, available):
    wanted = with_files(staged(TOKENS), tmp_path, available)
    file = tmp_path / "mixture.py"
    file.write_text(export(create("olmo-core", {"form": "composable"}), wanted).text)
    first, last = answer(python, COMPOSABLE, file=str(file), work=str(tmp_path))
    assert [first, last] == predicted(wanted, file.read_text())
    for source in wanted.sources:
        assert first[source.path] == pytest.approx(WEIGHTS[source.domain] * 9e5, abs=2)
