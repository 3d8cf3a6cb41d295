"""What the proxies are worth: each target's spread over mixtures against its spread over seeds, and the loss against a unigram model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from mixwright.numerics.rank_correlation import spearman
from mixwright.observations import Observations, last_losses

THRESHOLD = 3.0  # a target whose signal-to-noise is lower cannot tell mixtures apart


def losses_of_role(design: pd.DataFrame, losses: pd.DataFrame, role: str) -> pd.DataFrame:
    """Returns the rows of each run's last step, for the runs of this role."""
    runs = design.run[design.role == role].unique()
    last = last_losses(losses)
    return last[last.run.isin(runs)]


def target_signals(design: pd.DataFrame, losses: pd.DataFrame) -> pd.DataFrame:
    """One row a target: standard deviation over the swarm (spread) and over the repeats of one mixture (noise), nats/token, their ratio
    with the 95% interval that the few repeats leave it, and how many swarm runs do no better than a unigram model of their own mixture."""
    swarm = losses_of_role(design, losses, "swarm").dropna(subset=["loss"])
    repeats = (
        losses_of_role(design, losses, "repeat").dropna(subset=["loss"]).groupby("target").loss
    )
    by_target = swarm.assign(losing=swarm.loss >= swarm.unigram_loss).groupby("target")
    table = pd.DataFrame(
        {
            "runs": by_target.size(),
            "spread": by_target.loss.std(),
            "loss": by_target.loss.median(),
            "unigram": by_target.unigram_loss.median(),
            "losing": by_target.losing.sum(),
        }
    )
    table["noise"], table["repeats"] = repeats.std(), repeats.size()
    table["repeats"] = table.repeats.fillna(0).astype(int)
    table["signal_to_noise"] = table.spread / table.noise.where(table.noise > 0)
    freedom = (table.repeats - 1).clip(lower=1)
    table["low"] = table.signal_to_noise * np.sqrt(_chi2(0.025, freedom) / freedom)
    table["high"] = table.signal_to_noise * np.sqrt(_chi2(0.975, freedom) / freedom)
    return table.reset_index()


@dataclass(frozen=True)
class NoiseFloor:
    """Standard deviation of one run's objective over seeds, nats/token, with the 95% interval that the repeats leave it."""

    value: float
    low: float
    high: float
    runs: int  # repeats it was measured on


def noise_floor(seen: Observations, targets: Mapping[str, float]) -> NoiseFloor | None:
    """The noise of the weighted mean of `targets`, whose errors in one run go together: pooled over the repeats of a mixture (role repeat,
    or swarm runs of equal weights); None where no mixture was trained twice."""
    objective = (
        seen.losses
        @ np.array([targets.get(target, 0.0) for target in seen.targets])
        / sum(targets.values())
    )
    keys = [
        role if role == "repeat" else weights.tobytes()
        for role, weights in zip(seen.roles, seen.weights.round(6) + 0.0, strict=True)
    ]
    chosen = [role in ("repeat", "swarm") for role in seen.roles]
    groups = pd.Series(objective[chosen]).groupby(pd.Index(np.array(keys, dtype=object)[chosen]))
    repeated = groups.transform("size") > 1
    freedom = int(repeated.sum() - groups.ngroup()[repeated].nunique())
    if not freedom:
        return None
    scatter = float(
        ((pd.Series(objective[chosen]) - groups.transform("mean"))[repeated] ** 2).sum()
    )
    low, high = (float(np.sqrt(scatter / _chi2(q, freedom))) for q in (0.975, 0.025))
    return NoiseFloor(float(np.sqrt(scatter / freedom)), low, high, int(repeated.sum()))


def _chi2(share: float, freedom: Any) -> Any:
    """Quantiles of the chi-squared distribution."""
    return 2 * gammaincinv(np.asarray(freedom) / 2, share)


def objectives(
    rows: pd.DataFrame, targets: Mapping[str, float], value: str, *keys: str
) -> pd.Series:
    """Weighted mean over the targets of column `value`, one number for each combination of `keys`; runs that lack a target are left out."""
    wide = rows[rows.target.isin(list(targets))].pivot(
        index=list(keys), columns="target", values=value
    )
    wide = wide.reindex(columns=list(targets)).dropna()
    return (wide * pd.Series(targets)).sum(axis=1) / sum(targets.values())


def held_out(validation: pd.DataFrame, targets: Mapping[str, float]) -> pd.DataFrame:
    """One row a mixer and held-out run: actual and predicted weighted mean of the targets, nats/token."""
    actual = objectives(validation, targets, "actual", "mixer", "run")
    predicted = objectives(validation, targets, "predicted", "mixer", "run")
    return pd.DataFrame({"actual": actual, "predicted": predicted}).dropna().reset_index()


def rank_correlations(runs: pd.DataFrame) -> pd.Series:
    """Returns Spearman's correlation of predicted and actual for each mixer, highest first.

    It is NaN where all predictions, or all losses, are equal.
    """
    ranks = {}
    for mixer, rows in runs.groupby("mixer"):
        constant = rows.predicted.nunique() < 2 or rows.actual.nunique() < 2
        pair = rows.predicted.to_numpy(), rows.actual.to_numpy()
        ranks[mixer] = np.nan if constant else spearman(*pair)
    return pd.Series(ranks, dtype=float).sort_values(ascending=False, kind="stable")
