"""Where along each domain's weight the good runs lie."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mixwright.errors import MixwrightError
from mixwright.learners import TEXT, Learner
from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman
from mixwright.report.figures.style import AXIS, BLUE, INK, SOFT, many, panel_title, panels, titled
from mixwright.report.judging import minimised_losses
from mixwright.tables import design_matrix
from mixwright.trust.noise import losses_of_role, objectives

# Share of the runs drawn as the best.
BEST = 0.125
# Width of the local mean, as a share of the range of a domain's weights.
BANDWIDTH = 0.15


def table(
    design: pd.DataFrame,
    losses: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner = TEXT,
) -> pd.DataFrame:
    """Returns a row a domain and run of the swarm, the strongest rank correlation first.

    Columns: `weight` of the domain, a share of 1; `loss`, mean of the targets, of `measure`;
    `best`, whether the run is one of the best; `rank`, Spearman's correlation of the two.
    """
    losses = minimised_losses(losses, learner.chosen)
    loss = objectives(losses_of_role(design, losses, "swarm"), targets, "loss", "run")
    if loss.empty:
        raise MixwrightError("losses: no run of the swarm has all targets; train the swarm first")
    weights = design_matrix(design[design.run.isin(loss.index)], runs=loss.index)
    ranks = {}
    for domain in weights:
        ranks[domain] = spearman(weights[domain].to_numpy(), loss.to_numpy())
    best = loss.rank(method="first") <= max(1, round(BEST * len(loss)))
    measure = f"loss, {learner.loss.unit}"
    if learner.chosen:
        measure = f"minimised for {learner.loss.title}"
    parts = []
    for domain in sorted(weights, key=lambda domain: (-abs(ranks[domain]), domain)):
        columns = {"run": loss.index, "domain": domain, "weight": weights[domain].to_numpy()}
        rows = pd.DataFrame(columns | {"loss": loss.to_numpy(), "best": best.to_numpy()})
        parts.append(rows.assign(rank=ranks[domain]))
    return pd.concat(parts).assign(measure=measure)


def figure(table: pd.DataFrame) -> Figure:
    """Draws the swarm's losses, mean of the targets, against the weight of one domain.

    Each domain has a panel, the strongest rank correlation first. The best runs are blue.
    """
    order = list(dict.fromkeys(table.domain))
    drawing, axes = panels(len(order), 4, 2.35, 2.05, sharey=True)
    picture = many(len(table))
    for panel, domain in zip(axes, order, strict=True):
        panel_title(panel, str(domain), room=1.9, pad=17)
        _panel(panel, table[table.domain == domain], picture)
    drawing.supxlabel("weight of the domain", color=SOFT, fontsize=9.5)
    drawing.supylabel(table.measure.iloc[0], color=SOFT, fontsize=9.5)
    first = table[table.domain == order[0]]
    reading = (
        f"A dot is a swarm proxy; blue: the best {first.best.sum()} of {len(first)}."
        " Line: local mean. ρ: Spearman, weight to loss."
    )
    titled(drawing, "Which domains help the targets?", reading)
    return drawing


def local_mean(x: Array, y: Array, at: Array) -> Array:
    """Returns (points,) means of y (runs,) near the points `at`, with Gaussian weights in x."""
    width = BANDWIDTH * max(float(np.ptp(x)), 1e-9)
    distance = (at[:, None] - x[None, :]) / width
    kernel = np.exp(-0.5 * distance**2)
    return kernel @ y / kernel.sum(axis=1)


def _panel(axes: Axes, rows: pd.DataFrame, picture: bool) -> None:
    weights = rows.weight.to_numpy()
    loss = rows.loss.to_numpy()
    best = rows.best.to_numpy(dtype=bool)
    rank = float(rows["rank"].iloc[0])
    at = np.linspace(weights.min(), weights.max(), 60)
    axes.scatter(
        weights[~best],
        loss[~best],
        s=14,
        color=AXIS,
        linewidths=0,
        rasterized=picture,
    )
    axes.plot(at, local_mean(weights, loss, at), color=INK, linewidth=1.2)
    axes.scatter(
        weights[best],
        loss[best],
        s=22,
        color=BLUE,
        linewidths=0,
        rasterized=picture,
        zorder=3,
    )
    if np.ptp(weights) > 0:
        # + 0.0: no minus before a zero
        correlation = f"ρ {round(rank, 2) + 0.0:+.2f}".replace("-", "−")
        axes.annotate(
            correlation,
            (0, 1),
            (0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=9,
            color=SOFT,
        )
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(4))
