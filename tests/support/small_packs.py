"""Packs of small members on synthetic shards."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from mixwright.mixture import Mixture
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.train import Member, Result, Settings, train
from mixwright.proxies.wave import Wave
from shard_files import VOCABULARY, examples, make_shards

SHAPE = Shape(layers=2, width=24, heads=3, hidden=52, context=32, vocabulary=VOCABULARY)


RECIPE = {
    "muon_lr": 0.04,
    "adam_lr": 0.02,
    "weight_decay": 0.01,
    "warmup": 0.1,
    "betas": [0.9, 0.95],
    "clip": 1.0,
}


SETTINGS = Settings(batch=4, optimizer=RECIPE, evaluations=2, wave=8)


FOURS = replace(SETTINGS, wave=4)


STEPS, LONG = 12, 120


def eight(steps: int = STEPS) -> list[Member]:
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 8)
    return [
        Member(
            f"key{i}",
            Mixture(tuple("abc"), w),
            steps,
            seed=i // 2,
            wants_loglikelihoods=i in (1, 4),
        )
        for i, w in enumerate(weights)
    ]


def run(
    folder: Path, members: list[Member], settings: Settings = SETTINGS, shape: Shape = SHAPE, **rest
) -> dict[str, Result]:
    """Key -> result; shards are made in `folder` unless they stand there."""
    shards = opened(folder, shape.masked)
    results: dict[str, Result] = {}

    def collect(member: Member, result: Result) -> None:
        results[member.key] = result

    targets = {"held": examples(2, seed=9)}
    for shard in shards:
        targets[shard.domain] = shard.validation
    rest = {"on_finished": collect} | rest
    train(
        members,
        shape,
        shards,
        settings=settings,
        targets=targets,
        likelihoods={"held": targets["held"]},
        **rest,
    )
    return results


def opened(folder: Path, masked: bool = False) -> list:
    from mixwright.corpus.shards import open_shard

    return [open_shard(path) for path in sorted(folder.glob("[a-h]"))] or make_shards(
        folder, masked=masked
    )


def numbers(result: Result) -> list:
    return [
        result.losses,
        result.realised,
        {name: values.tolist() for name, values in result.loglikelihoods.items()},
    ]


def inputs_of(wave: Wave, step: int) -> list[Tensor]:
    """What the members of a wave read in one step, each (K, ...)."""
    inputs, _ = wave._read(range(step, step + 1))
    return [tensor[:, 0] for tensor in inputs]


CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path[:0] = {paths!r}
import small_packs as t
from mixwright.proxies import checkpoint
checkpoint.SHARE = float('inf')
settings = replace(t.FOURS, checkpoint_seconds=0.01)
folder, checkpoints = Path({folder!r}), Path({checkpoints!r})
t.run(folder, t.eight(t.LONG), settings, t.{shape!r}, checkpoints=checkpoints)
"""


def started(folder: Path, checkpoints: Path, shape: Shape = SHAPE) -> subprocess.Popen:
    """A process that trains long, as soon as it has left two checkpoints behind."""
    tests = Path(__file__).parents[1]
    paths = [str(tests / "support"), str(tests.parent / "workflow")]
    code = CHILD.format(paths=paths, folder=str(folder), checkpoints=str(checkpoints), shape=shape)
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    saves: set[int] = set()
    while len(saves) < 3:
        assert child.poll() is None, child.stderr.read().decode()
        saves |= {path.stat().st_mtime_ns for path in checkpoints.glob("*.pt")}
        time.sleep(0.01)
    return child
