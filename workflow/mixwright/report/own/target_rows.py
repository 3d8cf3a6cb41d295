"""What is predicted of every target, beside what natural and the best run reach."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mixwright import mixers
from mixwright.learners import LOSS, Metric
from mixwright.mixture import Array
from mixwright.report.own.gathering import OwnResult
from mixwright.trust.intervals import Interval, rank_interval


@dataclass(frozen=True)
class TargetRow:
    """One target. Its numbers are in its own unit."""

    name: str
    metric: Metric
    # weight in the goal; 0: it does not count
    weight: float
    # of the proposal, with the ends of its interval; None: unknown
    predicted: float | None = None
    low: float | None = None
    high: float | None = None
    # predicted of natural, or of the mean of the runs
    natural: float | None = None
    # measured of the best run
    best: float | None = None
    # rank correlation on held-out runs; None: none could be held out
    rank: Interval | None = None

    @property
    def gain(self) -> float | None:
        """By how much the proposal is predicted better than natural; below 0: worse."""
        if self.predicted is None or self.natural is None:
            return None
        difference = self.predicted - self.natural
        return difference if self.metric.higher else -difference


def target_rows(result: OwnResult) -> tuple[TargetRow, ...]:
    """Returns a row a target, those of the goal first, the weightiest before the others."""
    source = result.source
    natural = _predicted(result, result.goal.natural)
    proposed = _predicted(result, result.weights)
    ends = _ends(result)
    ranks = _ranks(result)
    measured: Mapping[str, float] = result.best.measured if result.best else {}
    rows = []
    for name in source.targets:
        low, high = ends.get(name, (None, None))
        row = TargetRow(
            name=name,
            metric=source.metrics.get(name, LOSS),
            weight=result.goal.targets.get(name, 0.0),
            predicted=result.proposal.predicted.get(name, proposed.get(name)),
            low=low,
            high=high,
            natural=natural.get(name),
            best=measured.get(name),
            rank=ranks.get(name),
        )
        rows.append(row)
    return tuple(sorted(rows, key=lambda row: (-row.weight, row.name)))


def predicted_goal(result: OwnResult, weights: Array) -> float | None:
    """Returns what is predicted of the goal at a mixture (domains,), as it is shown."""
    minimised = _minimised(result, weights)
    if minimised is None:
        return None
    columns = [result.source.targets.index(target) for target in result.goal.targets]
    return float(result.readout.objective(minimised[columns]))


def _predicted(result: OwnResult, weights: Array) -> dict[str, float]:
    """Target -> prediction at a mixture, in its own unit; empty where the mixer predicts none."""
    minimised = _minimised(result, weights)
    if minimised is None:
        return {}
    values = result.source.measured(minimised[None])[0]
    return dict(zip(result.source.targets, values.tolist(), strict=True))


def _minimised(result: OwnResult, weights: Array) -> Array | None:
    """(targets,) what is minimised, predicted at a mixture (domains,)."""
    if not mixers.entry(result.source.mixer).predicts:
        return None
    amounts = result.mixer.amounts_at(result.goal, weights[None], result.source.most_tokens)
    return np.asarray(result.mixer.predict(amounts)[0])


def _ends(result: OwnResult) -> dict[str, tuple[float, float]]:
    """Target -> ends of the interval at the proposal.

    Those of the proposal come first. The surface knows those of targets outside the goal, where it
    is the law of the mixer itself.
    """
    ends: dict[str, tuple[float, float]] = {}
    surface = result.surface
    if surface is not None and not surface.stands_for and not surface.in_amounts:
        _, low, high = surface.intervals(result.weights[None])
        for name, least, most in zip(surface.targets, low[0], high[0], strict=True):
            if np.isfinite(least) and np.isfinite(most):
                ends[name] = (float(least), float(most))
    for name, (least, most) in result.proposal.intervals.get("predicted", {}).items():
        ends[name] = (float(least), float(most))
    return ends


def _ranks(result: OwnResult) -> dict[str, Interval]:
    """Target -> rank correlation of predicted and measured, on held-out runs."""
    ranks: dict[str, Interval] = {}
    if len(result.validation):
        for name, rows in result.validation.groupby("target"):
            predicted = rows.predicted.to_numpy()
            ranks[str(name)] = rank_interval(predicted, rows.actual.to_numpy())
        return ranks
    surface = result.surface
    if surface is None or surface.stands_for:
        return ranks
    for name, trust in zip(surface.targets, surface.trust, strict=True):
        if trust.foreseen is not None:
            ranks[name] = trust.foreseen.rank
    return ranks
