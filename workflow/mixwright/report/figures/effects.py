"""Which domain feeds which target: by the law, and by plain rank correlation of the runs.

Two figures: `figure` draws what the law says, `correlations_figure` what the runs do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.errors import MixwrightError
from mixwright.learners import LOSS
from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman
from mixwright.observations import last_losses
from mixwright.report.best_surface import best_surface, natural_name
from mixwright.report.figures.style import (
    INK,
    ON_CELL,
    ON_DARK_CELL,
    SOFT,
    bare,
    diverging,
    slanted,
    table_cell,
    titled_above,
)
from mixwright.tables import design_matrix
from mixwright.trust.intervals import fisher_interval
from mixwright.trust.shown import NO_METRICS, Metrics
from mixwright.trust.surface.surface import Surface

COLOURS = diverging()
# By how much a domain's weight grows, a share of 1: a percentage point.
STEP = 0.01
# More targets than this are cut to those of the goal.
MOST = 20
# Ends of a 95% interval, and the share of refits that must agree on a sign.
ENDS = (0.025, 0.975)
AGREE = 0.95
# Factors by which numbers are shown, so that they have few digits.
FACTORS = (1.0, 1e3, 1e6)


def table(
    surfaces: Sequence[Mapping[str, Any]], targets: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Returns a row a domain and target: what one percentage point more of the domain does.

    The others shrink in proportion, from the natural mixture on. Columns: `effect` on the target in
    `unit`, with its 95% interval `low` to `high` over the law's refits; `gain`, the effect counted
    so that more is better; `sure`, whether the refits agree on its sign; `in_goal`; `law`; `at`,
    what the natural mixture is called.
    """
    surface = best_surface(surfaces, targets)
    natural = np.asarray(surface.wish.natural)
    effects = _effects(surface, surface.formula, natural)
    refits = [_effects(surface, refit, natural) for refit in surface.refits]
    draws = np.stack(refits or [effects])
    low, high = np.quantile(draws, ENDS, axis=0)
    share = (np.sign(draws) == np.sign(effects)).mean(axis=0)
    weights = targets or surface.wish.weights
    rows = []
    for i, domain in enumerate(surface.domains):
        for k, target in enumerate(surface.targets):
            metric = surface.metric(target)
            sign = 1 if metric.higher else -1
            row = {
                "domain": domain,
                "target": target,
                "effect": effects[i, k],
                "low": min(low[i, k], effects[i, k]) if refits else np.nan,
                "high": max(high[i, k], effects[i, k]) if refits else np.nan,
                "unit": f"{metric.unit or metric.title} a percentage point",
                "gain": sign * effects[i, k],
                "sure": bool(share[i, k] >= AGREE),
                "in_goal": weights.get(target, 0.0) > 0,
            }
            rows.append(row)
    frame = _few_targets(pd.DataFrame(rows))
    return _ordered(frame.assign(law=surface.law, at=natural_name(surface)))


def figure(table: pd.DataFrame) -> Figure:
    """Draws a table of domains by targets, the domain that helps the goal most first."""
    factors = {}
    for unit, rows in table.groupby("unit"):
        factors[unit] = _factor(float(rows.effect.abs().max()))
    shown = table.assign(shown=table.effect * table.unit.map(factors))
    words = [f"{1 / factor:g} {unit}" for unit, factor in factors.items()]
    reading = f"In {' or '.join(words)}, at {table['at'].iloc[0]}. Blue helps, orange harms."
    if not table.sure.all():
        reading += " Brackets: refits disagree."
    return _matrix(shown, "Which domain feeds which target?", reading)


def correlations_table(
    design: pd.DataFrame,
    losses: pd.DataFrame,
    targets: Mapping[str, float],
    metrics: Metrics = NO_METRICS,
) -> pd.DataFrame:
    """Returns a row a domain and target: Spearman's correlation of weight and number.

    Columns: `effect`, the correlation over the `runs` of the swarm, with its 95% interval `low` to
    `high`; `gain`, counted so that more is better; `sure`, whether the interval leaves out 0.

    Args:
        metrics: target -> what its numbers are.
    """
    swarm = design[design.role == "swarm"]
    last = last_losses(losses[losses.run.isin(swarm.run.unique())]).dropna(subset=["loss"])
    if last.empty:
        raise MixwrightError("losses: the swarm has no runs; train the swarm first")
    weights = design_matrix(swarm)
    rows = []
    for target, of_target in last.groupby("target"):
        loss = of_target.set_index("run").loss.sort_index()
        for domain in weights:
            rank = spearman(weights.loc[loss.index, domain].to_numpy(), loss.to_numpy())
            ends = fisher_interval(rank, len(loss))
            higher = metrics.get(str(target), LOSS).higher
            sign = -1 if higher else 1
            low, high = sorted((sign * ends.low, sign * ends.high))
            row = {
                "domain": domain,
                "target": target,
                "effect": sign * rank,
                "low": low,
                "high": high,
                "unit": "rank correlation",
                "gain": -rank,
                "sure": bool(ends.low > 0 or ends.high < 0),
                "in_goal": targets.get(str(target), 0.0) > 0,
                "runs": len(loss),
            }
            rows.append(row)
    return _ordered(_few_targets(pd.DataFrame(rows)))


