"""What is wanted of a mixture, said in options of the command line: a goal without a study."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.fits import Source
from mixwright.mixture import Bounds, Domain, Goal, Proposal

PARTS = 10**12  # a natural mixture without token counts, in whole parts


@dataclass(frozen=True)
class Options:
    """Targets and their weights (none: all alike), bounds by domain, and the corpus where its size is known."""

    targets: Mapping[str, float]
    caps: Mapping[str, float]
    floors: Mapping[str, float]
    available: Mapping[str, float]  # tokens of every domain; empty: unknown
    tokens: float | None = None  # of the final run
    max_epochs: float | None = None
    seed: int = 0

    def goal(self, source: Source) -> Goal:
        """The goal over the fit's domains; without token counts the mean of the fitted mixtures is the natural one."""
        amounts = self.available or {name: max(1.0, PARTS * share) for name, share in zip(source.domains, source.mean, strict=True)}
        domains = tuple(Domain(name, round(amounts[name])) for name in source.domains)
        targets = self.targets or dict.fromkeys(source.targets, 1.0)
        importance = {name: weight / sum(targets.values()) for name, weight in sorted(targets.items()) if weight > 0}
        tokens = self.tokens or source.most_tokens
        bounds = Bounds.of(domains, tokens, self.caps, self.floors, self.max_epochs)
        return Goal(domains, importance, tokens, bounds, self.seed)

    def notes(self, source: Source) -> tuple[str, ...]:
        """What the goal assumes where the options were silent."""
        mean = f"natural stands for the mean of the {source.runs} fitted mixtures, and epochs are unknown: no --available was given"
        every = f"the goal is the plain mean of all {len(source.targets)} targets"
        return (() if self.targets else (every,)) + (() if self.available else (mean,))

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
    )
    _check(asked, source)
    return asked


def _numbers(
    option: str, texts: Sequence[str], names: Sequence[str], default: float | None = None, most: float = math.inf
) -> dict[str, float]:
    """NAME=NUMBER words as a mapping; a bare name stands for the default where there is one."""
    found: dict[str, float] = {}
    for text in texts:
        bare = default is not None and "=" not in text
        name, _, number = (text, "=", str(default)) if bare or text in names else text.rpartition("=")
        if not name or not _is_number(number, most):
            limit = "from 0 on" if most == math.inf else f"from 0 to {most:g}"
            raise MixwrightError(f"--{option} {text}: write NAME=NUMBER, a number {limit}")
        if name not in names:
            raise MixwrightError(f"--{option} {text}: {name} is unknown; {nearest(name, names)}")
        if name in found:
            raise MixwrightError(f"--{option} {text}: {name} has {found[name]:g} already; give it once")
        found[name] = float(number)
    return found


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
    lacking = [name for name in source.domains if name not in asked.available] if asked.available else []
    if lacking:
        raise MixwrightError(f"--available: nothing is said of {', '.join(lacking)}; give every domain its tokens")
    if asked.available and not all(value >= 1 for value in asked.available.values()):
        raise MixwrightError("--available: a domain of no tokens cannot be trained on; leave it out of the table, or cap it at 0")
    if asked.max_epochs is not None and not (asked.available and asked.tokens):
        raise MixwrightError("--max-epochs: passes over a domain need its tokens and the run's; give --available and --tokens too")
