"""Says what a study proposes, and how sure that is, where no final model has tested it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixwright import mixers
from mixwright.corpus.counts import Extent, extents
from mixwright.files import plain
from mixwright.learners import Learner
from mixwright.report.answer import NO_ANSWER, Answer
from mixwright.report.answer_of_proposals import answer_of_proposals
from mixwright.report.answered import ProxyAnswers, of_proxies
from mixwright.report.answered import as_json as answers_json
from mixwright.report.caveats import (
    Caveat,
    demonstration_caveats,
    proposal_caveats,
    serious_first,
)
from mixwright.report.corpus_caveats import Counts
from mixwright.report.cost import Spent, took_json
from mixwright.report.explorer.explorer import Explorer
from mixwright.report.judging import learner_of, minimised_losses
from mixwright.report.limits import limits_of
from mixwright.report.mixture_words import mixture_of
from mixwright.report.next_steps import after_proposals, after_transfer
from mixwright.report.notes import with_mixtures
from mixwright.report.outside import predicted_outside
from mixwright.report.proposed import Proposed, alike, in_order, listed, ranks
from mixwright.report.rate_caveats import rate_caveats
from mixwright.report.results import NO_TABLE, Records
from mixwright.report.text_caveats import text_caveats
from mixwright.report.your_data import DataRow, data_rows, target_lines
from mixwright.study.study import Study
from mixwright.trust.intervals import Interval
from mixwright.trust.noise import target_signals
from mixwright.trust.shown import readout_of


@dataclass(frozen=True)
class Judgement:
    """What one fit predicts of every proposal, also of natural."""

    mixer: str  # whose fit it is
    # proposal -> target -> loss, or what the target chooses by, points of 100
    losses: Mapping[str, Mapping[str, float]]
    means: Mapping[str, float]  # proposal -> the goal, as it is shown


@dataclass(frozen=True)
class Proposals:
    """All that the page says, before it is laid out."""

    study: str  # its name
    headline: str
    detail: tuple[str, ...]  # the sentences under the headline
    chosen: str  # the proposal that the headline names; natural where it names none
    proposals: tuple[Proposed, ...]  # those of mixers that rank held-out runs best come first
    ranks: Mapping[str, Interval]  # mixer -> rank correlation on held-out runs
    targets: Mapping[str, float]  # target -> weight
    next: tuple[str, ...]  # what to do with the proposals
    caveats: tuple[Caveat, ...]
    provenance: Mapping[str, Any]
    learner: Learner
    judgement: Judgement | None = None
    backtest: Mapping[str, Any] = field(default_factory=dict)
    transfer: Mapping[str, Any] = field(default_factory=dict)
    merged: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[DataRow, ...] = ()  # a row a domain, where text was read
    exports: tuple[str, ...] = ()  # a sentence a trainer's file
    answers: tuple[ProxyAnswers, ...] = ()  # of the swarm, a row a target of questions
    # what the page says first, with the mixture to copy
    answer: Answer = NO_ANSWER
    limits: tuple[str, ...] = ()  # which bounds hold the proposal back, a sentence each
    lost_targets: tuple[str, ...] = ()  # what of the targets was not scored
    signals: pd.DataFrame | None = None  # what mixwright.trust.noise.target_signals returns
    spent: tuple[Spent, ...] = ()  # what each stage took
    machines: Mapping[str, str] = field(default_factory=dict)  # where and when it was trained
    settings: str = ""  # the study's keys that are not their defaults, as YAML
    commands: tuple[str, ...] = ()  # lines of a shell that make the page again
    explorer: Explorer | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the content of the JSON beside the page; what is unknown is null."""
        judgement = None
        if self.judgement is not None:
            judgement = asdict(self.judgement)
        content = {
            "study": self.study,
            "headline": self.headline,
            "detail": list(self.detail),
            "chosen": self.chosen,
            "targets": dict(self.targets),
            "unit": self.learner.loss.unit,
            "proposals": [proposal.as_json() for proposal in self.proposals],
            "ranks": {mixer: asdict(rank) for mixer, rank in self.ranks.items()},
            "judgement": judgement,
            "next": list(self.next),
            "backtest": dict(self.backtest) or None,
            "transfer": dict(self.transfer) or None,
            "merged": dict(self.merged) or None,
            "data": [asdict(row) for row in self.data],
            "exports": list(self.exports),
            "answers": answers_json((), self.answers),
            "answer": self.answer.as_json(),
            "limits": list(self.limits),
            "cost": [row.as_json() for row in self.spent],
            "took": took_json(self.spent),
            "settings": self.settings,
            "commands": list(self.commands),
            "caveats": [asdict(caveat) for caveat in self.caveats],
            "provenance": dict(self.provenance),
        }
        return dict(plain(content))


