"""Trains a pack in processes that are killed -9 in some call, until the pack is done.

There is one process at a time.

python killed_packs.py FOLDER SEED writes

    FOLDER/whole/pack.parquet    by a process that is not disturbed
    FOLDER/killed/pack.parquet   by the killed ones
    FOLDER/killed/log            lines `start`, `step KEY NUMBER` as a member takes it,
                                 `saved KEY NUMBER` once a checkpoint holds it, `put KEY`
"""

import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from mixwright import files
from mixwright.corpus.shards import open_shard
from mixwright.jobs.heartbeat import beating, path_of
from mixwright.mixture import Mixture
from mixwright.proxies import measurements, store, wave, weights
from mixwright.proxies import pack as stage
from mixwright.proxies import train as packed
from mixwright.proxies.checkpoint import Checkpoint
from mixwright.study.study import Study
from shard_files import examples, make_shards
from study_runs import RUN, STUDY

INTERVAL = 3  # steps between two checkpoints
KILLS = 9
STEPS = (14, 10, 10, 6)
RUNS = [
    replace(RUN, row=row, steps=steps, role="vertex" if row == 3 else "swarm")
    for row, steps in enumerate(STEPS)
]
CONFIG = STUDY | {"proxy": STUDY["proxy"] | {"wave": 3}}


def main(folder: Path, seed: int) -> None:
    make_shards(folder / "shards")
    totals = folder / "totals"
    assert finished(lambda: train(folder / "whole", Killer(totals)))
    calls = dict(zip(("any", "writing"), map(int, totals.read_text().split()), strict=True))
    rng = random.Random(seed)
    for number in range(KILLS):
        where = ("any", "writing")[number % 2]
        at = rng.randrange(1, calls[where] // 4)
        assert not finished(
            lambda where=where, at=at: train(folder / "killed", Killer(**{where: at}))
        ), "the kill came after the end"
    assert finished(lambda: train(folder / "killed", Killer()))


def finished(work: Callable[[], None]) -> bool:
    """Whether a process of its own got to the end of it."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), "it failed by itself"
    return status == 0


class Killer:
    """Counts the calls of the main thread, and kills the process at one of them.

    Calls made while a file is being written are counted once more, on their own.
    """

    def __init__(self, totals: Path | None = None, **at: int) -> None:
        self.calls, self._at, self._totals, self._writing = {"any": 0, "writing": 0}, at, totals, 0

    def __enter__(self) -> None:
        plain = files.written

        class Written:
            def __init__(inner, path: Path) -> None:  # noqa: N805
                inner.block = plain(path)

            def __enter__(inner) -> Path:  # noqa: N805
                self._writing += 1
                return inner.block.__enter__()

            def __exit__(inner, *error: object) -> None:  # noqa: N805
                inner.block.__exit__(*error)
                self._writing -= 1

        for module in (
            store,
            stage,
            measurements,
            weights,
            sys.modules["mixwright.proxies.checkpoint"],
        ):
            module.written = Written
        sys.setprofile(self._count)

    def _count(self, frame: object, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            for kind in ("any", "writing")[: 1 + bool(self._writing)]:
                self.calls[kind] += 1
                if self.calls[kind] == self._at.get(kind):
                    os.kill(os.getpid(), signal.SIGKILL)

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)
        if self._totals:
            self._totals.write_text(f"{self.calls['any']} {self.calls['writing']}")


def train(folder: Path, killer: Killer) -> None:
    """The pack, with what it does on record."""
    folder.mkdir(exist_ok=True)
    record = os.open(folder / "log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def note(*words: object) -> None:
        os.write(record, (" ".join(map(str, words)) + "\n").encode())

    advance, save, put = wave.Wave.advance, Checkpoint.save, store.Store.put

    def advanced(self: wave.Wave) -> None:
        advance(self)
        for member in self.members:
            note("step", member.key, self.step)

    def saved(self: Checkpoint, state: dict) -> None:
        save(self, state)
        for key in state["keys"]:
            note("saved", key, state["step"])

    def stored(self: store.Store, key: str, table: object) -> None:
        put(self, key, table)
        note("put", key)

    checks = [0]

    def due(self: Checkpoint, soon: bool = False) -> bool:
        checks[0] += 1
        return soon or checks[0] % INTERVAL == 0

    wave.Wave.advance, Checkpoint.save, Checkpoint.due, store.Store.put = (
        advanced,
        saved,
        due,
        stored,
    )
    note("start")
    shards = [open_shard(path) for path in sorted((folder.parent / "shards").iterdir())]
    weights = np.random.default_rng(5).dirichlet(np.ones(3), len(RUNS))
    mixtures = {}
    for run, run_weights in zip(RUNS, weights, strict=True):
        mixtures[run.name] = Mixture(tuple("abc"), run_weights)
    with beating(path_of(folder, "pack"), len(RUNS)) as log, killer:
        stage.train_pack(
            RUNS,
            mixtures,
            shards,
            {"held": examples(2, seed=9)},
            Study(CONFIG),
            folder / "store",
            folder / "pack.parquet",
            log,
        )


if __name__ == "__main__":
    assert packed.train
    main(Path(sys.argv[1]), int(sys.argv[2]))
