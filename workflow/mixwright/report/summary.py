"""Answers a study in plain sentences: which mixtures beat natural, by how much, at what cost.

It also gathers what the reader should distrust.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from mixwright.corpus.counts import Extent, extents
from mixwright.learners import TEXT, Learner
from mixwright.report.answer import NO_ANSWER, Answer
from mixwright.report.answer_of_finals import answer_of_finals, grounds_of
from mixwright.report.answered import (
    FinalAnswers,
    ProxyAnswers,
    of_finals,
    of_proxies,
)
from mixwright.report.by_target import Cell, Tally, by_target, tallies
from mixwright.report.by_task import TaskRow
from mixwright.report.caveats import (
    Caveat,
    check_reference,
    demonstration_caveats,
    find_caveats,
    serious_first,
)
from mixwright.report.comparison import Comparison, compare, objective
from mixwright.report.conclusion import conclude, method_of
from mixwright.report.corpus_caveats import Counts
from mixwright.report.cost import Spent
from mixwright.report.explorer.explorer import Explorer
from mixwright.report.judging import learner_of, minimised_losses
from mixwright.report.limits import limits_of
from mixwright.report.mixture_words import mixture_of
from mixwright.report.next_steps import after_finals, after_transfer
from mixwright.report.notes import shared_notes, with_mixtures
from mixwright.report.rate_caveats import rate_caveats
from mixwright.report.results import Records
from mixwright.report.size_caveats import size_caveats
from mixwright.report.speed import Speed
from mixwright.report.text_caveats import text_caveats
from mixwright.report.totals import totals
from mixwright.report.worst import candidates_of, worst_gaps
from mixwright.report.your_data import DataRow, data_rows, target_lines
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE, Difference
from mixwright.trust.noise import held_out, rank_correlations, target_signals


@dataclass(frozen=True)
class ArmSummary:
    """One mixture that was trained to final models, and how it did. Its fields go to JSON."""

    mixer: str
    scores: Mapping[str, float]  # metric -> mean over the targets and seeds
    natural: Difference  # from natural
    uniform: Difference | None  # from uniform, where the study trains it
    # Training tokens of all runs of the roles that its mixer reads; without sizes, their number.
    proxy_tokens: int
    # Spearman on held-out runs; None where the mixer predicts nothing.
    rank_correlation: float | None
    weights: Mapping[str, float] = field(default_factory=dict)  # domain -> weight
    epochs: Mapping[str, float] = field(default_factory=dict)  # domain -> epochs of its tokens
    notes: tuple[str, ...] = ()
    # Of the proposal, from refits of its mixer, before any final was trained.
    intervals: Mapping[str, Any] = field(default_factory=dict)
    tally: Tally | None = None
    # From natural on the target that gains least; None: the goal is the mean.
    worst: Difference | None = None

    @property
    def foreseen(self) -> Difference:
        """What came of the gain that its mixer predicted."""
        if self.worst is not None and "worst_target" in self.intervals:
            return self.worst
        return self.natural

    @property
    def measured(self) -> str:
        """What its final models measured: `5.070 nats/token, better than natural by 0.176 ...`."""
        metric = self.natural.metric
        loss = f"{self.scores[metric.name]:.3f} {metric.unit}".rstrip()
        if not self.gain:
            return loss
        return f"{loss}, {self.gain}"

    @property
    def gain(self) -> str:
        """Compares it with natural: `better than natural by 0.176 ...`; empty for natural."""
        if self.natural.arm == self.natural.reference:
            return ""
        return self.natural.sentence

    @property
    def sentence(self) -> str:
        """Compares it with natural and uniform: `regmix: better than natural by 0.031 ...`."""
        if self.natural.arm == self.natural.reference:
            metric = self.natural.metric
            value = self.scores[metric.name]
            return f"{self.mixer}: what all others are compared with, {value:.3f} {metric.unit}"
        sentence = f"{self.mixer}: {self.natural.sentence}"
        if self.worst is not None:
            sentence += f"; {self.worst.sentence}"
        if self.uniform is None or self.mixer == self.uniform.reference:
            return sentence
        return f"{sentence}; {self.uniform.sentence}"


@dataclass(frozen=True)
class Summary:
    """All that the report says, before it is laid out."""

    study: str  # its name
    headline: str
    detail: tuple[str, ...]  # the sentences under the headline
    chosen: str  # the mixer whose mixture the headline names
    arms: tuple[ArmSummary, ...]  # the best first
    method: str  # what the intervals are
    caveats: tuple[Caveat, ...]
    signals: pd.DataFrame  # what mixwright.trust.noise.target_signals returns
    targets: Mapping[str, float]  # target -> weight
    provenance: Mapping[str, Any]
    learner: Learner = TEXT
    # Target -> mixer -> cell.
    by_target: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    # The result of mixwright.trust.backtest, where there are several scales.
    backtest: Mapping[str, Any] = field(default_factory=dict)
    # The result of mixwright.trust.transfer, where there are two model sizes.
    transfer: Mapping[str, Any] = field(default_factory=dict)
    # What merged.json holds, where merged proxies were asked for.
    merged: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[DataRow, ...] = ()  # a row a domain, where text was read
    exports: tuple[str, ...] = ()  # a sentence a trainer's file
    tasks: tuple[TaskRow, ...] = ()  # of lm-evaluation-harness
    speeds: tuple[Speed, ...] = ()  # where copies of finals on the way are scored
    answers: tuple[FinalAnswers, ...] = ()  # a row a target of questions and a number
    proxies_answers: tuple[ProxyAnswers, ...] = ()
    # what the page says first, with the mixture to copy
    answer: Answer = NO_ANSWER
    next: tuple[str, ...] = ()  # what to do with it, a sentence each
    limits: tuple[str, ...] = ()  # which bounds hold the mixture back, a sentence each
    lost_targets: tuple[str, ...] = ()  # what of the targets was not scored
    spent: tuple[Spent, ...] = ()  # what each stage took
    machines: Mapping[str, str] = field(default_factory=dict)  # where and when it was trained
    settings: str = ""  # the study's keys that are not their defaults, as YAML
    commands: tuple[str, ...] = ()  # lines of a shell that make the page again
    explorer: Explorer | None = None

    def arm(self, mixer: str) -> ArmSummary:
        """Returns the summary of one mixer's mixture."""
        return next(arm for arm in self.arms if arm.mixer == mixer)


