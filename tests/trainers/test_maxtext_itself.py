"""MaxText 0.2.5 mixes by the exported JSON and list, record for record as the export foretold."""

import json

import pytest
import yaml

from mixwright.proposals.export import create
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order
from trainer_envs import answer, environment

PACKAGES = (
    "maxtext==0.2.5",
    "grain==0.2.18",
    "jax==0.12.0.1",
    "ml_collections==1.1.0",
    "pyyaml",
    "pillow",
)
# MaxText's own function reads the mixture. What makes tokens and talks to clusters is not
# installed; a source of records gives the pattern of its files, and reads no text.
PROGRAM = """
import collections, pathlib, sys, tempfile
from unittest.mock import MagicMock
for name in ("transformers", "pathwaysutils", "pathwaysutils.elastic", "tiktoken", "tiktoken.load",
             "sentencepiece", "google.cloud", "tensorflow", "datasets"):
    sys.modules[name] = MagicMock()
import grain.python as grain
import maxtext.input_pipeline.grain_data_processing as processing

class Indexed:
    def __init__(self, files, reader_options=None):
        (self.name,) = files
    def __len__(self):
        return 1_000
    def __getitem__(self, index):
        return self.name

processing.find_data_files = lambda pattern, hf_access_token=None: [pattern]
grain.ArrayRecordDataSource = Indexed
mixture = None
if VALUES["json"]:
    mixture = str(pathlib.Path(tempfile.mkdtemp()) / "mixture.json")
    pathlib.Path(mixture).write_text(VALUES["json"])
try:
    mixed = processing.get_datasets(
        data_file_pattern=VALUES["listed"],
        data_file_type="arrayrecord",
        shuffle=True,
        shuffle_seed=0,
        shuffle_buffer_size=100,
        num_epoch=10_000,
        dataloading_host_index=0,
        dataloading_host_count=1,
        grain_worker_count=0,
        grain_num_threads=1,
        grain_prefetch_buffer_size=1,
        grain_data_source_max_workers=2,
        mixture_config_path=mixture,
    )
    iterator = iter(mixed)
    ANSWER = collections.Counter(next(iterator) for _ in range(VALUES["elements"]))
except ValueError as error:
    ANSWER = {"error": str(error)}
"""


@pytest.fixture(scope="module")
def python():
    return environment("maxtext", *PACKAGES, version="3.12")


def counted(stage, elements):
    return {line.path: round(line.share * elements) for line in stage.lines}


# a million, where shares are exact; a few, where it shows that Grain takes names in their order
@pytest.mark.parametrize("elements", [1_000_000, 2_503])
def test_records_of_the_json_come_as_foretold(python, elements):
    result = export(create("maxtext"), order(tokens=elements * 1e3, packed=True))
    got = answer(python, PROGRAM, json=result.text, listed="", elements=elements)
    (stage,) = result.accounts
    assert got == counted(stage, elements)
    if elements == 1_000_000:
        shares = {f"/data/{name}": weight for name, weight in WEIGHTS.items()}
        assert got == {path: round(share * elements) for path, share in shares.items()}
    assert not result.dropped


def test_records_of_the_list_come_as_foretold(python):
    trainer = create("maxtext", {"form": "list"})
    result = export(trainer, order(tokens=1e8, packed=True))
    listed = yaml.safe_load(result.text)["grain_train_files"]
    got = answer(python, PROGRAM, json="", listed=listed, elements=100_000)
    (stage,) = result.accounts
    assert got == counted(stage, 100_000)


def test_what_is_foretold_as_refused_is_refused(python):
    """A share under 0.00005 is rounded to 0, and so is a zero in the JSON."""
    listed = "/d/a,0.99998;/d/b,0.00002"
    got = answer(python, PROGRAM, json="", listed=listed, elements=10)
    assert "non-zero" in got["error"]
    mixture = {"a": {"path": "/d/a", "weight": 1}, "b": {"path": "/d/b", "weight": 0}}
    got = answer(python, PROGRAM, json=json.dumps(mixture), listed="", elements=10)
    assert "non-zero" in got["error"]
