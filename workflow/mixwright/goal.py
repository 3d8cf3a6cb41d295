"""What is asked of a mixture, and what a mixer answers: goal and proposal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.learners import LOSS, MIXED, POINTS, PROBABILITY_POINTS, SHARE_POINTS, Metric
from mixwright.mixture import Array, Domain, Mixture, natural_weights
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import scale_into


@dataclass(frozen=True)
class Goal:
    """What a mixture is chosen for: targets, the budget of the final run, bounds and limits."""

    # sorted by name
    domains: tuple[Domain, ...]
    # target -> weight in the objective, summing to 1
    targets: Mapping[str, float]
    # training tokens of the final run
    tokens: float
    bounds: Bounds
    seed: int = 0
    # targets, of the objective or not, that must not be predicted worse than at natural
    never_worse: tuple[str, ...] = ()
    # target -> weight in the mean of what is minimised, where that is not the one above
    importance: Mapping[str, float] = field(default_factory=dict)
    # whether the greatest excess of a target over natural is minimised, and not the mean
    worst: bool = False
    # quantile over refits that is minimised, over natural; None: what the fit itself says
    risk: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the domains."""
        return tuple(domain.name for domain in self.domains)

    @property
    def natural(self) -> Array:
        """(domains,) weights in proportion to the domains' tokens."""
        return natural_weights(self.domains)

    @property
    def natural_within(self) -> Array:
        """(domains,) natural, brought inside the bounds: what a final of natural is trained on."""
        return scale_into(self.natural, *self.bounds.parts)

    @property
    def reference(self) -> Array:
        """(domains,) the mixture that gains are over.

        It is natural. For the worst target it is natural brought inside the bounds, as in what is
        minimised.
        """
        if self.worst:
            return self.natural_within
        return self.natural

    def passes(self, weights: Array) -> dict[str, float | None]:
        """Returns domain -> passes over it at (domains,) weights; None: its tokens are unknown."""
        passes: dict[str, float | None] = {}
        for domain, weight in zip(self.domains, weights.tolist(), strict=True):
            passes[domain.name] = None
            if isfinite(domain.available):
                passes[domain.name] = weight * self.tokens / max(1, domain.available)
        return passes

    def mixture(self, weights: Array) -> Mixture:
        """Returns the mixture of (domains,) `weights` in the goal's order."""
        return Mixture(self.names, weights)


@dataclass(frozen=True)
class Readout:
    """How the objective of a goal is shown: in the unit of its targets.

    Mixers minimise the weighted mean of what each metric makes of its numbers. It is shown as
    - losses of one unit: their mean in that unit;
    - perplexities: the mean of their logarithms, nats/token;
    - accuracies, and probabilities: points of their mean, of 100;
    - scores: the mean score;
    - several units: the weighted mean itself, `in mixed units`.
    """

    # of the columns that `objective` takes
    metrics: tuple[Metric, ...]
    # (targets,) weights in the objective, summing to 1; 0 for targets outside the goal
    weights: Array
    # of the objective as it is shown: unit, and whether more of it is better
    metric: Metric

    @classmethod
    def of(
        cls,
        weights: Mapping[str, float],
        targets: Sequence[str],
        metrics: Mapping[str, Metric],
    ) -> "Readout":
        """Returns the readout of a goal.

        Args:
            weights: target -> weight in the goal.
            targets: the columns of what is read out, such as a mixer's targets.
            metrics: target -> what its numbers are; losses in nats/token where nothing stands.
        """
        shares = np.zeros(len(targets))
        for column, name in enumerate(targets):
            shares[column] = weights.get(name, 0.0)
        of_goal = {metrics.get(name, LOSS) for name in weights if weights[name] > 0}
        return cls(
            metrics=tuple(metrics.get(name, LOSS) for name in targets),
            weights=shares / shares.sum(),
            metric=_shown_metric(of_goal),
        )

    @property
    def in_points(self) -> bool:
        """Whether it is a mean of shares of 1, shown as points of 100."""
        return self.metric.name == POINTS.name

    def objective(self, minimised: Array) -> Array:
        """Returns the objective as it is shown.

        Args:
            minimised: (..., targets) what mixers minimise.

        Returns:
            (...) in the unit of `metric`, which says whether more of it is better.
        """
        if not self.in_points:
            mean = np.asarray(minimised) @ self.weights
            return self.metric.measured(mean)
        shares = np.zeros(np.shape(minimised))
        for column, metric in enumerate(self.metrics):
            if self.weights[column] > 0:
                accuracy = metric.measured(minimised[..., column])
                shares[..., column] = accuracy / metric.whole
        return POINTS.whole * (shares @ self.weights)


# names of the metrics of a goal that is shown in points -> as what
POINTS_OF = {
    frozenset({"accuracy"}): POINTS,
    frozenset({"probability"}): PROBABILITY_POINTS,
    frozenset({"accuracy", "probability"}): SHARE_POINTS,
}


def _shown_metric(metrics: set[Metric]) -> Metric:
    """What the objective over targets of these metrics is shown as."""
    names = {metric.name for metric in metrics}
    points = POINTS_OF.get(frozenset(names))
    if points is not None:
        return points
    units = {(metric.higher, metric.minimised_unit) for metric in metrics}
    if len(units) > 1:
        return MIXED
    first = sorted(metrics, key=lambda metric: metric.name)[0]
    if first.name == "perplexity":
        return LOSS
    return first


