"""The level of the losses at a larger scale, from a few anchor runs there: one affine map a target.

Few anchors cannot tell the targets' slopes apart. So each slope is drawn to the one that all
targets share, and that one to 1.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mixwright.errors import MixwrightError, closest
from mixwright.learners import LOSS, Metric
from mixwright.mixture import Array

# a pull that nothing moves: all targets share one slope
COMMON = np.inf
# Losses of larger models are never so many times those of proxies, and seldom so small a part.
GREATEST_RATIO, LEAST_RATIO = 3.0, 1 / 8
# pulls that are tried, in anchors that would have said the common slope
PULLS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, COMMON)
# differences between anchors that it takes to move the common slope halfway from 1
DOUBT = 2.0


@dataclass(frozen=True)
class AnchorMap:
    """Maps losses predicted at the proxies' scale to the anchors' scale.

    A target's loss there is level + slope * predicted.
    """

    targets: tuple[str, ...]
    # (targets,) of what mixers minimise
    level: Array
    # (targets,)
    slope: Array
    # the chosen strength towards the common slope, in anchors; infinite: one slope for all
    pull: float
    # (anchors, targets) each anchor minus the map of the others; NaN with one anchor
    errors: Array
    # (anchors, targets) what was measured of the anchors, as it is minimised
    measured: Array
    # target -> what its numbers are; losses in nats/token where nothing stands here
    metrics: Mapping[str, Metric] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """Root mean squared leave-one-out error of what is minimised; NaN with one anchor."""
        return float(np.sqrt((self.errors**2).mean()))

    @property
    def error_by_unit(self) -> dict[str, float]:
        """Unit -> root mean squared leave-one-out error of the targets that have it."""
        squares: dict[str, list[float]] = {}
        for column, target in enumerate(self.targets):
            metric = self.metrics.get(target, LOSS)
            measured = self.measured[:, column]
            mapped = measured - self.errors[:, column]
            misses = metric.measured(measured) - metric.measured(mapped)
            squares.setdefault(metric.unit, []).extend((misses**2).tolist())
        return {unit: float(np.sqrt(np.mean(values))) for unit, values in squares.items()}

    @property
    def sentence(self) -> str:
        """How the levels were mapped, and how well that does."""
        anchors = len(self.errors)
        if anchors == 1:
            return "levels shifted through 1 anchor run: no error can be told; train a second"
        slopes = f"slopes {self.slope.min():.2f} to {self.slope.max():.2f}"
        sizes = []
        for unit, size in self.error_by_unit.items():
            sizes.append(f"{size:.3f} {unit}".rstrip())
        error = f"an anchor left out is missed by {', '.join(sizes)}"
        return f"levels mapped through {anchors} anchor runs ({slopes}); {error}"

    def apply(self, predicted: Array) -> Array:
        """Maps (mixtures, targets) losses at the proxies' scale to the anchors', as minimised."""
        return self.level + self.slope * predicted


def fit_anchors(
    targets: tuple[str, ...],
    predicted: Array,
    measured: Array,
    metrics: Mapping[str, Metric] | None = None,
) -> AnchorMap:
    """Fits the map by ridge regression of measured on predicted losses.

    All targets share one pull, the one of least leave-one-out error. Where the anchors cannot
    tell, it is the strongest.

    Args:
        predicted: (anchors, targets) losses of the anchors' mixtures at the proxies' scale.
        measured: (anchors, targets) losses of the anchor runs, both as mixers minimise them.
        metrics: target -> what its numbers are, for the error's words.

    Raises:
        MixwrightError: the shapes do not agree, or a loss is not finite.
    """
    predicted = np.asarray(predicted, dtype=np.float64)
    measured = np.asarray(measured, dtype=np.float64)
    _check(len(targets), predicted, measured)
    pull = COMMON
    errors = _left_out(predicted, measured, pull)
    if len(predicted) > 2:
        least = _mean_square(errors)
        # from the strongest on: of equal ones it stays
        for weaker in reversed(PULLS[:-1]):
            trial = _left_out(predicted, measured, weaker)
            if _mean_square(trial) < least:
                pull, errors, least = weaker, trial, _mean_square(trial)
    level, slope = _affine(predicted, measured, pull)
    return AnchorMap(
        targets=targets,
        level=level,
        slope=slope,
        pull=pull,
        errors=errors,
        measured=measured,
        metrics=metrics or {},
    )


def _check(targets: int, predicted: Array, measured: Array) -> None:
    agree = predicted.shape == measured.shape and predicted.ndim == 2
    if not agree or predicted.shape[1] != targets or not len(predicted):
        shapes = f"{predicted.shape} predicted and {measured.shape} measured losses"
        raise MixwrightError(f"anchors: {shapes}; give one row an anchor run in both")
    if not (np.isfinite(predicted).all() and np.isfinite(measured).all()):
        raise MixwrightError("anchors: an anchor's loss is NaN; drop the run")


def remedy_of_lacking(target: str, others: Iterable[str]) -> str:
    """Returns what to do about a target of a fit that runs lack.

    Args:
        target: the fit's.
        others: targets of the runs that are none of the fit's: one may be meant.
    """
    meant = closest(target, others)
    if meant is None:
        return "measure it"
    return f"measure it, or did you mean {meant}?"


def check_units(
    targets: tuple[str, ...],
    predicted: Array,
    measured: Array,
    metrics: Mapping[str, Metric],
) -> None:
    """Refuses anchors whose numbers cannot be in the unit of the fit.

    Args:
        predicted: (anchors, targets) as mixers minimise them.
        measured: (anchors, targets) of the anchor runs, alike.
        metrics: target -> what its numbers are; losses in nats/token where nothing stands here.

    Raises:
        MixwrightError: the losses of a target are far from those that the fit predicts.
    """
    for column, target in enumerate(targets):
        metric = metrics.get(target, LOSS)
        if metric.higher:
            continue
        first = metric.measured(predicted[:, column])
        second = metric.measured(measured[:, column])
        if first.min() <= 0 or second.min() <= 0:
            continue
        ratio = float(np.median(second / first))
        is_small = metric.name == "loss" and ratio < LEAST_RATIO
        if is_small or ratio > GREATEST_RATIO:
            raise MixwrightError(
                f"anchors: {target} is {ratio:.2g} times what the fit predicts for these"
                f" mixtures; give it in the fit's unit, {metric.unit or metric.title}"
            )


def _mean_square(errors: Array) -> float:
    return float(np.nan_to_num((errors**2).mean()))


def _affine(predicted: Array, measured: Array, pull: float) -> tuple[Array, Array]:
    """(targets,) levels and slopes by least squares, drawn to the targets' common slope.

    The pull is that of so many more anchors, spread as those there are, on the common slope.
    """
    anchors, targets = predicted.shape
    x = predicted.mean(axis=0)
    y = measured.mean(axis=0)
    from_mean = predicted - x
    spread = (from_mean**2).sum(axis=0)
    covariance = (from_mean * (measured - y)).sum(axis=0)
    contrasts = (anchors - 1) * targets
    trust = contrasts / (contrasts + DOUBT)
    rest = covariance.sum() - spread.sum()
    common = 1 + trust * _ratio(rest, spread.sum())
    share = 0.0
    if not np.isinf(pull):
        share = 1 / (1 + pull / anchors)
    rest = covariance - common * spread
    slope = common + share * _ratio(rest, spread)
    level = y - slope * x
    return level, slope


def _ratio(above: Array, below: Array) -> Array:
    """above / below, 0 where the anchors do not differ."""
    return np.divide(
        above,
        below,
        out=np.zeros_like(below),
        where=np.asarray(below) > 0,
    )


def _left_out(predicted: Array, measured: Array, pull: float) -> Array:
    """(anchors, targets) measured minus mapped, each anchor by the map of the others."""
    anchors = len(predicted)
    if anchors < 2:
        return np.full(predicted.shape, np.nan)
    errors = np.empty(predicted.shape)
    for i in range(anchors):
        others = np.arange(anchors) != i
        level, slope = _affine(predicted[others], measured[others], pull)
        errors[i] = measured[i] - level - slope * predicted[i]
    return errors
