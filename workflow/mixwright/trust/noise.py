"""What the proxies are worth: the spread of losses over mixtures against their spread over seeds.

A target whose loss varies little more over mixtures than over seeds cannot rank mixtures.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaincinv

from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman
from mixwright.observations import ALONE, Observations, last_losses
from mixwright.simplex.alike import EQUAL, same_mixture

# a target whose signal-to-noise ratio is lower cannot tell mixtures apart
THRESHOLD = 3.0
# repeats beyond the first of each mixture, where all of them are of one domain alone
FREEDOM = 3


def losses_of_role(design: pd.DataFrame, losses: pd.DataFrame, role: str) -> pd.DataFrame:
    """Returns the rows of each run's last step, for the runs of this role."""
    runs = design.run[design.role == role].unique()
    last = last_losses(losses)
    return last[last.run.isin(runs)]


def target_signals(design: pd.DataFrame, losses: pd.DataFrame) -> pd.DataFrame:
    """Returns one row a target: how well the swarm's losses tell mixtures apart.

    Columns: `spread` and `noise`, the standard deviations over the swarm and over the repeats of
    one mixture, nats/token; `signal_to_noise`, their ratio, with the 95% interval `low` to `high`
    that the few repeats leave it; `losing`, the number of swarm runs that do no better than a
    unigram model of their own mixture; `loss` and `unigram`, medians, nats/token; `runs` and
    `repeats`, counts.
    """
    swarm = losses_of_role(design, losses, "swarm").dropna(subset=["loss"])
    repeats = losses_of_role(design, losses, "repeat").dropna(subset=["loss"])
    swarm = swarm.assign(losing=swarm.loss >= swarm.unigram_loss)
    by_target = swarm.groupby("target")
    repeats_by_target = repeats.groupby("target").loss
    table = pd.DataFrame(
        {
            "runs": by_target.size(),
            "spread": by_target.loss.std(),
            "loss": by_target.loss.median(),
            "unigram": by_target.unigram_loss.median(),
            "losing": by_target.losing.sum(),
        }
    )
    table["noise"] = repeats_by_target.std()
    table["repeats"] = repeats_by_target.size()
    table["repeats"] = table.repeats.fillna(0).astype(int)
    table["signal_to_noise"] = table.spread / table.noise.where(table.noise > 0)
    freedom = (table.repeats - 1).clip(lower=1)
    for column, share in (("low", 0.025), ("high", 0.975)):
        factor = np.sqrt(_chi2(share, freedom) / freedom)
        table[column] = table.signal_to_noise * factor
    return table.reset_index()


@dataclass(frozen=True)
class NoiseFloor:
    """Standard deviation of one run's objective over seeds, nats/token, and its 95% interval."""

    value: float
    low: float
    high: float
    # repeats that it was measured on
    runs: int


def noise_of(observations: Observations, values: Array) -> NoiseFloor | None:
    """Returns the noise of a number in one run.

    It is pooled over the repeats of a mixture: runs of role repeat, and swarm runs of equal
    weights. It is None where no mixture was trained twice (copies of one result do not count), or
    where only runs on one domain alone were, fewer than FREEDOM beyond the first of each: what
    starves all other targets is no measure of a mixture's noise.

    Args:
        values: (runs,) one number a run.
    """
    group = _repeats(observations)
    repeated = group >= 0
    runs = int(repeated.sum())
    mixtures = np.unique(group[repeated])
    freedom = runs - len(mixtures)
    weights = observations.weights[repeated]
    alone = weights.max(axis=1, initial=0.0) > ALONE
    few = freedom < FREEDOM and alone.all()
    if few or not freedom:
        return None
    column = pd.Series(values[repeated], dtype=np.float64)
    by_mixture = column.groupby(group[repeated])
    deviations = column - by_mixture.transform("mean")
    squares = deviations**2
    scatter = float(squares.sum())
    if scatter == 0:
        # copies of one result, not repeats of a run
        return None
    return NoiseFloor(
        value=float(np.sqrt(scatter / freedom)),
        low=float(np.sqrt(scatter / _chi2(0.975, freedom))),
        high=float(np.sqrt(scatter / _chi2(0.025, freedom))),
        runs=runs,
    )


def _repeats(observations: Observations) -> NDArray[np.int64]:
    """(runs,) the mixture of each run that has a twin, as a number from 0; -1 for the others."""
    roles = np.array(observations.roles)
    swarm = roles == "swarm"
    group = np.full(len(roles), -1)
    group[roles == "repeat"] = 0
    if swarm.any():
        weights = observations.weights[swarm]
        group[swarm] = 1 + same_mixture(weights, EQUAL)
    sizes = np.bincount(group + 1)
    alone = sizes[group + 1] == 1
    group[alone] = -1
    return group


def target_weights(targets: Mapping[str, float], names: Iterable[str]) -> Array:
    """Returns (names,) the weight of each name in `targets`, 0 where it has none."""
    return np.array([targets.get(name, 0.0) for name in names])


def objectives(
    rows: pd.DataFrame, targets: Mapping[str, float], value: str, *keys: str
) -> pd.Series:
    """Returns the weighted mean over the targets of column `value`, one for each value of `keys`.

    Runs that lack a target are left out.
    """
    names = list(targets)
    chosen = rows[rows.target.isin(names)]
    wide = chosen.pivot(
        index=list(keys),
        columns="target",
        values=value,
    )
    complete = wide.reindex(columns=names).dropna()
    weighted = complete * pd.Series(targets)
    return weighted.sum(axis=1) / sum(targets.values())


def held_out(validation: pd.DataFrame, targets: Mapping[str, float]) -> pd.DataFrame:
    """Returns one row a mixer and held-out run: the weighted mean of the targets, nats/token.

    Columns: `mixer`, `run`, `actual`, `predicted`.
    """
    actual = objectives(validation, targets, "actual", "mixer", "run")
    predicted = objectives(validation, targets, "predicted", "mixer", "run")
    frame = pd.DataFrame({"actual": actual, "predicted": predicted})
    return frame.dropna().reset_index()


def rank_correlations(runs: pd.DataFrame) -> pd.Series:
    """Returns Spearman's correlation of predicted and actual for each mixer, highest first.

    It is NaN where all predictions, or all losses, are equal.
    """
    ranks = {}
    for mixer, rows in runs.groupby("mixer"):
        predicted = rows.predicted.to_numpy()
        actual = rows.actual.to_numpy()
        if np.ptp(predicted) > 0 and np.ptp(actual) > 0:
            ranks[mixer] = spearman(predicted, actual)
        else:
            ranks[mixer] = np.nan
    return pd.Series(ranks, dtype=float).sort_values(ascending=False, kind="stable")


def _chi2(share: float, freedom: Any) -> Any:
    """Quantiles of the chi-squared distribution."""
    return 2 * gammaincinv(np.asarray(freedom) / 2, share)
