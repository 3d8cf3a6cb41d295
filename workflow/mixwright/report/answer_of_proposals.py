"""The answer of a study whose proposals no final model has tested."""

from collections.abc import Mapping, Sequence

from mixwright.learners import Learner
from mixwright.report.answer import Answer, export_line, proposed_by
from mixwright.report.caveats import is_demonstration
from mixwright.report.mixture_words import mean_words, on_judged, recipe, worth
from mixwright.report.outside import Outside, none_worse, outside_words
from mixwright.report.proposed import Proposed, listed
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE
from mixwright.trust.shown import readout_of

UNTESTED = (
    "Nothing was trained on it: this is predicted from the proxies, at their size and length."
)
# How headlines begin that advise natural: the runs leave no reason for another mixture.
KEPT = ("No mixture is predicted", "These runs cannot tell")
# Differences that round to nothing are none.
LEAST = 0.0005


def answer_of_proposals(
    study: Study,
    learner: Learner,
    proposals: Sequence[Proposed],
    conclusion: tuple[str, Sequence[str], str],
    losses: Mapping[str, Mapping[str, float]],
    outside: Mapping[str, Sequence[Outside]] | None = None,
) -> Answer:
    """Returns the answer, with the mixture to copy where one is advised.

    Args:
        study: the study.
        learner: what `mixwright.report.judging.learner_of` returns of it.
        proposals: in the order of the page.
        conclusion: what `mixwright.report.proposals_summary.conclude` returns.
        losses: proposal -> target -> what one fit predicts; empty where no fit can.
        outside: proposal -> texts outside the goal, the worst first.
    """
    headline, detail, chosen = conclusion
    by_name = {proposal.name: proposal for proposal in proposals}
    sure = tuple(detail)
    costs: tuple[str, ...] = ()
    arm = ""
    if chosen != REFERENCE:
        arm = chosen
        first = by_name[chosen]
        gain = float(first.intervals["gain"]["value"])
        on_targets = on_judged(first.intervals, tuple(study.target_weights))
        words = worth(gain, learner.loss, goal=on_targets) + mean_words(
            first.intervals, learner.loss
        )
        headline = f"Train on {recipe(first.weights)}: predicted {words}."
        if is_demonstration(study):
            headline = f"In this demonstration, {recipe(first.weights)} is predicted {words}."
        sure = (f"{proposed_by(chosen)} {UNTESTED}", *detail)
        lost = outside_words((outside or {}).get(chosen, ()), measured=False)
        costs = (*_given_up(study, chosen, losses), *filter(None, [lost]))
    elif REFERENCE in by_name and headline.startswith(KEPT):
        arm = REFERENCE
        start = headline[:1].lower() + headline[1:]
        headline = f"Keep the natural mixture: {start}"
    if not arm:
        return Answer(headline, sure)
    advised = by_name[arm]
    natural = by_name[REFERENCE].weights if REFERENCE in by_name and arm != REFERENCE else {}
    file = f"results/{study.name}/mixtures/{arm}.json"
    return Answer(
        headline=headline,
        sure=sure,
        costs=costs,
        arm=arm,
        weights=advised.weights,
        natural=natural,
        intervals=advised.intervals.get("weights", {}),
        file=file,
        use=(export_line(file),),
        whole="training tokens" if learner.sized else "weight",
    )


def _given_up(
    study: Study, chosen: str, losses: Mapping[str, Mapping[str, float]]
) -> tuple[str, ...]:
    """Which targets are predicted to get worse, and by how much; nothing where no fit can say."""
    if not {chosen, REFERENCE} <= set(losses):
        return ()
    worse = []
    for target, value in losses[chosen].items():
        metric = readout_of({target: 1.0}, study.metrics).metric
        change = value - losses[REFERENCE][target]
        if metric.higher:
            change = -change
        if change > LEAST:
            worse.append(f"{target} by {change:.3f} {metric.unit}".rstrip())
    if worse:
        return (f"In the goal, and predicted worse than natural: {listed(worse)}.",)
    return (f"{none_worse(len(losses[chosen]), False)}.",)
