"""What to do next with a study: how much more would tell, and how to test what is proposed."""

from collections.abc import Mapping, Sequence
from math import ceil, isnan
from typing import Any

from mixwright.errors import counted, quantity
from mixwright.report.choices import level_with
from mixwright.report.comparison import Comparison
from mixwright.report.proposed import Proposed, listed
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE, Difference
from mixwright.trust.power import POWER, runs_to_tell, seeds_to_tell, share_to_tell

# More seeds than so many are seldom worth the difference that they would tell.
MANY = 30
RELIES = f"A difference of this size would then be told from chance in {POWER:.0%} of studies."
AGAIN = "and run the study again; no proxy is trained again, and no final that is there"


def after_finals(study: Study, comparison: Comparison, chosen: str) -> tuple[str, ...]:
    """Returns what to do after the final models, a sentence each.

    Args:
        study: the study.
        comparison: of the final models that may be the answer.
        chosen: the mixer whose mixture is to be used.
    """
    best = str(comparison.means.index[0])
    rivals = max(len(comparison.distinct) - 1, 1)
    if chosen == REFERENCE:
        gap = comparison.difference(best, REFERENCE, comparisons=rivals)
        return _undecided(comparison, gap, rivals)
    steps = []
    if study.learner.sized:
        tokens = quantity(study.config["goal"]["tokens"])
        steps.append(
            "Before a large training, train a smaller model of its kind on this mixture and on"
            " natural's, with the same seeds, and compare them on the targets: the final models"
            f" here had {tokens} training tokens."
        )
    level = level_with(comparison)
    if level:
        steps.append(_told_apart(comparison.difference(level[0], best), comparison, level))
    return tuple(steps)


def after_proposals(
    study: Study, proposals: Sequence[Proposed], chosen: str, runs: int
) -> tuple[str, ...]:
    """Returns how many runs would tell the gain that is predicted of the first proposal.

    Nothing where a proposal is chosen, or none has an interval.

    Args:
        study: the study.
        proposals: the first is that of the mixer that ranks held-out runs best.
        chosen: the proposal that the headline names.
        runs: of the swarm.
    """
    first = proposals[0]
    gain = first.intervals.get("gain")
    if chosen != REFERENCE or not gain or first.verdict != "not distinguishable" or not runs:
        return ()
    needed = runs_to_tell(gain["value"], gain["low"], gain["high"], runs)
    if needed is None or gain["value"] <= 0:
        return ()
    steps: tuple[str, ...] = (
        f"If the gain of {first.name} is what it predicts, {gain['value']:.3f}, about {needed:,}"
        f" runs of the swarm would tell it from zero ({runs:,} are there): set designs.swarm.runs"
        " and run the study again; runs that are there are not trained again. This takes the"
        " interval to narrow with the root of the number of runs.",
    )
    if not study.measured and study.designs["swarm"]["rounds"] == 1:
        steps += (
            f"Or set designs.swarm to runs: {2 * runs} and rounds: 2: the runs that are there are"
            " the first round, and half of the second one looks where the best mixture may be.",
        )
    return steps


def after_transfer(transfer: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Returns which learning rate of the proxies ranks most like the largest size, and what to do.

    Args:
        transfer: what `transfer.json` holds; nothing is said where it compares no rates.
    """
    advice = ((transfer or {}).get("rates") or {}).get("advice", "")
    return (f"{advice[:1].upper()}{advice[1:]}.",) if advice else ()


def _undecided(comparison: Comparison, gap: Difference, rivals: int) -> tuple[str, ...]:
    """What would tell whether the best mixture is better than natural."""
    if gap.verdict == "identical":
        return ()
    if gap.verdict == "undecided":
        return (
            f"One seed says nothing of chance. Set two or more final.seeds, {AGAIN}. This page"
            " then says how many would tell.",
        )
    words = f"{abs(gap.value):.3f} {gap.metric.unit}".rstrip()
    if not comparison.seeded:
        return _more(gap, rivals, words, "test rows")
    needed = seeds_to_tell(gap, len(comparison.distinct), rivals)
    if needed is None:
        return _more(gap, rivals, words, "text of the targets")
    start = f"{gap.arm} came {words} {_side(gap)} natural{gap.of}."
    if needed <= gap.seeds:
        return (f"{start} {counted(gap.seeds, 'seed')} would usually tell so much.",)
    price = "" if needed <= MANY else " So small a difference is seldom worth that."
    return (
        f"{start} About {needed} seeds would tell ({gap.seeds} are there): set final.seeds to"
        f" {needed} seeds, {AGAIN}. {RELIES}{price}",
    )


def _told_apart(gap: Difference, comparison: Comparison, level: Sequence[str]) -> str:
    """What would tell the winner from the next of those that are level with it.

    Args:
        gap: from the winner, of the next best.
        comparison: of the final models that may be the answer.
        level: all that are level with the winner.
    """
    names = listed([gap.reference, *level])
    any_of = "either of" if len(level) == 1 else "any of"
    start = f"Take {any_of} {names}"
    if gap.identical:
        return f"{start}: {gap.arm} is the same mixture."
    words = f"{abs(gap.value):.3f} {gap.metric.unit}".rstrip()
    apart = f"{gap.arm}, the next best, is {words} behind {gap.reference}{gap.of}"
    needed = seeds_to_tell(gap, len(comparison.distinct))
    if needed is None:
        return f"{start}: {apart}, which is within the error."
    times = f"about {needed} seeds would tell them apart ({gap.seeds} are there)"
    if needed > MANY:
        return f"{start}: {apart}, and only {times}."
    return f"{start} for now: {apart}; {times}."


def _more(gap: Difference, rivals: int, words: str, what: str) -> tuple[str, ...]:
    """What would tell where the error is that of rows or documents."""
    factor = share_to_tell(gap.value, gap.document_error, rivals)
    if factor is None or isnan(factor):
        return ()
    return (
        f"{gap.arm} came {words} {_side(gap)} natural{gap.of}. The error over the {what} decides:"
        f" about {ceil(factor)} times as much would tell. {RELIES}",
    )


def _side(gap: Difference) -> str:
    return "above" if gap.value > 0 else "below"
