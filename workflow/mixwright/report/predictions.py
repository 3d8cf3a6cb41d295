"""Tables of proposals for the pages: their weights, and the losses and gains predicted of them."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from mixwright.learners import Metric
from mixwright.report.frame import note, table, text
from mixwright.report.proposed import Proposed
from mixwright.trust.evidence import CANNOT

Intervals = Mapping[str, Any]


def predicted_by_each(proposals: Sequence[Proposed], metric: Metric, unit: str = "") -> str:
    """Returns each mixer's prediction of its own proposal; nothing where none predicts.

    Args:
        metric: what the goal is shown as.
        unit: of all targets; empty: the proposals know the unit of each.
    """
    intervals = {}
    losses = {}
    units: dict[str, str] = {}
    for proposal in proposals:
        if "gain" in proposal.intervals:
            intervals[proposal.name] = proposal.intervals
        if proposal.predicted:
            losses[proposal.name] = proposal.predicted
            units |= proposal.units
    gains = predicted_gains(intervals, metric)
    return gains + predicted_losses(losses, intervals, unit or units)


def predicted_gains(
    intervals: Mapping[str, Intervals], metric: Metric, measured: Mapping[str, str] | None = None
) -> str:
    """Returns a row a mixer: its predicted goal and gain; nothing where no mixer has intervals.

    Args:
        intervals: mixer -> what its proposal holds under `intervals`.
        metric: what the goal is shown as.
        measured: mixer -> what its finals gained, in words; None: nothing was trained.
    """
    rows = []
    for mixer, ends in forecasts(intervals).items():
        row = [_named(mixer, ends), ranged(ends["objective"], 3), _gain(ends, metric)]
        if measured is not None:
            row.append(measured[mixer])
        rows.append(row)
    apart = _no_forecasts(intervals)
    if not rows:
        return apart
    heads = ["mixer", f"predicted {metric.title}", "predicted, minus natural"]
    if measured is not None:
        heads.append("measured (finals), minus natural")
    where = _in_unit(metric.unit)
    what = "Means over the targets"
    if any("worst_target" in ends for ends in intervals.values()):
        what = "Of the target that gains least, which stands below each mixer"
    reading = (
        f"{what}, {where}. {sign_words(metric)} Predictions are for the proxies'"
        " size and length, and their losses no forecast of the final models' losses."
        " Their 95% intervals come from refits to resampled losses: they include the noise of the"
        " runs and the error on held-out runs, but not what larger models do differently."
        " No final model was used."
    )
    content = table(heads, rows, "What each mixer predicts of its own proposal") + note(reading)
    return content + apart


def _named(mixer: str, ends: Intervals) -> str:
    """A mixer, and below it the target that its numbers are of, where it is one."""
    if "worst_target" not in ends:
        return escape(mixer)
    return f"{escape(mixer)}<br><small>{escape(ends['worst_target'])}</small>"


def predicted_losses(
    losses: Mapping[str, Mapping[str, float]],
    intervals: Mapping[str, Intervals],
    units: str | Mapping[str, str],
) -> str:
    """Returns a row a mixer, a column a target: what is predicted; nothing where none predicts.

    Args:
        losses: mixer -> target -> what is predicted of it.
        intervals: mixer -> what its proposal holds under `intervals`.
        units: of all targets, or target -> its own.
    """
    losses = {mixer: row for mixer, row in losses.items() if not _of_no_model(mixer, intervals)}
    if not losses:
        return ""
    targets = sorted({target for row in losses.values() for target in row})
    rows = []
    for mixer, row in losses.items():
        ends = intervals.get(mixer, {}).get("predicted", {})
        cells = [escape(mixer)]
        for target in targets:
            cells.append(_loss(row.get(target), ends.get(target)))
        rows.append(cells)
    if isinstance(units, str):
        units = dict.fromkeys(targets, units)
    heads = list(targets)
    where = "in the targets' units"
    if len(set(units.values())) == 1:
        where = _in_unit(next(iter(units.values())))
    else:
        heads = [f"{target}, {units.get(target, '')}".rstrip(", ") for target in targets]
    reading = (
        f"Losses predicted of each mixer's proposal, {where}, for the proxies' size and length;"
        " in brackets 95% of the refits, where there are any."
    )
    caption = "What each mixer predicts of its own proposal, target by target"
    return table(["mixer", *map(escape, heads)], rows, caption) + note(escape(reading))


def weights_table(proposals: Sequence[Proposed]) -> str:
    """Returns a row a domain, a column a proposal: its weight in percent, and its interval.

    Args:
        proposals: they stand in this order; the first one's largest weight is the first row.
    """
    domains = sorted(proposals[0].weights.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = []
    for domain, _ in domains:
        cells = [escape(domain)]
        for proposal in proposals:
            cells.append(_weight(proposal, domain))
        rows.append(cells)
    heads = ["domain", *(escape(proposal.name) for proposal in proposals)]
    reading = (
        "Weights in percent; in brackets the weights of 95% of the refits, where there are any."
    )
    return table(heads, rows, "Weights of the proposals, percent") + note(reading)


def _in_unit(unit: str) -> str:
    return f"in {unit}" if unit else "in their own unit"


def _weight(proposal: Proposed, domain: str) -> str:
    """A weight with its interval below it."""
    ends = proposal.intervals.get("weights", {}).get(domain)
    words = f"{100 * proposal.weights.get(domain, 0.0):.1f}"
    if ends:
        low, high = ends
        words += f"<br><small>[{100 * low:.1f}, {100 * high:.1f}]</small>"
    return words


def ranged(interval: Mapping[str, float], digits: int) -> str:
    """Returns `0.84 [0.61, 0.95]`."""
    value, low, high = interval["value"], interval["low"], interval["high"]
    ends = f"[{low:.{digits}f}, {high:.{digits}f}]"
    return text(f"{value:.{digits}f} {ends}")


def forecasts(intervals: Mapping[str, Intervals]) -> dict[str, Intervals]:
    """Returns mixer -> intervals, without mixers whose numbers are of no model."""
    sound = {}
    for mixer, ends in intervals.items():
        if not _of_no_model(mixer, intervals):
            sound[mixer] = ends
    return sound


def sign_words(metric: Metric) -> str:
    """Returns how signs are to be read in tables, in a sentence."""
    if metric.higher:
        return f"In tables, plus is a higher {metric.title}, so better."
    return f"In tables, minus is a lower {metric.title}, so better."


def _of_no_model(mixer: str, intervals: Mapping[str, Intervals]) -> bool:
    """Whether a mixer's numbers are of something else than a model trained on the mixture."""
    return bool(intervals.get(mixer, {}).get("of"))


