"""Parts of a page that say how far predictions may be trusted: other scales, other sizes, ranks."""

from collections.abc import Mapping
from html import escape
from math import isfinite
from typing import Any

import pandas as pd

from mixwright.report.frame import note, part, quantity, table, text
from mixwright.report.predictions import ranged
from mixwright.trust.intervals import Interval
from mixwright.trust.noise import THRESHOLD


def backtest_part(result: Mapping[str, Any]) -> str:
    """Returns what smaller scales predicted of the largest, and which extrapolation is trusted."""
    if not result:
        return ""
    predictions = {prediction["mixer"]: prediction for prediction in result["predictions"]}
    rows = []
    for choice in result["choices"]:
        name, second = choice["choice"], choice["autoscale_regret"]
        error, rank = "–", "–"
        if name in predictions:
            error = f"{predictions[name]['rmse']:.4f}"
            rank = ranged(predictions[name]["rank"], 2)
        by_autoscale = "–" if second is None else f"{second:.4f}"
        rows.append([escape(name), ranged(choice["regret"], 4), by_autoscale, error, rank])
    heads = [
        "choice without it",
        "regret",
        "regret by AutoScale's law",
        "error on its runs",
        "rank correlation",
    ]
    scales = ", ".join(quantity(total) for total in result["scales"])
    reading = [
        f"The scales are {scales} tokens; the {result['runs']} runs of the largest were left out.",
        "Regret and error are in nats/token.",
        "Regret is how much worse a mixture is than the best one at the largest scale,"
        " by the joint law fitted to all runs. Its 95% intervals come from refits of that law.",
    ]
    for sentence in result["notes"]:
        reading.append(f"{sentence[:1].upper()}{sentence[1:]}.")
    title = "The largest scale, left out"
    content = table(heads, rows, title) + note(text(" ".join(reading)))
    return part(title, content, result["verdict"])


def transfer_part(result: Mapping[str, Any]) -> str:
    """Returns whether the ranking of a few mixtures at the proxies' size holds at a second one."""
    if not result:
        return ""
    rows = []
    for target, rank in result["ranks"].items():
        rows.append([escape(target), ranged(rank, 2)])
    title = "Another model size"
    content = table(["target", "rank correlation"], rows, title)
    return part(title, content, result["verdict"])


def ranks_part(ranks: Mapping[str, Interval]) -> str:
    """Returns a row a mixer: its rank correlation on held-out proxies, with its interval."""
    rows = []
    for mixer, rank in ranks.items():
        interval = ranged({"value": rank.value, "low": rank.low, "high": rank.high}, 2)
        rows.append([escape(mixer), interval])
    if not rows:
        return ""
    reading = (
        "Rank correlation of predicted and measured loss on proxies that the mixer was not"
        " fitted to, with its 95% interval. Mixers whose intervals overlap rank alike."
    )
    title = "Which mixer ranks held-out proxies best"
    return part(title, table(["mixer", "held-out rank correlation"], rows, title) + note(reading))


def noise_part(signals: pd.DataFrame | None) -> str:
    """Returns a row a target: how far losses differ by mixture, and how far by chance.

    Args:
        signals: what `mixwright.trust.noise.target_signals` returns; nothing is said where no
            mixture was trained twice.
    """
    if signals is None or signals.signal_to_noise.isna().all():
        return ""
    rows = []
    for signal in signals.to_dict("records"):
        ratio = {"value": signal["signal_to_noise"], "low": signal["low"], "high": signal["high"]}
        known = isfinite(ratio["value"])
        word = "enough" if ratio["value"] >= THRESHOLD else "too little"
        cells = [
            escape(str(signal["target"])),
            word if known else "unknown",
            ranged(ratio, 1) if known else "–",
            f"{signal['spread']:.4f}",
            f"{signal['noise']:.4f}" if known else "–",
            f"{signal['losing']} of {signal['runs']}",
        ]
        rows.append(cells)
    reading = (
        "Signal-to-noise: by how much losses of the swarm differ from mixture to mixture, over"
        " their scatter between equal runs, both standard deviations in nats/token; in brackets"
        f" its 95% interval. {THRESHOLD:g} or more tells mixtures apart. Runs that are no better"
        " than what knows nothing but their mixture have learnt little of the target."
    )
    title = "The floor of noise"
    heads = [
        "target",
        "verdict",
        "signal-to-noise",
        "between mixtures",
        "between equal runs",
        "runs no better than the reference",
    ]
    return part(title, table(heads, rows, title) + note(text(reading)))
