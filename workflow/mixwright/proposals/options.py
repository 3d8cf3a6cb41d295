"""What is wanted of a mixture without a study: options, typed or from Python, and their goal."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mixwright.errors import MixwrightError, as_typed, nearest
from mixwright.goal import Goal, Proposal, Readout, check_one_unit
from mixwright.learners import MIXED
from mixwright.measured.headings import match_name
from mixwright.mixture import Domain
from mixwright.proposals import typed
from mixwright.proposals.fits import FittedRuns
from mixwright.simplex.bounds import Bounds, groups_of

# What the command line calls the options; Python calls them by their names here.
COMMAND_LINE = {
    "targets": "--target",
    "available": "--available",
    "tokens": "--tokens",
    "max_epochs": "--max-epochs",
}


@dataclass(frozen=True)
class Options:
    """Targets and their weights, bounds by domain, and the sizes of the domains where known."""

    # target -> weight in the objective; empty: all targets alike
    targets: Mapping[str, float]
    # domain -> largest weight
    caps: Mapping[str, float]
    # domain -> least weight
    floors: Mapping[str, float]
    # domain -> tokens there are, of every domain; one with 0 gets no weight; empty: unknown
    available: Mapping[str, float]
    # training tokens of the final run
    tokens: float | None = None
    max_epochs: float | None = None
    seed: int = 0
    # as mixwright.simplex.bounds.groups_of takes them
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # domain -> weight
    fixed: Mapping[str, float] = field(default_factory=dict)
    # targets that must not be predicted worse than natural's
    never_worse: tuple[str, ...] = ()
    # what is minimised, where it is not the mean of the targets; see Goal
    worst: bool = False
    risk: float | None = None
    # whether every target was given its weight by hand
    weighted: bool = False
    # what messages call the option of the targets
    target_option: str = "targets"

    def goal(self, source: FittedRuns) -> Goal:
        """Returns the goal over the fit's domains.

        Without token counts the mean of the fitted mixtures stands for the natural one. Without
        targets the objective is that of the runs' study, or the plain mean of all.
        """
        return Goal(
            domains=self._domains(source),
            targets=self._importance(source),
            tokens=self.tokens or source.most_tokens,
            bounds=self._bounds(source),
            seed=self.seed,
            worst=self.worst,
            risk=self.risk,
            never_worse=self.never_worse,
        )

    def _domains(self, source: FittedRuns) -> tuple[Domain, ...]:
        if self.available:
            return tuple(Domain(name, round(self.available[name])) for name in source.domains)
        means = zip(source.domains, source.mean, strict=True)
        return tuple(Domain(name, None, share) for name, share in means)

    def _importance(self, source: FittedRuns) -> dict[str, float]:
        targets = (
            self.targets
            or source.goal.weights(source.targets)
            or dict.fromkeys(source.targets, 1.0)
        )
        total = sum(targets.values())
        return {name: weight / total for name, weight in sorted(targets.items()) if weight > 0}

    def _bounds(self, source: FittedRuns) -> Bounds:
        empty = {name: 0.0 for name, amount in self.available.items() if not amount}
        return Bounds.of(
            self._domains(source),
            self.tokens or source.most_tokens,
            {**self.caps, **empty},
            self.floors,
            self.max_epochs,
            self.groups,
            self.fixed,
        )

    def check_units(self, source: FittedRuns) -> None:
        """Refuses a plain mean of targets of different units.

        Raises:
            MixwrightError: it names which targets have which unit.
        """
        if self.weighted or (not self.targets and source.goal.weights(source.targets)):
            return
        targets = list(self._importance(source))
        remedy = f"name those of one unit with {self.target_option},"
        if self.target_option == COMMAND_LINE["targets"]:
            first = f"{targets[0]}=WEIGHT"
            remedy += f" or weigh them all: {as_typed(self.target_option, first)} ..."
        else:
            remedy += f" or weigh them all: {self.target_option}={{{targets[0]!r}: WEIGHT, ...}}"
        check_one_unit(targets, source.metrics, "goal", remedy)

    def notes(self, source: FittedRuns) -> tuple[str, ...]:
        """Returns what the goal assumes where the options say nothing, and what it averages."""
        notes = []
        if not self.targets:
            notes.append(_default_goal(source))
        limits = {"caps": self.caps, "floors": self.floors, "fixed": self.fixed}
        notes += source.goal.notes(bool(self.targets), limits, self.max_epochs)
        notes += _averaged(self._importance(source), source)
        if not self.available:
            notes.append(
                f"natural stands for the mean of the {source.runs} fitted mixtures, and epochs are"
                " unknown: the domains' tokens were not given (available)"
            )
        for name, amount in self.available.items():
            if not amount:
                notes.append(f"{name} has no tokens and so no weight")
        return tuple(notes)

    def annotate(self, proposal: Proposal, source: FittedRuns) -> Proposal:
        """Returns the proposal with the notes of these options after its own."""
        return replace(proposal, notes=(*proposal.notes, *self.notes(source)))

    def record(self, source: FittedRuns, proposal: Proposal) -> dict[str, Any]:
        """Returns the proposal as JSON, without tokens and epochs where they are unknown."""
        record = proposal.as_json(self.goal(source))
        has_tokens = self.tokens is not None or not source.weights_alone
        if not has_tokens:
            del record["tokens"]
        if not (has_tokens and self.available):
            del record["epochs"], record["run_epochs"]
        return record


def _default_goal(source: FittedRuns) -> str:
    """What the goal is where nobody named targets."""
    of_study = source.goal.weights(source.targets)
    if of_study:
        parts = [f"{name} {weight:.3g}" for name, weight in of_study.items()]
        return f"the goal is that of the study{source.goal.objective}: {', '.join(parts)}"
    if len(source.targets) == 1:
        return f"the goal is the one target, {source.targets[0]}"
    return f"the goal is the plain mean of all {len(source.targets)} targets"


def _averaged(weights: Mapping[str, float], source: FittedRuns) -> list[str]:
    """What the objective is the mean of, where its targets are no losses of one unit."""
    readout = Readout.of(weights, tuple(weights), source.metrics)
    names = {metric.name for metric in readout.metrics}
    if readout.in_points:
        if len(weights) == 1:
            return []
        return [f"gains are in points of {readout.metric.title}, of 100"]
    if readout.metric is MIXED:
        parts = []
        for name, metric in zip(weights, readout.metrics, strict=True):
            parts.append(f"{name} ({metric.averaged})")
        return [f"the goal is a weighted mean of different units: {', '.join(parts)}"]
    if "perplexity" in names:
        return ["the goal is the mean logarithm of perplexity, nats/token"]
    if names == {"score"} and len(weights) > 1:
        return ["the goal is the mean score: a score that varies more counts for more"]
    return []


def _with_study(options: Options, source: FittedRuns) -> Options:
    """Returns the options with what they leave open as the runs' study has it."""
    goal = source.goal
    never_worse = options.never_worse
    if not never_worse:
        never_worse = typed.limited("never_worse", list(goal.never_worse), source.targets)
    named = bool(options.targets)
    return replace(
        options,
        caps={**goal.caps, **options.caps},
        floors={**goal.floors, **options.floors},
        fixed={**goal.fixed, **options.fixed},
        groups={**goal.groups, **options.groups},
        never_worse=never_worse,
        worst=goal.worst and not named,
        risk=None if named else goal.risk,
    )


