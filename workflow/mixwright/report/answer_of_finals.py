"""The answer of a study whose proposals were trained to final models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan

import pandas as pd

from mixwright.errors import counted
from mixwright.learners import Learner
from mixwright.report.answer import Answer, export_line, proposed_by
from mixwright.report.by_target import Cell
from mixwright.report.caveats import is_demonstration
from mixwright.report.choices import choices_of, chosen_among, level_words
from mixwright.report.comparison import Comparison
from mixwright.report.conclusion import beside
from mixwright.report.mixture_words import amount, on_goal, recipe, worth
from mixwright.report.outside import (
    Outside,
    measured_outside,
    none_worse,
    outside_words,
    predicted_outside,
)
from mixwright.report.proposed import listed
from mixwright.report.results import Records
from mixwright.report.worst import WorstComparison
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE, Difference

# How headlines begin where no mixture is named.
KEPT = "Keep the natural mixture"
HEADLINES = {
    "identical": f"{KEPT}: none of the final models is better.",
    "undecided": f"{KEPT} for now: one seed cannot tell which is better.",
}
NO_WINNER = f"{KEPT}: no other is clearly better."


@dataclass(frozen=True)
class Grounds:
    """What the answer says beside the comparison itself."""

    # target -> mixer -> cell
    cells: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    # mixer -> texts outside the goal, the worst first, and whether finals measured them
    outside: Mapping[str, Sequence[Outside]] = field(default_factory=dict)
    measured: bool = True
    # mixer -> training tokens of the proxies that it learned from
    cost: Mapping[str, int] = field(default_factory=dict)


def grounds_of(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner,
    documents: pd.DataFrame | None,
    surfaces: Records,
    mixtures: Records,
) -> Grounds:
    """Returns what becomes of texts outside the goal: measured on finals, else predicted.

    Args:
        scores: a SCORES table.
        targets: target -> weight.
        learner: what is trained.
        documents: a DOCUMENTS table; None: there is none.
        surfaces: fitted laws, which predict it.
        mixtures: the proposals.
    """
    outside = measured_outside(scores, targets, learner, documents)
    if outside:
        return Grounds(outside=outside)
    predicted = predicted_outside(surfaces, targets, _weights(mixtures))
    return Grounds(outside=predicted, measured=False)


def _weights(mixtures: Records) -> dict[str, Mapping[str, float]]:
    """Mixer -> its mixture, of mixers that have one for all targets."""
    of_mixer = {}
    for mixture in mixtures:
        if "goal" not in mixture:
            of_mixer[str(mixture["mixer"])] = mixture["weights"]
    return of_mixer


def answer_of_finals(
    study: Study,
    learner: Learner,
    comparison: Comparison,
    detail: Sequence[str],
    mixtures: Records,
    chosen: str,
    grounds: Grounds,
) -> Answer:
    """Returns the answer, with the mixture to copy where it is one mixture.

    Args:
        study: the study.
        learner: what `mixwright.report.judging.learner_of` returns of it.
        comparison: of the final models that may be the answer.
        detail: the sentences of `mixwright.report.conclusion.conclude`.
        mixtures: the proposals.
        chosen: the mixer whose mixture is to be used.
        grounds: what else is known of the mixtures.
    """
    proposals = {mixture["mixer"]: mixture for mixture in mixtures if "goal" not in mixture}
    proposal = proposals.get(chosen, {})
    weights = proposal.get("weights", {})
    file = f"results/{study.name}/mixtures/{chosen}.json" if weights else ""
    answer = Answer(
        headline="",
        sure=tuple(detail),
        arm=chosen,
        weights=weights,
        intervals=proposal.get("intervals", {}).get("weights", {}),
        file=file,
        use=(export_line(file),) if file else (),
        whole="training tokens" if learner.sized else "weight",
    )
    best = str(comparison.means.index[0])
    rivals = max(len(comparison.distinct) - 1, 1)
    gap = comparison.difference(best, REFERENCE, comparisons=rivals)
    if chosen == REFERENCE:
        headline = HEADLINES.get(gap.verdict, NO_WINNER)
        if gap.of:
            headline = f"{headline.rstrip('.')} on its worst target."
        return replace(answer, headline=headline)
    on_targets = gap.of or on_goal(tuple(study.target_weights))
    natural = float(comparison.means[REFERENCE])
    words = worth(_gain(gap), gap.metric, natural, goal=on_targets)
    if isinstance(comparison, WorstComparison):
        mean = comparison.of_mean(chosen)
        words += f"; on the mean of the targets {worth(_gain(mean), mean.metric)}"
    by_mixer = {mixer: record["weights"] for mixer, record in proposals.items()}
    choices = choices_of(
        comparison,
        by_mixer,
        grounds.cost,
        grounds.outside,
        "proxy tokens" if learner.sized else "proxy runs",
    )
    lost = outside_words(grounds.outside.get(chosen, ()), grounds.measured)
    return replace(
        answer,
        headline=_headline(study, chosen, weights, words),
        sure=(
            _sure(gap, rivals, comparison.seeded),
            *beside(comparison, chosen),
            *_more(study, comparison, chosen, weights),
        ),
        costs=(_given_up(chosen, learner, grounds.cells, gap.seeds), *filter(None, [lost])),
        level=level_words(choices),
        choices=choices,
        among=chosen_among(comparison),
        natural=proposals.get(REFERENCE, {}).get("weights", {}) if weights else {},
    )


def _headline(study: Study, chosen: str, weights: Mapping[str, float], words: str) -> str:
    """Names the mixture and what it is worth; data of a demonstration advise nothing."""
    if not weights:
        return f"Use the mixtures of {chosen}, one a target: {words}."
    start = "In this demonstration, best was" if is_demonstration(study) else "Train on"
    return f"{start} {recipe(weights)}: {words}."


def _gain(gap: Difference) -> float:
    """By how much the mixture is better than natural."""
    return gap.value if gap.metric.higher else -gap.value


def _sure(gap: Difference, rivals: int, seeded: bool) -> str:
    """How sure the gain of the winner is, in words."""
    near, far = sorted((abs(gap.low), abs(gap.high)))
    basis = f"{counted(gap.seeds, 'seed')} of final models" if seeded else "final models"
    over = "" if seeded else " over test rows"
    sentence = (
        f"{proposed_by(gap.arm)} The gain was measured on {basis}: {amount(near, gap.metric)} to"
        f" {amount(far, gap.metric)} {gap.metric.unit or gap.metric.title} (95% interval{over}"
    )
    if rivals > 1:
        sentence += f", widened because it is the best of {rivals} mixtures"
    return f"{sentence})."


def _more(
    study: Study, comparison: Comparison, chosen: str, weights: Mapping[str, float]
) -> tuple[str, ...]:
    """How it compares with equal shares, and where its mixtures are if they are several."""
    sentences = []
    if "uniform" in comparison.values.index and chosen != "uniform":
        gap = comparison.difference(chosen, "uniform")
        if gap.verdict == "better":
            near, far = sorted((abs(gap.low), abs(gap.high)))
            sentences.append(
                f"It is {amount(gap.value, gap.metric)}"
                f" [{amount(near, gap.metric)}, {amount(far, gap.metric)}] better than uniform,"
                " which needs no proxies."
            )
        else:
            sentences.append(f"It is {gap.sentence}, and uniform needs no proxies.")
    if not weights:
        place = f"results/{study.name}/mixtures/{chosen}@TARGET.json"
        sentences.append(f"Their weights stand in {place}, a file a target.")
    return tuple(sentences)


def _given_up(
    chosen: str, learner: Learner, cells: Mapping[str, Mapping[str, Cell]], seeds: int
) -> str:
    """Which targets of the goal get worse, and by how much."""
    worse = []
    unknown = False
    for target, row in cells.items():
        gap = row[chosen].against
        unknown = unknown or isnan(gap.low)
        if gap.verdict == "worse":
            near, far = sorted((abs(gap.low), abs(gap.high)))
            metric = learner.judges(target)
            size = f"{amount(gap.value, metric)} {metric.unit}".rstrip()
            ends = f"[{amount(near, metric)}, {amount(far, metric)}]"
            worse.append(f"{target} by {size} {ends}")
    if worse:
        return f"In the goal, and worse than natural: {listed(worse)}."
    if unknown:
        return "Whether a single target gets worse is not known: one seed has no interval."
    basis = f"{counted(seeds, 'seed')} can tell" if learner.sized else "the test rows can tell"
    return f"{none_worse(len(cells), True)}, as far as {basis}."
