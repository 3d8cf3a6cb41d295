"""Says which final models differ by more than chance, with intervals of paired differences.

The differences are over seeds, and over documents or rows where their losses are known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf, nan

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from mixwright.errors import MixwrightError
from mixwright.goal import Readout
from mixwright.learners import LEAST_SHARE, LOSS, TEXT, Learner, Metric
from mixwright.numerics.ratio import ratio
from mixwright.trust.intervals import REFERENCE, Difference


def objective(
    scores: pd.DataFrame, targets: Mapping[str, float], metric: str = "loss"
) -> pd.DataFrame:
    """Returns the (mixers, seeds) weighted mean of a metric over the targets.

    It is NaN where a mixer has no final with a seed.

    Args:
        scores: a SCORES table.
        targets: target -> weight.
        metric: name of the metric in the table.

    Raises:
        MixwrightError: a target has no score, or a final lacks a target that others have.
    """
    rows = scores[(scores.metric == metric) & scores.task.isin(list(targets))]
    missing = sorted(set(targets) - set(rows.task))
    if missing:
        raise MixwrightError(
            f"scores: no {metric} on target {missing[0]};"
            " evaluate the finals on every target of the study, or lower the rates in"
            " final.optimizer if all of them diverged"
        )
    wide = rows.pivot(index=["mixer", "seed"], columns="task", values="value")
    incomplete = wide.index[wide.isna().any(axis=1)]
    if len(incomplete):
        mixer, seed = incomplete[0]
        raise MixwrightError(
            f"scores: {mixer} with seed {seed} lacks a target that others have; evaluate it again"
        )
    weighted = (wide * pd.Series(targets)).sum(axis=1)
    return weighted.div(sum(targets.values())).unstack("seed")


def compare(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner = TEXT,
    documents: pd.DataFrame | None = None,
) -> "Comparison":
    """Compares the mixers by the metric that the learner's finals are judged by.

    Where targets of questions choose by their answers, they judge by them too: accuracies are
    shown as points of 100, and targets of several units by the mean of what mixers minimise.

    Args:
        scores: a SCORES table.
        targets: target -> weight.
        learner: says the metric, and whether its models depend on a seed.
        documents: a DOCUMENTS table, for the error over documents or rows.
    """
    if any(target in learner.chosen for target in targets):
        return _by_chosen(scores, targets, learner, documents)
    # Where other targets choose by their answers, that of these ones.
    judged = learner.judges(next(iter(targets)))
    values = objective(scores, targets, judged.name)
    if learner.sized or documents is None:
        return Comparison(values, targets, documents, judged, seeded=learner.sized)
    # Only trees need it.
    from mixwright.tabular.metrics import score_draws

    draws = score_draws(documents, targets)
    return Comparison(values, targets, None, judged, draws, seeded=False)


def _by_chosen(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner,
    documents: pd.DataFrame | None,
) -> "Comparison":
    """The comparison where some of the targets are judged by how their questions are answered."""
    metrics = {target: learner.judges(target) for target in targets}
    readout = Readout.of(targets, tuple(targets), metrics)
    columns = {}
    slopes = {}
    for target, metric in metrics.items():
        name = learner.chosen.get(target, metric.name)
        value = objective(scores, {target: 1.0}, name).stack()
        columns[target] = pd.Series(metric.minimised(value.to_numpy()), value.index)
        slopes[target] = _slope(metric, readout, float(value.mean()))
    minimised = pd.DataFrame(columns)
    shown = pd.Series(readout.objective(minimised.to_numpy()), minimised.index)
    return Comparison(
        shown.unstack("seed"),
        targets,
        documents,
        readout.metric,
        columns={target: learner.chosen[target] for target in targets if target in learner.chosen},
        slopes=slopes,
        marks=objective(scores, targets, learner.second.name),
    )


def _slope(metric: Metric, readout: Readout, value: float) -> float:
    """By how much the objective as it is shown moves with a target's number, near a value."""
    if readout.in_points:
        return readout.metric.whole / metric.whole
    if metric.as_measured:
        return 1.0
    # In mixed units what is minimised counts, -log of a share.
    return 1 / max(value, LEAST_SHARE)


