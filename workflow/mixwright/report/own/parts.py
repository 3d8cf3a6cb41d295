"""The sections of a page of own tables, each as HTML; empty where there is nothing to say."""

from collections.abc import Sequence
from html import escape

from mixwright.report.answer import command
from mixwright.report.exported import exports_section
from mixwright.report.frame import bullets, note, quantity, table, text
from mixwright.report.own.answering import NATURAL, about, rank_words, reference_of
from mixwright.report.own.cells import UNKNOWN, largest, number, percent, signed, worded
from mixwright.report.own.gathering import OwnResult
from mixwright.report.own.option_words import folded
from mixwright.report.own.target_rows import TargetRow
from mixwright.report.predictions import ranged
from mixwright.trust.power import runs_to_tell
from mixwright.trust.reach import TRACE

# Where the lines of a page write the mixture, if nobody said.
MIXTURE = "mixture.json"


def data(result: OwnResult) -> str:
    """A row a domain: what runs took of it, what is proposed, and passes where they are known."""
    spans = _spans(result)
    natural = dict(zip(result.goal.names, result.goal.natural.tolist(), strict=True))
    weights = result.proposal.mixture.as_dict()
    available = result.options.available
    epochs = result.record.get("epochs", {})
    heads = ["domain", "least", "mean", "most", "runs with it", "proposed"]
    if available:
        heads += ["tokens there are", "natural"]
    if epochs:
        heads.append("passes")
    rows = []
    for name in sorted(weights, key=lambda name: (-weights[name], name)):
        span = spans[name]
        cells = [escape(name), *span, percent(weights[name])]
        if available:
            cells += [quantity(available[name]), percent(natural[name])]
        if epochs:
            passes = epochs[name]
            cells.append(UNKNOWN if passes is None else f"{passes:.3g}")
        rows.append(cells)
    caption = "What your runs took of each domain, and what is proposed; weights in percent"
    words = f"{result.source.runs} runs over {len(result.source.domains)} domains."
    if not available:
        words += (
            " Nothing is known of how many tokens each domain has: --available tells it, and"
            " with --tokens the page then shows passes over each domain."
        )
    elif not epochs:
        words += " With --tokens the page shows passes over each domain."
    return table(heads, rows, caption) + note(worded(words))


def targets(result: OwnResult, rows: Sequence[TargetRow]) -> str:
    """A row a target: predicted of the proposal and of natural, measured of the best run."""
    reference = NATURAL if result.natural_known else "mean of your runs"
    heads = ["target", "counts", "unit", "predicted", reference, "difference"]
    if result.best is not None:
        heads.append("best run")
    heads.append("held-out ρ")
    lines = []
    for row in rows:
        cells = [escape(row.name), percent(row.weight, 0), escape(_unit(row))]
        cells += [_predicted(row), number(row.natural), _difference(row)]
        if result.best is not None:
            cells.append(number(row.best))
        cells.append(UNKNOWN if row.rank is None else text(rank_words(row.rank)))
        lines.append(cells)
    caption = "What is predicted of the proposal, target by target"
    words = [
        "Each target is in its own unit; brackets hold 95% intervals. The difference is what the"
        f" proposal is predicted better (+) or worse (−) than {reference_of(result)}.",
        "Held-out ρ is the rank correlation of predicted and measured on runs that the mixer was"
        " not fitted to.",
    ]
    if result.best is not None:
        words.append(f"The best run is {result.best.run}: what it measured, its luck included.")
    return table(heads, lines, caption) + note(worded(" ".join(words)))


