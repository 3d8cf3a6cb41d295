"""What a study's numbers are in reports, where targets of questions choose by their answers."""

from collections.abc import Mapping

import pandas as pd

from mixwright.learners import CHOSEN, Learner, Metric
from mixwright.measured.chosen import by_chosen
from mixwright.study.study import Study
from mixwright.trust.shown import readout_of


def learner_of(study: Study) -> Learner:
    """Returns the study's learner, which knows what its finals are judged by."""
    chosen = {}
    for target, column in study.chosen.items():
        if target in study.target_weights:
            chosen[target] = column
    if not chosen:
        return study.learner
    shown = readout_of(study.target_weights, study.metrics).metric
    return study.learner.choosing_by(chosen, shown)


def metrics_of(learner: Learner) -> dict[str, Metric]:
    """Returns target -> what its numbers are, of targets that choose by their answers."""
    return {target: CHOSEN[column] for target, column in learner.chosen.items()}


def minimised_losses(losses: pd.DataFrame, chosen: Mapping[str, str]) -> pd.DataFrame:
    """Returns the rows of a LOSSES table with what mixers minimise as `loss`; see `by_chosen`."""
    return by_chosen(losses, chosen)[0]