@dataclass(frozen=True)
class Comparison:
    """The values of all mixers, and their differences with intervals.

    All mixers' finals are trained by one recipe, so the error over seeds is pooled over them.
    """

    values: pd.DataFrame  # (mixers, seeds) of the metric, weighted mean of the targets
    targets: Mapping[str, float]  # target -> weight
    documents: pd.DataFrame | None = None  # a DOCUMENTS table
    metric: Metric = LOSS
    # (task and mixer, draws) of the metric on rows drawn with replacement, in place of documents.
    draws: pd.DataFrame | None = None
    seeded: bool = True  # whether a model depends on its seed
    # Target of questions -> the column of documents that holds its numbers.
    columns: Mapping[str, str] = field(default_factory=dict)
    # Target -> by how much the metric moves with the target's number; 1 where nothing stands.
    slopes: Mapping[str, float] = field(default_factory=dict)
    # As values, numbers that only equal models share: as many right answers are no sign of one
    # model. None: the values are such numbers.
    marks: pd.DataFrame | None = None

    @property
    def means(self) -> pd.Series:
        """Each mixer's mean over the seeds that all share, the best mixer first.

        Where no seed is shared by all, a mixer's mean is over its own seeds.
        """
        values = self.values.dropna(axis=1)
        if values.empty:
            values = self.values
        ascending = not self.metric.higher
        return values.mean(axis=1).sort_values(kind="stable", ascending=ascending)

    @property
    def distinct(self) -> pd.DataFrame:
        """The mixers without those that repeat another's numbers, over the seeds that all share.

        Equal mixtures are trained once, and then have equal numbers.
        """
        values = self.values.dropna(axis=1)
        if self.marks is None:
            return values.drop_duplicates()
        marks = self.marks.reindex_like(values)
        return values[~marks.duplicated()]

    def scatter(self) -> tuple[float, int]:
        """Returns the variance left after the effects of mixer and seed, and its freedom.

        The degrees of freedom are (mixers - 1)(seeds - 1); with none the variance is NaN.
        """
        if not self.seeded:
            return 0.0, 1
        values = self.distinct.to_numpy()
        freedom = (values.shape[0] - 1) * (values.shape[1] - 1)
        if freedom < 1:
            return nan, 0
        of_mixers = values.mean(axis=1, keepdims=True)
        of_seeds = values.mean(axis=0, keepdims=True)
        residuals = values - of_mixers - of_seeds + values.mean()
        return float((residuals**2).sum() / freedom), freedom

    def difference(
        self, arm: str, reference: str = REFERENCE, comparisons: int = 1, level: float = 0.95
    ) -> Difference:
        """Estimates one mixer's value minus another's, with its interval.

        The interval is Student's t on the seeds' pooled error. The error over documents is added
        in quadrature, with degrees of freedom by Welch and Satterthwaite.

        Args:
            arm: the mixer.
            reference: the mixer that it is compared with.
            comparisons: number of comparisons that share the level; more widen the interval
                (Bonferroni).
            level: probability that the interval covers the true difference.

        Raises:
            MixwrightError: one of the two has no final, or they share no seed.
        """
        paired = self._of(arm) - self._of(reference)
        paired = paired.dropna()
        if paired.empty:
            raise MixwrightError(
                f"scores: {arm} and {reference} share no seed;"
                " train both with the study's final.seeds"
            )
        seeds = len(paired)
        if arm == reference or self._alike(arm, reference, paired):
            return Difference(
                arm, reference, 0.0, 0.0, 0.0, seeds, 0.0, 0.0, identical=True, metric=self.metric
            )
        variance, freedom = self.scatter()
        seed_error = float(np.sqrt(2 * variance / seeds))
        document_error, document_freedom = self._document_error(arm, reference, list(paired.index))
        errors = [(seed_error, freedom), (document_error, document_freedom)]
        half = _half_width(errors, 1 - (1 - level) / comparisons)
        value = float(paired.mean())
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
        """Returns the comparison without some mixers."""
        return replace(self, values=self.values.drop(index=list(arms)))

    def _alike(self, arm: str, reference: str, paired: pd.Series) -> bool:
        """Whether the models of two mixers are equal, by their paired differences or marks."""
        gaps = paired
        if self.marks is not None:
            gaps = self.marks.loc[arm, paired.index] - self.marks.loc[reference, paired.index]
        return bool((gaps == 0).all())

    def _of(self, arm: str) -> pd.Series:
        """A mixer's values by seed."""
        if arm not in self.values.index:
            raise MixwrightError(
                f"scores: no final of {arm}; add `{arm}: {{}}` to mixers and train it, or lower the"
                " rates in final.optimizer where it diverged"
            )
        return self.values.loc[arm]

    def _document_error(self, arm: str, reference: str, seeds: list[int]) -> tuple[float, float]:
        """Standard error of the paired difference over documents, and its degrees of freedom.

        The targets' errors are added in quadrature. Without losses per document it is (NaN, 0).
        """
        if self.draws is not None:
            return self._drawn_error(arm, reference)
        if self.documents is None:
            return nan, 0
        rows = self.documents[
            self.documents.seed.isin(seeds) & self.documents.task.isin(list(self.targets))
        ]
        if not {arm, reference} <= set(rows.mixer):
            return nan, 0
        total = sum(self.targets.values())
        variance = 0.0
        freedom = 0
        for task, of_task in rows.groupby("task"):
            name = str(task)
            error, count = _paired_error(of_task, arm, reference, self.columns.get(name))
            variance += (self.targets[name] / total * self.slopes.get(name, 1.0) * error) ** 2
            freedom += count - 1
        return float(np.sqrt(variance)), freedom

    def _drawn_error(self, arm: str, reference: str) -> tuple[float, float]:
        """Standard deviation of the paired difference over draws of rows, and their number.

        The same rows are drawn for all targets, so their differences are summed draw by draw.
        """
        assert self.draws is not None
        total = sum(self.targets.values())
        gaps: pd.Series | float = 0
        for task, weight in self.targets.items():
            draws = self.draws.loc[(task, arm)]
            reference_draws = self.draws.loc[(task, reference)]
            gap = draws - reference_draws
            gaps = gaps + weight / total * gap
        return float(np.std(gaps, ddof=1)), len(self.draws.columns)


