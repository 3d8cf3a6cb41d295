"""The answer of a page of own tables, and what to keep in mind of it."""

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np

from mixwright import mixers
from mixwright.errors import counted
from mixwright.mixers.laws.mixer import TEACHES
from mixwright.report.answer import Answer
from mixwright.report.caveats import Caveat
from mixwright.report.mixture_words import on_goal, recipe, worth
from mixwright.report.own.cells import SAME, level, side, size
from mixwright.report.own.gathering import OwnResult
from mixwright.report.own.target_rows import TargetRow, predicted_goal
from mixwright.report.proposed import VERDICTS, listed
from mixwright.trust.evidence import CANNOT
from mixwright.trust.intervals import Interval, rank_interval
from mixwright.trust.noise import held_out
from mixwright.trust.power import share_to_tell

NATURAL = "natural"
MEAN = "the mean of your runs"
# Targets that a sentence names one by one.
NAMED = 4
# Weights that differ by less are those of one mixture.
ALIKE = 1e-4
# How notes begin that stand elsewhere on the page: in the answer, and with the mechanism.
ELSEWHERE = ("natural stands for the mean of", "the study's own bounds", TEACHES)
# A rank correlation from which two digits say too little.
NEAR_ONE = 0.95


def reference_of(result: OwnResult) -> str:
    """Returns what the proposal is compared with, in words."""
    return NATURAL if result.natural_known else MEAN


def about(sentence: str, result: OwnResult) -> str:
    """Returns a sentence of the library in which `natural` has its right name."""
    if result.natural_known:
        return sentence
    words = sentence
    for place in ("than", "from", "against", "as"):
        words = words.replace(f"{place} natural", f"{place} {MEAN}")
    return words.replace("natural holds", "the mean of your runs holds").replace(
        "natural lies", "the mean of your runs lies"
    )


def rank_words(rank: Interval) -> str:
    """Returns a rank correlation with its interval, in as many digits as tell it from 1."""
    digits = 3 if rank.value >= NEAR_ONE else 2
    value = f"{rank.value:.{digits}f}".replace("-", "−")
    return f"{value} [{rank.low:.{digits}f}, {rank.high:.{digits}f}]"


def verdict_of(result: OwnResult) -> str:
    """Returns what the intervals say of the gain, in a word or two; empty: there are none.

    A mixture that differs from natural in no digit that counts is identical to it.
    """
    evidence = result.proposal.intervals.get("evidence") or {}
    if evidence.get("reasons"):
        return "cannot tell"
    verdict = ""
    for beginning, word in VERDICTS.items():
        if result.proposal.verdict.startswith(beginning):
            verdict = word
    alike = np.abs(result.weights - result.goal.natural).max() < ALIKE
    return "identical" if alike else verdict


def answer_of(result: OwnResult, rows: Sequence[TargetRow], file: str = "") -> Answer:
    """Returns the answer.

    Args:
        rows: of `target_rows`.
        file: of the mixture; empty: none was written.
    """
    weights = result.proposal.mixture.as_dict()
    natural: dict[str, float] = {}
    if result.natural_known:
        natural = dict(zip(result.goal.names, result.goal.natural.tolist(), strict=True))
    headline, sure = _headline(result), _sure(result)
    if verdict_of(result) == "cannot tell":
        # a mixture that nothing supports is not offered to be copied
        return Answer(headline, sure)
    return Answer(
        headline=headline,
        sure=sure,
        costs=_costs(result, rows),
        level=_as_good(result),
        arm=result.proposal.mixer,
        weights=weights,
        natural=natural,
        intervals=result.proposal.intervals.get("weights", {}),
        file=file,
    )


def rank_of(result: OwnResult) -> Interval | None:
    """Returns the rank correlation of the goal on held-out runs; None: none was held out."""
    evidence = result.proposal.intervals.get("evidence")
    if evidence:
        return Interval(**evidence["rank"])
    if result.validation.empty:
        return None
    targets = result.goal.importance or result.goal.targets
    runs = held_out(result.validation, targets)
    return rank_interval(runs.predicted.to_numpy(), runs.actual.to_numpy())


def predicted_gain(result: OwnResult) -> float | None:
    """Returns by how much the goal is predicted better than natural's; None: it is unknown."""
    gain = result.proposal.intervals.get("gain")
    if gain:
        return float(gain["value"])
    proposed = predicted_goal(result, result.weights)
    natural = predicted_goal(result, result.goal.natural)
    if proposed is None or natural is None:
        return None
    difference = proposed - natural
    return difference if result.readout.metric.higher else -difference


