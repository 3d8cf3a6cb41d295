"""The file of a response surface: strict JSON that docs/surface.md explains key by key.

Lists over domains are in the order of `domains`, lists over targets in that of `targets`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.learners import Metric
from mixwright.mixers.laws.formula import (
    LOG_LINEAR,
    form_of,
    is_convex,
    parameters_of,
)
from mixwright.mixers.laws.joint import Joint
from mixwright.mixture import Array
from mixwright.simplex.bounds import Bounds
from mixwright.trust import reach as limits
from mixwright.trust.evidence import Foreseen
from mixwright.trust.intervals import LEVEL
from mixwright.trust.leverage import TINY
from mixwright.trust.surface.surface import RUNS, Surface, TargetTrust, Wish

FORMAT, VERSION = "mixwright-surface", 1
# what a target's own number is of what the law predicts, y
OWN_NUMBERS = {
    "perplexity": "exp(y)",
    "accuracy": "whole * exp(-max(y, 0))",
    "probability": "whole * exp(-max(y, 0))",
    "score": "-y",
}
FORMULAS = {
    "effective-data": {
        "y": "E + A * S^(-b) + sum_i beta_i * x_i, with S = eps + sum_i K_i * x_i^g_i",
        "slope": "dy/dx_i = beta_i - A * b * S^(-b-1) * K_i * g_i * x_i^(g_i-1)",
        "parameters": {
            "E": "level that effective data alone does not reach under",
            "A": "fall of y at S = 1; 0 where the law is linear",
            "b": "power of the fall",
            "eps": "effective data from no domain",
            "K": "transfer: effective data from domain i at x_i = 1",
            "g": "diminishing returns of domain i, 1 at most; 0^g is 0",
            "beta": "linear rest",
        },
    },
    LOG_LINEAR: {
        "y": "c + exp(sum_i t_i * x_i)",
        "slope": "dy/dx_i = t_i * exp(sum_i t_i * x_i)",
        "parameters": {
            "c": "level",
            "t": "effect of domain i; below 0 it lowers y",
        },
    },
}
IN_WEIGHTS = "x_i is the weight of domain i; weights are 0 or more and sum to 1"
IN_AMOUNTS = (
    "x_i = D(n_i) / unit with n_i = weight * total tokens of domain i;"
    " D(n) = n up to the available tokens u, beyond them"
    " u + u * R * (1 - exp(-(n / u - 1) / R)) with R = repetition;"
    " dx_i/dw_i = total / unit, times exp(-(n / u - 1) / R) where n > u"
)
INTERVAL = (
    "y +- quantile * sqrt(variance of the refits' y (divisor: refits - 1)"
    " + (mean of the refits' y - y)^2 + max(1, h) * form_variance"
    " + (second.share * (y of second - y))^2); then both ends to the target's own number."
    " h is that of region; second takes x divided by its sum; without refits there is no interval."
    " It is of the mean over seeds: one more run also scatters by noise"
)
REGION = (
    "s_i = sqrt(w_i) - roots_centre_i; h = s' precision s. A mixture is outside where one of these"
    " holds: mixtures is 1; sqrt(h / outermost) > far; or of a domain with"
    " |w_i - centre_i| > rests: mixtures_with is under 2;"
    " else m > beyond * second_largest and m - second_largest > more, m = max(w_i, centre_i);"
    " else odd_runs_beyond has k > 0 names, and m - largest > more,"
    " or k > 1 and beyond * m > largest"
)


def write(surface: Surface, path: str | Path) -> None:
    """Writes a surface as strict JSON, atomically.

    Raises:
        MixwrightError: a number is NaN or infinite.
    """
    text = as_text(record_of(surface), str(path))
    with written(path) as partial:
        partial.write_text(text, encoding="ascii")


def as_text(record: dict[str, Any], place: str) -> str:
    """Returns JSON with one line a key, and one line an entry of a list of objects."""
    try:
        lines = []
        for key, value in record.items():
            lines.append(f"{json.dumps(key)}: {_lines(value)}")
    except ValueError:
        raise MixwrightError(
            f"{place}: a number of the fit is NaN or infinite; fit again without the odd run"
        ) from None
    body = ",\n".join(lines)
    return f"{{\n{body}\n}}\n"


def _lines(value: Any) -> str:
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return json.dumps(value, allow_nan=False)
    entries = [json.dumps(entry, allow_nan=False) for entry in value]
    return "[\n" + ",\n".join(entries) + "\n]"


def record_of(surface: Surface) -> dict[str, Any]:
    """Returns the content of the file."""
    source = surface.source
    return {
        "format": FORMAT,
        "version": VERSION,
        "mixer": source.mixer,
        "law": surface.law,
        "form": form_of(surface.formula),
        "represents": _represents(surface),
        "formula": _formula(surface),
        "amounts": _amounts(surface),
        "domains": list(surface.domains),
        "targets": _targets(surface),
        "interval": _interval(surface),
        "region": _region(surface),
        "goal": _goal(surface.wish, surface.domains, bool(source.goal.targets)),
        "runs": {
            "count": source.runs,
            "least_tokens": source.least_tokens,
            "most_tokens": source.most_tokens,
            "mean": list(source.mean),
        },
    }


def _represents(surface: Surface) -> str | None:
    """What the law stands for, in words; None where it is the mixer's own."""
    if not surface.stands_for:
        return None
    mixer = surface.source.mixer
    return (
        f"{mixer} has no formula: this is the {surface.law} law of the same runs, not {mixer};"
        " likeness says of each target how near the two are on the mixtures of the runs"
    )