def _paired_error(
    documents: pd.DataFrame, arm: str, reference: str, column: str | None
) -> tuple[float, int]:
    """Standard error of the paired difference of two mixers on one target, and its documents.

    Args:
        documents: the target's rows of a DOCUMENTS table.
        arm: the one mixer.
        reference: the other.
        column: of the numbers of questions; None: the loss of documents, nats/token.
    """
    values = documents.pivot_table(
        index="example", columns="mixer", values=column or "loglikelihood", aggfunc="mean"
    )
    gap = values[arm] - values[reference]
    if column is None:
        tokens = documents.groupby("example").scored_tokens.first().reindex(gap.index)
        _, error = ratio(gap.to_numpy(), tokens.to_numpy())
        return error, len(gap)
    # Documents that are no questions have none.
    paired = gap.dropna().to_numpy()
    if len(paired) < 2:
        return inf, len(paired)
    return float(np.std(paired, ddof=1) / np.sqrt(len(paired))), len(paired)


def _half_width(errors: list[tuple[float, float]], level: float) -> float:
    """Half the interval of a sum of independent errors.

    Each is (standard error, degrees of freedom); unknown ones are NaN and left out. The freedom of
    the sum is that of Welch and Satterthwaite.
    """
    known = [(error, freedom) for error, freedom in errors if not np.isnan(error)]
    if not known:
        return nan
    variance = sum(error**2 for error, _ in known)
    if variance == 0 or np.isinf(variance):
        return float(np.sqrt(variance))
    parts = [error**4 / freedom for error, freedom in known]
    freedom = variance**2 / sum(parts)
    return float(stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance))