def summarise(
    study: Study,
    design: pd.DataFrame,
    losses: pd.DataFrame,
    mixtures: Records,
    *,
    validation: pd.DataFrame = NO_TABLE,
    fits: Sequence[Path] = (),
    provenance: Mapping[str, Any] | None = None,
    backtest: Mapping[str, Any] | None = None,
    transfer: Mapping[str, Any] | None = None,
    merged: Mapping[str, Any] | None = None,
    manifests: Records = (),
    texts: Counts | None = None,
    domains: pd.DataFrame | None = None,
    surfaces: Records = (),
) -> Proposals:
    """Sets the proposals beside each other; the mixer that ranks held-out runs best comes first.

    Args:
        study: the study.
        design: a DESIGN table of all proxies.
        losses: a LOSSES table of all proxies.
        mixtures: the proposals.
        validation: a VALIDATION table, for rank correlations on held-out runs.
        fits: folders of fits that predict any mixture, each named like its mixer.
        provenance: what `mixwright.report.outputs.provenance` returns.
        backtest: what `backtest.json` holds.
        transfer: what `transfer.json` holds.
        merged: what `merged.json` holds.
        manifests: the manifest of each domain that was learned from.
        texts: target -> what was counted when its text was read.
        domains: a DOMAINS table.
        surfaces: fitted laws, which say what becomes of texts outside the goal.
    """
    targets = study.target_weights
    ranked = ranks(validation, targets)
    proposals = []
    for proposal in in_order(mixtures, list(ranked)):
        proposals.append(replace(proposal, notes=with_mixtures(proposal.notes, design)))
    conclusion = conclude(proposals, ranked)
    headline, detail, chosen = conclusion
    learner = learner_of(study)
    judgement = judge(study, proposals, ranked, fits)
    runs = design.run[design.role == "swarm"].nunique()
    sizes = extents(domains)
    signals = target_signals(design, minimised_losses(losses, study.chosen))
    weights = {proposal.name: proposal.weights for proposal in proposals}
    outside = predicted_outside(surfaces, targets, weights)
    caveats = [
        *demonstration_caveats(study),
        *proposal_caveats(study, signals, losses, mixtures),
        *text_caveats(study, manifests, texts or {}, design, mixtures, sizes),
        *rate_caveats(transfer),
    ]
    return Proposals(
        study=study.name,
        headline=headline,
        detail=detail,
        chosen=chosen,
        proposals=tuple(proposals),
        ranks=ranked,
        targets=targets,
        next=(
            *after_proposals(study, proposals, chosen, int(runs)),
            *_next(study, proposals, chosen),
            *after_transfer(transfer),
        ),
        caveats=serious_first(caveats),
        provenance=dict(provenance or {}) | {"proxy runs": int(design.run.nunique())},
        learner=learner,
        judgement=judgement,
        backtest=backtest or {},
        transfer=transfer or {},
        merged=merged or {},
        data=data_rows(domains, mixtures, chosen, manifests, study.config["domains"]),
        answers=of_proxies(design, losses),
        answer=answer_of_proposals(
            study, learner, proposals, conclusion, judgement.losses if judgement else {}, outside
        ),
        limits=_limits(study, mixtures, proposals, chosen, sizes),
        lost_targets=target_lines(texts or {}),
        signals=signals,
    )


