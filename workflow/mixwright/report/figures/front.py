"""What one target costs another: the best mixtures between the targets that conflict most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.learners import MIXED, Metric
from mixwright.mixture import Array
from mixwright.proposals.pareto import TargetMean, pareto
from mixwright.report.best_surface import RUNS_MEAN, best_surface, goal_of, natural_name
from mixwright.report.figures.looks import NATURAL, mixer_marks
from mixwright.report.figures.style import INK, LETTERS, SOFT, bare, labelled, panels, titled
from mixwright.trust.intervals import REFERENCE
from mixwright.trust.surface.surface import Surface

# Points of a front, and pairs of single targets that are shown.
POINTS = 9
PAIRS = 2
UNIFORM = "uniform"
# Mixtures that the runs themselves are, and those on the way between two objectives.
FRONT, MIXTURE = "front", "mixture"
ENDS = ("", "_low", "_high")
# Between the names of equal mixtures, and digits in which they are equal.
SAME, ROUNDED = " = ", 6
# Of the width of the front: mixtures farther off are named, and do not widen the axes.
NEAR = 0.25
# Inches that an axis has for the name of its objective.
WIDTH = 2.6


@dataclass(frozen=True)
class Pair:
    """Two objectives, and why they are shown."""

    first: TargetMean
    second: TargetMean
    why: str


def table(
    surfaces: Sequence[Mapping[str, Any]],
    mixtures: Sequence[Mapping[str, Any]],
    targets: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Returns a row a pair of objectives and mixture: what the law predicts of both.

    `kind` is `front`, the best mixtures between the two, or `mixture`: natural, uniform and the
    proposals. Columns: `x` and `y` with their 95% intervals where each is one target, `x_unit` and
    the like, `why` the pair is shown, `law`, and a column `weight_DOMAIN` for each share of 1.
    """
    surface = best_surface(surfaces, targets)
    goal = goal_of(surface)
    known = _mixtures(surface, mixtures)
    parts = []
    for number, pair in enumerate(_pairs(surface, goal, targets or goal.targets)):
        front = pareto(surface.mixer, goal, (pair.first, pair.second), POINTS)
        points = {str(k): point.proposal.weights for k, point in enumerate(front)}
        rows = [_rows(surface, pair, FRONT, points), _rows(surface, pair, MIXTURE, known)]
        parts.append(pd.concat(rows).assign(pair=number))
    if not parts:
        return pd.DataFrame({"pair": [0], "kind": [""], "law": [surface.law]})
    return pd.concat(parts).assign(law=surface.law)


def figure(table: pd.DataFrame) -> Figure:
    """Draws a panel a pair: the front as a line, with natural, uniform and the proposals."""
    numbers = list(dict.fromkeys(table.pair))
    drawing, axes = panels(len(numbers), 3, 3.4, 3.1)
    question = "What does one target cost another?"
    if not table.kind.any():
        words = "one target: there is nothing to trade"
        axes[0].text(0.5, 0.5, words, transform=axes[0].transAxes, ha="center", color=SOFT)
        bare(axes[0])
        axes[0].set(xticks=[], yticks=[])
        titled(drawing, question, "This surface predicts one target alone.")
        return drawing
    table = _shared(table)
    names = list(dict.fromkeys(table[table.kind == MIXTURE].name))
    ways = _ways(names)
    for panel, number in zip(axes, numbers, strict=True):
        _panel(panel, table[table.pair == number], ways)
    labelled(drawing, axes[0])
    law = table.law.iloc[0]
    reading = f"Predicted by {law}. Line: best mixtures between the two, inside the bounds."
    if table.x_low.notna().any():
        reading += " Bars: 95% intervals."
    titled(drawing, question, reading)
    return drawing


def _pairs(surface: Surface, goal: Goal, weights: Mapping[str, float]) -> list[Pair]:
    """The pairs that conflict most, and the two groups around the first of them.

    Two targets conflict by what each loses at the other's best mixture: the geometric mean of the
    two losses, on the scale that mixers minimise.
    """
    of_goal = sorted(name for name, weight in weights.items() if weight > 0)
    names = [name for name in surface.targets if name in of_goal or len(of_goal) == 1]
    if len(names) < 2:
        return []
    costs = _costs(surface, goal, names)
    conflicts = []
    for k, first in enumerate(names):
        for m in range(k + 1, len(names)):
            if len(of_goal) == 1 and of_goal[0] not in (first, names[m]):
                continue
            both = float(np.sqrt(max(costs[k, m], 0.0) * max(costs[m, k], 0.0)))
            conflicts.append((-both, first, names[m]))
    conflicts.sort()
    pairs = []
    for number, (_, first, second) in enumerate(conflicts[:PAIRS]):
        why = "conflict most" if number == 0 else "conflict next"
        pairs.append(Pair(_alone(first), _alone(second), why))
    groups = _groups(surface, names, of_goal, costs, conflicts[0][1:])
    return pairs + groups