def caveats_of(result: OwnResult) -> tuple[Caveat, ...]:
    """Returns what to keep in mind, the serious points first."""
    caveats = [Caveat(_sentence(reason), serious=True) for reason in _reasons(result)]
    if "bounds" in result.lacking:
        caveats.append(Caveat(result.lacking["bounds"], serious=True))
    verdict = result.proposal.verdict
    for note in result.proposal.notes:
        if note in (verdict, f"predicted {verdict}") or note.startswith(f"predicted {CANNOT}"):
            continue
        if note.startswith(ELSEWHERE):
            continue
        caveats.append(Caveat(_of_source(about(_of_run(note, result), result), result)))
    for part in ("validation", "surface"):
        if part in result.lacking:
            caveats.append(Caveat(_sentence(result.lacking[part])))
    if result.source.dropped:
        names = ", ".join(result.source.dropped)
        caveats.append(Caveat(f"These runs lack a loss or diverged, and taught nothing: {names}."))
    caveats.append(
        Caveat(
            "Everything here is predicted from your runs, at their size and length: whether it"
            " holds for larger models is not shown. Nothing was trained on the mixture."
        )
    )
    return tuple(sorted(caveats, key=lambda caveat: not caveat.serious))


def seeds_needed(result: OwnResult) -> int | None:
    """Returns how many seeds of each mixture would tell the predicted gain from noise.

    None where the noise of a run is unknown, or nothing is gained.
    """
    intervals = result.proposal.intervals
    noise = intervals.get("noise")
    if not noise or not intervals["gain"]["value"] > 0:
        return None
    # of the difference of two runs
    error = sqrt(2) * noise["value"]
    factor = share_to_tell(intervals["gain"]["value"], error)
    return None if factor is None else max(2, ceil(factor))


def _headline(result: OwnResult) -> str:
    """Names the mixture and what it is worth, or says why none is named."""
    reference = reference_of(result)
    verdict = verdict_of(result)
    inside = " inside your bounds" if result.record["active_bounds"] else ""
    if verdict == "cannot tell":
        return "These runs cannot tell which mixture is best."
    if verdict == "identical" and not mixers.entry(result.source.mixer).predicts:
        return f"This is {reference}: {result.source.mixer} says nothing of other mixtures."
    if verdict == "identical" and result.natural_known:
        return f"Keep your data as it is: no mixture{inside} is predicted better than natural."
    if verdict == "identical":
        return f"No mixture{inside} is predicted better than {reference}."
    if verdict == "worse":
        return f"Inside your bounds every mixture is predicted worse than {reference}."
    if verdict == "not distinguishable":
        return f"No mixture{inside} is predicted to be clearly better than {reference}."
    mixture = recipe(result.proposal.mixture.as_dict())
    gain = predicted_gain(result)
    if gain is None:
        return f"Train on {mixture}: {result.source.mixer} proposes it, and predicts no losses."
    natural = predicted_goal(result, result.goal.natural)
    on_targets = on_goal(tuple(result.goal.targets))
    words = worth(gain, result.readout.metric, natural, reference, on_targets)
    return f"Train on {mixture}: predicted {words}."


def _sure(result: OwnResult) -> tuple[str, ...]:
    """How sure that is."""
    sentences = []
    verdict = verdict_of(result)
    words = about(result.proposal.verdict, result)
    mixture = recipe(result.proposal.mixture.as_dict())
    if verdict == "cannot tell":
        sentences.append(
            f"The mixer's guess stands in the table of your data: {mixture}. Nothing supports it."
        )
    elif verdict == "not distinguishable":
        sentences.append(
            f"The best guess is {mixture}. Its predicted difference is {words}: to change the"
            " mixture for it is a bet."
        )
    elif verdict == "worse":
        sentences.append(f"The least bad of them is {mixture}: predicted {words}.")
    elif verdict == "identical" and not result.natural_known:
        sentences.append(f"That mean is {mixture}.")
    elif verdict == "better":
        sentences.append(
            f"95% interval: {words}. It is a prediction: nothing was trained on this mixture yet."
        )
    elif verdict == "" and mixers.entry(result.source.mixer).predicts:
        sentences.append("The gain has no interval, so nothing says how sure it is.")
    sentences += _best_run(result)
    rank = rank_of(result)
    if rank is not None:
        runs = counted(result.source.runs, "run")
        sentences.append(
            f"The mixer {result.source.mixer} learned this from {runs}."
            f" It orders held-out runs with a rank correlation of {rank_words(rank)}."
        )
    if not result.natural_known:
        sentences.append(
            f"Your natural mixture, each domain by its size, is unknown: {MEAN} stands for it."
            " Give the tokens of each domain (--available) to compare with natural."
        )
    return tuple(sentences)