def _no_forecasts(intervals: Mapping[str, Intervals]) -> str:
    """What is said of mixers that forecast no model's loss, as small print; empty without."""
    sentences = []
    for mixer, ends in intervals.items():
        if not _of_no_model(mixer, intervals):
            continue
        gain = ends["gain"]
        sentences.append(
            f"{mixer} forecasts no model's loss, and is left out here: its numbers are of its"
            f" {ends['of']}, one proxy a domain, whose probabilities of whole texts are mixed. They"
            f" rank mixtures, and differ little: by these, its own gains {gain['value']:.4f}"
            f" [{gain['low']:.4f}, {gain['high']:.4f}] over natural."
        )
    return note(text(" ".join(sentences))) if sentences else ""


def signed(value: float) -> str:
    """Returns `+0.012`, or a negative number with a true minus sign."""
    return f"{value:+.3f}".replace("-", "−")


def _gain(ends: Intervals, metric: Metric) -> str:
    """The predicted gain with its interval; where the runs cannot tell, their verdict alone."""
    if str(ends.get("verdict", "")).startswith(CANNOT):
        return f'<span class="words">{escape(ends["verdict"])}</span>'
    gain = ends["gain"]
    # A gain is what a loss falls by, and what an accuracy rises by.
    sign = 1 if metric.higher else -1
    low, high = sorted((sign * gain["low"], sign * gain["high"]))
    return f"{signed(sign * gain['value'])} [{signed(low)}, {signed(high)}]"


def _loss(value: float | None, ends: Any) -> str:
    """A predicted loss, with its interval where there is one."""
    if value is None:
        return "–"
    if not ends:
        return f"{value:.3f}"
    return ranged({"value": value, "low": ends[0], "high": ends[1]}, 3)