def _groups(
    surface: Surface,
    names: Sequence[str],
    of_goal: Sequence[str],
    costs: Array,
    ends: tuple[str, str],
) -> list[Pair]:
    """All targets as two groups; none where there are few, or their units differ.

    A target stands with that one of the two ends whose best mixture costs it less. A goal of one
    target stands alone.
    """
    if len(names) < 4:
        return []
    sides: tuple[list[str], list[str]] = ([], [])
    places = [names.index(end) for end in ends]
    for k, name in enumerate(names):
        nearer = int(costs[k, places[1]] < costs[k, places[0]])
        if len(of_goal) == 1:
            nearer = int(name != of_goal[0])
        sides[nearer].append(name)
    if not all(sides):
        return []
    first, second = (TargetMean(_group_name(side), tuple(side)) for side in sides)
    try:
        metrics = [mean.metric(surface.source.metrics) for mean in (first, second)]
    except MixwrightError:
        return []
    if MIXED in metrics:
        return []
    return [Pair(first, second, "all targets")]


def _group_name(members: Sequence[str]) -> str:
    if len(members) == 1:
        return members[0]
    if len(members) == 2:
        return " and ".join(members)
    return f"{members[0]} and {len(members) - 1} more"


def _alone(target: str) -> TargetMean:
    return TargetMean(target, (target,))


def _costs(surface: Surface, goal: Goal, names: Sequence[str]) -> Array:
    """(targets, targets) what target k loses at the best mixture of target m; 0 where k is m."""
    columns = [surface.targets.index(name) for name in names]
    best = []
    for name in names:
        alone = replace(goal, targets={name: 1.0}, importance={})
        best.append(surface.mixer.propose(alone).weights)
    predicted = surface.formula.predict(surface.inputs(np.stack(best)))[:, columns]
    return np.asarray((predicted - predicted.diagonal()).T)


