"""Exported files in Megatron-Core's own code: its parser, its builder and its compiled index.

Sources hold no text: a data set of the builder's own kind says which source it is.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from mixwright.proposals.export import create
from mixwright.proposals.export.blend import Budget
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.rules.arithmetic import greedy
from mixwright.proposals.export.trainers.megatron_index import needed_surplus
from orders import WEIGHTS, order
from trainer_envs import answer, environment

# Of Megatron-Core, with the Python that each wheel is for.
VERSIONS = {"0.16.1": "3.11", "0.19.2": "3.12"}
DRAWS = 1_000_000

# Builds the data sets of a config by Megatron's builder, and counts what its index draws.
BUILD = """
import numpy
from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
from megatron.core.datasets.megatron_dataset import MegatronDataset
from megatron.core.datasets.utils import get_blend_from_list

class Source(MegatronDataset):
    '''As many samples as the builder asks for, and no text.'''
    def __init__(self, dataset, path, indices, samples, split, config):
        super().__init__(dataset, path, indices, samples, split, config)
        self.samples = samples
    def __len__(self):
        return self.samples
    def __getitem__(self, place):
        return {"source": self.dataset_path}
    @staticmethod
    def numel_low_level_dataset(dataset):
        return 10
    @staticmethod
    def build_low_level_dataset(path, config):
        return path

class Tokenizer:
    unique_identifiers = {"class": "none"}
    vocab_size = 100
    pad = eod = 0

def drawn(config, sizes):
    data, *others = BlendedMegatronDatasetBuilder(Source, sizes, lambda: True, config).build()
    assert others == [None, None]
    paths = [source.dataset_path for source in data.datasets]
    index = data.dataset_index
    assert data[0]["source"] == paths[index[0]]
    return paths, index
"""

OF_MODULE = f"""{BUILD}
module = {{}}
exec(VALUES["text"], module)
paths, index = drawn(module["config"](Tokenizer()), module["SIZES"])
counts = numpy.bincount(index[:module["SIZES"][0]], minlength=len(paths))
ANSWER = dict(zip(paths, counts.tolist()))
"""

# Parses words as Megatron-LM does, and builds data sets of them.
OF_WORDS = f"""{BUILD}
from megatron.core.datasets.gpt_dataset import GPTDatasetConfig
ANSWER = {{}}
for name, words in VALUES["words"].items():
    config = GPTDatasetConfig(
        random_seed=0, sequence_length=1000, tokenizer=Tokenizer(), split="1,0,0",
        blend=get_blend_from_list(words), reset_position_ids=False, reset_attention_mask=False,
        eod_mask_loss=False,
    )
    paths, index = drawn(config, [VALUES["draws"], 0, 0])
    counts = numpy.bincount(index[:VALUES["draws"]], minlength=len(paths))
    ANSWER[name] = dict(zip(paths, counts.tolist()))
"""

# The compiled index alone, of a wheel without anything that it depends on.
INDEX = """
import importlib.util, pathlib, sysconfig
import numpy
folder = pathlib.Path(sysconfig.get_paths()["purelib"]) / "megatron/core/datasets"
(path,) = folder.glob("helpers_cpp*.so")
spec = importlib.util.spec_from_file_location("helpers_cpp", path)
helpers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(helpers)
ANSWER = []
for weights in VALUES["weights"]:
    index = numpy.zeros(VALUES["draws"], dtype=numpy.int16)
    places = numpy.zeros(VALUES["draws"], dtype=numpy.int64)
    helpers.build_blending_indices(index, places, weights, len(weights), len(index), False)
    ANSWER.append(index.tolist())
"""

# The parser's answers, or the name of its error.
PARSE = """
from megatron.core.datasets.utils import get_blend_from_list
ANSWER = []
for words in VALUES["words"]:
    try:
        ANSWER.append(get_blend_from_list(words))
    except Exception as error:
        ANSWER.append(type(error).__name__)
"""

# Whether an index is built with a surplus.
SURPLUS = f"""{BUILD}
from megatron.core.datasets.gpt_dataset import GPTDatasetConfig
ANSWER = []
for surplus in VALUES["surpluses"]:
    config = GPTDatasetConfig(
        random_seed=0, sequence_length=1000, tokenizer=Tokenizer(), split="1,0,0",
        blend=(VALUES["paths"], VALUES["weights"]), mid_level_dataset_surplus=surplus,
        reset_position_ids=False, reset_attention_mask=False, eod_mask_loss=False,
    )
    try:
        drawn(config, [VALUES["draws"], 0, 0])
        ANSWER.append("built")
    except IndexError:
        ANSWER.append("IndexError")