def _best_run(result: OwnResult) -> list[str]:
    """What the best run reached, beside what is predicted of the proposal."""
    if result.best is None or verdict_of(result) == "cannot tell" or _as_good(result):
        return []
    metric = result.readout.metric
    words = f"Your best run, {result.best.run}, measured {level(result.best.objective, metric)}"
    predicted = predicted_goal(result, result.weights)
    if predicted is None:
        return [f"{words}, with whatever luck it had."]
    return [f"{words}; {level(predicted, metric)} is predicted of this mixture."]


def _as_good(result: OwnResult) -> str:
    """That the best run measured more than is predicted, where it did; else empty."""
    predicted = predicted_goal(result, result.weights)
    if result.best is None or predicted is None or verdict_of(result) == "cannot tell":
        return ""
    metric = result.readout.metric
    ahead = predicted - result.best.objective
    if metric.higher:
        ahead = -ahead
    if ahead <= 0 or side(ahead, metric) == SAME:
        return ""
    words = (
        f"Your best run, {result.best.run}, measured {level(result.best.objective, metric)}, which"
        f" is {size(ahead, metric)} better than the {level(predicted, metric)} predicted here; the"
        f" best of {counted(result.source.runs, 'run')} had luck, too."
    )
    weights = np.array([result.best.weights[name] for name in result.goal.names])
    if not result.goal.bounds.contain(weights[None])[0]:
        return f"{words} Its mixture lies outside your bounds."
    return f"{words} Train its mixture beside this one: {recipe(result.best.weights)}."


def _costs(result: OwnResult, rows: Sequence[TargetRow]) -> tuple[str, ...]:
    """Targets that are predicted to get worse: those of the goal, then the others."""
    if verdict_of(result) in ("cannot tell", "identical"):
        return ()
    known = [row for row in rows if row.gain is not None]
    goal = [row for row in known if row.weight]
    outside = [row for row in known if not row.weight]
    reference = reference_of(result)
    sentences = []
    worse = _worse(goal)
    if worse:
        sentences.append(f"Predicted worse than {reference}: {worse}.")
    elif len(goal) > 1:
        sentences.append(f"None of the {len(goal)} targets of the goal is predicted to get worse.")
    worse = _worse(outside)
    if worse:
        sentences.append(f"Not in the goal, and predicted worse than {reference}: {worse}.")
    elif outside:
        sentences.append(
            f"{counted(len(outside), 'target')} outside the goal: none is predicted to get worse."
        )
    return tuple(sentences)


def _worse(rows: Sequence[TargetRow]) -> str:
    """The targets that get worse by what can be seen, the most first, in words."""
    losers = []
    for row in rows:
        if row.gain is not None and row.gain < 0 and side(row.gain, row.metric) != SAME:
            losers.append(row)
    losers.sort(key=lambda row: row.gain or 0.0)
    parts = [f"{row.name} by {size(row.gain or 0.0, row.metric)}" for row in losers[:NAMED]]
    if len(losers) > NAMED:
        parts.append(f"{len(losers) - NAMED} more")
    return listed(parts)


def _of_run(note: str, result: OwnResult) -> str:
    """A note that begins with the name of a run says that it is one."""
    if result.runs is not None and note.partition(" lies ")[0] in result.runs.runs:
        return f"run {note}"
    return note


def _of_source(note: str, result: OwnResult) -> str:
    """A note as a sentence; one that begins with a name leaves the name as it is."""
    names = (*result.source.targets, *result.source.domains)
    sentence = _sentence(note)
    return note[:1] + sentence[1:] if note.startswith(names) else sentence


def _reasons(result: OwnResult) -> list[str]:
    """Why the runs cannot tell; empty where they can."""
    if verdict_of(result) != "cannot tell":
        return []
    evidence = result.proposal.intervals["evidence"]
    return [about(reason, result) for reason in evidence["reasons"]]


def _sentence(words: str) -> str:
    """The words as a sentence."""
    sentence = words[:1].upper() + words[1:]
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
