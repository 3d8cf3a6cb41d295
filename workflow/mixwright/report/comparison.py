"""Which final models differ by more than chance: paired differences over seeds, and over documents or rows where known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from mixwright.errors import MixwrightError
from mixwright.learners import LOSS, TEXT, Learner, Metric
from mixwright.numerics.ratio import ratio
from mixwright.trust.intervals import REFERENCE, Difference


def objective(
    scores: pd.DataFrame, targets: Mapping[str, float], metric: str = "loss"
) -> pd.DataFrame:
    """(mixers x seeds) weighted mean of `metric` over the targets; NaN where an arm has no such seed."""
    rows = scores[(scores.metric == metric) & scores.task.isin(list(targets))]
    lacking = sorted(set(targets) - set(rows.task))
    if lacking:
        raise MixwrightError(
            f"scores: no {metric} on target {lacking[0]}; evaluate the finals on every target of the study"
        )
    wide = rows.pivot(index=["mixer", "seed"], columns="task", values="value")
    incomplete = wide.index[wide.isna().any(axis=1)]
    if len(incomplete):
        mixer, seed = incomplete[0]
        raise MixwrightError(
            f"scores: {mixer} with seed {seed} lacks a target that others have; evaluate it again"
        )
    return (wide * pd.Series(targets)).sum(axis=1).div(sum(targets.values())).unstack("seed")


def compare(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner = TEXT,
    documents: pd.DataFrame | None = None,
) -> "Comparison":
    """The arms compared by what the learner's finals are judged by."""
    values = objective(scores, targets, learner.judged.name)
    if learner.sized or documents is None:
        return Comparison(values, targets, documents, learner.judged, seeded=learner.sized)
    from mixwright.tabular.metrics import score_draws

    return Comparison(
        values,
        targets,
        None,
        learner.judged,
        score_draws(documents, targets),
        seeded=False,
    )


@dataclass(frozen=True)
class Comparison:
    """All arms' values (mixers x seeds) and what their scatter says: the seed error is pooled over the arms, which share one recipe."""

    values: pd.DataFrame
    targets: Mapping[str, float]
    documents: pd.DataFrame | None = None
    metric: Metric = LOSS
    draws: pd.DataFrame | None = (
        None  # (task, mixer) x draws: the metric on rows drawn with replacement, instead of documents
    )
    seeded: bool = True  # whether a model depends on its seed

    @property
    def means(self) -> pd.Series:
        """Mean of each arm over the seeds that all share (over its own where there is none), the best first."""
        shared = self.values.dropna(axis=1)
        return (
            (self.values if shared.empty else shared)
            .mean(axis=1)
            .sort_values(kind="stable", ascending=not self.metric.higher)
        )

    @property
    def distinct(self) -> pd.DataFrame:
        """The arms without those that repeat another's numbers exactly (equal mixtures are trained once), over the seeds all share."""
        return self.values.dropna(axis=1).drop_duplicates()

    def scatter(self) -> tuple[float, int]:
        """Variance that is left after arm and seed effects, and its degrees of freedom (arms - 1)(seeds - 1)."""
        if not self.seeded:
            return 0.0, 1
        values = self.distinct.to_numpy()
        freedom = (values.shape[0] - 1) * (values.shape[1] - 1)
        if freedom < 1:
            return nan, 0
        left = (
            values
            - values.mean(axis=1, keepdims=True)
            - values.mean(axis=0, keepdims=True)
            + values.mean()
        )
        return float((left**2).sum() / freedom), freedom

    def difference(
        self, arm: str, reference: str = REFERENCE, comparisons: int = 1, level: float = 0.95
    ) -> Difference:
        """Interval of arm minus reference: Student's t on the seeds' pooled error, documents' error added in quadrature
        (degrees of freedom by Welch and Satterthwaite); `comparisons` > 1 widens it by Bonferroni."""
        paired = self._of(arm) - self._of(reference)
        paired = paired.dropna()
        if paired.empty:
            raise MixwrightError(
                f"scores: {arm} and {reference} share no seed; train both with the study's final.seeds"
            )
        value, seeds = float(paired.mean()), len(paired)
        if arm == reference or (paired == 0).all():
            return Difference(
                arm, reference, 0.0, 0.0, 0.0, seeds, 0.0, 0.0, identical=True, metric=self.metric
            )
        variance, freedom = self.scatter()
        seed_error = float(np.sqrt(2 * variance / seeds))
        document_error, document_freedom = self._document_error(arm, reference, list(paired.index))
        parts = [(seed_error, freedom), (document_error, document_freedom)]
        half = _half_width(
            [(e, f) for e, f in parts if not np.isnan(e)], 1 - (1 - level) / comparisons
        )
        return Difference(
            arm,
            reference,
            value,
            value - half,
            value + half,
            seeds,
            seed_error,
            document_error,
            metric=self.metric,
        )

    def without(self, arms: Iterable[str]) -> "Comparison":
        """The same without some arms."""
        return replace(self, values=self.values.drop(index=list(arms)))

    def _of(self, arm: str) -> pd.Series:
        if arm not in self.values.index:
            raise MixwrightError(
                f"scores: no final of {arm}; add `{arm}: {{}}` to mixers and train it"
            )
        return self.values.loc[arm]

    def _document_error(self, arm: str, reference: str, seeds: list[int]) -> tuple[float, float]:
        """Standard error over documents of the paired difference, targets in quadrature; (NaN, 0) without per-document losses."""
        if self.draws is not None:
            return self._drawn_error(arm, reference)
        if self.documents is None:
            return nan, 0
        rows = self.documents[
            self.documents.seed.isin(seeds) & self.documents.task.isin(list(self.targets))
        ]
        nats = -rows.pivot_table(
            index=["task", "example"], columns="mixer", values="loglikelihood", aggfunc="mean"
        )
        tokens = rows.groupby(["task", "example"]).scored_tokens.first().reindex(nats.index)
        if not {arm, reference} <= set(nats.columns):
            return nan, 0
        total, variance, freedom = sum(self.targets.values()), 0.0, 0
        for task, gap in (nats[arm] - nats[reference]).groupby("task"):
            _, error = ratio(gap.to_numpy(), tokens[gap.index].to_numpy())
            variance += (self.targets[str(task)] / total * error) ** 2
            freedom += len(gap) - 1
        return float(np.sqrt(variance)), freedom

    def _drawn_error(self, arm: str, reference: str) -> tuple[float, float]:
        """Standard deviation of the paired difference over draws of rows; as good as normal, for a draw holds all targets."""
        assert self.draws is not None
        total = sum(self.targets.values())
        gaps = sum(
            share / total * (self.draws.loc[(task, arm)] - self.draws.loc[(task, reference)])
            for task, share in self.targets.items()
        )
        return float(np.std(gaps, ddof=1)), len(self.draws.columns)


def _half_width(parts: list[tuple[float, float]], level: float) -> float:
    """Half the interval of a sum of independent errors, each (standard error, degrees of freedom)."""
    variance = sum(error**2 for error, _ in parts)
    if not parts or variance == 0 or np.isinf(variance):
        return nan if not parts else float(np.sqrt(variance))
    freedom = variance**2 / sum(error**4 / free for error, free in parts)
    return float(stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance))
