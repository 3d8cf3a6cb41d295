"""How mixers are judged: by predictions of runs that they have not seen."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.numerics.pairs import Pairs
from mixwright.numerics.rank_correlation import spearman
from mixwright.observations import Observations
from mixwright.simplex.alike import mixture_folds

SCORES = ("mixer", "target", "runs", "spearman", "kendall", "regret", "pairwise", "rmse")


def validate(
    name: str,
    settings: Mapping[str, Any],
    observations: Observations,
    folds: int = 8,
    seed: int = 0,
) -> pd.DataFrame:
    """Predicts each swarm run by a fit that has not seen it, and returns a tables.VALIDATION frame.

    Mixers that read the swarm are fitted once a fold, and runs of one mixture are in one fold. For
    the others every swarm run is held out already (fold 0).

    Raises:
        MixwrightError: the mixer predicts no losses, or there are under two swarm runs.
    """
    entry = mixers.entry(name)
    if not entry.predicts:
        raise MixwrightError(f"validation: {name} predicts no losses; validate a mixer that does")
    swarm = observations.of_role("swarm")
    runs = len(swarm.runs)
    if runs < 2:
        raise MixwrightError(
            f"validation: {runs} swarm runs are too few to hold out; enlarge the swarm design"
        )
    mixer = mixers.create(name, settings)
    if "swarm" not in entry.reads:
        fold = np.zeros(runs, dtype=np.int64)
        return _frame(name, mixer.fit(observations), swarm, fold)
    rng = np.random.default_rng(seed)
    fold = mixture_folds(swarm.weights, min(folds, runs), rng)
    names = np.array(swarm.runs)
    frames = []
    for k in range(int(fold.max()) + 1):
        inside = fold == k
        held_out = np.isin(observations.runs, names[inside])
        fitted = mixer.fit(observations.only(~held_out))
        frames.append(_frame(name, fitted, swarm.only(inside), fold[inside]))
    return pd.concat(frames, ignore_index=True)


def scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the measures of `score` for each mixer and target of a VALIDATION frame."""
    rows = []
    for (mixer, target), part in frame.groupby(["mixer", "target"]):
        row: dict[str, Any] = {"mixer": mixer, "target": target, "runs": len(part)}
        actual = part.actual.to_numpy()
        predicted = part.predicted.to_numpy()
        rows.append(row | score(actual, predicted))
    return pd.DataFrame(rows, columns=list(SCORES))


def score(actual: Array, predicted: Array) -> dict[str, float]:
    """Scores the predictions (runs,) of one target, nats/token.

    Returns:
        spearman, kendall: rank correlations; a constant prediction ranks nothing and gets 0.
        regret: the loss of the run of least predicted loss, minus the least loss.
        pairwise: share of the pairs of runs in the right order; a tie counts one half.
        rmse: root mean squared error of the level.
    """
    pairs = Pairs.of(actual, predicted)
    # equally good picks count by their mean
    picked = predicted == predicted.min()
    errors = predicted - actual
    return {
        "spearman": spearman(actual, predicted),
        "kendall": pairs.tau,
        "regret": float(actual[picked].mean() - actual.min()),
        "pairwise": pairs.right,
        "rmse": float(np.sqrt((errors**2).mean())),
    }


def _frame(
    name: str,
    fitted: Mixer,
    held_out: Observations,
    fold: NDArray[np.int64],
) -> pd.DataFrame:
    """Long rows of the targets that the mixer predicts and the runs were measured on."""
    predicted = fitted.predict(fitted.amounts_of(held_out))
    parts = []
    for column, target in enumerate(fitted.targets):
        if target not in held_out.targets:
            continue
        actual = held_out.losses[:, held_out.targets.index(target)]
        part = {
            "mixer": name,
            "target": target,
            "run": held_out.runs,
            "fold": fold,
            "actual": actual,
            "predicted": predicted[:, column],
        }
        parts.append(pd.DataFrame(part))
    if not parts:
        raise MixwrightError(
            f"validation: {name} predicts none of the measured targets;"
            " score the vertex runs on the study's targets"
        )
    return pd.concat(parts, ignore_index=True)
