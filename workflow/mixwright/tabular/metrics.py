"""Scores of a probability of the label 1, and scores on examples that are drawn anew."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array

CLIP = 1e-7  # of a probability: float32 trees reach 0 and 1


def loglikelihoods(probability: Array, labels: Array) -> Array:
    """Returns the log of the probability that each true label was given.

    Args:
        probability: (examples,) of the label 1.
        labels: (examples,) 0 or 1.

    Returns:
        (examples,) nats.
    """
    p = np.clip(np.asarray(probability, np.float64), CLIP, 1 - CLIP)
    return np.where(np.asarray(labels) > 0.5, np.log(p), np.log1p(-p))


def average_precision(labels: Array, scores: Array) -> float:
    """Returns the average precision, as scikit-learn computes it.

    It is the sum over thresholds of precision times the rise of recall. Examples of one score
    are one threshold.

    Args:
        labels: (examples,) 0 or 1.
        scores: (examples,) the higher, the likelier is the label 1.

    Raises:
        MixwrightError: no example has the label 1.
    """
    labels = np.asarray(labels)
    if not labels.any():
        raise MixwrightError(
            "average precision: no example has the label 1; give the part more rows"
        )
    once = np.ones((1, len(labels)))
    return float(drawn_precision(labels, np.asarray(scores), once)[0])


def average_precision_draws(labels: Array, scores: Array, draws: int, seed: int = 0) -> Array:
    """Returns (draws,) average precision on examples drawn with replacement."""
    counts = _resampled(len(labels), draws, seed)
    return drawn_precision(np.asarray(labels), np.asarray(scores), counts)


def _resampled(examples: int, draws: int, seed: int) -> NDArray[np.int64]:
    """Returns (draws, examples) how often each example is drawn, with replacement."""
    equal = np.full(examples, 1 / examples)
    return np.random.default_rng(seed).multinomial(examples, equal, draws)


def drawn_precision(
    labels: Array, scores: Array, counts: NDArray[np.float32] | NDArray[np.int64] | Array
) -> Array:
    """Returns the average precision of examples that count several times.

    Args:
        labels: (examples,) 0 or 1.
        scores: (examples,) the higher, the likelier is the label 1.
        counts: (draws, examples) how often each example counts in a draw.

    Returns:
        (draws,), 0 where no example of label 1 was drawn.
    """
    order = np.argsort(-scores, kind="stable")
    # The last of the examples of each score.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    ordered = counts[:, order]
    # (draws, thresholds) examples of label 1, and all examples, of at least a score.
    true = np.cumsum(ordered * labels[order], axis=1, dtype=np.float64)[:, ends]
    selected = np.cumsum(ordered, axis=1, dtype=np.float64)[:, ends]
    rise = np.diff(true, axis=1, prepend=0.0)
    total = (rise * true / np.maximum(selected, 1.0)).sum(axis=1)
    return np.asarray(total / np.maximum(true[:, -1], 1.0))


def score_draws(
    documents: pd.DataFrame, targets: Iterable[str], draws: int = 1_000, seed: int = 0
) -> pd.DataFrame:
    """Returns (task, mixer) x draws: average precision on resampled rows, mean of the seeds.

    A draw is the same for all mixers and targets: a row that several targets label counts as
    often for each of them.

    Args:
        documents: rows of tables.DOCUMENTS.
        targets: the tasks that are scored.
        draws: how many times the rows are resampled.
        seed: of the draws.
    """
    rows = documents[documents.task.isin(list(targets))]
    examples = np.unique(rows.example)
    counts = _resampled(len(examples), draws, seed).astype(np.float32)
    precisions: dict[tuple[str, str], list[Array]] = {}
    for (task, mixer, _), part in rows.groupby(["task", "mixer", "seed"]):
        probability = positive_probability(part)
        drawn = counts[:, np.searchsorted(examples, part.example.to_numpy())]
        precision = drawn_precision(part.label.to_numpy(), probability, drawn)
        precisions.setdefault((str(task), str(mixer)), []).append(precision)
    means = {key: np.mean(values, axis=0) for key, values in precisions.items()}
    return pd.DataFrame(means).T.rename_axis(["task", "mixer"])


def positive_probability(rows: pd.DataFrame) -> Array:
    """Returns (rows,) the probability of the label 1 that each row of a DOCUMENTS table was given.

    It is rounded, because equal ones must stay equal.
    """
    true = np.exp(rows.loglikelihood.to_numpy())
    return np.round(np.where(rows.label.to_numpy() > 0.5, true, 1 - true), 12)
