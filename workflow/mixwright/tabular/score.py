"""Scores the final trees on rows that nothing was chosen by: average precision and log loss of every target."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mixwright.finals.score import Scored
from mixwright.mixture import Array
from mixwright.study.study import Study
from mixwright.tabular.boosting import Model
from mixwright.tabular.dataset import Dataset
from mixwright.tabular.metrics import average_precision, average_precision_draws, loglikelihoods
from mixwright.tabular.pack import constant_loss
from mixwright.tabular.pool import Pool

REPORT = "report"
DRAWS = 200  # of the standard error of one average precision


def evaluate_finals(
    finals: pd.DataFrame,
    targets: Mapping[str, Any],
    datasets: Sequence[Dataset],
    study: Study,
) -> Scored:
    """Rows of tables.SCORES and DOCUMENTS: an arm with a goal of its own is scored on that target, any other on all targets of the study.

    The column `unigram` is what one probability for all rows reaches: the share of the label 1 for average precision, and for the log
    loss that of the arm's own training rows.
    """
    pool, scores, documents = Pool.of(datasets), [], []
    for arm in finals.itertuples():
        model, learned = Model.load(arm.folder), pool.mixed(_weights(arm.realised, pool))
        for task in sorted(study.target_weights) if pd.isna(arm.goal) else [arm.goal]:
            examples = pool.examples(task, REPORT)
            probability = model.probability(examples.features)
            whose = {"mixer": arm.mixer, "seed": arm.seed, "task": task}
            values = loglikelihoods(probability, examples.labels)
            scores += [
                whose | row
                for row in score(probability, examples.labels, constant_loss(learned, examples))
            ]
            rows = {
                "example": pool.rows(task, REPORT),
                "loglikelihood": values,
                "scored_tokens": 1,
                "label": examples.labels,
            }
            documents.append(pd.DataFrame(whose | rows))
    return Scored(pd.DataFrame(scores), pd.concat(documents, ignore_index=True))


def score(probability: Array, labels: Array, constant: float) -> list[dict[str, Any]]:
    """A target's two rows of tables.SCORES."""
    losses = -loglikelihoods(probability, labels)
    error = float(average_precision_draws(labels, probability, DRAWS).std())
    precision = {
        "metric": "average_precision",
        "value": average_precision(labels, probability),
        "stderr": error,
    }
    loss = {
        "metric": "loss",
        "value": float(losses.mean()),
        "stderr": float(losses.std(ddof=1) / np.sqrt(len(losses))),
    }
    return [
        precision | {"n": len(labels), "unigram": float(labels.mean())},
        loss | {"n": len(labels), "unigram": constant},
    ]


def _weights(realised: Sequence[Mapping[str, Any]], pool: Pool) -> Array:
    """(domains,) the mixture that a final was trained on."""
    each = {row["domain"]: row["epochs"] for row in realised}
    weights = np.array([each[domain] for domain in pool.domains]) * pool.sizes()
    return weights / weights.sum()
