"""How mixers are judged: predictions of runs they have not seen."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import kendall, spearman
from mixwright.observations import Observations

SCORES = ("mixer", "target", "runs", "spearman", "kendall", "regret", "pairwise", "rmse")


def validate(
    name: str, settings: dict, seen: Observations, folds: int = 8, seed: int = 0
) -> pd.DataFrame:
    """A tables.VALIDATION frame: each swarm run predicted by a fit that has not seen it.

    Mixers that read the swarm are fitted once a fold; for the others every swarm run is held out already (fold 0).
    """
    kind = mixers.entry(name)
    if not kind.predicts:
        raise MixwrightError(f"validation: {name} predicts no losses; validate a mixer that does")
    swarm = seen.of_role("swarm")
    if len(swarm.runs) < 2:
        raise MixwrightError(
            f"validation: {len(swarm.runs)} swarm runs are too few to hold out; enlarge the swarm design"
        )
    mixer = mixers.create(name, settings)
    if "swarm" not in kind.reads:
        return _frame(name, mixer.fit(seen), swarm, np.zeros(len(swarm.runs), dtype=np.int64))
    fold = np.random.default_rng(seed).permutation(len(swarm.runs)) % min(folds, len(swarm.runs))
    frames = []
    for k in range(int(fold.max()) + 1):
        out = np.isin(seen.runs, np.array(swarm.runs)[fold == k])
        fitted = mixer.fit(seen.only(~out))
        frames.append(_frame(name, fitted, swarm.only(fold == k), fold[fold == k]))
    return pd.concat(frames, ignore_index=True)


def scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Per mixer and target: rank correlations, regret@1 and error of the level in nats/token, share of pairs ranked right."""
    rows = [
        {
            "mixer": mixer,
            "target": target,
            "runs": len(part),
            **score(part.actual.to_numpy(), part.predicted.to_numpy()),
        }
        for (mixer, target), part in frame.groupby(["mixer", "target"])
    ]
    return pd.DataFrame(rows, columns=list(SCORES))


def score(actual: Array, predicted: Array) -> dict[str, float]:
    """The measures of one target's held-out runs; a constant prediction ranks nothing (0, pairs one half)."""
    upper = np.triu_indices(len(actual), 1)
    truth = np.sign(actual[:, None] - actual[None])[upper]
    guess = np.sign(predicted[:, None] - predicted[None])[upper]
    apart = truth != 0
    agreement = np.where(guess == 0, 0.5, truth == guess)[apart]
    chosen = predicted == predicted.min()  # equally good picks count by their mean
    return {
        "spearman": spearman(actual, predicted),
        "kendall": kendall(truth, guess),
        "regret": float(actual[chosen].mean() - actual.min()),
        "pairwise": float(agreement.mean()) if apart.any() else 0.5,
        "rmse": float(np.sqrt(((predicted - actual) ** 2).mean())),
    }


def _frame(
    name: str, fitted: Mixer, held_out: Observations, fold: NDArray[np.int64]
) -> pd.DataFrame:
    """Long rows of the targets that the mixer predicts and the runs were measured on."""
    predicted = fitted.predict(fitted.amounts_of(held_out))
    both = [target for target in fitted.targets if target in held_out.targets]
    parts = [
        pd.DataFrame(
            {
                "mixer": name,
                "target": target,
                "run": held_out.runs,
                "fold": fold,
                "actual": held_out.losses[:, held_out.targets.index(target)],
                "predicted": predicted[:, fitted.targets.index(target)],
            }
        )
        for target in both
    ]
    if not parts:
        raise MixwrightError(
            f"validation: {name} predicts none of the measured targets; score the vertex runs on the study's targets"
        )
    return pd.concat(parts, ignore_index=True)
