"""What scores on other test rows would have been: rows drawn with replacement, the same draws for all arms and targets."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mixwright.mixture import Array
from mixwright.tabular.metrics import drawn_precision

DRAWS = 1_000


def average_precision_draws(
    documents: pd.DataFrame, targets: Iterable[str], draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """(task, mixer) x draws, mean over the seeds: a row that several targets label is drawn as often for all of them."""
    rows = documents[documents.task.isin(list(targets))]
    known = np.unique(rows.example)
    counts = (
        np.random.default_rng(seed)
        .multinomial(len(known), np.full(len(known), 1 / len(known)), draws)
        .astype(np.float32)
    )
    found: dict[tuple[str, str], list[Array]] = {}
    for (task, mixer, _), part in rows.groupby(["task", "mixer", "seed"]):
        probability = positive_probability(part)
        drawn = counts[:, np.searchsorted(known, part.example.to_numpy())]
        found.setdefault((str(task), str(mixer)), []).append(
            drawn_precision(part.label.to_numpy(), probability, drawn)
        )
    return pd.DataFrame(
        {key: np.mean(values, axis=0) for key, values in found.items()}
    ).T.rename_axis(["task", "mixer"])


def positive_probability(rows: pd.DataFrame) -> Array:
    """(rows,) probability of the label 1 that a DOCUMENTS table's rows were given; rounded, for equal ones must stay equal."""
    true = np.exp(rows.loglikelihood.to_numpy())
    return np.round(np.where(rows.label.to_numpy() > 0.5, true, 1 - true), 12)