"""


@pytest.fixture(scope="module")
def core():
    """The interpreter of an environment with Megatron-Core and a torch without CUDA."""
    return environment("megatron-core", "torch==2.13.0", "megatron-core==0.16.1")


@pytest.fixture(scope="module", params=VERSIONS)
def helper(request):
    """The interpreter of an environment with Megatron-Core's compiled helper alone."""
    packages = ["numpy==2.3.5", f"megatron-core=={request.param}"]
    version = VERSIONS[request.param]
    return environment("megatron-helper", *packages, version=version, alone=True)


def check_shares(drawn, result):
    """Each source is within a sequence of its share, and of what the export said."""
    (stage,) = result.accounts
    assert {line.path for line in stage.lines} == set(drawn)
    for line in stage.lines:
        assert drawn[line.path] > 0
        assert abs(drawn[line.path] - line.requested * DRAWS) <= 1.5, line
        assert abs(drawn[line.path] - line.share * DRAWS) <= 1.5, line


def test_the_module_draws_what_the_export_says(core):
    wanted = order()
    result = export(create("megatron-core"), wanted)
    assert not result.dropped
    check_shares(answer(core, OF_MODULE, text=result.text), result)


def test_arguments_and_files_are_parsed_and_drawn(core):
    """The words of every form, by Megatron's parser: arguments, a file, the JSON of splits."""
    wanted = order()
    words = {}
    for form in ("arguments", "file", "json", "automodel"):
        result = export(create("megatron", {"form": form}), wanted)
        if form in ("json", "automodel"):
            words[form] = json.loads(result.text)["train"]
        else:
            text = result.text.rpartition("--data-path")[2].partition("--split")[0]
            words[form] = text.replace("\\\n", " ").split()
    drawn = answer(core, OF_WORDS, words=words, draws=DRAWS)
    for form in words:
        check_shares(drawn[form], result)


def test_the_rule_is_the_compiled_index_sample_by_sample(helper):
    """Every length of index has the same counts, so every sample is the same."""
    chance = np.random.default_rng(0)
    weights = [list(WEIGHTS.values()), [0.25, 0.25, 0.5], [0.0, 1.0], [1 / 3] * 3]
    weights += [chance.dirichlet(np.ones(size)).tolist() for size in (2, 5, 13, 40)]
    indices = answer(helper, INDEX, weights=weights, draws=300)
    for numbers, index in zip(weights, indices, strict=True):
        for length in range(len(index) + 1):
            counts = np.bincount(index[:length], minlength=len(numbers))
            assert greedy(np.array(numbers), length).tolist() == counts.tolist(), (numbers, length)


def test_long_indices_are_within_two_samples(helper):
    chance = np.random.default_rng(1)
    weights = [chance.dirichlet(np.full(size, 0.3)).tolist() for size in (3, 20)]
    indices = answer(helper, INDEX, weights=weights, draws=DRAWS)
    for numbers, index in zip(weights, indices, strict=True):
        counts = np.bincount(index, minlength=len(numbers))
        assert np.abs(greedy(np.array(numbers), DRAWS) - counts).max() <= 2


def test_the_parser_takes_and_refuses_what_the_reader_does(core):
    words = [["0.6", " a ", "0.4", "b"], ["a", "b"], ["a", "b", "c"], ["a", "1", "0.4", "b"], []]
    both, pair, three, mixed, none = answer(core, PARSE, words=words)
    reader = create("megatron")

    def entries(text):
        (blend,) = reader.read(json.dumps({"train": text, "valid": None, "test": None}), "FILE")
        weights = None if blend.settings.get("by_length") else [e.number for e in blend.entries]
        return [[entry.path for entry in blend.entries], weights]

    assert both == entries(words[0])
    assert pair == entries(words[1])
    assert three == entries(words[2])
    assert mixed == "AssertionError"
    assert none == "ValueError"


def test_the_surplus_is_enough_and_the_default_is_not(core):
    """Many sources and few samples: Megatron stops with its own surplus, and not with ours."""
    weights = np.append(np.full(99, 0.4 / 99), 0.6)
    needed = needed_surplus(weights, 2_000)
    assert needed > 0.005
    least = [0.005, needed - 0.001, needed]
    paths = [f"/d/{place}" for place in range(100)]
    values = {"paths": paths, "weights": weights.tolist(), "draws": 2_000}
    assert answer(core, SURPLUS, surpluses=least, **values) == ["IndexError", "IndexError", "built"]


def test_the_exported_surplus_is_enough(core):
    """As above, through a file; with Megatron's own surplus the check foretells the error."""
    names = {f"d{place}": 0.4 / 99 for place in range(99)} | {"web": 0.6}
    result = export(create("megatron-core"), order(names, tokens=2e6))
    assert sum(answer(core, OF_MODULE, text=result.text).values()) == 2_000
    (blend,) = create("megatron-core").read(result.text, "FILE")
    bare = replace(blend, settings={"surplus": 0.005})
    (fault,) = create("megatron-core").draw(bare, Budget(2e6, 1_000)).faults
    assert "/data/web" in fault.message and "IndexError" in fault.message
