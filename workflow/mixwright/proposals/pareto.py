"""What one target costs another: mixtures of which none is better on both of two objectives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from rich.table import Table

from mixwright.errors import MixwrightError, nearest
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import Mixer

END = 1e-5  # weight of the other objective at the ends: among mixtures as good on one, the best on the other
SAME = 1e-4  # of the front's extent: points nearer than this are one


@dataclass(frozen=True)
class Objective:
    """A target, or the plain mean of several."""

    name: str
    targets: tuple[str, ...]

    @classmethod
    def read(cls, text: str, known: Sequence[str]) -> "Objective":
        """`NAME=A+B`, `A+B` or a target."""
        name, _, content = (
            text.partition("=") if text not in known and "=" in text else (text, "", text)
        )
        targets = (content,) if content in known else tuple(content.split("+"))
        for target in targets:
            if target not in known:
                raise MixwrightError(
                    f"--between {text}: {target} is no target; {nearest(target, known)}"
                )
        if not name or len(set(targets)) < len(targets):
            raise MixwrightError(f"--between {text}: write NAME=A+B, every target once")
        return cls(name, targets)

    def importance(self, weight: float) -> dict[str, float]:
        return dict.fromkeys(self.targets, weight / len(self.targets))

    def value(self, predicted: Mapping[str, float]) -> float:
        return float(np.mean([predicted[target] for target in self.targets]))


@dataclass(frozen=True)
class Point:
    """A mixture of the front: `share` of the importance is the first objective's, `gap` is of that weighted sum."""

    share: float
    values: tuple[float, float]
    proposal: Proposal


def pareto(
    mixer: Mixer, goal: Goal, between: tuple[Objective, Objective], points: int
) -> list[Point]:
    """At most `points` mixtures from the best for the first objective to the best for the second, dominated ones removed.

    Always the weighted sum at right angles to the widest pair of neighbours is minimised next (Cohon 1979's non-inferior set estimation):
    with convex losses that reaches the whole front; a mixer that searches yields its supported points.
    """
    if set(between[0].targets) == set(between[1].targets):
        raise MixwrightError(
            "--between: both objectives are the same targets; name two that differ"
        )
    if between[0].name == between[1].name:
        raise MixwrightError(
            f"--between: both objectives are called {between[0].name}; give each a name of its own"
        )
    if points < 2:
        raise MixwrightError(f"--points {points}: a front has two ends; ask for 2 or more")
    found = [_at(mixer, goal, between, share) for share in (1 - END, END)]
    extent = np.maximum(np.abs(np.subtract(found[0].values, found[1].values)), 1e-12)

    def width(first: Point, second: Point) -> float:
        return float(np.hypot(*(np.subtract(first.values, second.values) / extent)))

    done: set[float] = set()  # shares of points with nothing between them and the next
    while len(found) < points:
        widths = [0.0 if a.share in done else width(a, b) for a, b in pairwise(found)]
        first, second = found[k := int(np.argmax(widths))], found[k + 1]
        if widths[k] <= SAME:
            break
        rise, fall = second.values[0] - first.values[0], first.values[1] - second.values[1]
        new = _at(mixer, goal, between, fall / (rise + fall)) if min(rise, fall) > 0 else first
        if (
            min(width(first, new), width(new, second)) <= SAME
            or not first.share > new.share > second.share
        ):
            done.add(first.share)
        else:
            found.insert(k + 1, new)
    return undominated(found)


def undominated(points: Sequence[Point]) -> list[Point]:
    """The points that no other is at least as good as on both objectives, the best for the first objective first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: point.values):
        if not kept or point.values[1] < kept[-1].values[1]:
            kept.append(point)
    return kept


def as_frame(
    points: Sequence[Point], between: tuple[Objective, Objective], goal: Goal
) -> pd.DataFrame:
    """A row a point: the objectives' predicted losses (nats/token), the first one's share, the weights of the domains, the gap."""
    rows = [
        [*point.values, point.share, *point.proposal.weights.tolist(), point.proposal.gap]
        for point in points
    ]
    losses = [f"loss_{objective.name}" for objective in between]
    return pd.DataFrame(
        rows,
        columns=[
            *losses,
            f"share_{between[0].name}",
            *(f"weight_{name}" for name in goal.names),
            "gap",
        ],
    )


def as_table(points: Sequence[Point], between: tuple[Objective, Objective], goal: Goal) -> Table:
    """The front for the terminal: losses and the largest weights."""
    table = Table(*(f"loss {objective.name}" for objective in between), "gap", "mixture")
    for point in points:
        largest = np.argsort(-point.proposal.weights, kind="stable")[:4].tolist()
        mixture = ", ".join(f"{goal.names[i]} {point.proposal.weights[i]:.1%}" for i in largest)
        gap = "" if point.proposal.gap is None else f"{point.proposal.gap:.0e}"
        table.add_row(*(f"{value:.4f}" for value in point.values), gap, mixture)
    return table


def _at(mixer: Mixer, goal: Goal, between: tuple[Objective, Objective], share: float) -> Point:
    importance: dict[str, float] = {}
    for objective, weight in zip(between, (share, 1 - share), strict=True):
        for target, part in objective.importance(weight).items():
            importance[target] = importance.get(target, 0.0) + part
    proposal = mixer.propose(replace(goal, targets=importance))
    return Point(
        share,
        (between[0].value(proposal.predicted), between[1].value(proposal.predicted)),
        proposal,
    )
