"""What one target costs another: mixtures of which none is better on both of two objectives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from rich.table import Table

from mixwright.errors import MixwrightError, nearest
from mixwright.goal import Goal, Proposal, Readout, check_one_unit
from mixwright.learners import LOSS, Metric
from mixwright.measured.headings import match_name
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array

# Weight of the other objective at the two ends: of mixtures that are as good on one objective, an
# end is the best on the other.
END = 1e-5
# Share of the front's extent: points that are nearer than this are one.
SAME = 1e-4
# Domains of a mixture that the terminal shows.
SHOWN = 4
NO_METRICS: Mapping[str, Metric] = MappingProxyType({})


@dataclass(frozen=True)
class TargetMean:
    """A target, or the plain mean of several."""

    name: str
    targets: tuple[str, ...]

    @classmethod
    def read(cls, text: str, known: Sequence[str]) -> "TargetMean":
        """Reads `NAME=A+B`, `A+B` or a target; `known` are the targets that there are.

        Raises:
            MixwrightError: a target is unknown or stands there twice.
        """
        name = content = text
        if text not in known and "=" in text:
            name, _, content = text.partition("=")
        targets = tuple(match_name(part, known) for part in content.split("+"))
        if content in known:
            targets = (content,)
        for target in targets:
            if target not in known:
                raise MixwrightError(
                    f"--between {text}: {target} is no target; {nearest(target, known)}"
                )
        if not name or len(set(targets)) < len(targets):
            raise MixwrightError(f"--between {text}: write NAME=A+B, every target once")
        return cls(name, targets)

    def importance(self, weight: float) -> dict[str, float]:
        """Returns target -> its part of the objective's `weight`."""
        return dict.fromkeys(self.targets, weight / len(self.targets))

    def value(self, predicted: Mapping[str, float]) -> float:
        """Returns the mean of what mixers minimise, from target -> prediction of it."""
        return float(np.mean([predicted[target] for target in self.targets]))

    def metric(self, metrics: Mapping[str, Metric]) -> Metric:
        """Returns what the objective is shown as: a target's own metric, or that of the mean.

        Raises:
            MixwrightError: its targets have different units.
        """
        if len(self.targets) == 1:
            return metrics.get(self.targets[0], LOSS)
        remedy = "name targets of one unit in each objective"
        check_one_unit(self.targets, metrics, f"--between {self.name}", remedy)
        return self._readout(metrics).metric

    def shown(self, predicted: Mapping[str, float], metrics: Mapping[str, Metric]) -> float:
        """Returns the objective in the unit of `metric`, from target -> what is minimised."""
        values = np.array([predicted[target] for target in self.targets])
        if len(self.targets) == 1:
            return float(self.metric(metrics).measured(values)[0])
        return float(self._readout(metrics).objective(values))

    def _readout(self, metrics: Mapping[str, Metric]) -> Readout:
        return Readout.of(self.importance(1.0), self.targets, metrics)


@dataclass(frozen=True)
class FrontPoint:
    """A mixture of the front."""

    # weight of the first objective in the sum that the mixture minimises
    share: float
    # of both objectives, as they are minimised
    values: tuple[float, float]
    # its gap is that of the weighted sum
    proposal: Proposal


def pareto(
    mixer: Mixer, goal: Goal, between: tuple[TargetMean, TargetMean], points: int
) -> list[FrontPoint]:
    """Returns at most `points` mixtures, from the best for one objective to the best for the other.

    The next mixture always minimises the weighted sum at right angles to the widest pair of
    neighbours (non-inferior set estimation, Cohon 1979). With convex losses that reaches the
    whole front; a mixer that searches yields the points of its convex hull. Dominated mixtures are
    left out.

    Raises:
        MixwrightError: the objectives are the same, or fewer than two points are asked for.
    """
    _check(between, points)
    front = [_at(mixer, goal, between, 1 - END), _at(mixer, goal, between, END)]
    differences = np.subtract(front[0].values, front[1].values)
    extent = np.maximum(np.abs(differences), 1e-12)
    # Shares of points that have nothing between them and the next point.
    finished: set[float] = set()
    while len(front) < points:
        k, width = _widest(front, finished, extent)
        if width <= SAME:
            break
        first, second = front[k], front[k + 1]
        new = _between(mixer, goal, between, first, second)
        if new is not None and _separates(new, first, second, extent):
            front.insert(k + 1, new)
        else:
            finished.add(first.share)
    return undominated(front)


def _check(between: tuple[TargetMean, TargetMean], points: int) -> None:
    first, second = between
    if set(first.targets) == set(second.targets):
        raise MixwrightError(
            "--between: both objectives are the same targets; name two that differ"
        )
    if first.name == second.name:
        raise MixwrightError(
            f"--between: both objectives are called {first.name}; give each its own name"
        )
    if points < 2:
        raise MixwrightError(f"--points {points}: a front has two ends; ask for 2 or more")


