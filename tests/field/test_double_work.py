"""File systems without locks: work is done twice, nothing breaks, and the numbers are the same."""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from final_study import study, write_tokenizer
from killed_finals import same, weights
from mixwright import files, tables
from mixwright.files import alone, written
from mixwright.finals import one_by_one
from mixwright.finals.arm import Arm
from mixwright.finals.checkpoints import is_whole
from mixwright.finals.loop import latest
from mixwright.finals.train import train_finals
from mixwright.mixture import Mixture
from mixwright.proxies import pack as packs
from mixwright.proxies.checkpoint import Checkpoint
from mixwright.study.study import Study
from pack_runs import RUNS, mixtures
from shard_files import examples, make_shards
from study_runs import STUDY

ARM = Arm("natural", 1, Mixture(("a", "b", "c"), (0.5, 0.2, 0.3)))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


@pytest.fixture
def no_locks(monkeypatch):
    """As NFS without locks says it; what others say is tested with the locks themselves."""

    def refuse(file, operation):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(files.fcntl, "flock", refuse)


def at_once(jobs: Sequence[Callable[[], object]]) -> list[int]:
    """Runs jobs in forks side by side; returns their exit codes."""
    children = []
    for job in jobs:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                job()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def final(
    shards, tokenizer, folder: Path, name: str = "finals", trainer: str = "transformers"
) -> pd.DataFrame:
    to = folder / f"{name}.parquet"
    settings = study(10, checkpoint_steps=1, trainer=trainer)
    train_finals([ARM], shards, tokenizer, settings, folder / "store", to, log=str)
    return tables.read(to, tables.FINALS)


@pytest.mark.parametrize("trainer", ["transformers", "packed"])
def test_two_jobs_train_one_final_at_the_same_time(trainer, no_locks, shards, tokenizer, tmp_path):
    """Each saves a checkpoint after every step, under the same names."""
    whole = final(shards, tokenizer, tmp_path / "alone", trainer=trainer)
    both = tmp_path / "both"
    names = ("first", "second")
    jobs = [lambda name=name: final(shards, tokenizer, both, name, trainer) for name in names]
    assert at_once(jobs) == [0, 0]
    for name in names:
        assert same(weights(tables.read(both / f"{name}.parquet", tables.FINALS)), weights(whole))
    # what a job saved after another one had ended goes with the next that asks for the final
    left = [path.name for path in (both / "store/finals").iterdir()]
    assert len([name for name in left if not name.endswith(".checkpoint")]) == 1


def test_who_comes_second_leaves_the_final_to_its_readers(
    no_locks, shards, tokenizer, tmp_path, monkeypatch
):
    """It began before the first one was stored."""
    rows = final(shards, tokenizer, tmp_path)
    stored = Path(rows.folder[0])
    before = stored.stat().st_ino
    plain = Path.exists
    asked = []

    def once(self, **rest):
        if self.name == "result.json" and not asked:
            asked.append(self)
            return False
        return plain(self, **rest)

    monkeypatch.setattr(Path, "exists", once)
    again = final(shards, tokenizer, tmp_path, "again")
    assert asked and again.folder[0] == rows.folder[0]
    assert stored.stat().st_ino == before


def test_two_jobs_train_one_pack_at_the_same_time(no_locks, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoint, "due", lambda self, soon=False: True)

    def go(folder: Path, name: str) -> None:
        texts = {"held": examples(2, seed=9)}
        store = folder / "store"
        with alone(store / "checkpoints" / "pack.lock"):
            packs.train_pack(
                RUNS, mixtures(), shards, texts, Study(STUDY), store, folder / name, str
            )

    go(tmp_path / "alone", "pack")
    both = tmp_path / "both"
    assert at_once([lambda: go(both, "first"), lambda: go(both, "second")]) == [0, 0]
    wanted = pq.read_table(tmp_path / "alone" / "pack")
    for name in ("first", "second"):
        assert pq.read_table(both / name).equals(wanted)


def test_a_final_that_another_job_stores_first_is_never_missed_by_its_readers(tmp_path):
    """The rename of a folder onto another one fails, and nothing was moved aside for it."""
    place = tmp_path / "final"
    with written(place, keep=True) as late:
        late.mkdir()
        (late / "by").write_text("late")
        with written(place, keep=True) as early:
            early.mkdir()
            (early / "by").write_text("early")
        before = place.stat().st_ino
    assert place.stat().st_ino == before and (place / "by").read_text() == "early"
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_writers_of_one_folder_leave_a_whole_one(no_locks, tmp_path):
    place = tmp_path / "final"

    def write(number: int) -> None:
        for _ in range(30):
            with alone(tmp_path / "lock"), written(place) as partial:
                partial.mkdir()
                for name in "abc":
                    (partial / name).write_text(str(number))

    assert at_once([lambda number=number: write(number) for number in range(3)]) == [0, 0, 0]
    assert len({(place / name).read_text() for name in "abc"}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


@pytest.mark.parametrize("file", ["optimizer.pt", "model.safetensors", "trainer_state.json"])
def test_a_checkpoint_that_another_job_cut_off_is_not_gone_on_from(
    file, shards, tokenizer, tmp_path, monkeypatch
):
    monkeypatch.setattr(one_by_one, "_keep", lambda *_: None)
    with pytest.raises(Exception, match="result"):
        final(shards, tokenizer, tmp_path)
    (folder,) = (tmp_path / "store/finals").glob("*.checkpoint")
    whole = latest(folder)
    assert whole is not None and is_whole(Path(whole))
    cut = Path(whole) / file
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    assert not is_whole(Path(whole))
    assert latest(folder) != whole and not Path(whole).exists()
