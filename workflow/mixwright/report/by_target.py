"""The same comparison target by target: where each mixture helps, where it harms, and where a mixer had nothing better than natural."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mixwright.learners import Learner
from mixwright.report.comparison import compare
from mixwright.trust.intervals import REFERENCE, Difference

SAME = 1e-6  # weights that differ by less are the same mixture


@dataclass(frozen=True)
class Cell:
    """One arm on one target: what it reached, mean of the seeds, and how that differs from the reference."""

    value: float
    against: Difference


@dataclass(frozen=True)
class Tally:
    """Targets on which an arm is better than natural by its interval, level with it, worse; and where it proposed the same mixture."""

    better: int
    level: int
    worse: int
    same: int


def by_target(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner,
    documents: pd.DataFrame | None = None,
) -> dict[str, dict[str, Cell]]:
    """Target -> arm -> cell, arms sorted by name."""
    found = {}
    for target in sorted(targets):
        rows = None if documents is None else documents[documents.task == target]
        comparison = compare(scores, {target: 1.0}, learner, rows)
        found[target] = {
            str(arm): Cell(float(comparison.means[arm]), comparison.difference(str(arm)))
            for arm in sorted(comparison.means.index)
        }
    return found


def tallies(
    cells: Mapping[str, Mapping[str, Cell]], mixtures: Sequence[Mapping[str, Any]]
) -> dict[str, Tally]:
    """Arm -> its tally over the targets."""
    chosen = {(mixture["mixer"], mixture.get("goal")): mixture["weights"] for mixture in mixtures}
    found = {}
    for arm in next(iter(cells.values())):
        verdicts = [row[arm].against.verdict for row in cells.values()]
        same = sum(
            _same(chosen.get((arm, target)), chosen.get((REFERENCE, target))) for target in cells
        )
        better, worse = verdicts.count("better"), verdicts.count("worse")
        found[arm] = Tally(better, len(verdicts) - better - worse, worse, same)
    return found


def _same(ours: Mapping[str, float] | None, theirs: Mapping[str, float] | None) -> bool:
    return (
        ours is not None
        and theirs is not None
        and all(abs(weight - theirs.get(name, 0.0)) < SAME for name, weight in ours.items())
    )
