"""What more and less of each domain does: perturbed runs, and the laws that fit them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from mixwright.errors import MixwrightError, quantity
from mixwright.learners import TEXT, Learner
from mixwright.mixers.autoscale.scales import PowerLaws, Scale, find_scales, fit_robust
from mixwright.mixture import Array
from mixwright.numerics.spread import varying
from mixwright.report.figures.looks import strokes
from mixwright.report.figures.style import SOFT, labelled, panel_title, panels, titled
from mixwright.report.judging import minimised_losses
from mixwright.tables import design_matrix
from mixwright.trust.noise import losses_of_role, objectives

# Kinds of rows.
RUN, CURVE = "run", "curve"
# Standard deviation of a run's loss, relative to the base run's, as AutoScale takes it.
NOISE = 0.002
# Points of a curve, and the ends of its interval.
POINTS = 13
ENDS = (0.025, 0.975)


def table(
    design: pd.DataFrame,
    losses: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner = TEXT,
) -> pd.DataFrame:
    """Returns a row a scale, domain and amount: runs, and the curve that fits them.

    Columns: `of`, a run or the curve; `total` and `base`, tokens and loss of the scale's base run;
    `amount` of the domain, in units of the base run's; `loss`, mean of the targets, of `measure`;
    of the curve with the 95% interval `low` to `high` over all laws within the noise of a run.
    """
    losses = minimised_losses(losses, learner.chosen)
    loss = objectives(losses_of_role(design, losses, "perturb"), targets, "loss", "run")
    if loss.empty:
        raise MixwrightError("losses: no perturb run has all targets; train the perturb runs first")
    runs = design[design.run.isin(loss.index)]
    weights = design_matrix(runs, runs=loss.index)
    tokens = runs.drop_duplicates("run").set_index("run").tokens.reindex(loss.index)
    amounts = weights.to_numpy() * tokens.to_numpy()[:, None]
    parts = []
    for scale in find_scales(amounts, loss.to_numpy()[:, None]):
        parts += _of_scale(scale, [str(name) for name in weights])
    measure = f"loss, {learner.loss.unit}"
    if learner.chosen:
        measure = f"minimised for {learner.loss.title}"
    return pd.concat(parts).assign(measure=measure)


def figure(table: pd.DataFrame) -> Figure:
    """Draws a panel a domain, the one with the steepest curve first; a colour is a scale."""
    fall = table.groupby(["domain", "total"]).loss.agg(lambda loss: loss.max() - loss.min())
    steepest = fall.groupby("domain").max()
    order = sorted(steepest.index, key=lambda domain: (-steepest[domain], domain))
    totals = sorted(set(table.total))
    ways = strokes([str(total) for total in totals])
    drawing, axes = panels(len(order), 4, 2.35, 2.05, sharey=True)
    for column in ("loss", "low", "high"):
        table = table.assign(**{column: table[column] - table.base})
    for panel, domain in zip(axes, order, strict=True):
        panel_title(panel, domain, room=1.9)
        for total in totals:
            rows = table[(table.domain == domain) & (table.total == total)]
            _curve(panel, rows, ways[str(total)], f"{quantity(total)} tokens")
        runs = table[(table.domain == domain) & (table.of == RUN)]
        _ticks(panel, runs[runs.total == totals[0]].amount)
    if len(totals) > 1:
        labelled(drawing, axes[0])
    label = "amount of the domain, in units of the base run's"
    drawing.supxlabel(label, color=SOFT, fontsize=9.5)
    drawing.supylabel(f"{table.measure.iloc[0]}, minus the base run's", color=SOFT, fontsize=9.5)
    reading = (
        "Dots: runs, mean of the targets. Line: fitted power law; band: all laws within noise."
        " Steepest first."
    )
    titled(drawing, "What does more of each domain do?", reading)
    return drawing


def _of_scale(scale: Scale, domains: list[str]) -> list[pd.DataFrame]:
    """Rows of one scale, domain by domain."""
    base = float(scale.losses[0, 0])
    points = scale.points()
    responses = scale.responses(scale.losses[:, 0])
    laws = None
    if varying(scale.losses)[0] and base > 0:
        laws = fit_robust(points, responses, NOISE)
    parts = []
    for i, domain in enumerate(domains):
        pieces = [pd.DataFrame({"of": RUN, "amount": points[i], "loss": base * responses[i]})]
        if laws is not None:
            at = np.geomspace(points[i].min(), points[i].max(), POINTS)
            curve, low, high = _law(laws, i, points[i], responses[i], at)
            columns = {"of": CURVE, "amount": at, "loss": base * curve}
            pieces.append(pd.DataFrame(columns | {"low": base * low, "high": base * high}))
        rows = pd.concat(pieces).assign(domain=domain, total=float(scale.base.sum()), base=base)
        parts.append(rows)
    return parts


def _law(
    laws: PowerLaws, domain: int, points: Array, responses: Array, at: Array
) -> tuple[Array, Array, Array]:
    """(points,) mean, low and high of a domain's laws, by their likelihood."""
    offsets = laws.offsets[:, None]
    exponents = laws.exponents[:, None]
    curves = (at + offsets) ** -exponents
    # the constant of each law that fits the three points best
    constants = (responses - (points + offsets) ** -exponents).mean(axis=1, keepdims=True)
    curves = curves + constants
    weights = laws.likelihood[domain]
    order = np.argsort(curves, axis=0)
    cumulated = np.cumsum(weights[order], axis=0)
    ends = []
    for share in ENDS:
        place = (cumulated < share * cumulated[-1]).sum(axis=0)
        rows = order[np.minimum(place, len(weights) - 1), np.arange(len(at))]
        ends.append(curves[rows, np.arange(len(at))])
    return weights @ curves, ends[0], ends[1]


def _curve(axes: Axes, rows: pd.DataFrame, way: tuple[str, str], label: str) -> None:
    colour, dashes = way
    curve = rows[rows.of == CURVE]
    axes.fill_between(
        curve.amount,
        curve.low,
        curve.high,
        color=colour,
        alpha=0.15,
        linewidth=0,
    )
    axes.plot(curve.amount, curve.loss, color=colour, linestyle=dashes, linewidth=1.3)
    runs = rows[rows.of == RUN]
    axes.scatter(
        runs.amount,
        runs.loss,
        s=26,
        color=colour,
        linewidths=0,
        label=label,
        zorder=3,
    )


def _ticks(axes: Axes, amounts: pd.Series) -> None:
    """A logarithmic axis, labelled at the amounts of the runs."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted(amounts)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))
    axes.yaxis.set_major_locator(MaxNLocator(4))
