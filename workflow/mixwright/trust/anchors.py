"""The level of the losses at a larger scale, from a few anchor runs there: an affine map a target, whose slope is drawn to the one that
all targets share, and that one to 1, where anchors are few."""

from dataclasses import dataclass

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array

COMMON = np.inf  # a pull that nothing moves: all targets share one slope
PULLS = (
    0.0,
    0.5,
    1.0,
    2.0,
    4.0,
    8.0,
    16.0,
    COMMON,
)  # strengths tried, in anchors that would have said the common slope
DOUBT = 2.0  # differences between anchors that it takes to move the common slope halfway from 1


@dataclass(frozen=True)
class AnchorMap:
    """Predicted losses of the proxies' scale -> losses of the anchors' scale, `level + slope * predicted` for each target."""

    targets: tuple[str, ...]
    level: Array  # (targets,) nats/token
    slope: Array  # (targets,)
    pull: float  # the chosen strength towards the common slope, in anchors; infinite: one slope for all
    errors: Array  # (anchors, targets) of each anchor under the map of the others, nats/token; NaN with one anchor

    @property
    def error(self) -> float:
        """Root of the mean squared leave-one-out error over anchors and targets, nats/token; NaN with one anchor."""
        return float(np.sqrt((self.errors**2).mean()))

    @property
    def sentence(self) -> str:
        anchors = len(self.errors)
        if anchors == 1:
            return "levels shifted through 1 anchor run: no error can be told; train a second"
        slopes = f"slopes {self.slope.min():.2f} to {self.slope.max():.2f}"
        return f"levels mapped through {anchors} anchor runs ({slopes}); an anchor left out is missed by {self.error:.3f} nats/token"

    def apply(self, predicted: Array) -> Array:
        """(mixtures, targets) at the proxies' scale -> the same at the anchors'."""
        return self.level + self.slope * predicted


def fit_anchors(targets: tuple[str, ...], predicted: Array, measured: Array) -> AnchorMap:
    """Ridge regression of (anchors, targets) `measured` on `predicted` losses; one strength for all targets, the one of least
    leave-one-out error, and the strongest where the anchors cannot tell."""
    predicted, measured = (
        np.asarray(predicted, dtype=np.float64),
        np.asarray(measured, dtype=np.float64),
    )
    if (
        predicted.shape != measured.shape
        or predicted.ndim != 2
        or predicted.shape[1] != len(targets)
        or not len(predicted)
    ):
        raise MixwrightError(
            f"anchors: {predicted.shape} predicted and {measured.shape} measured losses; give one row an anchor run in both"
        )
    if not (np.isfinite(predicted).all() and np.isfinite(measured).all()):
        raise MixwrightError("anchors: an anchor's loss is NaN; drop the run")
    trials = {pull: _left_out(predicted, measured, pull) for pull in reversed(PULLS)}
    pull = (
        min(trials, key=lambda strength: float(np.nan_to_num((trials[strength] ** 2).mean())))
        if len(predicted) > 2
        else COMMON
    )
    level, slope = _affine(predicted, measured, pull)
    return AnchorMap(targets, level, slope, pull, trials[pull])


def _affine(predicted: Array, measured: Array, pull: float) -> tuple[Array, Array]:
    """Level and slope a target: least squares with `pull` more anchors, spread as those there are, of the targets' common slope."""
    x, y = predicted.mean(axis=0), measured.mean(axis=0)
    spread = ((predicted - x) ** 2).sum(axis=0)
    covariance = ((predicted - x) * (measured - y)).sum(axis=0)
    contrasts = (len(predicted) - 1) * predicted.shape[1]
    common = 1 + contrasts / (contrasts + DOUBT) * _ratio(
        covariance.sum() - spread.sum(), spread.sum()
    )
    own = 0.0 if np.isinf(pull) else 1 / (1 + pull / len(predicted))
    slope = common + own * _ratio(covariance - common * spread, spread)
    return y - slope * x, slope


def _ratio(above: Array, below: Array) -> Array:
    """above / below, 0 where the anchors do not differ."""
    return np.divide(above, below, out=np.zeros_like(below), where=np.asarray(below) > 0)


def _left_out(predicted: Array, measured: Array, pull: float) -> Array:
    """(anchors, targets) measured minus mapped, each anchor by the map of the others."""
    if len(predicted) < 2:
        return np.full(predicted.shape, np.nan)
    errors = np.empty(predicted.shape)
    for i in range(len(predicted)):
        others = np.arange(len(predicted)) != i
        level, slope = _affine(predicted[others], measured[others], pull)
        errors[i] = measured[i] - level - slope * predicted[i]
    return errors