def check_one_unit(
    targets: Sequence[str],
    metrics: Mapping[str, Metric],
    where: str,
    remedy: str,
    problem: str = "a plain mean of different units says nothing",
) -> None:
    """Refuses a plain mean of targets whose numbers have different units.

    Args:
        where: what the message begins with.
        remedy: what settles it.
        problem: what is wrong with them, where it is another thing than their mean.

    Raises:
        MixwrightError: it names which targets have which unit.
    """
    by_unit: dict[str, list[str]] = {}
    shown = _shown_metric({metrics.get(name, LOSS) for name in targets})
    if shown is not MIXED:
        return
    for name in targets:
        metric = metrics.get(name, LOSS)
        by_unit.setdefault(metric.unit or metric.title, []).append(name)
    parts = [f"{', '.join(names)} in {unit}" for unit, names in by_unit.items()]
    raise MixwrightError(f"{where}: {problem}: {'; '.join(parts)}; {remedy}")


def check_worst_units(
    targets: Sequence[str], metrics: Mapping[str, Metric], where: str = "goal.objective: worst"
) -> None:
    """Refuses the worst of targets whose numbers have different units.

    Args:
        targets: those with a weight.
        metrics: target -> what its numbers are; losses in nats/token where nothing stands.
        where: what the message begins with.

    Raises:
        MixwrightError: it names which targets have which unit.
    """
    remedy = "weigh those of one unit alone, or take objective: mean"
    problem = "which target is worst cannot be told in different units"
    check_one_unit(targets, metrics, where, remedy, problem)


@dataclass(frozen=True)
class Proposal:
    """A chosen mixture and what its mixer says of it."""

    mixer: str
    mixture: Mixture
    # target -> what mixers minimise, at the scale of the runs that the mixer was fitted to; the
    # target's own number once `in_units` has made it so
    predicted: Mapping[str, float] = field(default_factory=dict)
    # certified distance of the objective from its optimum; None where the mixer certifies none
    gap: float | None = None
    # plain sentences for the report
    notes: tuple[str, ...] = ()
    # of weights, predicted losses and the gain over natural, where they were asked for
    intervals: Mapping[str, Any] = field(default_factory=dict)
    # target -> what its predicted number is; a loss in nats/token where nothing stands here
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    # domain -> most passes of a run that the mixer reads; empty where none were counted
    run_passes: Mapping[str, float] = field(default_factory=dict)

    @property
    def weights(self) -> Array:
        """(domains,) weights in the goal's order."""
        return self.mixture.weights

    @property
    def verdict(self) -> str:
        """What the intervals say of the gain over natural; empty where none were asked for."""
        return str(self.intervals.get("verdict", ""))

    @property
    def gap_unit(self) -> str:
        """The unit of the gap: that of what the mixer minimised."""
        metrics = [self.metrics.get(target, LOSS) for target in self.predicted]
        units = {metric.minimised_unit for metric in metrics}
        if len(units) > 1:
            return MIXED.unit
        return units.pop() if units else LOSS.unit

    def in_units(self, metrics: Mapping[str, Metric]) -> "Proposal":
        """Returns the proposal with predictions in the targets' own units.

        Args:
            metrics: target -> what its numbers are; losses in nats/token where nothing stands.
        """
        predicted: dict[str, float] = {}
        of_predicted: dict[str, Metric] = {}
        for target, minimised in self.predicted.items():
            metric = metrics.get(target, LOSS)
            of_predicted[target] = metric
            value = metric.measured(np.array([minimised]))
            predicted[target] = float(value[0])
        intervals = dict(self.intervals)
        ends: dict[str, list[float]] = {}
        for target, minimised_ends in intervals.get("predicted", {}).items():
            metric = metrics.get(target, LOSS)
            measured = metric.measured(np.array(minimised_ends))
            ends[target] = sorted(measured.tolist())
        if ends:
            intervals["predicted"] = ends
        return replace(
            self,
            predicted=predicted,
            intervals=intervals,
            metrics={**metrics, **of_predicted},
        )

    def __repr__(self) -> str:
        lines = [f"Proposal by {self.mixer}", f"  mixture    {self.mixture}"]
        for target, value in self.predicted.items():
            metric = self.metrics.get(target, LOSS)
            interval = self.intervals.get("predicted", {}).get(target)
            words = f"  predicted  {target} {metric.words(value)}"
            if interval:
                words += f" [{interval[0]:.4f}, {interval[1]:.4f}]"
            lines.append(words)
        if self.verdict:
            lines.append(f"  gain       {self.verdict}")
        if self.gap is not None:
            lines.append(f"  gap        {self.gap:.1e} {self.gap_unit}".rstrip())
        for note in self.notes:
            # The verdict has a line of its own.
            if not (self.verdict and note in (self.verdict, f"predicted {self.verdict}")):
                lines.append(f"  note       {note}")
        return "\n".join(lines)

    def as_json(self, goal: Goal) -> dict[str, Any]:
        """Returns the content of `mixtures/<mixer>.json`."""
        weights = self.mixture.as_dict()
        metrics = {name: self.metrics.get(name, LOSS) for name in self.predicted}
        readout = Readout.of(goal.targets, tuple(goal.targets), self.metrics)
        return {
            "mixer": self.mixer,
            "seed": goal.seed,
            "weights": weights,
            "objective": dict(goal.targets),
            "tokens": {name: weight * goal.tokens for name, weight in weights.items()},
            "epochs": goal.passes(self.weights),
            "run_epochs": dict(self.run_passes),
            "predicted": dict(self.predicted),
            "units": {
                "predicted": {name: metric.unit for name, metric in metrics.items()},
                "objective": readout.metric.unit,
                "gap": self.gap_unit,
            },
            "intervals": dict(self.intervals),
            "active_bounds": goal.bounds.active(self.weights, goal.names),
            "gap": self.gap,
            "notes": list(self.notes),
        }