def summarise(
    study: Study,
    scores: pd.DataFrame,
    design: pd.DataFrame,
    losses: pd.DataFrame,
    mixtures: Records,
    *,
    validation: pd.DataFrame | None = None,
    documents: pd.DataFrame | None = None,
    finals: pd.DataFrame | None = None,
    reads: Mapping[str, Sequence[str]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    backtest: Mapping[str, Any] | None = None,
    transfer: Mapping[str, Any] | None = None,
    manifests: Records = (),
    texts: Counts | None = None,
    domains: pd.DataFrame | None = None,
    surfaces: Records = (),
) -> Summary:
    """Compares the final models and gathers what to distrust.

    Args:
        study: the study.
        scores: a SCORES table.
        design: a DESIGN table of all proxies.
        losses: a LOSSES table of all proxies.
        mixtures: the proposals.
        validation: a VALIDATION table, for rank correlations on held-out runs.
        documents: a DOCUMENTS table, for the error over documents or rows.
        finals: a FINALS table, for the final models that diverged.
        reads: mixer -> the roles that it learned from; their training tokens are its cost.
        provenance: what `mixwright.report.outputs.provenance` returns.
        backtest: what `backtest.json` holds.
        transfer: what `transfer.json` holds.
        manifests: the manifest of each domain that was learned from.
        texts: target -> what was counted when its text was read.
        domains: a DOMAINS table.
        surfaces: fitted laws, which say what becomes of texts that no final was scored on.

    Raises:
        MixwrightError: every final of natural diverged, and all are compared with it.
    """
    check_reference(finals)
    targets, learner = study.target_weights, learner_of(study)
    comparison = compare(scores, targets, learner, documents)
    cells = by_target(scores, targets, learner, documents, mixtures)
    candidates = candidates_of(study, learner, comparison, scores, documents)
    headline, detail, chosen = conclude(candidates)
    signals = target_signals(design, minimised_losses(losses, study.chosen))
    sizes = extents(domains)
    caveats = [
        *demonstration_caveats(study),
        *size_caveats(study, comparison),
        *find_caveats(study, learner, comparison, scores, signals, losses, mixtures, finals),
        *text_caveats(study, manifests, texts or {}, design, mixtures, sizes),
        *rate_caveats(transfer),
    ]
    facts = dict(provenance or {}) | totals(study, design, scores, comparison)
    grounds = grounds_of(scores, targets, learner, documents, surfaces, mixtures)
    grounds = replace(grounds, cells=cells, cost=_cost(design, reads or {}))
    return Summary(
        study=str(study.config["study"]),
        headline=headline,
        detail=detail,
        chosen=chosen,
        arms=_arms(
            comparison,
            learner,
            mixtures,
            second=objective(scores, targets, learner.second.name).mean(axis=1),
            design=design,
            cost=grounds.cost,
            ranks=_ranks(validation, targets),
            counts=tallies(cells, mixtures),
            worst=worst_gaps(candidates),
        ),
        method=method_of(comparison),
        caveats=serious_first(caveats),
        signals=signals,
        targets=targets,
        provenance=facts,
        learner=learner,
        by_target=cells,
        backtest=backtest or {},
        transfer=transfer or {},
        data=data_rows(domains, mixtures, chosen, manifests, study.config["domains"]),
        answers=of_finals(scores, study.learner, documents),
        proxies_answers=of_proxies(design, losses),
        answer=answer_of_finals(study, learner, candidates, detail, mixtures, chosen, grounds),
        next=(*after_finals(study, candidates, chosen), *after_transfer(transfer)),
        limits=_limits(study, mixtures, candidates, chosen, sizes),
        lost_targets=target_lines(texts or {}),
    )


def _limits(
    study: Study,
    mixtures: Records,
    comparison: Comparison,
    chosen: str,
    sizes: Mapping[str, Extent],
) -> tuple[str, ...]:
    """What limits the mixture to use; where that is natural, what limits the best of the others."""
    names = [chosen]
    if chosen == REFERENCE:
        names = [str(arm) for arm in comparison.means.index if arm != REFERENCE]
    for mixture in mixtures:
        if names and mixture["mixer"] == names[0] and "goal" not in mixture:
            lines = limits_of(study, mixture, sizes)
            if chosen == REFERENCE:
                return (f"Of {mixture_of(names[0])}, the best of the others:", *lines)
            return lines
    return ()


def proxy_tokens(design: pd.DataFrame, roles: Sequence[str]) -> int:
    """Returns the training tokens of all runs of these roles."""
    return int(design[design.role.isin(list(roles))].drop_duplicates("run").tokens.sum())


def _arms(
    comparison: Comparison,
    learner: Learner,
    mixtures: Records,
    *,
    second: pd.Series,
    design: pd.DataFrame,
    cost: Mapping[str, int],
    ranks: Mapping[str, float],
    counts: Mapping[str, Tally],
    worst: Mapping[str, Difference],
) -> tuple[ArmSummary, ...]:
    """The mixers' summaries, the best first; arguments that are no tables have a value a mixer."""
    proposals = {mixture["mixer"]: mixture for mixture in mixtures if "goal" not in mixture}
    arms = []
    for name, value in comparison.means.items():
        mixer = str(name)
        proposal = proposals.get(mixer, {})
        to_uniform = None
        if "uniform" in comparison.values.index:
            to_uniform = comparison.difference(mixer, "uniform")
        arm = ArmSummary(
            mixer=mixer,
            scores={learner.judged.name: float(value), learner.second.name: float(second[mixer])},
            natural=comparison.difference(mixer),
            uniform=to_uniform,
            proxy_tokens=cost.get(mixer, 0),
            rank_correlation=ranks.get(mixer),
            weights=proposal.get("weights", {}),
            epochs=proposal.get("epochs", {}),
            notes=with_mixtures(shared_notes(mixer, mixtures), design),
            intervals=proposal.get("intervals", {}),
            tally=counts.get(mixer),
            worst=worst.get(mixer),
        )
        arms.append(arm)
    return tuple(arms)


def _cost(design: pd.DataFrame, reads: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Mixer -> training tokens of the runs that it learned from."""
    return {mixer: proxy_tokens(design, roles) for mixer, roles in reads.items()}


def _ranks(validation: pd.DataFrame | None, targets: Mapping[str, float]) -> dict[str, float]:
    """Mixer -> rank correlation on held-out runs, where it is defined."""
    if validation is None or validation.empty:
        return {}
    ranks = rank_correlations(held_out(validation, targets))
    known = {}
    for mixer, rank in ranks.items():
        if not np.isnan(rank):
            known[str(mixer)] = float(rank)
    return known
