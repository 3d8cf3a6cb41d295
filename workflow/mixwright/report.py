"""The answer of a study in plain sentences: which mixtures beat natural, by how much, at what cost, and what to distrust."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mixwright.caveats import Caveat, find_caveats
from mixwright.comparison import REFERENCE, Comparison, Difference, objective
from mixwright.signals import held_out, rank_correlations, target_signals
from mixwright.study import targets_of


@dataclass(frozen=True)
class Arm:
    """One mixture that was trained to a final model, and how it did."""

    mixer: str
    loss: float  # nats/token, mean of the targets and seeds
    bits_per_byte: float
    natural: Difference
    uniform: Difference | None
    proxy_tokens: int  # tokens of all runs of the roles that its mixer reads
    rank_correlation: float | None  # Spearman on held-out runs; None where the mixer predicts nothing
    weights: Mapping[str, float] = field(default_factory=dict)
    epochs: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    intervals: Mapping[str, Any] = field(default_factory=dict)  # of the proposal, as its mixer's refits saw them before any final

    @property
    def sentence(self) -> str:
        """`regmix: better than natural by 0.031 nats/token [0.012, 0.050]; not distinguishable from uniform (...)`."""
        if self.natural.arm == self.natural.reference:
            return f"{self.mixer}: the reference of all comparisons, {self.loss:.3f} nats/token"
        against = "" if self.uniform is None or self.mixer == self.uniform.reference else f"; {self.uniform.sentence}"
        return f"{self.mixer}: {self.natural.sentence}{against}"


@dataclass(frozen=True)
class Summary:
    """All that the report says, before it is laid out."""

    study: str
    headline: str
    detail: tuple[str, ...]  # the sentences under the headline
    chosen: str  # the arm whose mixture the headline names
    arms: tuple[Arm, ...]  # lowest loss first
    method: str  # what the intervals are
    caveats: tuple[Caveat, ...]
    signals: pd.DataFrame
    targets: Mapping[str, float]
    provenance: Mapping[str, Any]

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
) -> Summary:
    """Compares the finals and gathers what to distrust; `reads` says which roles each mixer learned from, to charge their tokens."""
    targets = targets_of(study)
    comparison = Comparison(objective(scores, targets), targets, documents)
    cost = {mixer: proxy_tokens(design, roles) for mixer, roles in (reads or {}).items()}
    arms = _arms(comparison, scores, mixtures, cost, _ranks(validation, targets))
    headline, detail, chosen = conclude(comparison)
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
        provenance=dict(provenance or {}) | _totals(study, design, comparison),
    )


def conclude(comparison: Comparison) -> tuple[str, tuple[str, ...], str]:
    """Headline, the sentences that qualify it, and the arm to use; the lowest of several arms must win by an interval as wide as the
    choice among them asks for (Bonferroni)."""
    best = str(comparison.means.index[0])
    others = len(comparison.distinct) - 1
    gap = comparison.difference(best, REFERENCE, comparisons=max(others, 1))
    width = f" (interval widened for {others} comparisons)" if others > 1 else ""
    if gap.verdict == "identical":
        return "Keep the natural mixture.", ("No other mixture reached a lower loss on the targets.",), REFERENCE
    if gap.verdict == "undecided":
        return "Too few seeds to choose a mixture.", (f"The lowest loss is {best}'s: {gap.sentence}.",), REFERENCE
    if gap.verdict != "better":
        lowest = f"The lowest loss is {best}'s, {abs(gap.value):.3f} nats/token under natural, but its interval"
        detail = [f"{lowest} [{gap.low:+.3f}, {gap.high:+.3f}]{width} holds zero."]
        return "No mixture is distinguishably better than natural.", tuple(detail), REFERENCE
    detail = [f"Its final models are {gap.sentence}{width}."]
    if "uniform" in comparison.losses.index and best != "uniform":
        detail.append(f"Against the uniform mixture, which needs no proxies: {comparison.difference(best, 'uniform').sentence}.")
    level = ("not distinguishable", "identical")
    tied = [str(arm) for arm in comparison.means.index[1:] if comparison.difference(str(arm), best).verdict in level]
    if tied:
        detail.append(f"Not distinguishable from it: {', '.join(tied)}.")
    return f"Mix by {best}.", tuple(detail), best


def proxy_tokens(design: pd.DataFrame, roles: Sequence[str]) -> int:
    """Training tokens of all runs of these roles."""
    return int(design[design.role.isin(list(roles))].drop_duplicates("run").tokens.sum())


def method_of(comparison: Comparison) -> str:
    """What the intervals are, in one sentence for the reader."""
    _, freedom = comparison.scatter()
    seeds = comparison.losses.dropna(axis=1).shape[1]
    if not freedom:
        return f"{seeds} seed shared by the arms: differences carry no interval over seeds."
    student = f"Student's t, {freedom} degrees of freedom, scatter pooled over the arms"
    basis = f"95% intervals of paired differences over {seeds} seeds ({student})"
    if comparison.documents is None:
        scope = "on the documents scored; the choice of documents is not in them"
    else:
        scope = "and over documents (paired, errors added in quadrature)"
    return f"{basis}, {scope}. Each interval stands alone; only the headline's is widened for the choice among arms."


def _arms(
    comparison: Comparison,
    scores: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
    cost: Mapping[str, int],
    ranks: Mapping[str, float],
) -> tuple[Arm, ...]:
    bits = objective(scores, comparison.targets, "bits_per_byte").mean(axis=1)
    chosen = {mixture["mixer"]: mixture for mixture in mixtures}
    uniform = "uniform" in comparison.losses.index
    return tuple(
        Arm(
            mixer=mixer,
            loss=float(loss),
            bits_per_byte=float(bits[mixer]),
            natural=comparison.difference(mixer),
            uniform=comparison.difference(mixer, "uniform") if uniform else None,
            proxy_tokens=cost.get(mixer, 0),
            rank_correlation=ranks.get(mixer),
            weights=chosen.get(mixer, {}).get("weights", {}),
            epochs=chosen.get(mixer, {}).get("epochs", {}),
            notes=tuple(chosen.get(mixer, {}).get("notes", ())),
            intervals=chosen.get(mixer, {}).get("intervals", {}),
        )
        for mixer, loss in ((str(name), value) for name, value in comparison.means.items())
    )


def _ranks(validation: pd.DataFrame | None, targets: Mapping[str, float]) -> dict[str, float]:
    if validation is None or validation.empty:
        return {}
    return {str(mixer): float(rank) for mixer, rank in rank_correlations(held_out(validation, targets)).items() if not np.isnan(rank)}


def _totals(study: Mapping[str, Any], design: pd.DataFrame, comparison: Comparison) -> dict[str, Any]:
    finals = int(comparison.losses.drop_duplicates().notna().sum().sum())
    return {
        "proxy runs": int(design.run.nunique()),
        "proxy tokens": int(design.drop_duplicates("run").tokens.sum()),
        "final models": finals,
        "final tokens": int(finals * study["goal"]["tokens"]),
    }
