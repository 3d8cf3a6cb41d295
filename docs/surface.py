"""Evaluates a response surface of mixwright (docs/surface.md) with Python's standard library alone.

python surface.py surface.json '{"web": 0.5, "code": 0.5}'
"""

import json
import math
import sys
from operator import mul
from pathlib import Path


def dot(a, b):
    """The sum of products."""
    return sum(map(mul, a, b))


def law(form, p, x):
    """What mixers minimise: the law of parameters p at inputs x, one a domain."""
    if form == "log-linear":
        return p["c"] + math.exp(dot(p["t"], x))
    powers = [xi**g if xi > 0 else 0.0 for xi, g in zip(x, p["g"], strict=True)]
    effective = p["eps"] + dot(p["K"], powers)
    return p["E"] + p["A"] * effective ** -p["b"] + dot(p["beta"], x)


def inputs(amounts, w, at):
    """Weights as they are; a law in amounts takes tokens, worth less once they repeat."""
    if amounts is None:
        return w
    total, available = amounts[at]["total"], amounts[at]["available"] or [math.inf] * len(w)
    repetition, x = amounts["repetition"], []
    for n, u in ((wi * total, ui) for wi, ui in zip(w, available, strict=True)):
        extra = -u * repetition * math.expm1(-(n / u - 1) / repetition) if n > u else 0.0
        x.append((min(n, u) + extra) / amounts["unit"])
    return x


def own(number, y):
    """The target's own number of what is minimised."""
    ways = {"perplexity": lambda: math.exp(y), "score": lambda: -y}
    ways["accuracy"] = lambda: number["whole"] * math.exp(-max(y, 0.0))
    ways["probability"] = ways["accuracy"]
    return ways.get(number["kind"], lambda: y)()


def outside(region, names, w):
    """Why the runs do not cover a mixture, and h, how far out it lies."""
    s = [math.sqrt(wi) - region["roots_centre"][i] for i, wi in enumerate(w)]
    h = dot(s, [dot(row, s) for row in region["precision"]])
    why = ["all runs are of one mixture"] if region["mixtures"] == 1 else []
    why += ["it lies far out"] if math.sqrt(h / region["outermost"]) > region["far"] else []
    beyond, more = region["beyond"], region["more"]
    for i, name in enumerate(names):
        centre, second, most = (region[k][i] for k in ("centre", "second_largest", "largest"))
        m, odd = max(w[i], centre), len(region["odd_runs_beyond"][i])
        untried = region["mixtures_with"][i] < 2
        much = m > beyond * second and m - second > more
        doubtful = odd and (m - most > more or (odd > 1 and beyond * m > most))
        if abs(w[i] - centre) > region["rests"] and (untried or much or doubtful):
            why.append(f"runs say too little of {name}")
    return why, h


def evaluate(surface, mixture, at="runs"):
    """Each target's number with its interval, and why the mixture lies outside; none: inside."""
    names, interval, form = surface["domains"], surface["interval"], surface["form"]
    total = sum(mixture.values())
    unknown, sums_to_one = set(mixture) - set(names), abs(total - 1) <= 0.01
    if unknown or not sums_to_one or min(mixture.values()) < 0:
        raise ValueError(f"give shares of 0 or more that sum to 1 of the domains {names}")
    w = [mixture.get(name, 0.0) / total for name in names]
    x = inputs(surface["amounts"], w, at)
    why, h = outside(surface["region"], names, w)
    targets = []
    for target in surface["targets"]:
        y, low, high = law(form, target["parameters"], x), None, None
        if interval["refits"]:
            drawn = [law(form, refit, x) for refit in target["refits"]]
            mean = sum(drawn) / len(drawn)
            variance = sum((d - mean) ** 2 for d in drawn) / (len(drawn) - 1) + (mean - y) ** 2
            variance += max(1.0, h) * target["form_variance"]
            if interval["second"]:
                second = law("effective-data", target["second"], [xi / sum(x) for xi in x])
                variance += (interval["second"]["share"] * (second - y)) ** 2
            half = interval["quantile"] * math.sqrt(variance)
            low, high = sorted(own(target["number"], end) for end in (y - half, y + half))
        value, held_out = own(target["number"], y), target["held_out"]
        by_chance = held_out is not None and not held_out["better_than_chance"]
        numbers = {"value": value, "low": low, "high": high}
        targets.append({"name": target["name"], **numbers, "by_chance": by_chance})
    return {"targets": targets, "outside": why}


if __name__ == "__main__":
    file = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(evaluate(file, json.loads(sys.argv[2])), indent=1))
