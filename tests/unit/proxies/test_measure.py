"""Weights are kept, and whatever is asked of them later is measured without training."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from mixwright.errors import MixwrightError
from mixwright.files import locked
from mixwright.proxies import measure as scoring
from mixwright.proxies import pack as stage
from mixwright.proxies.collect import collect
from mixwright.proxies.evaluate import evaluate_batch
from mixwright.proxies.measurements import Measurements
from mixwright.proxies.pack import train_pack
from mixwright.study.study import Study
from pack_runs import RUNS, mixtures
from shard_files import examples, make_shards
from study_runs import STUDY

HELD = {"held": examples(2, seed=9)}
# two texts with another one
BOTH = HELD | {"new": examples(1, seed=4)}
NEW = {"targets": STUDY["targets"] | {"new": {"source": "files", "weight": 1.0}}}


@pytest.fixture
def shards(tmp_path):
    return make_shards(tmp_path / "shards")


class Workplace:
    """Trains the pack of RUNS and scores it; counts the members that were really trained."""

    def __init__(self, folder: Path, shards, monkeypatch) -> None:
        self.folder, self.shards = folder, shards
        self.trained: list[str] = []
        plain = stage.Results.put

        def put(results, member, result):
            self.trained.append(member.key)
            plain(results, member, result)

        monkeypatch.setattr(stage.Results, "put", put)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def weights(self) -> list[Path]:
        return sorted(self.store.glob("weights/*/*.safetensors"))

    def train(self, texts=HELD, **changes) -> Path:
        to = self.folder / "pack.parquet"
        study = Study(STUDY | changes)
        train_pack(RUNS, mixtures(), self.shards, texts, study, self.store, to)
        return to

    def measure(self, texts=HELD, shards=None, **changes) -> dict[str, pd.DataFrame]:
        to = self.folder / "measured.parquet"
        evaluate_batch(
            [self.folder / "pack.parquet"],
            [RUNS],
            mixtures(),
            shards or self.shards,
            texts,
            Study(STUDY | changes),
            self.store,
            to,
        )
        return {name: collect([to], name) for name in ("losses", "realised", "loglikelihoods")}


@pytest.fixture
def work(tmp_path, shards, monkeypatch) -> Workplace:
    return Workplace(tmp_path, shards, monkeypatch)


def last(losses: pd.DataFrame) -> pd.Series:
    """(run, target) -> the loss at the last step."""
    return losses[losses.step == 8].set_index(["run", "target"]).loss.sort_index()


def test_a_later_target_has_the_losses_that_it_would_have_had_at_once(work, tmp_path, monkeypatch):
    work.train()
    tables = work.measure(BOTH, **NEW)
    assert len(work.trained) == len(work.weights) == 3
    at_once = Workplace(tmp_path / "other", work.shards, monkeypatch)
    at_once.train(BOTH, **NEW)
    expected = at_once.measure(BOTH, **NEW)
    pd.testing.assert_series_equal(last(tables["losses"]), last(expected["losses"]), rtol=1e-6)
    assert "new" in set(tables["loglikelihoods"].target)
    both = [frame["loglikelihoods"].loglikelihood for frame in (tables, expected)]
    np.testing.assert_allclose(*both, rtol=1e-5)
    # along the run it is not known
    assert set(tables["losses"].query("step == 4").target) == {"held", "a", "b", "c"}
    pd.testing.assert_frame_equal(tables["realised"], expected["realised"])


@pytest.mark.parametrize(
    "changes",
    [{"likelihood": "sequence"}, {"likelihood": "token"}, {"tokens": 60}, {"examples": 2}],
    ids=str,
)
def test_another_way_to_score_trains_nothing(work, changes):
    work.train()
    before = work.measure()
    after = work.measure(evaluation=STUDY["evaluation"] | changes)
    assert len(work.trained) == 3
    table = "losses" if "tokens" in changes else "loglikelihoods"
    assert not after[table].equals(before[table])
    assert after["losses"].query("step == 4").equals(before["losses"].query("step == 4"))


def test_what_was_measured_in_memory_is_what_stored_weights_give(work):
    work.train()
    before = work.measure()
    for path in work.store.glob("measured/*/*"):
        path.unlink()
    after = work.measure()
    pd.testing.assert_series_equal(last(after["losses"]), last(before["losses"]), rtol=1e-9)
    assert len(work.trained) == 3


def test_a_text_that_is_recorded_too_has_the_loss_of_any_run(work, tmp_path, monkeypatch):
    """What is recorded is scored in other company, which moves the last digits."""
    whole = STUDY["evaluation"] | {"likelihood": "answer", "examples": 99, "tokens": 10**6}
    whole |= {"example_tokens": None}
    work.train(evaluation=whole)
    before = work.measure(evaluation=whole)
    plain = stage.Results._measured

    def moved(self, result):
        likelihoods = {name: value + 1.0 for name, value in result.loglikelihoods.items()}
        return plain(self, replace(result, loglikelihoods=likelihoods))

    monkeypatch.setattr(stage.Results, "_measured", moved)
    other = Workplace(tmp_path / "other", work.shards, monkeypatch)
    other.train(evaluation=whole)
    after = other.measure(evaluation=whole)
    assert len(other.trained) == 3
    for name, table in before.items():
        pd.testing.assert_frame_equal(after[name], table)


def test_weights_are_bfloat16_under_the_trainer_s_names(work):
    work.train()
    tensors = load_file(work.weights[0])
    assert set(tensors) == {"embedding", "head", "attention", "mlp", "norms"}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    assert tensors["attention"].shape == (1, 4, 16, 16), "one member, without a dimension for it"


def test_a_batch_of_which_all_is_measured_imports_no_torch(work):
    work.train()
    table = pq.read_table(work.folder / "pack.parquet")
    assert table.num_rows == len(RUNS)
    code = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[2] / "support"), *sys.path]!r}
from pathlib import Path
from mixwright.corpus.shards import open_shard
from mixwright.proxies.evaluate import evaluate_batch
from mixwright.study.study import Study
from pack_runs import RUNS, mixtures
from shard_files import examples
from study_runs import STUDY
folder = Path({str(work.folder)!r})
shards = [open_shard(path) for path in sorted((folder / "shards").iterdir())]
evaluate_batch([folder / "pack.parquet"], [RUNS], mixtures(), shards,
    {{"held": examples(2, seed=9)}}, Study(STUDY), folder / "store", folder / "to")
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (work.folder / "to").exists()


@pytest.mark.parametrize("damage", ["gone", "half", "another model"])
def test_weights_that_are_gone_are_told_with_the_remedy_which_trains_these_alone(
    work, damage, capsys
):
    work.train()
    (path, *_) = work.weights
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "half":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content.replace(b'\\"width\\": 16', b'\\"width\\": 32'))
        assert path.read_bytes() != content
    with pytest.raises(MixwrightError) as told:
        work.measure(BOTH, **NEW)
    assert "\n" not in str(told.value) and "snakemake --forcerun train_proxies" in str(told.value)
    assert any(run.name in str(told.value) for run in RUNS)
    if damage != "gone":
        assert "weights not readable" in capsys.readouterr().err
    work.train(BOTH, **NEW)
    assert len(work.trained) == 4 and len(work.weights) == 3
    assert "new" in set(work.measure(BOTH, **NEW)["losses"].target)


@pytest.mark.parametrize(("keep", "weights", "again"), [("none", 0, 3), ("vertices", 1, 3)])
def test_weights_that_are_not_kept_are_trained_again_for_another_target(work, keep, weights, again):
    """The pack holds runs of several roles, and goes by that of its first: the swarm."""
    kept = {"proxy": STUDY["proxy"] | {"keep": keep}}
    work.train(**kept)
    assert len(work.weights) == 0
    before = work.measure(**kept)
    work.train(**kept)
    assert len(work.trained) == 3, "what is asked was measured"
    with pytest.raises(MixwrightError, match="no weights of"):
        work.measure(BOTH, **NEW, **kept)
    work.train(BOTH, **NEW, **kept)
    assert len(work.trained) == 3 + again
    after = work.measure(BOTH, **NEW, **kept)
    shared = last(after["losses"]).loc[last(before["losses"]).index]
    pd.testing.assert_series_equal(shared, last(before["losses"]), rtol=1e-6)


def test_keep_vertices_keeps_those_of_single_domain_runs():
    study = Study(STUDY | {"proxy": STUDY["proxy"] | {"keep": "vertices"}})
    assert study.keeps_weights("vertex") and not study.keeps_weights("swarm")


def test_a_killed_scoring_goes_on_and_loses_nothing_that_was_stored(work, monkeypatch):
    alone = {"proxy": STUDY["proxy"] | {"wave": 1}}
    work.train(**alone)
    plain = Measurements.put
    put: list[str] = []

    def counted(self, key, values, anew=False):
        plain(self, key, values, anew)
        put.append(key)
        if len(put) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Measurements, "put", counted)
    with pytest.raises(SystemExit) as left:
        work.measure(BOTH, **NEW, **alone)
    assert left.value.code == 143 and len(put) == 2
    work.measure(BOTH, **NEW, **alone)
    assert len(put) == len(set(put)) == 3


def test_who_adds_to_a_file_holds_its_lock_so_that_two_studies_lose_nothing(tmp_path, monkeypatch):
    plain = Measurements.get
    free = []

    def looked_at(self, key):
        lock = tmp_path / f"measured/ab/.{key}.lock"
        with lock.open() as file:
            free.append(locked(file, lock, "nothing", wait=False))
        return plain(self, key)

    monkeypatch.setattr(Measurements, "get", looked_at)
    Measurements(tmp_path).put("abcd", {"one": np.zeros(2)})
    assert free == [False]
    assert [path.name for path in (tmp_path / "measured/ab").iterdir()] == ["abcd.parquet"]


def test_measurements_that_another_job_replaced_meanwhile_are_not_left_out(work, monkeypatch):
    work.train()
    plain = scoring.Scorer.score

    def replaced(self, keys, log):
        plain(self, keys, log)
        self.measurements.put(keys[0], {}, anew=True)

    monkeypatch.setattr(scoring.Scorer, "score", replaced)
    with pytest.raises(MixwrightError, match="by another job; run this job again"):
        work.measure(BOTH, **NEW)


def test_memory_that_holds_half_a_wave_scores_it_in_halves(work, monkeypatch):
    work.train()
    plain = scoring.Scorer._score_wave
    widths = []

    def narrow(self, keys, losses, recorded):
        widths.append(len(keys))
        if len(keys) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        plain(self, keys, losses, recorded)

    monkeypatch.setattr(scoring.Scorer, "_score_wave", narrow)
    work.measure(BOTH, **NEW)
    assert max(widths) == 2 and widths.count(1) == 3


def test_other_text_than_was_learned_is_refused_with_the_remedy(work, tmp_path):
    work.train()
    others = make_shards(tmp_path / "others", sizes=(4000, 950, 2500))
    with pytest.raises(MixwrightError, match="4 of 4 runs were trained on other text") as told:
        work.measure(shards=others)
    assert "start snakemake again" in str(told.value)


def test_a_refresh_measures_anew(work):
    work.train(BOTH, **NEW)
    files = list(work.store.glob("measured/*/*"))
    before = [pq.read_table(path).num_rows for path in files]
    work.train(store="refresh")
    assert len(work.trained) == 6
    after = [pq.read_table(path).num_rows for path in files]
    assert sum(after) < sum(before), "what was measured of the weights before is dropped"


def test_damaged_measurements_are_made_again(work, capsys):
    work.train()
    before = work.measure()
    for path in work.store.glob("measured/*/*"):
        path.write_bytes(b"half")
    after = work.measure()
    assert "measurements not readable" in capsys.readouterr().err
    pd.testing.assert_series_equal(last(after["losses"]), last(before["losses"]), rtol=1e-9)
