"""Texts that the goal does not weigh: which of them a mixture makes worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mixwright.errors import counted
from mixwright.learners import Learner, Metric
from mixwright.mixture import Array
from mixwright.report.best_surface import best_surface
from mixwright.report.by_target import by_target
from mixwright.report.mixture_words import amount
from mixwright.report.proposed import listed
from mixwright.report.results import Records
from mixwright.trust.intervals import REFERENCE

# Texts that a sentence names one by one.
NAMED = 3
Weights = Mapping[str, float]


@dataclass(frozen=True)
class Outside:
    """How one mixture does on one text that the goal does not weigh. Its fields go to JSON."""

    text: str
    # by how much it is worse than natural, in the text's unit; negative: better
    worse: float
    # ends of its 95% interval; NaN where there is none
    low: float
    high: float
    metric: Metric

    @property
    def clear(self) -> bool:
        """Whether it is worse beyond its interval; without an interval, beyond what is shown."""
        if np.isnan(self.low):
            return self.worse > 0.0005
        return self.low > 0

    @property
    def words(self) -> str:
        """`tables by 3.52 nats/token [3.41, 3.63]`."""
        size = f"{self.text} by {amount(self.worse, self.metric)} {self.metric.unit}".rstrip()
        if np.isnan(self.low):
            return size
        return f"{size} [{amount(self.low, self.metric)}, {amount(self.high, self.metric)}]"

    def as_json(self) -> dict[str, Any]:
        """Returns what `summary.json` holds of it."""
        return {**vars(self), "metric": self.metric.name}


def measured_outside(
    scores: pd.DataFrame,
    targets: Weights,
    learner: Learner,
    documents: pd.DataFrame | None = None,
) -> dict[str, tuple[Outside, ...]]:
    """Returns mixer -> the texts outside the goal that its finals were scored on, the worst first.

    Args:
        scores: a SCORES table.
        targets: target -> weight in the goal.
        learner: what the finals are judged by.
        documents: a DOCUMENTS table, for the error over documents.
    """
    if not learner.sized:
        return {}
    of_metric = scores[scores.metric == learner.judged.name]
    counts = of_metric[~of_metric.task.isin(list(targets))].task.value_counts()
    # those that only some finals were scored on say little
    finals = len(of_metric[["mixer", "seed"]].drop_duplicates())
    watched = sorted(str(task) for task, count in counts.items() if count == finals)
    rows: dict[str, list[Outside]] = {}
    for target, row in by_target(scores, dict.fromkeys(watched, 1.0), learner, documents).items():
        for mixer, cell in row.items():
            gap = cell.against
            sign = -1.0 if gap.metric.higher else 1.0
            low, high = sorted((sign * gap.low, sign * gap.high))
            text = Outside(target, sign * gap.value, low, high, gap.metric)
            rows.setdefault(mixer, []).append(text)
    return _worst_first(rows)


def predicted_outside(
    surfaces: Records, targets: Weights, mixtures: Mapping[str, Weights]
) -> dict[str, tuple[Outside, ...]]:
    """Returns mixture -> the texts outside the goal as the best surface predicts them.

    Nothing where there is no surface, natural is unknown, or no run could be held out.

    Args:
        surfaces: as their files hold them.
        targets: target -> weight in the goal.
        mixtures: name -> domain -> weight, natural's among them.
    """
    if not surfaces or REFERENCE not in mixtures:
        return {}
    surface = best_surface(surfaces, targets)
    names = [name for name in mixtures if set(mixtures[name]) <= set(surface.domains)]
    if REFERENCE not in names:
        return {}
    weights = np.array([_row(mixtures[name], surface.domains) for name in names])
    natural = weights[names.index(REFERENCE)]
    value, low, high = surface.differences(weights, natural)
    rows: dict[str, list[Outside]] = {}
    for column, target in enumerate(surface.targets):
        if target in targets:
            continue
        metric = surface.metric(target)
        sign = -1.0 if metric.higher else 1.0
        for place, name in enumerate(names):
            ends = sorted((sign * low[place, column], sign * high[place, column]))
            worse = float(sign * value[place, column])
            rows.setdefault(name, []).append(
                Outside(target, worse, float(ends[0]), float(ends[1]), metric)
            )
    return _worst_first(rows)


def outside_words(rows: Sequence[Outside], measured: bool) -> str:
    """Returns which texts outside the goal get worse, in a sentence; empty where none is known.

    Args:
        rows: of the mixture to use, the worst first.
        measured: whether finals measured them.
    """
    if not rows:
        return ""
    start = "Worse" if measured else "Predicted worse"
    worse = [row for row in rows if row.clear]
    if worse:
        words = [row.words for row in worse[:NAMED]]
        if len(worse) > NAMED:
            words.append(f"{len(worse) - NAMED} more")
        sentence = f"{start} than natural outside the goal: {listed(words)}."
        return sentence + _in_perplexity(worse[0]) + _others(len(rows) - len(worse))
    count = counted(len(rows), "text")
    return f"{start} than natural outside the goal: not one of {count}, as far as can be told."


def none_worse(targets: int, measured: bool) -> str:
    """Returns that no target of the goal gets worse, without a full stop.

    Args:
        targets: of the goal.
        measured: whether finals measured them.
    """
    if targets == 1:
        verb = "does not get worse" if measured else "is not predicted to get worse"
        return f"The target of the goal {verb}"
    verb = "gets worse" if measured else "is predicted to get worse"
    return f"Not one of the {targets} targets of the goal {verb}"


def _in_perplexity(row: Outside) -> str:
    """What a loss of a text means, where it is large and in nats/token."""
    if row.metric.unit != "nats/token" or row.metric.name == "perplexity" or row.worse < 0.1:
        return ""
    factor = np.exp(row.worse)
    words = f"{factor:.2g} times the" if factor >= 2 else f"{100 * (factor - 1):.0f} % higher"
    return f" On {row.text} that is about {words} perplexity."


def _others(count: int) -> str:
    """That the other texts outside the goal are not clearly worse."""
    if not count:
        return ""
    if count == 1:
        return " The other text outside the goal is not clearly worse."
    return f" Of the other {count} texts outside the goal none is clearly worse."


def _row(weights: Weights, domains: Sequence[str]) -> Array:
    return np.array([weights.get(name, 0.0) for name in domains])


def _worst_first(rows: Mapping[str, list[Outside]]) -> dict[str, tuple[Outside, ...]]:
    """The texts of each mixture, the one that loses most first."""
    ordered = {}
    for name, texts in rows.items():
        ordered[name] = tuple(sorted(texts, key=lambda text: -text.worse))
    return ordered
