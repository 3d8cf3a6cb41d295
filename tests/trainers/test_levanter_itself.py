"""Files for Levanter, decoded and drawn from by Levanter."""

from pathlib import Path

import pytest
import yaml

from mixwright.proposals.export import create
from mixwright.proposals.export.blend import Blend, Budget
from mixwright.proposals.export.checks.checking import Plan, check
from mixwright.proposals.export.exporting import export
from orders import SEQUENCE, TOKENS, WEIGHTS, order, staged
from trainer_envs import answer, environment

# The trainer imports git without asking for it.
PACKAGES = ("marin-levanter==0.2.20.dev202606180959", "gitpython")

# Draws by the trainer's own train_set, of data sets that return their names.
DRAW = """
import os
os.environ["JAX_PLATFORMS"] = "cpu"
import asyncio, collections, dataclasses, draccus, jax, yaml
import levanter.data.text.datasets as datasets
from levanter.data import AsyncDataset
from levanter.schedule import BatchSchedule

class Named(AsyncDataset):
    def __init__(self, name): self.name = name
    async def async_len(self): return 1_000
    def is_finite(self): return True
    async def get_batch(self, indices): return [self.name] * len(indices)

@dataclasses.dataclass(frozen=True)
class OfNames(datasets.LmDataConfig):
    def train_sets(self, *args, **keys):
        return {name: Named(name) for name in self.components if self._has_nonzero_weight(name)}

datasets.NamedLmDataset = lambda mixture, axis: mixture
content = yaml.safe_load(open(VALUES["file"]))
data = draccus.decode(OfNames, content["data"])
steps = BatchSchedule(content.get("trainer", {}).get("train_batch_size", 512))
mixture = data.train_set(None, steps, key=jax.random.PRNGKey(0))

async def count(begin, end):
    counts = collections.Counter()
    for start in range(begin, end, 10_000):
        counts.update(await mixture.get_batch(range(start, min(start + 10_000, end))))
    return dict(counts)

ANSWER = [asyncio.run(count(begin, end)) for begin, end in VALUES["parts"]]
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return environment("levanter", *PACKAGES)


def predicted(blend: Blend, sequences: int) -> dict[str, float]:
    trainer = create("levanter")
    drawn = trainer.draw(blend, Budget(float(sequences * SEQUENCE), SEQUENCE))
    paths = [entry.path for entry in blend.entries]
    units = dict(zip(paths, drawn.units.tolist(), strict=True))
    return {path: count for path, count in units.items() if count > 0}


def test_a_million_draws_hold_the_shares(python, tmp_path):
    """In whole blocks exactly as foretold, and every source is read."""
    file = tmp_path / "mixture.yaml"
    file.write_text(export(create("levanter"), order()).text)
    (blend,) = create("levanter").read(file.read_text(), "FILE")
    block = blend.settings["mixture_block_size"]
    whole = 19 * block
    parts = [(0, whole), (whole, 1_000_000)]
    exact, rest = answer(python, DRAW, file=str(file), parts=parts)
    assert exact == predicted(blend, whole)
    for domain, weight in WEIGHTS.items():
        name = f"/data/{domain}"
        count = exact[name] + rest.get(name, 0)
        # the last block is not whole
        assert count == pytest.approx(weight * 1e6, rel=1e-3, abs=2)


def test_what_a_named_block_loses_was_said(python, tmp_path):
    result = export(create("levanter", {"mixture_block_size": 2_048}), order())
    file = tmp_path / "mixture.yaml"
    file.write_text(result.text)
    assert {drop.source.domain for drop in result.dropped} == {"books", "laws"}
    (blend,) = create("levanter").read(result.text, "FILE")
    (counts,) = answer(python, DRAW, file=str(file), parts=[(0, 2_048 * 100)])
    assert counts == predicted(blend, 2_048 * 100)


def test_the_default_block_loses_small_sources(python, tmp_path):
    """The trainer does what the check says of a file that names no block."""
    data = {
        "components": {name: {"cache_dir": name} for name in WEIGHTS},
        "train_weights": WEIGHTS,
    }
    file = tmp_path / "mixture.yaml"
    file.write_text(yaml.safe_dump({"data": data}, sort_keys=False))
    (blend,) = create("levanter").read(file.read_text(), "FILE")
    (counts,) = answer(python, DRAW, file=str(file), parts=[(0, 2_048 * 100)])
    assert counts == predicted(blend, 2_048 * 100)
    assert set(counts) == {"web", "code", "wiki"}


def test_stages_change_at_their_step(python, tmp_path):
    file = tmp_path / "mixture.yaml"
    file.write_text(export(create("levanter"), staged()).text)
    first, last = create("levanter").read(file.read_text(), "FILE")
    block = first.settings["mixture_block_size"]
    start = int(last.begins / SEQUENCE)
    checked = check(create("levanter"), (first, last), Plan(TOKENS, SEQUENCE))
    tokens = [budget.tokens for budget in checked.budgets]
    assert tokens == [last.begins, TOKENS - last.begins]
    parts = [(0, start), (start, start + block)]
    drawn = answer(python, DRAW, file=str(file), parts=parts)
    assert drawn == [predicted(first, start), predicted(last, block)]
