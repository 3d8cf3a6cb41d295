"""How soon each mixture reaches the value that natural has at its end, on the study's goal.

Copies of the finals on the way are scored, and the finals themselves are the last points. Between
two points the value is taken to be linear in the log of the training tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from mixwright.errors import shortened
from mixwright.learners import LOSS, TEXT, Learner, Metric
from mixwright.mixture import Array
from mixwright.report.comparison import Comparison, compare
from mixwright.trust.intervals import LEVEL, REFERENCE

# What a mixture does about natural's final value.
REACHED = "reached"
AT_ONCE = "at once"  # at its first copy or before
NEVER = "never"  # not within its training
SAME = "same mixture"
NO_COPIES = "no copies"
ORDER = (REACHED, AT_ONCE, SAME, NEVER, NO_COPIES)
# Mixtures that a sentence names.
NAMED = 6


@dataclass(frozen=True)
class Speed:
    """When one mixture reaches natural's final value, by the mean of its seeds.

    The ends of `times` are those of all tokens at which the 95% interval of its difference from
    natural's final value holds zero: Student's t over seeds, their error pooled over the mixtures.
    An end is NaN where one seed tells no error, 0 where the value may never be reached, and
    infinite where it may be before the first copy.
    """

    mixer: str
    status: str
    tokens: float = nan  # at which it does; of AT_ONCE the first copy's
    times: float = nan  # natural's tokens divided by these
    low: float = nan
    high: float = nan
    seeds: int = 0

    @property
    def words(self) -> str:
        """How many times as fast, in words: `× 1.8 [1.5, 2.2]`."""
        if self.status == SAME:
            return "same mixture"
        if self.status == NO_COPIES:
            return "no copies"
        size = "not reached"
        if self.status != NEVER:
            size = f"× {self.times:.2f}{' or more' * (self.status == AT_ONCE)}"
        return f"{size} {self.interval}".rstrip()

    @property
    def interval(self) -> str:
        """The interval in brackets; empty where one seed tells none."""
        if np.isnan(self.low) or np.isnan(self.high):
            return ""
        if self.high == 0:
            # it is not reached, whatever the seeds
            return ""
        low = f"{self.low:.2f}" if self.low else "under 1"
        high = f"{self.high:.2f}]" if isfinite(self.high) else "∞)"
        return f"[{low}, {high}"


def goal_on_the_way(
    snapshot_scores: pd.DataFrame,
    scores: pd.DataFrame,
    finals: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner = TEXT,
) -> tuple[pd.DataFrame, Metric]:
    """Returns the goal's value of every copy and final, and what its numbers are.

    Columns: `mixer`, `seed`, `tokens` of training, `value`. A seed without all copies has its last
    point alone, so that a line is of the same seeds from end to end.

    Args:
        snapshot_scores: a SNAPSHOT_SCORES table.
        scores: a SCORES table, of the finals.
        finals: a FINALS table, whose tokens the last points stand at.
        targets: target -> weight in the goal.
        learner: says the metric.
    """
    ends = compare(scores, targets, learner)
    ended = finals.groupby(["mixer", "seed"]).tokens.max()
    pieces = [_listed(ends.values).join(ended, on=["mixer", "seed"])]
    whole = _whole(snapshot_scores, targets)
    for tokens, rows in whole.groupby("tokens"):
        values = compare(rows, targets, learner).values
        pieces.append(_listed(values).assign(tokens=tokens))
    points = pd.concat(pieces, ignore_index=True)
    order = ["mixer", "seed", "tokens"]
    return points[[*order, "value"]].sort_values(order, ignore_index=True), ends.metric


def speeds(points: pd.DataFrame, metric: Metric = LOSS) -> list[Speed]:
    """Returns when each mixture but natural reaches natural's final value, the fastest first.

    Those that never do follow, and those without copies; mixtures with equal speed go by name.

    Args:
        points: what `goal_on_the_way` returns.
        metric: of the values.
    """
    final = _finals(points)
    if REFERENCE not in final.index:
        return []
    listed = []
    for mixer in sorted(set(final.index) - {REFERENCE}):
        listed.append(_speed(mixer, points, final, metric))

    def place(speed: Speed) -> tuple[float, int]:
        return -round(float(np.nan_to_num(speed.times)), 9), ORDER.index(speed.status)

    return sorted(listed, key=place)


def crossing(tokens: Array, gaps: Array) -> float | None:
    """Returns the tokens at which a gap first is no more than zero; None: it never is.

    Between two points it is linear in the log of the tokens. A gap that is so at the first point
    has that point's tokens.

    Args:
        tokens: (points,) rising.
        gaps: (points,) by how much a value is worse than what is to be reached.
    """
    reached = np.flatnonzero(gaps <= 0)
    if not len(reached):
        return None
    after = int(reached[0])
    if after == 0:
        return float(tokens[0])
    above, below = gaps[after - 1], gaps[after]
    logs = np.log(tokens[after - 1 : after + 1])
    share = above / (above - below)
    return float(np.exp(logs[0] + share * (logs[1] - logs[0])))


def sentence(listed: Sequence[Speed], metric: Metric) -> str:
    """Returns how soon the mixtures reach natural's final value; empty where no copy tells."""
    quick = [speed for speed in listed if speed.status in (REACHED, AT_ONCE)]
    never = [speed.mixer for speed in listed if speed.status == NEVER]
    lacking = [speed.mixer for speed in listed if speed.status == NO_COPIES]
    answered = [speed for speed in listed if speed.status in (REACHED, AT_ONCE, NEVER)]
    if not answered:
        return ""
    goal = f"{REFERENCE}'s final {metric.title}"
    parts = []
    for number, speed in enumerate(quick[:NAMED]):
        parts.append(_part(speed, f" reaches {goal}" if number == 0 else ""))
    if len(quick) > NAMED:
        parts.append(f"{len(quick) - NAMED} others more slowly")
    text = f"On the mean of the targets {', '.join(parts)}."
    if not quick:
        text = f"No mixture reaches {goal} on the mean of the targets within its training."
    elif never:
        text += f" Not within their training: {shortened(never, NAMED)}."
    if lacking:
        text += f" Without copies on the way: {shortened(lacking, NAMED)}."
    if all(np.isnan(speed.low) for speed in answered):
        text += " One seed tells no interval."
    return text


