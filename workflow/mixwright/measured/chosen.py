"""Tables of losses, for targets of questions by the number that a study chooses by."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from mixwright.errors import MixwrightError
from mixwright.learners import CHOSEN, Metric
from mixwright.observations import last_losses


def by_chosen(
    losses: pd.DataFrame, chosen: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Returns the rows of each run's last step, and what the numbers of the chosen targets are.

    Of a target of `chosen`, `loss` is what mixers minimise for its share, and `unigram_loss` the
    same for a guess. The metric knows how many questions there were, and the share that a guess
    has.

    Args:
        losses: a LOSSES table.
        chosen: target -> column that holds its share.

    Raises:
        MixwrightError: a run that did not diverge lacks the share of a target.
    """
    if not chosen:
        return losses, {}
    last = last_losses(losses).copy()
    metrics = {}
    for target, column in chosen.items():
        rows = last.index[last.target == target]
        measured = last.loc[rows]
        _check_measured(measured, target, column)
        metric = _known(measured, CHOSEN[column])
        metrics[target] = metric
        for to, of in (("loss", column), ("unigram_loss", "chance")):
            shares = measured[of].to_numpy(np.float64)
            last.loc[rows, to] = metric.minimised(shares)
        # what diverged has no share
        last.loc[rows[measured.loss.isna()], "loss"] = np.nan
    return last, metrics


def _check_measured(rows: pd.DataFrame, target: str, column: str) -> None:
    """Refuses runs that were measured without the questions of a target."""
    lacking = rows.run[rows.loss.notna() & rows[column].isna()]
    if len(lacking):
        raise MixwrightError(
            f"losses: run {lacking.iloc[0]} has no {column} on {target}; its rows have no"
            f" questions with several answers, or it was measured before: set"
            f" targets.{target}.metric: loss, or measure the study again"
        )


def _known(rows: pd.DataFrame, metric: Metric) -> Metric:
    """The metric with the questions, of an accuracy, and with the share of a guess."""
    chances = rows.chance.dropna()
    if len(chances):
        metric = replace(metric, chance=float(chances.iloc[0]))
    questions = rows.questions.dropna()
    if metric.name == "accuracy" and len(questions):
        # of runs that were asked more or less, the fewest
        metric = replace(metric, questions=int(questions.min()))
    return metric
