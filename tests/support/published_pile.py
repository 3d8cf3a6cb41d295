"""The published tables of RegMix, as observations."""

import os
from functools import cache
from pathlib import Path

import pandas as pd

from mixwright.observations import Observations

MIRROR = os.environ.get("MIXWRIGHT_MIRROR")


def wide(path, before, after=""):
    """A wide published table as (rows, columns), rows and columns sorted by name."""
    frame = pd.read_csv(Path(MIRROR) / path).set_index("index").sort_index()
    frame.columns = [name.removeprefix(before).removesuffix(after) for name in frame]
    return frame.sort_index(axis=1)


@cache
def pile(mixture, loss, role="swarm"):
    weights = wide(f"regmix/{mixture}.csv", "train_the_pile_")
    losses = wide(f"regmix/{loss}.csv", "metric/the_pile_", "_val_loss")
    assert (weights.index == losses.index).all()
    amounts = weights.to_numpy() / weights.to_numpy().sum(axis=1, keepdims=True)
    runs = tuple(f"{i:04}" for i in weights.index)
    return Observations(
        tuple(weights), tuple(losses), runs, (role,) * len(runs), amounts, losses.to_numpy()
    )
