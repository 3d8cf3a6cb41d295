"""The loss of a final along its training: a few rows of it, kept beside the model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright import tables

FILE = "curve.parquet"
# rows of a curve at most
MOST_ROWS = 1_000
# of the steps whose mean loss is a final's loss
LAST_SHARE = 0.1

Losses = NDArray[np.floating[Any]]


def last_loss(losses: Losses) -> float:
    """Returns the mean loss of the last tenth of the steps, in nats/token.

    Args:
        losses: (steps,) of each step.
    """
    last = max(1, int(len(losses) * LAST_SHARE))
    return float(np.mean(losses[-last:], dtype=np.float64))


def first_spoilt(losses: Losses) -> int | None:
    """Returns the number, from 1, of the first step whose loss is not finite; None: all are.

    That is the step after the last finite loss: a training does not come back from such a step.

    Args:
        losses: (steps,) of each step that was taken. Those before a checkpoint of an older version
            are not known.
    """
    finite = np.flatnonzero(np.isfinite(losses))
    taken = 0
    if len(finite):
        taken = int(finite[-1]) + 1
    if taken == len(losses):
        return None
    return taken + 1


def rows(losses: Losses, recipe: Mapping[str, Any], step_tokens: int, steps: int) -> pd.DataFrame:
    """Returns a final's rows of tables.CURVES, without its names.

    A row's loss is the mean over the steps since the row before, and its learning rate that of its
    step. Nothing follows the first loss that is not finite.

    Args:
        losses: (taken,) nats/token of each step that was taken, from the first one on.
        recipe: the section `optimizer` of the study.
        step_tokens: training tokens of a step.
        steps: those of the whole training, which the rows and the learning rates follow from.
    """
    from mixwright.proxies.optimizer import rate_factor

    finite = losses
    spoilt = first_spoilt(losses)
    if spoilt is not None:
        finite = losses[: spoilt - 1]
    every = -(-steps // MOST_ROWS)
    ends = list(range(every, len(finite) + 1, every))
    if len(finite) % every:
        ends.append(len(finite))
    begins = [0, *ends[:-1]]
    means = []
    rates = []
    for begin, end in zip(begins, ends, strict=False):
        means.append(float(np.mean(finite[begin:end], dtype=np.float64)))
        rates.append(recipe["adam_lr"] * rate_factor(end - 1, steps, recipe))
    taken = np.array(ends, np.int64)
    columns = {"step": taken, "tokens": taken * step_tokens, "loss": means, "learning_rate": rates}
    return pd.DataFrame(columns).dropna()


def save(folder: Path, curve: pd.DataFrame) -> None:
    """Writes the rows of one final into its folder of the store."""
    curve.to_parquet(folder / FILE, index=False)


def of_finals(finals: pd.DataFrame, store: Path) -> pd.DataFrame:
    """Returns the rows of tables.CURVES of the arms of a FINALS table.

    Finals that an older version trained have none.

    Args:
        finals: rows of tables.FINALS.
        store: the folder that keeps the finals, by their keys.
    """
    curves = [tables.CURVES.schema.empty_table().to_pandas()]
    for final in finals.itertuples():
        path = store / str(final.store_key) / FILE
        if path.exists():
            curve = pd.read_parquet(path)
            names = {"mixer": final.mixer, "goal": final.goal, "seed": final.seed}
            curves.append(curve.assign(**names))
    return pd.concat(curves, ignore_index=True)