def make_options(
    source: FittedRuns,
    targets: Mapping[str, float] | Iterable[str] | str | None = None,
    caps: Mapping[str, float] | None = None,
    floors: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    groups: Mapping[str, Mapping[str, Any]] | Sequence[str] | None = None,
    available: Mapping[str, float] | None = None,
    tokens: float | None = None,
    max_epochs: float | None = None,
    never_worse: Iterable[str] | str = (),
    seed: int = 0,
) -> Options:
    """Returns options as Python gives them, checked against the fit.

    Args:
        targets: a target, several, or target -> weight; None: all alike.
        groups: `A+B<=0.4` words, or name -> {domains, least, most}.
        never_worse: targets, or `all`.

    Raises:
        MixwrightError: a name is unknown, a number is out of range, or options do not fit together.
    """
    if isinstance(targets, str):
        targets = [targets]
    weighted = isinstance(targets, Mapping)
    if targets is not None and not isinstance(targets, Mapping):
        targets = dict.fromkeys(targets, 1.0)
    if isinstance(never_worse, str):
        never_worse = [never_worse]
    options = Options(
        targets=_numbers("targets", targets, source.targets),
        caps=_numbers("caps", caps, source.domains, most=1.0),
        floors=_numbers("floors", floors, source.domains, most=1.0),
        fixed=_numbers("fixed", fixed, source.domains, most=1.0),
        groups=_groups(groups, source.domains),
        available=_numbers("available", available, source.domains),
        tokens=tokens,
        max_epochs=max_epochs,
        never_worse=typed.limited("never_worse", list(never_worse), source.targets),
        seed=seed,
        weighted=weighted,
    )
    _check(options, source, {})
    return _with_study(options, source)