def conclude(
    proposals: Sequence[Proposed], ranked: Mapping[str, Interval]
) -> tuple[str, tuple[str, ...], str]:
    """Returns the headline, the sentences under it, and the proposal that the headline names.

    It names one only where the mixer that ranks held-out runs best predicts a gain over natural
    whose interval lies above zero.
    """
    first = proposals[0]
    if first.name.partition("@")[0] not in ranked:
        sentence = "No mixer of this study predicts held-out runs, so nothing here ranks them."
        return "The proposals stand side by side.", (sentence,), "natural"
    if "@" in first.name:
        mixer = first.name.partition("@")[0]
        sentence = f"{mixer} ranks held-out runs best. Every target has proposals of its own."
        return "Every target has its own proposals.", (sentence, _rank(ranked)), "natural"
    detail = (f"{first.sentence}.", _rank(ranked))
    if first.verdict == "better":
        return f"{first.name}'s mixture is predicted to beat natural.", detail, first.name
    if first.verdict == "cannot tell":
        return "These runs cannot tell which mixture is best.", detail, "natural"
    if not first.verdict:
        return f"What {first.name}'s mixture gains over natural is unknown.", detail, "natural"
    others = [proposed.name for proposed in proposals[1:] if proposed.verdict == "better"]
    if not others:
        return "No mixture is predicted to be clearly better than natural.", detail, "natural"
    headline = f"{first.name}'s mixture is not predicted to be clearly better than natural."
    objection = f"By their own predictions {', '.join(others)} would be; they do not rank best."
    return headline, (*detail, objection), "natural"


def judge(
    study: Study,
    proposals: Sequence[Proposed],
    ranked: Mapping[str, Interval],
    fits: Sequence[Path],
) -> Judgement | None:
    """Lets the fit that ranks held-out runs best predict every proposal; None where none can."""
    by_mixer = {folder.name: folder for folder in fits}
    able = [mixer for mixer in ranked if mixer in by_mixer]
    if not able:
        return None
    name = able[0]
    fitted = mixers.load(study.method_name(name), by_mixer[name])
    rows = []
    for proposal in proposals:
        rows.append([proposal.weights.get(domain, 0.0) for domain in fitted.domains])
    predicted = pd.DataFrame(fitted.predict(np.array(rows)), columns=list(fitted.targets))
    targets = study.target_weights
    columns = {}
    for target in targets:
        alone = readout_of({target: 1.0}, study.metrics)
        columns[target] = alone.objective(predicted[[target]].to_numpy())
    shown = pd.DataFrame(columns).to_dict("records")
    goal = readout_of(targets, study.metrics).objective(predicted[list(targets)].to_numpy())
    losses = {}
    means = {}
    for number, proposal in enumerate(proposals):
        losses[proposal.name] = {str(target): value for target, value in shown[number].items()}
        means[proposal.name] = float(goal[number])
    return Judgement(name, losses, means)


def _limits(
    study: Study,
    mixtures: Records,
    proposals: Sequence[Proposed],
    chosen: str,
    sizes: Mapping[str, Extent],
) -> tuple[str, ...]:
    """What limits the proposal that is named; where none is, what limits the first."""
    name = proposals[0].name if chosen == "natural" else chosen
    for record in mixtures:
        if Proposed.of(record).name == name:
            lines = limits_of(study, record, sizes)
            return (f"Of {mixture_of(name)}:", *lines) if chosen == "natural" else lines
    return ()


def _rank(ranked: Mapping[str, Interval]) -> str:
    """Which mixer ranks held-out runs best, and which others do as far as the runs can tell."""
    best, *others = alike(ranked)
    rank = ranked[best]
    sentence = (
        f"{best} ranks held-out proxies best: rank correlation {rank.value:.2f}"
        f" [{rank.low:.2f}, {rank.high:.2f}]"
    )
    if not others:
        return f"{sentence}."
    return f"{sentence}; these runs cannot tell it from {listed(others)}."


def _next(study: Study, proposals: Sequence[Proposed], chosen: str) -> tuple[str, ...]:
    """What to do with the proposals."""
    names = [proposal.name for proposal in proposals]
    arm = chosen if chosen in names else names[0]
    sentences = [
        "To test a proposal elsewhere, train the same model on it and on natural's mixture, with"
        " the same tokens and seeds, and compare their losses on the targets.",
        f"The weights of {arm} stand in results/{study.name}/mixtures/{arm}.json, as shares of"
        " the training tokens; those of the other proposals stand beside it.",
    ]
    if study.ends_at_proposals:
        test = "set finals: trained and run the study again; no proxy is trained again"
        sentences.insert(0, f"To test the proposals here, {test}.")
    return tuple(sentences)
