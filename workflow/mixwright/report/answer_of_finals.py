"""The answer of a study whose proposals were trained to final models."""

from collections.abc import Mapping, Sequence
from math import isnan

from mixwright.errors import counted
from mixwright.learners import Learner
from mixwright.report.answer import Answer, amount, export_line, recipe, worth
from mixwright.report.by_target import Cell
from mixwright.report.comparison import Comparison
from mixwright.report.proposed import listed
from mixwright.report.results import Records
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE, Difference

# How headlines begin where no mixture is named.
KEPT = "Keep the natural mixture"
HEADLINES = {
    "identical": f"{KEPT}: none of the final models is better.",
    "undecided": f"{KEPT} for now: one seed cannot tell which is better.",
}
NO_WINNER = f"{KEPT}: no other is clearly better."


def answer_of_finals(
    study: Study,
    learner: Learner,
    comparison: Comparison,
    detail: Sequence[str],
    cells: Mapping[str, Mapping[str, Cell]],
    mixtures: Records,
    chosen: str,
) -> Answer:
    """Returns the answer, with the mixture to copy where it is one mixture.

    Args:
        study: the study.
        learner: what `mixwright.report.judging.learner_of` returns of it.
        comparison: of the final models that may be the answer.
        detail: the sentences of `mixwright.report.conclusion.conclude`.
        cells: target -> mixer -> cell.
        mixtures: the proposals.
        chosen: the mixer whose mixture is to be used.
    """
    best = str(comparison.means.index[0])
    rivals = max(len(comparison.distinct) - 1, 1)
    gap = comparison.difference(best, REFERENCE, comparisons=rivals)
    proposals = {mixture["mixer"]: mixture for mixture in mixtures if "goal" not in mixture}
    proposal = proposals.get(chosen, {})
    weights = proposal.get("weights", {})
    if chosen == REFERENCE:
        headline = HEADLINES.get(gap.verdict, NO_WINNER)
        sure: tuple[str, ...] = tuple(detail)
        costs: tuple[str, ...] = ()
    else:
        words = worth(_gain(gap), gap.metric, float(comparison.means[REFERENCE]))
        headline = f"Train on {recipe(weights)}: {words}."
        if not weights:
            headline = f"Use the mixtures of {chosen}, one a target: {words}."
        sure = (_sure(gap, rivals, comparison.seeded), *detail[1:])
        if not weights:
            place = f"results/{study.name}/mixtures/{chosen}@TARGET.json"
            sure = (*sure, f"Their weights stand in {place}, a file a target.")
        costs = (_given_up(chosen, learner, cells, gap.seeds),)
    file = f"results/{study.name}/mixtures/{chosen}.json" if weights else ""
    natural = {} if chosen == REFERENCE else proposals.get(REFERENCE, {}).get("weights", {})
    return Answer(
        headline=headline,
        sure=sure,
        costs=costs,
        arm=chosen,
        weights=weights,
        natural=natural if weights else {},
        intervals=proposal.get("intervals", {}).get("weights", {}),
        file=file,
        use=(export_line(file),) if file else (),
        whole="training tokens" if learner.sized else "weight",
    )


def _gain(gap: Difference) -> float:
    """By how much the mixture is better than natural."""
    return gap.value if gap.metric.higher else -gap.value


def _sure(gap: Difference, rivals: int, seeded: bool) -> str:
    """How sure the gain of the winner is, in words."""
    near, far = sorted((abs(gap.low), abs(gap.high)))
    basis = f"over {counted(gap.seeds, 'seed')} of final models" if seeded else "over test rows"
    sentence = (
        f"This is the mixture of {gap.arm}. Its gain lies between {amount(near, gap.metric)} and"
        f" {amount(far, gap.metric)} {gap.metric.unit or gap.metric.title}, {basis} (95% interval"
    )
    if rivals > 1:
        sentence += f", widened for the choice among {rivals} mixtures"
    return f"{sentence})."


def _given_up(
    chosen: str, learner: Learner, cells: Mapping[str, Mapping[str, Cell]], seeds: int
) -> str:
    """Which targets get worse, and by how much."""
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
        return f"What it costs: worse than natural on {listed(worse)}."
    if unknown:
        return "Whether a single target gets worse is not known: one seed has no interval."
    basis = f"{counted(seeds, 'seed')} can tell" if learner.sized else "the test rows can tell"
    return f"No target gets worse, as far as {basis}."