def _part(speed: Speed, verb: str) -> str:
    share = 100 / speed.times
    most = "at most " if speed.status == AT_ONCE else ""
    tail = f"{speed.times:.2f} times as fast {speed.interval}".rstrip()
    return f"{speed.mixer}{verb} with {most}{share:.0f} % of the tokens ({tail})"


def _speed(mixer: str, points: pd.DataFrame, final: pd.DataFrame, metric: Metric) -> Speed:
    """The speed of one mixture; `final` is (mixers, seeds)."""
    natural = _line(points, REFERENCE)
    paired = final.columns[final.loc[REFERENCE].notna()]
    line = _line(points, mixer)
    line = line[line.index.isin(paired)]
    if line.equals(natural):
        return Speed(mixer, SAME, seeds=len(line))
    if line.shape[1] < 2 or line.empty:
        return Speed(mixer, NO_COPIES)
    level = final.loc[REFERENCE, line.index]
    sign = -1.0 if metric.higher else 1.0
    tokens = line.columns.to_numpy(np.float64)
    gaps = sign * line.sub(level, axis=0).mean().to_numpy()
    halves = np.array([_half(mixer, line[place], final, metric) for place in line.columns])
    end = float(tokens[-1])
    reached = crossing(tokens, gaps)
    low = _times(end, tokens, gaps + halves)
    high = _times(end, tokens, gaps - halves)
    if reached is None:
        return Speed(mixer, NEVER, low=low, high=high, seeds=len(line))
    status = AT_ONCE if gaps[0] <= 0 else REACHED
    return Speed(mixer, status, reached, end / reached, low, high, len(line))


def _half(mixer: str, at: pd.Series, final: pd.DataFrame, metric: Metric) -> float:
    """Half the interval of a mixture's difference from natural's final value, at one point.

    The other mixtures stand with their final values: the error is pooled over all of them.
    """
    values = final[at.index].copy()
    values.loc[mixer] = at
    variance, freedom = Comparison(values, {}, metric=metric).scatter()
    if not freedom:
        return nan
    return float(stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(2 * variance / len(at)))


def _times(end: float, tokens: Array, gaps: Array) -> float:
    """An end of an interval of speeds: of a gap that is shifted by half the interval."""
    if np.isnan(gaps).any():
        return nan
    reached = crossing(tokens, gaps)
    if reached is None:
        return 0.0
    return np.inf if gaps[0] <= 0 else end / reached


def _line(points: pd.DataFrame, mixer: str) -> pd.DataFrame:
    """The (seeds, tokens) values of a mixture, of the seeds that have them all."""
    rows = points[points.mixer == mixer]
    return rows.pivot(index="seed", columns="tokens", values="value").dropna()


def _finals(points: pd.DataFrame) -> pd.DataFrame:
    """The (mixers, seeds) values of the finals: the last points."""
    last = points.sort_values("tokens").drop_duplicates(["mixer", "seed"], keep="last")
    return last.pivot(index="mixer", columns="seed", values="value")


def _listed(values: pd.DataFrame) -> pd.DataFrame:
    """A (mixers, seeds) frame as rows of `mixer`, `seed` and `value`, without those that lack."""
    rows = values.rename_axis(index="mixer", columns="seed").stack().rename("value")
    return rows.dropna().reset_index()


def _whole(snapshot_scores: pd.DataFrame, targets: Mapping[str, float]) -> pd.DataFrame:
    """The rows of those seeds of a mixture that have every copy, scored on every target."""
    rows = snapshot_scores[snapshot_scores.task.isin(list(targets))]
    copies = rows.tokens.nunique() * len(targets)
    wanted = rows[["mixer", "seed", "tokens", "task"]].drop_duplicates()
    counts = wanted.groupby(["mixer", "seed"]).size()
    complete = counts.index[counts == copies]
    keys = pd.MultiIndex.from_frame(rows[["mixer", "seed"]])
    return rows[keys.isin(complete)]
