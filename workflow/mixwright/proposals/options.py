"""What is wanted of a mixture, said in options of the command line: a goal without a study."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.goal import Goal, Proposal
from mixwright.mixture import Domain
from mixwright.proposals.fits import Source
from mixwright.simplex.bounds import Bounds, groups_of


@dataclass(frozen=True)
class Options:
    """Targets and their weights (none: all alike), bounds by domain, and the corpus where its size is known."""

    targets: Mapping[str, float]
    caps: Mapping[str, float]
    floors: Mapping[str, float]
    available: Mapping[
        str, float
    ]  # tokens of every domain, one without any gets no weight; empty: unknown
    tokens: float | None = None  # of the final run
    max_epochs: float | None = None
    seed: int = 0
    groups: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # as mixwright.simplex.bounds.groups_of takes them
    fixed: Mapping[str, float] = field(default_factory=dict)
    never_worse: tuple[str, ...] = ()

    def goal(self, source: Source) -> Goal:
        """The goal over the fit's domains; without token counts the mean of the fitted mixtures is the natural one."""
        if self.available:
            domains = tuple(Domain(name, round(self.available[name])) for name in source.domains)
        else:
            means = zip(source.domains, source.mean, strict=True)
            domains = tuple(Domain(name, None, share) for name, share in means)
        targets = self.targets or dict.fromkeys(source.targets, 1.0)
        importance = {
            name: weight / sum(targets.values())
            for name, weight in sorted(targets.items())
            if weight > 0
        }
        tokens = self.tokens or source.most_tokens
        empty = {name: 0.0 for name, amount in self.available.items() if not amount}
        bounds = Bounds.of(
            domains,
            tokens,
            {**self.caps, **empty},
            self.floors,
            self.max_epochs,
            self.groups,
            self.fixed,
        )
        return Goal(domains, importance, tokens, bounds, self.seed, self.never_worse)

    def notes(self, source: Source) -> tuple[str, ...]:
        """What the goal assumes where the options were silent."""
        mean = f"natural stands for the mean of the {source.runs} fitted mixtures, and epochs are unknown: no --available was given"
        one = len(source.targets) == 1
        every = (
            f"the goal is the one target, {source.targets[0]}"
            if one
            else f"the goal is the plain mean of all {len(source.targets)} targets"
        )
        none = tuple(
            f"{name} has no tokens and so no weight"
            for name, amount in self.available.items()
            if not amount
        )
        return (() if self.targets else (every,)) + (none if self.available else (mean,))

    def record(self, source: Source, goal: Goal, proposal: Proposal) -> dict[str, Any]:
        """The proposal as JSON, without the tokens and epochs that nothing said."""
        known = proposal.as_json(goal)
        counted = self.tokens is not None or not source.weights_alone
        unsaid = {"tokens": not counted, "epochs": not (counted and self.available)}
        known = {name: value for name, value in known.items() if not unsaid.get(name)}
        return known | {"notes": [*proposal.notes, *self.notes(source)]}


def read_options(
    source: Source,
    target: Sequence[str] = (),
    cap: Sequence[str] = (),
    floor: Sequence[str] = (),
    available: Sequence[str] = (),
    tokens: float | None = None,
    max_epochs: float | None = None,
    seed: int = 0,
    group: Sequence[str] = (),
    fix: Sequence[str] = (),
    never_worse: Sequence[str] = (),
) -> Options:
    """Options as typed, checked against the fit: unknown names are refused with the nearest known one."""
    asked = Options(
        targets=_numbers("target", target, source.targets, default=1.0),
        caps=_numbers("cap", cap, source.domains, most=1.0),
        floors=_numbers("floor", floor, source.domains, most=1.0),
        available=_numbers("available", available, source.domains),
        tokens=tokens,
        max_epochs=max_epochs,
        seed=seed,
        groups=_groups(group, source.domains),
        fixed=_numbers("fix", fix, source.domains, most=1.0),
        never_worse=_limited(never_worse, source.targets),
    )
    _check(asked, source)
    return asked


def _numbers(
    option: str,
    texts: Sequence[str],
    names: Sequence[str],
    default: float | None = None,
    most: float = math.inf,
) -> dict[str, float]:
    """NAME=NUMBER words as a mapping; a bare name stands for the default where there is one."""
    found: dict[str, float] = {}
    for text in texts:
        bare = default is not None and "=" not in text
        name, _, number = (
            (text, "=", str(default)) if bare or text in names else text.rpartition("=")
        )
        if not name or not _is_number(number, most):
            limit = "from 0 on" if most == math.inf else f"from 0 to {most:g}"
            raise MixwrightError(f"--{option} {text}: write NAME=NUMBER, a number {limit}")
        if name not in names:
            raise MixwrightError(f"--{option} {text}: {name} is unknown; {nearest(name, names)}")
        if name in found:
            raise MixwrightError(
                f"--{option} {text}: {name} has {found[name]:g} already; give it once"
            )
        found[name] = float(number)
    return found


def _groups(texts: Sequence[str], domains: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`code+docs<=0.4` words as groups named by their domains; words on the same domains make one group."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        parts = re.fullmatch(r"(.+?)(<=|>=|=)([^<>=]+)", text)
        if not parts or not _is_number(parts[3], 1.0) or "+" not in parts[1]:
            raise MixwrightError(
                f"--group {text}: write 'A+B<=NUMBER', '>=' or '=', two domains or more, a number from 0 to 1"
            )
        members, limit = sorted(name.strip() for name in parts[1].split("+")), float(parts[3])
        for name in members:
            if name not in domains:
                raise MixwrightError(f"--group {text}: {name} is unknown; {nearest(name, domains)}")
        group = found.setdefault("+".join(members), {"domains": members, "least": 0.0, "most": 1.0})
        group["least"] = max(group["least"], limit if "<" not in parts[2] else 0.0)
        group["most"] = min(group["most"], limit if ">" not in parts[2] else 1.0)
    groups_of(found, domains)
    return found


def _limited(names: Sequence[str], targets: Sequence[str]) -> tuple[str, ...]:
    """The targets of never_worse; `all` for every one."""
    if list(names) == ["all"] and "all" not in targets:
        return tuple(targets)
    for name in names:
        if name not in targets:
            raise MixwrightError(
                f"--never-worse {name}: no such target; {nearest(name, targets)} (or all)"
            )
    return tuple(sorted(set(names)))


def _is_number(text: str, most: float) -> bool:
    try:
        return 0 <= float(text) <= most and math.isfinite(float(text))
    except ValueError:
        return False


def _check(asked: Options, source: Source) -> None:
    for option, value in (("tokens", asked.tokens), ("max-epochs", asked.max_epochs)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise MixwrightError(f"--{option} {value:g}: give a number above 0")
    if asked.targets and not sum(asked.targets.values()) > 0:
        raise MixwrightError("--target: all weights are 0; give one of them a weight")
    lacking = (
        [name for name in source.domains if name not in asked.available] if asked.available else []
    )
    if lacking:
        raise MixwrightError(
            f"--available: nothing is said of {', '.join(lacking)}; give every domain its tokens"
        )
    parts = next(
        (f"{name}={value:g}" for name, value in asked.available.items() if 0 < value < 1), None
    )
    if parts:
        raise MixwrightError(
            f"--available {parts}: tokens are counted, not shares; give their number"
        )
    if asked.available and not any(asked.available.values()):
        raise MixwrightError("--available: no domain has tokens; give one of them some")
    if asked.max_epochs is not None and not (asked.available and asked.tokens):
        raise MixwrightError(
            "--max-epochs: passes over a domain need its tokens and the run's; give --available and --tokens too"
        )
