"""Parts of a page that say how far predictions may be trusted: other scales, other sizes, ranks."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import isfinite
from typing import Any

import pandas as pd

from mixwright.errors import counted, quantity
from mixwright.report.frame import note, part, table, text
from mixwright.report.predictions import ranged
from mixwright.trust.intervals import Interval
from mixwright.trust.noise import THRESHOLD
from mixwright.trust.transfer import MEAN, remarks_of

# What the mixtures of the backtest are called.
CHOICES = {
    "keep": "keep: best of the next scale",
    "autoscale": "AutoScale's extrapolation",
    "joint": "the joint law's optimum",
}


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
            error = f"{predictions[name]['scatter']:.4f}"
            rank = ranged(predictions[name]["rank"], 2)
        by_autoscale = "–" if second is None else f"{second:.4f}"
        rows.append(
            [
                escape(CHOICES.get(name, name)),
                ranged(choice["regret"], 4),
                by_autoscale,
                error,
                rank,
            ]
        )
    heads = [
        "mixture, chosen without the largest scale",
        "regret",
        "regret by AutoScale's law",
        "error of its law",
        "rank correlation",
    ]
    scales = ", ".join(quantity(total) for total in result["scales"])
    reading = [
        f"The scales are {scales} tokens; the {result['runs']} runs of the largest were left out.",
        "Regret and error are in nats/token; of the error, the mean is taken off: mixtures are"
        " chosen by differences.",
        "Regret is how much worse a mixture is than the best one at the largest scale,"
        " by the joint law fitted to all runs. Its 95% intervals come from refits of that law.",
    ]
    for sentence in result["notes"]:
        reading.append(f"{sentence[:1].upper()}{sentence[1:]}.")
    title = "More tokens than were trained"
    caption = "The largest scale, left out, as a test of the smaller ones"
    content = table(heads, rows, caption) + note(text(" ".join(reading)))
    return part(title, content, result["verdict"])


def transfer_part(result: Mapping[str, Any]) -> str:
    """Returns whether the ranking of a few mixtures holds at other sizes and learning rates."""
    if not result:
        return ""
    rows = []
    for target, rank in result["ranks"].items():
        rows.append([escape(target), ranged(rank, 2)])
    title = "Another model size"
    caption = "The order of a few mixtures at both sizes"
    if "compared" in result:
        caption = f"The order of a few mixtures at the proxies' size and at {result['compared']}"
    content = table(["target", "rank correlation"], rows, caption)
    if "combinations" in result:
        content += _combinations(result["combinations"])
        content += note(text(" ".join(remarks_of(result))))
    return part(title, content, result["verdict"])


def merged_part(result: Mapping[str, Any], targets: Iterable[str]) -> str:
    """Returns whether merged single-domain proxies order the swarm's mixtures as it does.

    Args:
        result: what `merged.json` holds; nothing is said where it is empty.
        targets: those of the goal, a row each.
    """
    if not result:
        return ""
    rows = []
    for target in (MEAN, *targets):
        rows.append([escape(target), ranged(result["ranks"][target], 2)])
    caption = "The swarm's mixtures, ordered by merged and by trained proxies"
    content = table(["target", "rank correlation"], rows, caption)
    reading = (
        "A merged proxy is no training: the weights of the runs on single domains, in the"
        f" mixture's proportions. Its loss is {result['excess']:+.3f} nats/token from the trained"
        f" proxy's in the mean. {_start_words(result)}"
    )
    if result["left_out"]:
        reading += f" {counted(result['left_out'], 'run')} of the swarm diverged: left out."
    return part("Merged proxies", content + note(text(reading)), result["verdict"])


def _start_words(result: Mapping[str, Any]) -> str:
    """Where the runs that are merged began, in a sentence."""
    if result["start"]:
        return f"All runs began at the checkpoint {result['start']}."
    return "All runs began at the same first weights, and no checkpoint was trained before."


def _combinations(combinations: Sequence[Mapping[str, Any]]) -> str:
    """A row a combination: how like the swarm's own the order is, and what its pick costs there."""
    rows = []
    for entry in combinations:
        rank = ranged(entry["ranks"][MEAN], 2)
        regret = f"{entry['regret']:.4f}"
        rows.append([escape(entry["name"]), rank, regret, str(len(entry["mixtures"]))])
    heads = ["trained at", "rank correlation with the swarm", "regret of its pick", "mixtures"]
    return table(heads, rows, "The swarm's first mixtures at every size and learning rate")


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
    caption = "Predicted and measured order of held-out proxies"
    content = table(["mixer", "rank correlation"], rows, caption) + note(reading)
    return part("Which mixer ranks held-out proxies best", content)


def noise_part(signals: pd.DataFrame | None, reference: str = "a unigram model") -> str:
    """Returns a row a target: how far losses differ by mixture, and how far by chance.

    Args:
        signals: what `mixwright.trust.noise.target_signals` returns; nothing is said where no
            mixture was trained twice.
        reference: what knows nothing but a run's mixture, in words.
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
        f" than {reference} of their own mixture have learnt little of the target."
    )
    caption = "Spread of losses between mixtures, and between runs that differ by the seed alone"
    heads = [
        "target",
        "verdict",
        "signal-to-noise",
        "between mixtures",
        "between equal runs",
        f"runs no better than {reference}",
    ]
    content = table(heads, rows, caption) + note(text(reading))
    return part("The floor of noise", content)
