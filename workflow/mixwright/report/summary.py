"""The answer of a study in plain sentences: which mixtures beat natural, by how much, at what cost, and what to distrust."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mixwright.learners import TEXT, Learner
from mixwright.report.by_target import Cell, Tally, by_target, tallies
from mixwright.report.caveats import Caveat, find_caveats
from mixwright.report.comparison import Comparison, compare, objective
from mixwright.study.material import learner_of, targets_of
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE, Difference
from mixwright.trust.noise import held_out, rank_correlations, target_signals


@dataclass(frozen=True)
class Arm:
    """One mixture that was trained to a final model, and how it did."""

    mixer: str
    scores: Mapping[str, float]  # metric -> mean of the targets and seeds
    natural: Difference
    uniform: Difference | None
    proxy_tokens: int  # tokens of all runs of the roles that its mixer reads; where runs have no size, their number
    rank_correlation: (
        float | None
    )  # Spearman on held-out runs; None where the mixer predicts nothing
    weights: Mapping[str, float] = field(default_factory=dict)
    epochs: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    intervals: Mapping[str, Any] = field(
        default_factory=dict
    )  # of the proposal, as its mixer's refits saw them before any final
    tally: Tally | None = None

    @property
    def sentence(self) -> str:
        """`regmix: better than natural by 0.031 nats/token [0.012, 0.050]; not distinguishable from uniform (...)`."""
        if self.natural.arm == self.natural.reference:
            metric = self.natural.metric
            return f"{self.mixer}: the reference of all comparisons, {self.scores[metric.name]:.3f} {metric.unit}"
        against = (
            ""
            if self.uniform is None or self.mixer == self.uniform.reference
            else f"; {self.uniform.sentence}"
        )
        return f"{self.mixer}: {self.natural.sentence}{against}"


@dataclass(frozen=True)
class Summary:
    """All that the report says, before it is laid out."""

    study: str
    headline: str
    detail: tuple[str, ...]  # the sentences under the headline
    chosen: str  # the arm whose mixture the headline names
    arms: tuple[Arm, ...]  # the best first
    method: str  # what the intervals are
    caveats: tuple[Caveat, ...]
    signals: pd.DataFrame
    targets: Mapping[str, float]
    provenance: Mapping[str, Any]
    learner: Learner = TEXT
    by_target: Mapping[str, Mapping[str, Cell]] = field(
        default_factory=dict
    )  # where every target has a goal of its own
    backtest: Mapping[str, Any] = field(
        default_factory=dict
    )  # what mixwright.trust.backtest found, where there are several scales
    transfer: Mapping[str, Any] = field(
        default_factory=dict
    )  # what mixwright.trust.transfer found, where there are two model sizes

    def arm(self, mixer: str) -> Arm:
        return next(arm for arm in self.arms if arm.mixer == mixer)


def summarise(
    study: Mapping[str, Any],
    scores: pd.DataFrame,
    design: pd.DataFrame,
    losses: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
    *,
    validation: pd.DataFrame | None = None,
    documents: pd.DataFrame | None = None,
    reads: Mapping[str, Sequence[str]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    backtest: Mapping[str, Any] | None = None,
    transfer: Mapping[str, Any] | None = None,
) -> Summary:
    """Compares the finals and gathers what to distrust; `reads` says which roles each mixer learned from, to charge their tokens."""
    targets, learner = targets_of(study), learner_of(study)
    comparison = compare(scores, targets, learner, documents)
    cells = (
        by_target(scores, targets, learner, documents)
        if not learner.sized or any("goal" in mixture for mixture in mixtures)
        else {}
    )
    cost = {mixer: proxy_tokens(design, roles) for mixer, roles in (reads or {}).items()}
    arms = _arms(
        comparison,
        scores,
        mixtures,
        cost,
        _ranks(validation, targets),
        learner,
        tallies(cells, mixtures) if cells else {},
    )
    headline, detail, chosen = conclude(comparison.without(_references(study, comparison)))
    signals = target_signals(design, losses)
    return Summary(
        study=str(study["study"]),
        headline=headline,
        detail=detail,
        chosen=chosen,
        arms=arms,
        method=method_of(comparison),
        caveats=find_caveats(study, targets, comparison, scores, signals, losses, mixtures),
        signals=signals,
        targets=targets,
        provenance=dict(provenance or {}) | _totals(study, design, scores, comparison),
        learner=learner,
        by_target=cells,
        backtest=backtest or {},
        transfer=transfer or {},
    )


def conclude(comparison: Comparison) -> tuple[str, tuple[str, ...], str]:
    """Headline, the sentences that qualify it, and the arm to use; the lowest of several arms must win by an interval as wide as the
    choice among them asks for (Bonferroni)."""
    best = str(comparison.means.index[0])
    others = len(comparison.distinct) - 1
    gap = comparison.difference(best, REFERENCE, comparisons=max(others, 1))
    comparative = f"{'higher' if gap.metric.higher else 'lower'} {gap.metric.title}"
    superlative = f"{'highest' if gap.metric.higher else 'lowest'} {gap.metric.title}"
    width = f" (interval widened for {others} comparisons)" if others > 1 else ""
    if gap.verdict == "identical":
        return (
            "Keep the natural mixture.",
            (f"No other mixture reached a {comparative} on the targets.",),
            REFERENCE,
        )
    if gap.verdict == "undecided":
        return (
            "Too few seeds to choose a mixture.",
            (f"The {superlative} is {best}'s: {gap.sentence}.",),
            REFERENCE,
        )
    if gap.verdict != "better":
        side = "over" if gap.metric.higher else "under"
        lead = f"The {superlative} is {best}'s, {abs(gap.value):.3f} {gap.metric.unit} {side} natural, but its interval"
        detail = [f"{lead} [{gap.low:+.3f}, {gap.high:+.3f}]{width} holds zero."]
        return "No mixture is distinguishably better than natural.", tuple(detail), REFERENCE
    detail = [f"Its final models are {gap.sentence}{width}."]
    if "uniform" in comparison.values.index and best != "uniform":
        detail.append(
            f"Against the uniform mixture, which needs no proxies: {comparison.difference(best, 'uniform').sentence}."
        )
    level = ("not distinguishable", "identical")
    tied = [
        str(arm)
        for arm in comparison.means.index[1:]
        if comparison.difference(str(arm), best).verdict in level
    ]
    if tied:
        detail.append(f"Not distinguishable from it: {', '.join(tied)}.")
    return f"Mix by {best}.", tuple(detail), best


def proxy_tokens(design: pd.DataFrame, roles: Sequence[str]) -> int:
    """Training tokens of all runs of these roles."""
    return int(design[design.role.isin(list(roles))].drop_duplicates("run").tokens.sum())


def method_of(comparison: Comparison) -> str:
    """What the intervals are, in one sentence for the reader."""
    alone = "Each interval stands alone; only the headline's is widened for the choice among arms."
    if not comparison.seeded:
        return f"95% intervals of paired differences over test rows, drawn with replacement for all arms and targets at once. {alone}"
    _, freedom = comparison.scatter()
    seeds = comparison.values.dropna(axis=1).shape[1]
    if not freedom:
        return f"{seeds} seed shared by the arms: differences carry no interval over seeds."
    student = f"Student's t, {freedom} degrees of freedom, scatter pooled over the arms"
    basis = f"95% intervals of paired differences over {seeds} seeds ({student})"
    if comparison.documents is None:
        scope = "on the documents scored; the choice of documents is not in them"
    else:
        scope = "and over documents (paired, errors added in quadrature)"
    return f"{basis}, {scope}. {alone}"


def _arms(
    comparison: Comparison,
    scores: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
    cost: Mapping[str, int],
    ranks: Mapping[str, float],
    learner: Learner,
    counted: Mapping[str, Tally],
) -> tuple[Arm, ...]:
    second = objective(scores, comparison.targets, learner.second.name).mean(axis=1)
    chosen = {mixture["mixer"]: mixture for mixture in mixtures if "goal" not in mixture}
    notes = {mixer: _shared_notes(mixer, mixtures) for mixer in map(str, comparison.means.index)}
    uniform = "uniform" in comparison.values.index
    return tuple(
        Arm(
            mixer=mixer,
            scores={learner.judged.name: float(value), learner.second.name: float(second[mixer])},
            natural=comparison.difference(mixer),
            uniform=comparison.difference(mixer, "uniform") if uniform else None,
            proxy_tokens=cost.get(mixer, 0),
            rank_correlation=ranks.get(mixer),
            weights=chosen.get(mixer, {}).get("weights", {}),
            epochs=chosen.get(mixer, {}).get("epochs", {}),
            notes=notes[mixer],
            intervals=chosen.get(mixer, {}).get("intervals", {}),
            tally=counted.get(mixer),
        )
        for mixer, value in ((str(name), value) for name, value in comparison.means.items())
    )


def _references(study: Mapping[str, Any], comparison: Comparison) -> list[str]:
    """Arms that stand outside the goal's bounds on purpose, and cannot be the answer."""
    asked = Study(study)
    return [str(arm) for arm in comparison.values.index if not asked.method(str(arm)).bounded]


