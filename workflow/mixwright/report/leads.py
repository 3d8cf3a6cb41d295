"""One plain sentence that says what a section of evidence means for the decision."""

from collections.abc import Mapping

import pandas as pd

from mixwright.learners import Metric
from mixwright.report.mixture_words import amount
from mixwright.report.proposed import listed
from mixwright.trust.intervals import REFERENCE, Difference
from mixwright.trust.noise import THRESHOLD

# Rank correlations from which an order is called good, or fair.
GOOD, FAIR = 0.8, 0.5
# Shares that move by less are not named, and so many are.
MOVED, NAMED = 0.02, 3


def order_words(mixer: str, rank: float | None) -> str:
    """Returns how well a method orders mixtures that it was not fitted to, in a sentence."""
    if rank is None:
        return f"{mixer} predicts no held-out proxies, so that nothing tests its predictions."
    word = "well" if rank >= GOOD else "fairly well" if rank >= FAIR else "badly"
    return f"{mixer} ordered held-out proxies {word} (rank correlation {rank:.2f})."


def gain_words(intervals: Mapping[str, object], measured: Difference) -> str:
    """Returns what a method predicted of its gain beside what finals came to; empty: nothing."""
    gain = intervals.get("gain")
    if not isinstance(gain, Mapping) or intervals.get("of"):
        return ""
    metric = measured.metric
    came = measured.value if metric.higher else -measured.value
    held = "holds" if gain["low"] <= came <= gain["high"] else "does not hold"
    return (
        f"It predicted a gain{measured.of} of {_signed(gain['value'], metric)}"
        f" [{gain['low']:.3f}, {gain['high']:.3f}], which {held} the {_signed(came, metric)} that"
        " the final models came to."
    )


def noise_words(signals: pd.DataFrame | None, targets: Mapping[str, float]) -> str:
    """Returns whether the proxies tell mixtures apart, in a sentence; empty: it is unknown."""
    if signals is None or signals.signal_to_noise.isna().all():
        return ""
    of_goal = signals[signals.target.isin(list(targets))]
    weak = of_goal.target[of_goal.signal_to_noise < THRESHOLD]
    if weak.empty:
        return "On every target of the goal, mixtures differ by more than chance."
    return f"On {listed(list(map(str, weak)))}, proxies this small cannot tell mixtures apart."


def moved_words(weights: Mapping[str, float], natural: Mapping[str, float]) -> str:
    """Returns which domains the mixture takes more and less of, in a sentence; empty: unknown."""
    if not weights or not natural:
        return ""
    moves = {name: weight - natural.get(name, 0.0) for name, weight in weights.items()}
    more = [name for name in sorted(moves, key=lambda name: -moves[name]) if moves[name] > MOVED]
    less = [name for name in sorted(moves, key=lambda name: moves[name]) if moves[name] < -MOVED]
    parts = []
    if more:
        parts.append(f"more {listed(more[:NAMED])}")
    if less:
        parts.append(f"less {listed(less[:NAMED])}")
    if not parts:
        return f"The mixture is nearly {REFERENCE}."
    return (
        f"The mixture takes {' and '.join(parts)} than natural. That serves the goal as a whole;"
        " what each domain does to each target stands below."
    )


def _signed(value: float, metric: Metric) -> str:
    """A gain; where there is none, its sign says so."""
    return f"{'−' if value < 0 else ''}{amount(value, metric)}"
