"""Perturbation runs that others measured: a base run, and for every domain one with less and one with more of it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError, nearest
from mixwright.measured.wide import Wide, read_wide
from mixwright.mixture import Array
from mixwright.observations import Observations

DOMAIN = "{domain}"


def read_perturbed(path: Path, asked: Mapping[str, Any], targets: Sequence[str]) -> Observations:
    """The perturb runs of a wide table of losses or perplexities, their amounts rebuilt from what `asked` (measured.perturb) says of them.

    Run ids name the domain by the patterns `reduced` and `increased`; of the columns those of `targets` are read.
    """
    table = read_wide(path)
    rows = {name: row for row, name in enumerate(table.ids)}
    if asked["base"] not in rows:
        raise MixwrightError(
            f"config: measured.perturb.base: {path} has no run {asked['base']}; {nearest(asked['base'], table.ids)}"
        )
    changed = {sign: _named(table.ids, asked[sign]) for sign in ("reduced", "increased")}
    domains = tuple(sorted(changed["reduced"]))
    for sign, found in changed.items():
        lacking = sorted({*changed["reduced"], *changed["increased"]} - set(found))
        if lacking or not found:
            name = asked[sign].replace(DOMAIN, lacking[0]) if lacking else asked[sign]
            raise MixwrightError(
                f"{path}: no run {name}; add it, or correct measured.perturb.{sign}"
            )
    runs = {asked["base"]: np.ones(len(domains))}
    for sign, factor in zip(("reduced", "increased"), asked["factors"], strict=True):
        runs |= {
            changed[sign][name]: np.where(np.arange(len(domains)) == i, factor, 1.0)
            for i, name in enumerate(domains)
        }
    amounts = _base(asked, domains) * np.array([runs[name] for name in sorted(runs)])
    losses = _losses(table, sorted(targets), asked["measure"])[
        [rows[name] for name in sorted(runs)]
    ]
    return Observations(
        domains,
        tuple(sorted(targets)),
        tuple(sorted(runs)),
        ("perturb",) * len(runs),
        amounts,
        losses,
    )


def _named(ids: Sequence[str], pattern: str) -> dict[str, str]:
    """Domain -> run whose id follows the pattern."""
    before, after = (re.escape(part) for part in pattern.split(DOMAIN))
    found = ((re.fullmatch(f"{before}(.+){after}", name), name) for name in ids)
    return {match[1]: name for match, name in found if match}


def _base(asked: Mapping[str, Any], domains: Sequence[str]) -> Array:
    """(domains,) tokens of the base run."""
    mixture = asked["mixture"] or dict.fromkeys(domains, 1.0)
    odd = sorted(set(mixture) ^ set(domains))
    if odd:
        raise MixwrightError(
            f"config: measured.perturb.mixture.{odd[0]}: it stands there or among the runs only; name every domain"
        )
    weights = np.array([mixture[name] for name in domains])
    return float(asked["tokens"]) * weights / weights.sum()


def _losses(table: Wide, targets: Sequence[str], measure: str) -> Array:
    """(runs, targets) nats/token."""
    for name in targets:
        if name not in table.columns:
            raise MixwrightError(
                f"config: measured.targets.{name} was not measured in {table.source}; {nearest(name, table.columns)}"
            )
    values = table.values[:, [table.columns.index(name) for name in targets]]
    if measure == "loss":
        return values
    if (values < 1).any():
        row, k = np.argwhere(values < 1)[0].tolist()
        raise MixwrightError(
            f"{table.where(row)}: {targets[k]} is {values[row, k]:g}, no perplexity; set measured.perturb.measure to loss"
        )
    return np.log(values)
