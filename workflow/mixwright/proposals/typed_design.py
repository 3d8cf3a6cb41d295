"""Which mixtures a person wants to train, from the words that `mixwright design` takes."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.mixture import Domain
from mixwright.proposals import typed
from mixwright.proposals.fits import RUNS, Fit
from mixwright.proposals.options import COMMAND_LINE
from mixwright.simplex.bounds import Bounds

LEAST_DOMAINS = 2


def read_domains(words: Sequence[str], available: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the domains, in the order of typing.

    Args:
        words: names; where there are none, the names of `available` are the domains.
        available: `DOMAIN=TOKENS` words.

    Raises:
        MixwrightError: a name cannot head a column, stands there twice, or fewer than two are
            named.
    """
    names = list(words)
    option = "--domains"
    if available and not names:
        option = COMMAND_LINE["available"]
        names = [word.rpartition("=")[0] for word in available]
    for name in names:
        if not name or name != name.strip() or not name.isprintable():
            raise MixwrightError(
                f"{option} {name!r}: this cannot head a column;"
                " a name has letters, and no space at its ends"
            )
        if names.count(name) > 1:
            raise MixwrightError(f"{option}: {name} is named twice; give it once")
    if len(names) < LEAST_DOMAINS:
        joined = "".join(names)
        if "," in joined:
            raise MixwrightError(f"{option} {joined}: put spaces between the names, no commas")
        raise MixwrightError(
            f"{option}: name two domains or more, whose shares are to be chosen,"
            " or choose from a table with --candidates"
        )
    return tuple(names)


def read_sizes(names: Sequence[str], available: Sequence[str]) -> tuple[Domain, ...]:
    """Returns the domains with the tokens that they have; equal shares where nobody says them.

    Raises:
        MixwrightError: a name or a number is wrong, or a domain lacks its tokens.
    """
    option = COMMAND_LINE["available"]
    tokens = typed.numbers(option, available, names)
    if not tokens:
        return tuple(Domain(name, None, 1 / len(names)) for name in names)
    typed.check_available(option, tokens, names)
    return tuple(Domain(name, round(tokens[name])) for name in names)


def read_limits(
    domains: Sequence[Domain],
    cap: Sequence[str],
    floor: Sequence[str],
    fix: Sequence[str],
    group: Sequence[str],
    tokens: float | None,
    max_epochs: float | None,
) -> dict[str, Any]:
    """Returns what Bounds.of takes beside the domains; a domain without tokens gets no weight.

    Raises:
        MixwrightError: a name is unknown, a number is out of range, or the bounds leave no mixture.
    """
    names = [domain.name for domain in domains]
    for name, value in (("tokens", tokens), ("max_epochs", max_epochs)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise MixwrightError(f"{COMMAND_LINE[name]} {value:g}: give a number above 0")
    has_sizes = all(domain.tokens is not None for domain in domains)
    if max_epochs is not None and not (has_sizes and tokens):
        raise MixwrightError(
            f"{COMMAND_LINE['max_epochs']}: passes over a domain need its tokens and the run's;"
            f" give {COMMAND_LINE['available']} and {COMMAND_LINE['tokens']} too"
        )
    caps = typed.numbers("--cap", cap, names, most=1.0)
    empty = {domain.name: 0.0 for domain in domains if domain.tokens == 0}
    limits: dict[str, Any] = {
        "tokens": tokens or 1.0,
        "caps": caps | empty,
        "floors": typed.numbers("--floor", floor, names, most=1.0),
        "max_epochs": max_epochs,
        "groups": typed.groups("--group", group, names),
        "fixed": typed.numbers("--fix", fix, names, most=1.0),
    }
    Bounds.of(domains, **limits)
    return limits


def fit_with_runs(folder: Path) -> Fit:
    """Returns a fit whose runs a further round can follow.

    Raises:
        MixwrightError: it is no fit, lacks its runs, or none of them is a run of a swarm.
    """
    if folder.is_file():
        raise MixwrightError(
            f"--after {folder}: a surface does not hold the runs that it was fitted to;"
            " give the folder that mixwright fit wrote"
        )
    if folder.is_dir() and not (folder / RUNS).is_file():
        raise MixwrightError(
            f"--after {folder}: {RUNS} is not there, the runs that it was fitted to;"
            " fit again with mixwright fit"
        )
    fit = Fit.load(folder)
    if "swarm" not in fit.runs.roles:
        raise MixwrightError(
            f"--after {folder}: {fit.name} read no runs of varied mixtures;"
            " fit effective-data to a swarm"
        )
    return fit