def _mixtures(surface: Surface, records: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """Name -> (domains,) weights: natural, uniform, then the proposals for the one goal."""
    count = len(surface.domains)
    start = natural_name(surface)
    known = {start: np.asarray(surface.wish.natural), UNIFORM: np.full(count, 1 / count)}
    for record in sorted(records, key=lambda record: record["mixer"]):
        if record["mixer"] in (*known, REFERENCE) or record.get("goal"):
            continue
        weights = [record["weights"].get(domain, 0.0) for domain in surface.domains]
        known[record["mixer"]] = np.array(weights)
    return known


def _rows(surface: Surface, pair: Pair, kind: str, mixtures: Mapping[str, Array]) -> pd.DataFrame:
    """A row a mixture."""
    weights = np.stack(list(mixtures.values()))
    rows = pd.DataFrame({"kind": kind, "name": list(mixtures), "why": pair.why})
    for axis, mean in (("x", pair.first), ("y", pair.second)):
        metric = mean.metric(surface.source.metrics)
        for end, values in zip(ENDS, _shown(surface, mean, weights), strict=True):
            rows[f"{axis}{end}"] = values
        rows[f"{axis}_of"] = mean.name
        rows[f"{axis}_unit"] = _unit(metric)
        rows[f"{axis}_higher"] = metric.higher
    for i, domain in enumerate(surface.domains):
        rows[f"weight_{domain}"] = weights[:, i]
    return rows


def _shown(surface: Surface, mean: TargetMean, weights: Array) -> tuple[Array, Array, Array]:
    """(mixtures,) predictions of an objective, and their intervals where it is one target."""
    if len(mean.targets) == 1:
        column = surface.targets.index(mean.targets[0])
        value, low, high = surface.intervals(weights)
        return value[:, column], low[:, column], high[:, column]
    predicted = surface.formula.predict(surface.inputs(weights))
    values = []
    for row in predicted:
        named = dict(zip(surface.targets, row.tolist(), strict=True))
        values.append(mean.shown(named, surface.source.metrics))
    unknown = np.full(len(weights), np.nan)
    return np.array(values), unknown, unknown


def _unit(metric: Metric) -> str:
    """What a number is: its title, and its unit where that says more."""
    if metric.unit in ("", metric.title):
        return metric.title
    return f"{metric.title}, {metric.unit}"


def _ways(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Name -> colour and mark; natural and uniform are no mixer's."""
    first = {name: name.split(SAME)[0] for name in names}
    ways = mixer_marks(list(first.values())) | {RUNS_MEAN: NATURAL}
    return {name: ways[first[name]] for name in names}


def _shared(table: pd.DataFrame) -> pd.DataFrame:
    """The table, where equal mixtures are one row that has all their names."""
    weights = [column for column in table if str(column).startswith("weight_")]
    rounded = table[weights].round(ROUNDED)
    keys = [table.pair, table.kind, *(rounded[column] for column in weights)]
    joined = table.groupby(keys, sort=False).name.transform(SAME.join)
    renamed = table.assign(name=joined.where(table.kind == MIXTURE, table.name))
    return renamed.drop_duplicates(["pair", "kind", "name"])


def _near(rows: pd.DataFrame, axis: str) -> tuple[float, float]:
    """The ends of an axis: the front and the mixtures that lie as near as it is wide."""
    front = rows[rows.kind == FRONT][axis]
    low, high = float(front.min()), float(front.max())
    room = NEAR * (high - low) or 0.01
    points = rows[axis]
    near = points[(points >= low - room) & (points <= high + room)]
    margin = 0.06 * float(near.max() - near.min()) or 0.01
    return float(near.min()) - margin, float(near.max()) + margin


def _outside(axes: Axes, rows: pd.DataFrame) -> None:
    """Names the mixtures beyond the axes, with what is predicted of them."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    inside = rows.x.between(left, right) & rows.y.between(bottom, top)
    words = []
    for row in rows[~inside].drop_duplicates("name").itertuples():
        words.append(f"{row.name} ({row.x:.2f}, {row.y:.2f})")
    if words:
        axes.text(
            0.98,
            0.98,
            "beyond:\n" + "\n".join(words),
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=7.5,
            color=SOFT,
        )


def _panel(axes: Axes, rows: pd.DataFrame, ways: Mapping[str, tuple[str, str]]) -> None:
    front = rows[rows.kind == FRONT].sort_values(["x", "y"])
    axes.plot(
        front.x,
        front.y,
        "o-",
        color=INK,
        linewidth=1.4,
        markersize=3,
        label="front",
        zorder=2,
    )
    (left, right), (bottom, top) = _near(rows, "x"), _near(rows, "y")
    axes.set(xlim=(left, right), ylim=(bottom, top))
    for row in rows[rows.kind == MIXTURE].itertuples():
        colour, mark = ways[row.name]
        if left <= row.x <= right and bottom <= row.y <= top:
            _bars(axes, row, colour)
        axes.scatter(
            row.x,
            row.y,
            s=110 if mark == "*" else 42,
            marker=mark,
            color=colour,
            linewidths=0,
            label=row.name,
            zorder=4,
        )
    _outside(axes, rows)
    first = rows.iloc[0]
    for axis, name in ((axes.xaxis, first.x_of), (axes.yaxis, first.y_of)):
        size = min(9.5, 9.5 * LETTERS * WIDTH / len(name))
        axis.label.set_fontsize(size)
    axes.set_xlabel(_side(first.x_of, first.x_unit, first.x_higher))
    axes.set_ylabel(_side(first.y_of, first.y_unit, first.y_higher))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _bars(axes: Axes, row: Any, colour: str) -> None:
    """The intervals of one mixture, where it has any."""
    if not np.isfinite(row.x_low):
        return
    faint: dict[str, Any] = {"color": colour, "alpha": 0.45, "linewidth": 1.0, "zorder": 1}
    axes.plot([row.x_low, row.x_high], [row.y, row.y], **faint)
    axes.plot([row.x, row.x], [row.y_low, row.y_high], **faint)


def _side(name: str, unit: str, higher: bool) -> str:
    """An axis in words."""
    better = "more" if higher else "less"
    return f"{name}\n{unit} ({better} is better)"