def correlations_figure(table: pd.DataFrame) -> Figure:
    """Draws a table of domains by targets, the domain that helps the goal most first."""
    reading = f"Spearman's correlation x 100, {table.runs.max()} runs. Blue helps, orange harms."
    if not table.sure.all():
        reading += " Brackets: interval holds 0."
    shown = table.assign(shown=100 * table.effect)
    return _matrix(shown, "Which weights go with which target?", reading)


def _effects(surface: Surface, formula: Any, natural: Array) -> Array:
    """(domains, targets) change of each target, in its own unit, by a point more of a domain."""
    count = len(natural)
    others = (1 - natural - STEP) / np.maximum(1 - natural, 1e-12)
    moved = natural[None, :] * others[:, None]
    moved[np.arange(count), np.arange(count)] = natural + STEP
    moved = moved / moved.sum(axis=1, keepdims=True)
    mixtures = np.vstack([natural[None, :], moved])
    predicted = surface.source.measured(formula.predict(surface.inputs(mixtures)))
    return np.asarray(predicted[1:] - predicted[:1])


def _few_targets(frame: pd.DataFrame) -> pd.DataFrame:
    """The goal's targets alone, where there are many."""
    many = frame.target.nunique() > MOST
    if many and frame.in_goal.any():
        return frame[frame.in_goal]
    return frame


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """The domain that helps the goal most first, and the goal's targets first."""
    reach = frame.groupby("target").gain.transform(lambda column: column.abs().max() or 1.0)
    relative = (frame.gain / reach).where(frame.in_goal | ~frame.in_goal.any())
    help_of = relative.groupby(frame.domain).transform("mean")
    ordered = frame.assign(help=-help_of, later=~frame.in_goal)
    columns = ["help", "domain", "later", "target"]
    return ordered.sort_values(columns).drop(columns=["help", "later"])


def _factor(reach: float) -> float:
    """The least factor by which the largest number has a digit before its point."""
    for factor in FACTORS:
        if reach * factor >= 1:
            return factor
    return FACTORS[-1]


def _matrix(table: pd.DataFrame, question: str, reading: str) -> Figure:
    """A table of the column `shown`, coloured by `gain`; what is not sure has no colour."""
    domains = list(dict.fromkeys(table.domain))
    targets = list(dict.fromkeys(table.target))
    wide = float(np.clip(6.6 / len(targets), 0.56, 0.95))
    drawing = Figure(figsize=(wide * len(targets), 0.3 * len(domains)))
    axes = drawing.add_axes((0, 0, 1, 1))
    reach = table.groupby("unit").gain.transform(lambda column: column.abs().max() or 1.0)
    strengths = np.sign(table.gain) * np.sqrt((table.gain / reach).abs())
    cells = table.assign(strength=strengths)
    for cell in cells.itertuples():
        _cell(axes, domains.index(cell.domain), targets.index(cell.target), cell)
    axes.set_xlim(-0.5, len(targets) - 0.5)
    axes.set_ylim(len(domains) - 0.5, -0.5)
    axes.set_yticks(range(len(domains)), domains, color=INK, fontsize=9.5)
    slanted(axes, targets)
    axes.set(xlabel="target", ylabel="domain")
    goal = table.drop_duplicates("target").set_index("target").in_goal
    for target, label in zip(targets, axes.get_xticklabels(), strict=True):
        label.set_fontweight("bold" if goal[target] else "normal")
    bare(axes)
    if goal.any() and not goal.all():
        axes.axvline(int(goal.sum()) - 0.5, color=SOFT, linewidth=0.8)
        reading += " Bold: the goal's."
    reading += " Most help first."
    titled_above(drawing, axes, question, reading)
    return drawing


def _cell(axes: Axes, row: int, column: int, cell: Any) -> None:
    words = _signed(cell.shown)
    colour = INK
    if cell.sure:
        table_cell(axes, row, column, COLOURS(0.5 + cell.strength / 2), framed=False)
        colour = ON_DARK_CELL if abs(cell.strength) > 0.8 else ON_CELL
    else:
        words = f"({words})"
    axes.text(
        column,
        row,
        words,
        ha="center",
        va="center",
        fontsize=8,
        color=colour,
    )


def _signed(value: float) -> str:
    """A number with its sign and few digits."""
    digits = 1 if abs(value) < 9.95 else 0
    rounded = round(value, digits) + 0.0
    return f"{rounded:+.{digits}f}".replace("-", "−") if rounded else "0"
