"""The answers of studies whose runs others measured: no final model tests what they propose."""

from collections.abc import Collection, Mapping, Sequence

from mixwright.learners import Metric
from mixwright.report.answer import Answer, export_line, proposed_by
from mixwright.report.mixture_words import mean_words, on_judged, recipe, worth
from mixwright.report.proposed import Proposed, listed
from mixwright.trust.intervals import REFERENCE

UNTESTED = "Nothing was trained on it: this is predicted from the runs, at their size and length."
# Differences that round to nothing are none.
LEAST = 0.0005
# Targets that a sentence names one by one.
NAMED = 4


def answer_of_swarm(
    study: str,
    metric: Metric,
    proposals: Sequence[Proposed],
    ranking: Sequence[str],
    costs: Sequence[str] = (),
    natural: float | None = None,
    targets: Sequence[str] = (),
) -> Answer:
    """Returns the answer of a swarm: the mixture of the mixer that ranks held-out runs best.

    It is named where its gain over natural is told from zero; else that it is not is the answer.

    Args:
        study: name of the study.
        metric: what the goal is shown as.
        proposals: the chosen mixer's first.
        ranking: sentences on how well mixers rank held-out runs.
        costs: what the mixture gives up, a sentence each.
        natural: what is predicted of the goal at natural; None: unknown.
        targets: those of the goal.
    """
    first = proposals[0]
    file = f"results/{study}/mixtures/{first.name}.json"
    gain = first.intervals.get("gain")
    sure = [f"{first.sentence}.", *ranking]
    if first.verdict == "cannot tell":
        return Answer("These runs cannot tell which mixture is best.", tuple(sure))
    if first.verdict in ("not distinguishable", "worse", "identical"):
        guess = (
            f"The best guess is that of the method (mixer) {first.name}: {recipe(first.weights)}."
        )
        headline = "No mixture is predicted to be clearly better than natural."
        return Answer(headline, (guess, *sure))
    headline = f"Train on {recipe(first.weights)}: what it gains over natural is unknown."
    if first.verdict == "better" and gain:
        if "mean" in first.intervals:
            # natural's number is of the mean
            natural = None
        on_targets = on_judged(first.intervals, targets)
        words = worth(float(gain["value"]), metric, natural, goal=on_targets)
        words += mean_words(first.intervals, metric)
        headline = f"Train on {recipe(first.weights)}: predicted {words}."
    by_name = {proposal.name: proposal.weights for proposal in proposals}
    return Answer(
        headline=headline,
        sure=(f"{proposed_by(first.name)} {UNTESTED}", *sure),
        costs=tuple(costs),
        arm=first.name,
        weights=first.weights,
        natural=by_name.get(REFERENCE, {}),
        intervals=first.intervals.get("weights", {}),
        file=file,
        use=(export_line(file),),
    )


def answer_of_perturbations(
    study: str, tokens: float, proposals: Sequence[Proposed], moved: Mapping[str, float]
) -> Answer:
    """Returns the answer of perturbation runs: one mixture where one mixer has one.

    With several mixers none is chosen: no run is there that could rank them.

    Args:
        study: name of the study.
        tokens: of the base run.
        proposals: of all mixers.
        moved: mixer -> share of the base mixture that its proposal moves, largest first.
    """
    by_name = {proposal.name: proposal for proposal in proposals}
    size = f"{tokens / 1e9:.4g} B tokens"
    if len(moved) == 1:
        name = next(iter(moved))
        file = f"results/{study}/mixtures/{name}.json"
        return Answer(
            headline=f"Train on {recipe(by_name[name].weights)}: the best budget at {size}.",
            sure=(f"{proposed_by(name)} {UNTESTED}",),
            arm=name,
            weights=by_name[name].weights,
            natural=by_name[REFERENCE].weights if REFERENCE in by_name else {},
            file=file,
            use=(export_line(file),),
        )
    sentences = []
    for name in moved:
        sentences.append(f"By {name}: {recipe(by_name[name].weights)}.")
    headline = f"The best mixture at {size} depends on what is minimised."
    unranked = "Every run is used to fit, so none is left to say which of them to trust."
    return Answer(headline, (*sentences, unranked))


def given_up(
    predicted: Mapping[str, Mapping[str, float]],
    chosen: str,
    metrics: Mapping[str, Metric],
    goal: Collection[str],
) -> tuple[str, ...]:
    """Returns which targets are predicted worse than at natural; nothing where that is unknown.

    Args:
        predicted: target -> mixture -> what the chosen mixer predicts, in the target's unit.
        chosen: the mixer.
        metrics: target -> what its numbers are.
        goal: its targets.
    """
    worse = {}
    for target, row in predicted.items():
        if not {chosen, REFERENCE} <= set(row):
            return ()
        change = row[chosen] - row[REFERENCE]
        if metrics[target].higher:
            change = -change
        if change > LEAST:
            worse[target] = change
    if not predicted:
        return ()
    if not worse:
        return ("Not one of the targets is predicted to get worse.",)
    parts = []
    for target in sorted(worse, key=lambda target: -worse[target])[:NAMED]:
        parts.append(f"{target} by {worse[target]:.3f} {metrics[target].unit}".rstrip())
    if len(worse) > NAMED:
        parts.append(f"{len(worse) - NAMED} others")
    outside = ""
    if not set(worse) & set(goal):
        outside = " None of them is a target of the goal."
    return (f"Predicted worse than natural: {listed(parts)}.{outside}",)
