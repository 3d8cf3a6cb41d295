"""Published tables of runs in the house's own form."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright.errors import MixwrightError, nearest
from mixwright.measured.loss_tables import read_observations
from mixwright.mixture import Array
from mixwright.observations import Observations


def import_runs(
    role: str, mixtures: Path, losses: Path, targets: Sequence[str], diverged: str = "refuse"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """DESIGN and LOSSES frames of wide tables, one step and 1 token a run: weights alone are known."""
    seen = read_observations([mixtures], [losses], diverged=diverged)
    for name in targets:
        if name not in seen.targets:
            raise MixwrightError(
                f"config: measured.targets.{name} was not measured in {losses}; {nearest(name, seen.targets)}"
            )
    return as_tables(role, seen)


def as_tables(role: str, seen: Observations) -> tuple[pd.DataFrame, pd.DataFrame]:
    """DESIGN and LOSSES frames of runs, one step each."""
    return _design(role, seen), _losses(seen)


def natural(
    design: pd.DataFrame, given: str | Mapping[str, float] | None, published: Mapping[str, Array]
) -> pd.DataFrame:
    """A DOMAINS frame with the shares of the natural mixture and no tokens: the one given, else a swarm's mean or the base run's."""
    shares = (
        base_mixture(design)
        if set(design.role) == {"perturb"}
        else design.groupby("domain").weight.mean()
    )
    if isinstance(given, str):
        shares = pd.Series(published[given], index=shares.index)
    elif given is not None:
        for name in given:
            if name not in shares.index:
                raise MixwrightError(
                    f"config: measured.natural.{name} is not a domain; {nearest(name, list(shares.index))}"
                )
        shares = pd.Series(dict(given)).reindex(shares.index).fillna(0.0)
    frame = pd.DataFrame({"domain": shares.index, "split": "train"})
    frame["share"] = (shares / shares.sum()).to_numpy()
    return frame.assign(tokens=None, bytes=None, documents=None, sha256=None)


def base_mixture(design: pd.DataFrame) -> pd.Series:
    """Domain -> weight in the base run of perturbations, whose amount of a domain all runs but two have."""
    amounts = design.assign(amount=design.weight * design.tokens).groupby("domain").amount.median()
    return amounts / amounts.sum()


def _design(role: str, seen: Observations) -> pd.DataFrame:
    runs, domains = np.repeat(seen.runs, len(seen.domains)), np.tile(seen.domains, len(seen.runs))
    frame = pd.DataFrame({"run": runs, "domain": domains, "weight": seen.weights.ravel()})
    return frame.assign(role=role, model="", tokens=_tokens(seen, seen.domains), seed=0)


def _losses(seen: Observations) -> pd.DataFrame:
    runs, targets = np.repeat(seen.runs, len(seen.targets)), np.tile(seen.targets, len(seen.runs))
    unknown: dict[str, Any] = {
        "bits_per_byte": np.nan,
        "scored_tokens": None,
        "unigram_loss": np.nan,
    }  # no unigram model to be beaten by
    frame = pd.DataFrame({"run": runs, "target": targets, "loss": seen.losses.ravel()})
    return frame.assign(step=1, tokens=_tokens(seen, seen.targets), status="ok", **unknown)


def _tokens(seen: Observations, names: Sequence[str]) -> NDArray[np.int64]:
    """Each run's total, once a name."""
    return np.repeat(np.round(seen.tokens).astype(np.int64), len(names))
