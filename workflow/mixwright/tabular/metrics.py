"""Scores of a probability of the label 1: log-likelihoods and average precision, also on examples drawn anew."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array

CLIP = 1e-7  # of a probability: float32 trees reach 0 and 1


def loglikelihoods(probability: Array, labels: Array) -> Array:
    """(examples,) log of the probability given to the true label, nats."""
    p = np.clip(np.asarray(probability, np.float64), CLIP, 1 - CLIP)
    return np.where(np.asarray(labels) > 0.5, np.log(p), np.log1p(-p))


def average_precision(labels: Array, scores: Array) -> float:
    """Σ over thresholds of precision times the rise of recall, ties together, as in scikit-learn."""
    labels = np.asarray(labels)
    if not labels.any():
        raise MixwrightError(
            "average precision: no example has the label 1; give the part more rows"
        )
    return float(drawn_precision(labels, np.asarray(scores), np.ones((1, len(labels))))[0])


def average_precision_draws(labels: Array, scores: Array, draws: int, seed: int = 0) -> Array:
    """(draws,) average precision on examples drawn with replacement."""
    counts = np.random.default_rng(seed).multinomial(
        len(labels), np.full(len(labels), 1 / len(labels)), draws
    )
    return drawn_precision(np.asarray(labels), np.asarray(scores), counts)


def drawn_precision(
    labels: Array, scores: Array, counts: NDArray[np.float32] | NDArray[np.int64] | Array
) -> Array:
    """(draws,) average precision with each example counted as often as `counts` (draws, examples) says; 0 where no label 1 was drawn."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    ordered = counts[:, order]
    true, seen = (
        np.cumsum(part, axis=1, dtype=np.float64)[:, ends]
        for part in (ordered * labels[order], ordered)
    )
    risen = np.diff(true, axis=1, prepend=0.0)
    return np.asarray(
        (risen * true / np.maximum(seen, 1.0)).sum(axis=1) / np.maximum(true[:, -1], 1.0)
    )


def score_draws(
    documents: pd.DataFrame, targets: Iterable[str], draws: int = 1_000, seed: int = 0
) -> pd.DataFrame:
    """Returns (task, mixer) x draws: average precision on resampled rows, mean of the seeds.

    A draw is the same for all mixers and targets: a row that several targets label counts as
    often for each of them.

    Args:
        documents: rows of tables.DOCUMENTS.
    """
    rows = documents[documents.task.isin(list(targets))]
    known = np.unique(rows.example)
    counts = (
        np.random.default_rng(seed)
        .multinomial(len(known), np.full(len(known), 1 / len(known)), draws)
        .astype(np.float32)
    )
    precisions: dict[tuple[str, str], list[Array]] = {}
    for (task, mixer, _), part in rows.groupby(["task", "mixer", "seed"]):
        probability = positive_probability(part)
        drawn = counts[:, np.searchsorted(known, part.example.to_numpy())]
        precisions.setdefault((str(task), str(mixer)), []).append(
            drawn_precision(part.label.to_numpy(), probability, drawn)
        )
    return pd.DataFrame(
        {key: np.mean(values, axis=0) for key, values in precisions.items()}
    ).T.rename_axis(["task", "mixer"])


def positive_probability(rows: pd.DataFrame) -> Array:
    """Returns (rows,) the probability of the label 1 that each row of a DOCUMENTS table was given.

    It is rounded, because equal ones must stay equal.
    """
    true = np.exp(rows.loglikelihood.to_numpy())
    return np.round(np.where(rows.label.to_numpy() > 0.5, true, 1 - true), 12)
