"""Every mixer that the tables allow, judged by the same held-out runs."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixwright import mixers
from mixwright.errors import MixwrightError, counted, nearest
from mixwright.learners import LOSS
from mixwright.mixers.base import doubtful
from mixwright.observations import Observations
from mixwright.trust.intervals import fisher_interval
from mixwright.trust.shown import in_units
from mixwright.trust.validation import scores, validate

if TYPE_CHECKING:
    from rich.table import Table

Settings = Mapping[str, Mapping[str, Any]]

COLUMNS = ("mixer", "Spearman", "Kendall", "pairs", "regret@1", "error", "worst target")
WORDS = ("mixer", "worst target")
# unit of a mean over targets whose units differ
SEVERAL = "several"

log = logging.getLogger(__name__)


def tournament(
    observations: Observations,
    names: Sequence[str] = (),
    settings: Settings | None = None,
    folds: int = 8,
    seed: int = 0,
) -> pd.DataFrame:
    """Scores mixers on held-out runs, target by target, and returns a tables.TOURNAMENT frame.

    A mixer that cannot be fitted on the tables is left out, with a line in the log.

    Args:
        names: mixers to compare; none: all that predict losses.
        settings: mixer -> its settings.
        folds: parts that the runs are held out in, one after the other.

    Raises:
        MixwrightError: an option is wrong, or no mixer can be compared.
    """
    if folds < 2:
        raise MixwrightError(f"--folds {folds}: at least 2 are needed to hold runs out; give 8")
    settings = settings or {}
    _check_settings(settings, names or list(mixers.MIXERS))
    for remark in doubtful(observations.of_role("swarm")):
        log.info(remark)
    frames: list[pd.DataFrame] = []
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(names) or _all_that_predict():
        try:
            frame = _scored(
                name,
                settings.get(name, {}),
                observations,
                folds,
                seed,
            )
        except MixwrightError as error:
            left_out[name] = str(error)
            log.info("%s is left out: %s", name, error)
        else:
            frames.append(frame)
            log.info("%s: rank correlation %.3f", name, frame.spearman.mean())
    if not frames:
        raise MixwrightError(_nobody(left_out))
    best = max(frame.spearman.mean() for frame in frames)
    rank = fisher_interval(best, len(observations.of_role("swarm").runs))
    if rank.low <= 0:
        log.info("no mixer ranks held-out runs better than chance: train more runs or longer ones")
    return pd.concat(frames, ignore_index=True)


def standings(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns one row a mixer, the best ranker first.

    Columns are the means over the targets, `worst`, the target that the mixer ranks worst, and
    `least`, its rank correlation there. `unit` is that of `regret` and `rmse`; where targets have
    different ones these two are NaN, for their mean would say nothing.
    """
    measures = ["spearman", "kendall", "regret", "pairwise", "rmse"]
    by_mixer = frame.groupby("mixer")
    means = by_mixer[measures].mean()
    units = set(frame.unit)
    means["unit"] = SEVERAL
    if len(units) == 1:
        means["unit"] = units.pop()
    else:
        means[["regret", "rmse"]] = np.nan
    worst = frame.loc[by_mixer.spearman.idxmin()].set_index("mixer")
    means = means.assign(worst=worst.target, least=worst.spearman)
    return means.sort_values("spearman", ascending=False).reset_index()


def as_table(frame: pd.DataFrame, runs: int) -> "Table":
    """Lays the standings out for the terminal; `runs` were held out."""
    from rich.table import Table

    targets = counted(frame.target.nunique(), "target")
    rows = standings(frame).to_dict("records")
    unit = rows[0]["unit"]
    title = f"{runs} held-out runs, means of {targets}; error: of the level, rmse"
    if unit == SEVERAL:
        title += "; targets have different units, so regret and error have no mean"
    elif unit not in ("", LOSS.unit):
        title += f"; regret and error: {unit}"
    table = Table(
        title=title,
        title_justify="left",
        box=None,
        pad_edge=False,
        collapse_padding=True,
    )
    for column in COLUMNS:
        table.add_column(
            column,
            justify="left" if column in WORDS else "right",
            no_wrap=column != "worst target",
        )
    for row in rows:
        table.add_row(
            row["mixer"],
            f"{row['spearman']:.4f}",
            f"{row['kendall']:.4f}",
            f"{100 * row['pairwise']:.1f}%",
            _number(row["regret"]),
            _number(row["rmse"]),
            f"{row['least']:.3f} {row['worst']}",
        )
    return table


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4f}"


def _check_settings(settings: Settings, names: Sequence[str]) -> None:
    for name, values in settings.items():
        if name not in names:
            raise MixwrightError(f"--settings: {name} is not compared; {nearest(name, names)}")
        if not isinstance(values, Mapping):
            example = f'{{"{name}": {{"setting": value}}}}'
            raise MixwrightError(f"--settings: {name} is {values!r}; write '{example}'")


def _all_that_predict() -> list[str]:
    return [name for name, entry in mixers.MIXERS.items() if entry.predicts]


def _scored(
    name: str,
    settings: Mapping[str, Any],
    observations: Observations,
    folds: int,
    seed: int,
) -> pd.DataFrame:
    obstacle = _obstacle(name, observations)
    if obstacle:
        raise MixwrightError(obstacle)
    frame = validate(
        name,
        dict(settings),
        observations,
        folds,
        seed,
    )
    units = {target: observations.metric(target).unit for target in observations.targets}
    result = scores(_least_is_best(frame, observations))
    return result.assign(unit=result.target.map(units))


def _least_is_best(frame: pd.DataFrame, observations: Observations) -> pd.DataFrame:
    """A VALIDATION frame in the targets' units; numbers of which more is better are negated."""
    columns = ["actual", "predicted"]
    shown = in_units(frame, columns, observations.metrics)
    higher = {target: observations.metric(target).higher for target in observations.targets}
    sign = shown.target.map(higher).map({True: -1.0, False: 1.0})
    return shown.assign(actual=shown.actual * sign, predicted=shown.predicted * sign)


def _obstacle(name: str, observations: Observations) -> str:
    """What the mixer needs and the tables do not hold, in words; empty where all is there."""
    entry = mixers.entry(name)
    if not entry.predicts:
        return f"{name} predicts no losses"
    lacking = mixers.missing_runs(name, observations.roles)
    if lacking:
        return lacking
    if entry.needs_loglikelihoods and not observations.likelihoods:
        return "it reads log-likelihoods; give --loglikelihoods"
    return ""


def _nobody(left_out: Mapping[str, str]) -> str:
    """That no mixer can be compared, and why the first one cannot."""
    name, reason = next(iter(left_out.items()))
    message = f"no mixer can be compared: {name}: {reason}"
    others = len(left_out) - 1
    if others:
        message += f" (so {counted(others, 'other mixer')} too, for reasons above)"
    return message