def _width(first: FrontPoint, second: FrontPoint, extent: Array) -> float:
    """Returns the distance of two points, in the front's `extent` (2,) of both objectives."""
    return float(np.hypot(*(np.subtract(first.values, second.values) / extent)))


def _separates(new: FrontPoint, first: FrontPoint, second: FrontPoint, extent: Array) -> bool:
    """Whether a point lies between two others, and is neither of them."""
    if not first.share > new.share > second.share:
        return False
    return min(_width(first, new, extent), _width(new, second, extent)) > SAME


def _widest(front: Sequence[FrontPoint], finished: set[float], extent: Array) -> tuple[int, float]:
    """Returns where the widest pair of neighbours begins, and how far apart the two are."""
    widths = []
    for k in range(len(front) - 1):
        width = 0.0
        if front[k].share not in finished:
            width = _width(front[k], front[k + 1], extent)
        widths.append(width)
    widest = int(np.argmax(widths))
    return widest, widths[widest]


def _between(
    mixer: Mixer,
    goal: Goal,
    between: tuple[TargetMean, TargetMean],
    first: FrontPoint,
    second: FrontPoint,
) -> FrontPoint | None:
    """Returns the mixture that minimises the sum at right angles to two points.

    There is none where one of the two is no worse on both objectives.
    """
    rise = second.values[0] - first.values[0]
    fall = first.values[1] - second.values[1]
    if min(rise, fall) <= 0:
        return None
    return _at(mixer, goal, between, fall / (rise + fall))


def undominated(points: Sequence[FrontPoint]) -> list[FrontPoint]:
    """Returns the points that no other is at least as good as on both objectives.

    The best for the first objective comes first.
    """
    remaining: list[FrontPoint] = []
    for point in sorted(points, key=lambda point: point.values):
        if not remaining or point.values[1] < remaining[-1].values[1]:
            remaining.append(point)
    return remaining


def as_frame(
    points: Sequence[FrontPoint],
    between: tuple[TargetMean, TargetMean],
    goal: Goal,
    metrics: Mapping[str, Metric] = NO_METRICS,
) -> pd.DataFrame:
    """Returns a row a point.

    Columns: what is predicted of both objectives, `loss_NAME`, or `accuracy_NAME` and the like; the
    first one's share, the weights of the domains, the gap.

    Args:
        metrics: target -> what its numbers are; losses in nats/token where nothing stands.
    """
    rows = []
    for point in points:
        weights = point.proposal.weights.tolist()
        values = [objective.shown(point.proposal.predicted, metrics) for objective in between]
        rows.append([*values, point.share, *weights, point.proposal.gap])
    columns = []
    for objective in between:
        metric = objective.metric(metrics)
        columns.append(f"{metric.name}_{objective.name}")
    columns.append(f"share_{between[0].name}")
    columns += [f"weight_{name}" for name in goal.names]
    columns.append("gap")
    return pd.DataFrame(rows, columns=columns)


def as_table(
    points: Sequence[FrontPoint],
    between: tuple[TargetMean, TargetMean],
    goal: Goal,
    metrics: Mapping[str, Metric] = NO_METRICS,
) -> Table:
    """Returns the front for the terminal: both objectives in their units, the largest weights."""
    first, second = between
    table = Table(_head(first, metrics), _head(second, metrics), "gap", "mixture")
    for point in points:
        weights = point.proposal.weights
        largest = np.argsort(-weights, kind="stable")[:SHOWN].tolist()
        parts = [f"{goal.names[i]} {weights[i]:.1%}" for i in largest]
        mixture = ", ".join(parts)
        gap = ""
        if point.proposal.gap is not None:
            gap = f"{point.proposal.gap:.0e}"
        predicted = point.proposal.predicted
        values = [f"{objective.shown(predicted, metrics):.4f}" for objective in between]
        table.add_row(*values, gap, mixture)
    return table


def _head(objective: TargetMean, metrics: Mapping[str, Metric]) -> str:
    """What a column of the terminal's table is called, with its unit where that is no usual one."""
    metric = objective.metric(metrics)
    words = f"{metric.title} {objective.name}"
    if metric.unit in ("", metric.title, LOSS.unit):
        return words
    return f"{words}, {metric.unit}"


def _at(
    mixer: Mixer, goal: Goal, between: tuple[TargetMean, TargetMean], share: float
) -> FrontPoint:
    """Returns the best mixture for `share` of the first objective and the rest of the second."""
    first, second = between
    importance = first.importance(share)
    for target, part in second.importance(1 - share).items():
        importance[target] = importance.get(target, 0.0) + part
    proposal = mixer.propose(replace(goal, targets=importance))
    values = (first.value(proposal.predicted), second.value(proposal.predicted))
    return FrontPoint(share, values, proposal)
