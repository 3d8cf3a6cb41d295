"""Every mixer that the tables allow, judged by the same held-out runs."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixwright import mixers
from mixwright.errors import MixwrightError, counted, nearest
from mixwright.observations import Observations
from mixwright.trust.validation import scores, validate

if TYPE_CHECKING:
    from rich.table import Table

log = logging.getLogger(__name__)


def tournament(
    seen: Observations,
    names: Sequence[str] = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    folds: int = 8,
    seed: int = 0,
) -> pd.DataFrame:
    """A tables.TOURNAMENT frame: `folds`-fold held-out scores of these mixers (none named: all that predict), target by target.

    A mixer that cannot be fitted on the tables is left out, and said.
    """
    if folds < 2:
        raise MixwrightError(f"--folds {folds}: at least 2 are needed to hold runs out; give 8")
    for name, setting in (settings or {}).items():
        if name not in (names or mixers.MIXERS):
            raise MixwrightError(
                f"--settings: {name} is not compared; {nearest(name, names or mixers.MIXERS)}"
            )
        if not isinstance(setting, Mapping):
            raise MixwrightError(
                f'--settings: {name} is {setting!r}; write \'{{"{name}": {{"setting": value}}}}\''
            )
    frames, left_out = [], {}
    for name in dict.fromkeys(names) or [
        name for name, entry in mixers.MIXERS.items() if entry.predicts
    ]:
        lacking = _lacking(name, seen)
        try:
            if lacking:
                raise MixwrightError(lacking)
            frames.append(
                scores(validate(name, dict((settings or {}).get(name, {})), seen, folds, seed))
            )
        except MixwrightError as error:
            left_out[name] = str(error)
            log.info("%s is left out: %s", name, error)
        else:
            log.info("%s: rank correlation %.3f", name, frames[-1].spearman.mean())
    if not frames:
        name, reason = next(iter(left_out.items()))
        others = (
            f" (so {counted(len(left_out) - 1, 'other mixer')} too, for reasons above)"
            if len(left_out) > 1
            else ""
        )
        raise MixwrightError(f"no mixer can be compared: {name}: {reason}{others}")
    return pd.concat(frames, ignore_index=True)


def standings(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a mixer, the best ranker first: means over the targets, and the target it ranks worst."""
    means = frame.groupby("mixer")[["spearman", "kendall", "regret", "pairwise", "rmse"]].mean()
    worst = frame.loc[frame.groupby("mixer").spearman.idxmin()].set_index("mixer")
    return (
        means.assign(worst=worst.target, least=worst.spearman)
        .sort_values("spearman", ascending=False)
        .reset_index()
    )


def as_table(frame: pd.DataFrame, runs: int) -> "Table":
    """The standings for the terminal."""
    from rich.table import Table

    title = f"{runs} held-out runs, means of {counted(frame.target.nunique(), 'target')}; error: of the level, rmse"
    table = Table(
        title=title, title_justify="left", box=None, pad_edge=False, collapse_padding=True
    )
    for column in ("mixer", "Spearman", "Kendall", "pairs", "regret@1", "error", "worst target"):
        table.add_column(
            column,
            justify="left" if column in ("mixer", "worst target") else "right",
            no_wrap=column != "worst target",
        )
    for row in standings(frame).to_dict("records"):
        numbers = (
            f"{row['spearman']:.4f}",
            f"{row['kendall']:.4f}",
            f"{100 * row['pairwise']:.1f}%",
        )
        table.add_row(
            row["mixer"],
            *numbers,
            f"{row['regret']:.4f}",
            f"{row['rmse']:.4f}",
            f"{row['least']:.3f} {row['worst']}",
        )
    return table


def _lacking(name: str, seen: Observations) -> str:
    """What the mixer needs and the tables do not hold, in words."""
    kind = mixers.entry(name)
    if not kind.predicts:
        return f"{name} predicts no losses"
    if lacking := mixers.missing_runs(name, seen.roles):
        return lacking
    return (
        "it reads log-likelihoods; give --loglikelihoods"
        if kind.needs_loglikelihoods and not seen.likelihoods
        else ""
    )