def read_options(
    source: FittedRuns,
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
    """Returns options as typed on the command line, checked against the fit.

    Raises:
        MixwrightError: a name is unknown, a number is out of range, or options do not fit together.
    """
    options = Options(
        targets=typed.numbers("--target", target, source.targets, default=1.0),
        caps=typed.numbers("--cap", cap, source.domains, most=1.0),
        floors=typed.numbers("--floor", floor, source.domains, most=1.0),
        available=typed.numbers("--available", available, source.domains),
        tokens=tokens,
        max_epochs=max_epochs,
        seed=seed,
        groups=typed.groups("--group", group, source.domains),
        fixed=typed.numbers("--fix", fix, source.domains, most=1.0),
        never_worse=typed.limited("--never-worse", never_worse, source.targets),
        weighted=typed.all_weighted(target, source.targets),
        target_option=COMMAND_LINE["targets"],
    )
    _check(options, source, COMMAND_LINE)
    return _with_study(options, source)


def _numbers(
    option: str, values: Mapping[str, float] | None, names: Sequence[str], most: float = math.inf
) -> dict[str, float]:
    """Returns the mapping with its names and numbers checked."""
    numbers: dict[str, float] = {}
    for typed_name, value in (values or {}).items():
        name = match_name(typed_name, names)
        if name not in names:
            raise MixwrightError(f"{option}: {name} is unknown; {nearest(name, names)}")
        if not typed.is_number(value, most):
            raise MixwrightError(
                f"{option}: {name} is {value!r}; give a number {typed.limit_words(most)}"
            )
        numbers[name] = float(value)
    return numbers


def _groups(
    groups: Mapping[str, Mapping[str, Any]] | Sequence[str] | None, domains: Sequence[str]
) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(groups, Mapping):
        return typed.groups("groups", groups or (), domains)
    for name, group in groups.items():
        unknown = sorted(set(group) - {"domains", "least", "most"})
        if unknown or "domains" not in group:
            raise MixwrightError(
                f"groups: {name} is {dict(group)!r}; give its domains, and least or most"
            )
    resolved = {}
    for name, group in groups.items():
        members = [match_name(domain, domains) for domain in group["domains"]]
        resolved[name] = {**group, "domains": members}
    groups_of(resolved, domains)
    return resolved


def _check(options: Options, source: FittedRuns, spelled: Mapping[str, str]) -> None:
    """Refuses options that do not fit together; `spelled` is option -> what messages call it."""
    names = {name: spelled.get(name, name) for name in COMMAND_LINE}
    for option, value in (("tokens", options.tokens), ("max_epochs", options.max_epochs)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise MixwrightError(f"{names[option]} {value:g}: give a number above 0")
    if options.targets and not sum(options.targets.values()) > 0:
        raise MixwrightError(f"{names['targets']}: all weights are 0; give one of them a weight")
    if options.available:
        typed.check_available(names["available"], options.available, source.domains)
    if options.max_epochs is not None and not (options.available and options.tokens):
        raise MixwrightError(
            f"{names['max_epochs']}: passes over a domain need its tokens and the run's;"
            f" give {names['available']} and {names['tokens']} too"
        )
