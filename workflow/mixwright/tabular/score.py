"""Scores the final trees on rows that nothing was chosen by."""

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

REPORT = "report"  # the part of a target's rows that finals are scored on
DRAWS = 200  # of the standard error of one average precision


def evaluate_finals(
    finals: pd.DataFrame,
    targets: Mapping[str, Any],
    datasets: Sequence[Dataset],
    study: Study,
) -> Scored:
    """Scores finals by average precision and log loss.

    An arm with a goal of its own is scored on that target, any other on all targets of the study.
    The column `unigram` is what one probability for all rows reaches: for average precision the
    share of the label 1, for the log loss the share of it in the arm's own training rows.

    Args:
        finals: rows of tables.FINALS.
        targets: none, for a target of trees is a domain's held-out rows.
        datasets: of all domains of the study.
        study: names the targets.

    Returns:
        Rows of tables.SCORES and of tables.DOCUMENTS.
    """
    pool = Pool.of(datasets)
    scores = []
    documents = []
    for arm in finals.itertuples():
        model = Model.load(arm.folder)
        learned = pool.mixed(_weights(arm.realised, pool))
        tasks = sorted(study.target_weights) if pd.isna(arm.goal) else [arm.goal]
        for task in tasks:
            examples = pool.examples(task, REPORT)
            probability = model.probability(examples.features)
            constant = constant_loss(learned, examples)
            arm_columns = {"mixer": arm.mixer, "seed": arm.seed, "task": task}
            for metric in score(probability, examples.labels, constant):
                scores.append(arm_columns | metric)
            example_columns = {
                "example": pool.rows(task, REPORT),
                "loglikelihood": loglikelihoods(probability, examples.labels),
                "scored_tokens": 1,
                "label": examples.labels,
            }
            documents.append(pd.DataFrame(arm_columns | example_columns))
    return Scored(pd.DataFrame(scores), pd.concat(documents, ignore_index=True))


def score(probability: Array, labels: Array, constant: float) -> list[dict[str, Any]]:
    """Returns a target's two rows of tables.SCORES.

    Args:
        probability: (examples,) of the label 1.
        labels: (examples,) 0 or 1.
        constant: log loss, nats/example, of one probability for all examples.
    """
    losses = -loglikelihoods(probability, labels)
    precision = {
        "metric": "average_precision",
        "value": average_precision(labels, probability),
        "stderr": float(average_precision_draws(labels, probability, DRAWS).std()),
        "n": len(labels),
        "unigram": float(labels.mean()),
    }
    loss = {
        "metric": "loss",
        "value": float(losses.mean()),
        "stderr": float(losses.std(ddof=1) / np.sqrt(len(losses))),
        "n": len(labels),
        "unigram": constant,
    }
    return [precision, loss]


def _weights(realised: Sequence[Mapping[str, Any]], pool: Pool) -> Array:
    """Returns (domains,) the mixture that a final was trained on."""
    epochs = {row["domain"]: row["epochs"] for row in realised}
    rows = np.array([epochs[domain] for domain in pool.domains]) * pool.sizes()
    return rows / rows.sum()