def _shared_notes(mixer: str, mixtures: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What a mixer noted of every one of its mixtures."""
    noted = [mixture.get("notes", ()) for mixture in mixtures if mixture["mixer"] == mixer]
    return (
        tuple(note for note in noted[0] if all(note in notes for notes in noted)) if noted else ()
    )


def _ranks(validation: pd.DataFrame | None, targets: Mapping[str, float]) -> dict[str, float]:
    if validation is None or validation.empty:
        return {}
    return {
        str(mixer): float(rank)
        for mixer, rank in rank_correlations(held_out(validation, targets)).items()
        if not np.isnan(rank)
    }


def _totals(
    study: Mapping[str, Any], design: pd.DataFrame, scores: pd.DataFrame, comparison: Comparison
) -> dict[str, Any]:
    if not comparison.seeded:
        judged = scores[scores.metric == comparison.metric.name]
        return {
            "proxy runs": int(design.run.nunique()),
            "final models": len(judged.drop_duplicates(["task", "seed", "value"])),
        }
    finals = int(comparison.values.drop_duplicates().notna().sum().sum())
    return {
        "proxy runs": int(design.run.nunique()),
        "proxy tokens": int(design.drop_duplicates("run").tokens.sum()),
        "final models": finals,
        "final tokens": int(finals * study["goal"]["tokens"]),
    }