def limits(result: OwnResult) -> str:
    """The bounds that the mixture touches, what they cost, and what else limits it."""
    items = []
    unit = f" {result.readout.metric.unit}".rstrip()
    touched = {bound.partition("<")[0].partition(">")[0] for bound in _active(result)}
    for price in result.prices:
        change = "costs nothing: without it the best mixture is predicted no better"
        if price.gain > 1e-6:
            change = f"costs {price.gain:.3g}{unit}: without it {largest(price.weights)}"
        items.append(f"{text(price.words)} <small>{text(price.option)}: {text(change)}.</small>")
    if _active(result):
        words = f"The proposal touches {', '.join(_active(result))}."
        items.insert(0, text(words))
    if not items:
        items.append("No bound limits the mixture: none was set, or none is touched.")
    if not touched and result.prices:
        items.append("The proposal touches none of the bounds.")
    if result.proposal.gap is not None:
        gap = f"{result.proposal.gap:.1g} {result.proposal.gap_unit}".rstrip()
        items.append(
            f"Inside the bounds nothing is better by more than {text(gap)}, as the fit predicts it."
        )
    words = (
        "What would change it: other bounds (--cap, --floor, --fix, --group), other targets"
        " (--target), limits on single targets (--never-worse), or runs where these have none."
    )
    return bullets(items) + note(worded(words))


def export(file: str, propose: str) -> str:
    """The lines that write the mixture for a trainer.

    Args:
        file: of the mixture; empty: none was written.
        propose: the line that proposes it again.
    """
    content = ""
    if not file:
        words = "First write the mixture to a file; --mixture writes it with this page."
        content = note(worded(words)) + command([folded(f"{propose} --to {MIXTURE}")], "propose")
    return content + exports_section((), file or MIXTURE)


def _spans(result: OwnResult) -> dict[str, list[str]]:
    """Domain -> least, mean and most of the runs, and how many took more than a trace."""
    spans = {}
    if result.runs is not None:
        runs = result.runs.of_role("swarm")
        weights = runs.weights if runs.runs else result.runs.weights
        for name, column in zip(result.source.domains, weights.T, strict=True):
            ends = [percent(float(value)) for value in (column.min(), column.mean(), column.max())]
            spans[name] = [*ends, str(int((column > TRACE).sum()))]
        return spans
    assert result.surface is not None
    reach = result.surface.reach
    for place, name in enumerate(result.source.domains):
        mean = percent(float(reach.centre[place]))
        most = percent(float(reach.most[place]))
        spans[name] = [UNKNOWN, mean, most, str(int(reach.took[place]))]
    return spans


def _active(result: OwnResult) -> list[str]:
    return list(result.record["active_bounds"])


def _unit(row: TargetRow) -> str:
    return row.metric.unit or row.metric.title


def _predicted(row: TargetRow) -> str:
    if row.predicted is None:
        return UNKNOWN
    if row.low is None or row.high is None:
        return number(row.predicted)
    return ranged({"value": row.predicted, "low": row.low, "high": row.high}, 3)


def _difference(row: TargetRow) -> str:
    """By how much a target is predicted better or worse than at natural."""
    if row.gain is None:
        return UNKNOWN
    return signed(row.gain, f"{row.gain:+.3f}")


def next_steps(result: OwnResult, seeds: int | None) -> str:
    """What to do now: which runs would tell, whether more pay, and how to test the mixture.

    Args:
        seeds: of each mixture that would tell the gain from noise; None: unknown.
    """
    items = []
    evidence_of = result.proposal.intervals.get("evidence") or {}
    for reason in evidence_of.get("reasons", ()):
        words = about(reason, result)
        items.append(text(f"{words[:1].upper()}{words[1:]}."))
    needed = _runs_to_tell(result)
    if needed:
        items.append(text(needed))
    if result.curve is not None:
        items.append(text(f"More runs? {result.curve.answer()}."))
    if "noise" in result.proposal.intervals and not result.proposal.intervals["noise"]:
        items.append(
            "Train one mixture two or three times with other seeds, and add the runs: then the"
            " noise of a run is known, and intervals no longer count it as error of the mixer."
        )
    items.append(text(_test(result, seeds)))
    return bullets(items)


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
    unit = f" {result.readout.metric.unit}".rstrip()
    return (
        f"If the gain is what is predicted, {gain['value']:.3f}{unit}, about {needed:,} runs would"
        f" tell it from zero ({runs:,} are there). This takes the interval to narrow with the root"
        " of the number of runs."
    )


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
