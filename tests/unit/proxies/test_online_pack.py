"""Packs of runs that learn their weights, by way of the store."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixwright.errors import MixwrightError
from mixwright.mixture import Mixture
from mixwright.proxies import pack as stage
from mixwright.proxies.evaluate import read_pack
from mixwright.proxies.pack import train_pack
from mixwright.proxies.work import Work
from mixwright.study.study import Study
from mixwright.tables import RESULTS
from shard_files import examples, make_shards
from study_runs import RUN, STUDY

CHOSEN = {
    "doremi": {"reference": "natural", "eta": 1.0, "smoothing": 1e-3},
    "fastmix": {"rate": 0.1, "entropy": 0.0, "every": 3, "sequences": 2},
}
UNIFORM = Mixture(tuple("abc"), np.full(3, 1 / 3))
NATURAL = Mixture(tuple("abc"), (0.5, 0.3, 0.2))
TEXT = {"held": examples(2, seed=9)}


def runs_of(method, **settings):
    """Its runs: doremi has a reference before the one that learns."""
    online = {"method": method, "settings": CHOSEN[method] | settings}
    if method == "fastmix":
        online["targets"] = {"held": 1.0}
    learning = replace(RUN, role=method, kind=method, row=1, parameters={"online": online})
    reference = replace(RUN, role=method, kind=method, parameters={"mixture": "natural"})
    return [reference, learning] if method == "doremi" else [learning]


def mixtures(runs):
    return {run.name: UNIFORM if "online" in run.parameters else NATURAL for run in runs}


def keys(runs, shards, text=TEXT):
    return list(Work.of(runs, mixtures(runs), shards, text, Study(STUDY)).keys.values())


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Trains a pack; `trained.members` are the keys that were really trained."""
    shards = make_shards(tmp_path / "shards")
    plain = stage.train
    members: list[str] = []

    def counting(lacking, *rest, **options):
        finished = options["finished"]
        members.extend(member.key for member in lacking if member.key not in finished)
        plain(lacking, *rest, **options)

    monkeypatch.setattr(stage, "train", counting)

    def go(runs, **changes):
        members.clear()
        store, to = tmp_path / "store", tmp_path / "pack.parquet"
        train_pack(runs, mixtures(runs), shards, TEXT, Study(STUDY | changes), store, to)
        return read_pack(to).to_pylist()

    go.members, go.store, go.shards = members, tmp_path / "store", shards
    return go


def learned(row) -> dict[str, float]:
    return {fact["domain"]: fact["learned"] for fact in row["realised"]}


def test_doremi_trains_its_reference_first_and_both_are_stored(trained):
    runs = runs_of("doremi")
    reference, learning = trained(runs)
    assert trained.members == [reference["store_key"], learning["store_key"]]
    assert set(learned(reference).values()) == {None}
    assert sum(learned(learning).values()) == pytest.approx(1)
    trained(runs)
    assert trained.members == []


def test_a_reference_without_weights_is_trained_again_for_a_run_that_needs_it(trained):
    runs = runs_of("doremi")
    reference, learning = trained(runs)
    lost = [reference["store_key"], learning["store_key"]]
    for path in trained.store.glob(f"weights/*/{lost[0]}.safetensors"):
        path.unlink()
    # nothing asks for them while the run that learned is there
    trained(runs)
    assert trained.members == []
    for path in trained.store.rglob(f"{lost[1]}.*"):
        path.unlink()
    again = trained(runs)
    assert trained.members == lost
    assert again == [reference, learning]


def test_a_reference_that_diverged_is_refused_with_what_to_change(trained, monkeypatch):
    counting = stage.train

    def diverging(lacking, *rest, **options):
        finish = options["on_finished"]

        def finished(member, result):
            late = replace(result, scored={}, loglikelihoods={}, diverged=True)
            finish(member, late)

        counting(lacking, *rest, **options | {"on_finished": finished})

    monkeypatch.setattr(stage, "train", diverging)
    with pytest.raises(MixwrightError, match="its reference run has diverged"):
        trained(runs_of("doremi"))


def test_fastmix_is_stored_under_its_targets_text(trained):
    runs = runs_of("fastmix")
    (row,) = trained(runs)
    assert sum(learned(row).values()) == pytest.approx(1)
    assert max(learned(row).values()) > 1 / 3 + 1e-3
    (usual,) = keys(runs, trained.shards)
    (other,) = keys(runs, trained.shards, {"held": examples(1, seed=9)})
    assert usual == row["store_key"] != other


def test_a_run_that_learns_has_a_key_of_its_own_and_its_settings(trained):
    reference, usual = keys(runs_of("doremi"), trained.shards)
    same, other = keys(runs_of("doremi", eta=0.5), trained.shards)
    assert reference == same and usual != other
    fixed = replace(RUN, row=1)
    (plain,) = Work.of(
        [fixed], {fixed.name: UNIFORM}, trained.shards, TEXT, Study(STUDY)
    ).keys.values()
    assert plain not in (usual, other)


def test_a_pack_that_knows_no_learned_weights_is_read_with_nulls(trained, tmp_path):
    rows = trained(runs_of("fastmix"))
    fields = []
    for field in RESULTS.schema:
        if field.name == "realised":
            struct = [part for part in field.type.value_type if part.name != "learned"]
            field = pa.field(field.name, pa.list_(pa.struct(struct)), field.nullable)
        fields.append(field)
    for fact in rows[0]["realised"]:
        del fact["learned"]
    old: Path = tmp_path / "old.parquet"
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(fields)), old)
    assert set(learned(read_pack(old).to_pylist()[0]).values()) == {None}