def _formula(surface: Surface) -> dict[str, Any]:
    words = dict(FORMULAS[form_of(surface.formula)])
    inputs = IN_AMOUNTS if surface.in_amounts else IN_WEIGHTS
    return {**words, "x": inputs, "own_number": "of each target, from y: see number"}


def _amounts(surface: Surface) -> dict[str, Any] | None:
    """What a law in amounts needs: its unit, totals, and how repetition counts."""
    if not isinstance(surface.mixer, Joint):
        return None
    wish = surface.wish
    return {
        "unit": surface.mixer.unit,
        "repetition": surface.mixer.decay,
        "default": RUNS,
        "runs": {"total": surface.source.most_tokens, "available": None},
        "goal": {"total": wish.tokens, "available": _listed(wish.available)},
    }


def _targets(surface: Surface) -> list[dict[str, Any]]:
    parameters = parameters_of(surface.formula)
    refits = [parameters_of(refit) for refit in surface.refits]
    convex = is_convex(surface.formula).tolist()
    seconds: list[Any] = [None] * len(parameters)
    if surface.second is not None:
        seconds = parameters_of(surface.second.formula)
    records = []
    for k, name in enumerate(surface.targets):
        trust = surface.trust[k]
        records.append(
            {
                "name": name,
                "number": _number(surface.metric(name)),
                "convex": convex[k],
                "parameters": parameters[k],
                "form_variance": trust.form_variance,
                "best_run": trust.best,
                "noise": None if trust.noise is None else vars(trust.noise),
                "held_out": _held_out(trust),
                "likeness": None if trust.likeness is None else vars(trust.likeness),
                "second": seconds[k],
                "refits": [refit[k] for refit in refits],
            }
        )
    return records


def _number(metric: Metric) -> dict[str, Any]:
    """What a target's numbers are; `own` says how they follow from y."""
    return {
        "kind": metric.name,
        "title": metric.title,
        "unit": metric.unit,
        "higher_is_better": metric.higher,
        "own": OWN_NUMBERS.get(metric.name, "y"),
        "unit_of_y": metric.minimised_unit,
        "whole": metric.whole,
        "questions": metric.questions,
        "chance": metric.chance,
    }


def _held_out(trust: TargetTrust) -> dict[str, Any] | None:
    """How well held-out runs were predicted; None where none could be held out."""
    if trust.foreseen is None:
        return None
    foreseen: Foreseen = trust.foreseen
    return {
        "rank_correlation": float(foreseen.rank.value),
        "low": float(foreseen.rank.low),
        "high": float(foreseen.rank.high),
        "explained": float(foreseen.explained),
        "rmse": trust.rmse,
        "better_than_chance": not foreseen.reasons,
    }


def _interval(surface: Surface) -> dict[str, Any]:
    second = None
    if surface.second is not None:
        second = {"law": surface.second.law, "share": surface.second.share}
    quantile = None
    if surface.refits:
        quantile = surface.quantile
    return {
        "level": LEVEL,
        "refits": len(surface.refits),
        "quantile": quantile,
        "second": second,
        "how": INTERVAL,
    }


def _region(surface: Surface) -> dict[str, Any]:
    reach = surface.reach
    return {
        "how": REGION,
        "runs": reach.runs,
        "mixtures": reach.mixtures,
        "rests": limits.RESTS,
        "beyond": limits.BEYOND,
        "more": limits.MORE,
        "far": limits.FAR,
        "centre": reach.centre.tolist(),
        "mixtures_with": reach.took.tolist(),
        "second_largest": reach.second.tolist(),
        "largest": reach.most.tolist(),
        "odd_runs_beyond": [list(names) for names in reach.odd],
        "roots_centre": reach.cover.centre.tolist(),
        "precision": reach.cover.precision.tolist(),
        "outermost": max(float(reach.cover.of_runs.max()), TINY),
    }


def _goal(wish: Wish, domains: Sequence[str], of_study: bool) -> dict[str, Any]:
    best = None
    if wish.best is not None:
        best = {"weights": wish.best.tolist(), "gap": wish.gap}
    return {
        "of": "study" if of_study or wish.natural_known else "runs",
        "weights": dict(wish.weights),
        "importance": dict(wish.importance),
        "tokens": wish.tokens,
        "natural": wish.natural.tolist(),
        "natural_is": _natural_is(wish),
        "available": _listed(wish.available),
        "bounds": _bounds(wish.bounds, domains),
        "never_worse": list(wish.never_worse),
        "best": best,
    }


def _natural_is(wish: Wish) -> str:
    if wish.natural_known:
        return "that of the study"
    return "the mean of the runs: the tokens of the domains are unknown"


def _bounds(bounds: Bounds | None, domains: Sequence[str]) -> dict[str, Any] | None:
    if bounds is None:
        return None
    groups = []
    for group in bounds.groups:
        members = [domains[i] for i in group.members]
        groups.append(
            {
                "name": group.name,
                "domains": members,
                "least": group.lower,
                "most": group.upper,
            }
        )
    return {
        "least": bounds.lower.tolist(),
        "most": bounds.upper.tolist(),
        "groups": groups,
    }


def _listed(values: Array | None) -> list[float] | None:
    if values is None:
        return None
    return [float(value) for value in values]
