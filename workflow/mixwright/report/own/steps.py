"""What to do next with own tables, in sentences."""

from mixwright.report.own.answering import about, reference_of, verdict_of
from mixwright.report.own.cells import size
from mixwright.report.own.gathering import OwnResult
from mixwright.trust.intervals import fisher_interval
from mixwright.trust.learning_curve import WORTH, LearningCurve
from mixwright.trust.power import runs_to_tell


def next_steps(result: OwnResult, seeds: int | None) -> tuple[str, ...]:
    """Returns what to do now, a sentence or two each, what matters most first.

    That is which runs would tell, whether more pay, and how to test the mixture.

    Args:
        seeds: of each mixture that would tell the gain from noise; None: unknown.
    """
    items = []
    evidence_of = result.proposal.intervals.get("evidence") or {}
    for reason in evidence_of.get("reasons", ()):
        # what is wrong stands with the answer; here is what would mend it
        words = about(reason, result).rpartition("; ")[2]
        items.append(f"{words[:1].upper()}{words[1:]}.")
    if verdict_of(result) not in ("cannot tell", "identical"):
        items.append(_test(result, seeds))
    needed = _runs_to_tell(result)
    if needed:
        items.append(needed)
    if result.curve is not None:
        items.append(_more_runs(result.curve))
    if "noise" in result.proposal.intervals and not result.proposal.intervals["noise"]:
        items.append(
            "Train one mixture two or three times with other seeds, and add the runs: then the"
            " noise of a run is known, and intervals no longer count it as error of the mixer."
        )
    return tuple(items)


def _runs_to_tell(result: OwnResult) -> str:
    """How many runs would tell the gain from zero; empty where it is told, or there is none."""
    gain = result.proposal.intervals.get("gain")
    enough = (result.proposal.intervals.get("evidence") or {}).get("reasons") == []
    if not gain or not enough or gain["low"] > 0 or gain["value"] <= 0:
        return ""
    runs = result.source.runs
    needed = runs_to_tell(gain["value"], gain["low"], gain["high"], runs)
    if needed is None:
        return ""
    gained = size(gain["value"], result.readout.metric)
    return (
        f"If the gain is what is predicted, {gained}, about {needed:,} runs would"
        f" tell it from zero ({runs:,} are there). This takes the interval to narrow with the root"
        " of the number of runs. mixwright design --after chooses their mixtures."
    )


def _more_runs(curve: LearningCurve) -> str:
    """Whether more runs are worth training, in words."""
    record = curve.as_json()
    step = record["next"]
    now = float(curve.at(curve.runs)[0])
    then = f"{now + step['value']:.3f}"
    if fisher_interval(float(curve.spearman[-1]), curve.runs).low <= 0:
        return (
            "More runs like these may not help: the order that they teach is no better than chance"
            f" (rank correlation {max(now, 0.0):.2f}). Longer runs have less noise."
        )
    if step["value"] < WORTH:
        return (
            f"More runs are not worth training for this: with {step['more']:,} more, held-out runs"
            f" would hardly be ordered better (rank correlation {now:.3f} with all"
            f" {curve.runs:,}, {then} expected then)."
        )
    words = (
        f"More runs are worth training: {step['more']:,} more would raise the rank correlation by"
        f" about {step['value']:.3f} [{step['low']:.3f}, {step['high']:.3f}], to {then}."
    )
    if record["enough"] is not None:
        words += f" About {record['enough']:,} runs in all would be enough."
    return words


def _test(result: OwnResult, seeds: int | None) -> str:
    """How to test the proposal."""
    reference = reference_of(result)
    words = f"To test the mixture, train the same model on it and on {reference}"
    if seeds is None:
        return f"{words}, with the same tokens and seeds, and compare the targets."
    return (
        f"{words}: {seeds} seeds of each would tell the predicted gain from the noise of a run,"
        " at the size of your runs."
    )
