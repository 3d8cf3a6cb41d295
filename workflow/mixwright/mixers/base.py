"""Mixers are frozen dataclasses: their settings and what they learned are fields, kept as one JSON file."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, Self

import numpy as np

from mixwright.errors import MixwrightError, TooFewRunsError
from mixwright.files import read_json, write_json
from mixwright.goal import Goal, Proposal
from mixwright.mixture import Array
from mixwright.observations import NEEDED, Observations

FILE = "fit.json"
FITTED = MappingProxyType(
    {"fitted": True}
)  # metadata of the fields that `fit` fills: no setting may name them
UNKNOWN: Any = None  # their value before


@dataclass(frozen=True)
class Saved:
    """A mixer that can be written to a folder; equal after a round trip, to the last bit."""

    def save(self, folder: str | Path) -> None:
        write_json(
            Path(folder) / FILE, {f.name: _encode(getattr(self, f.name)) for f in fields(self)}
        )


@dataclass(frozen=True)
class Fitted(Saved):
    """A mixer that has seen runs over `domains`, measured on `targets`."""

    domains: tuple[str, ...] = field(default=(), metadata=FITTED, repr=False)
    targets: tuple[str, ...] = field(default=(), metadata=FITTED, repr=False)
    spares = True  # whether it can do without one of the runs that it reads

    def usable(self, seen: Observations, *roles: str, least: int) -> Observations:
        """The runs of these roles; too few of them, a number that is none, or one that diverged and is needed, is refused."""
        runs, named = seen.of_role(*roles), " or ".join(roles)
        needed = [run for role, run in seen.dropped if role in roles and not self.spares]
        if needed:
            raise MixwrightError(
                f"{_called(self)}: run {needed[0]} diverged, {NEEDED.format(role=named)}"
            )
        if len(runs.runs) < least:
            few = f"needs {least} {named} runs or more and there are {len(runs.runs)}"
            raise TooFewRunsError(f"{_called(self)} {few}; train {least - len(runs.runs)} more")
        bad = ~(np.isfinite(runs.losses).all(axis=1) & np.isfinite(runs.amounts).all(axis=1))
        if bad.any():
            raise MixwrightError(
                f"{_called(self)}: run {runs.runs[int(bad.argmax())]} has a loss or amount of NaN; drop the run"
            )
        return runs

    def learned(self, seen: Observations, **values: Any) -> Self:
        """The fitted copy."""
        return replace(self, domains=seen.domains, targets=seen.targets, **values)

    def amounts_of(self, seen: Observations) -> Array:
        """(runs, domains) amounts to ask `predict` for, to hear what the mixer says of these runs."""
        return seen.amounts

    def amounts_at(self, goal: Goal, weights: Array, total: float) -> Array:
        """(mixtures, domains) amounts to ask `predict` for, to hear what the mixer says of mixtures for the goal; its runs had `total`."""
        return weights * total

    def refit(self, seen: Observations) -> Self:
        """The same mixer fitted to other losses of its runs, or to part of them, for a bootstrap: cheaper where that changes little."""
        return self.fit(seen)

    def fit(self, seen: Observations) -> Self:
        raise NotImplementedError

    def target_weights(self, goal: Goal) -> Array:
        """(targets,) weights of the goal's targets among those seen."""
        self.check_domains(goal)
        unknown = sorted({*goal.targets, *goal.never_worse} - set(self.targets))
        if unknown:
            raise MixwrightError(
                f"goal: target {unknown[0]} was never measured; choose among {', '.join(self.targets)}"
            )
        return np.array([goal.targets.get(target, 0.0) for target in self.targets])

    def check_domains(self, goal: Goal) -> None:
        if not self.domains:
            raise MixwrightError(f"{_called(self)}: not fitted; call fit before propose")
        if goal.names != self.domains:
            raise MixwrightError(
                f"goal: domains {', '.join(goal.names)} are not the runs' {', '.join(self.domains)}; fit again"
            )

    def in_goal(self, predicted: Array, goal: Goal) -> dict[str, float]:
        """Predictions (targets,) of the targets that the goal weighs or limits, by name."""
        named = {*goal.targets, *goal.never_worse}
        return {
            target: float(value)
            for target, value in zip(self.targets, predicted, strict=True)
            if target in named
        }


def read_fit(kind: type, folder: Path) -> Any:
    """The inverse of `Saved.save`."""
    path = folder / FILE
    if not path.exists():
        raise MixwrightError(f"{path}: no such fit; run fit first")
    return kind(**{name: _decode(value) for name, value in read_json(path).items()})


def _encode(value: Any) -> Any:
    if isinstance(value, Saved):
        return {
            "mixer": type(value).__name__,
            "fields": {f.name: _encode(getattr(value, f.name)) for f in fields(value)},
        }
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "shape": list(value.shape)}
    if isinstance(value, tuple):
        return {"tuple": [_encode(item) for item in value]}
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"mixer", "fields"}:
        return _kind(value["mixer"])(
            **{name: _decode(item) for name, item in value["fields"].items()}
        )
    if isinstance(value, dict) and set(value) == {"array", "shape"}:
        return np.array(value["array"], dtype=np.float64).reshape(value["shape"])
    if isinstance(value, dict) and set(value) == {"tuple"}:
        return tuple(_decode(item) for item in value["tuple"])
    return value


def _kind(class_name: str) -> type:
    return _entry(class_name).load_class()


def _entry(class_name: str) -> Any:
    from mixwright.mixers import MIXERS

    return next(entry for entry in MIXERS.values() if entry.class_name == class_name)


def _called(mixer: Saved) -> str:
    """What the registry calls the mixer."""
    from mixwright.mixers import MIXERS

    own = type(mixer).__name__
    return next((name for name, entry in MIXERS.items() if entry.class_name == own), own)


class Proposer(Protocol):
    """Chooses a mixture; baselines need no more than this (their `fit` learns nothing and accepts None)."""

    def fit(self, seen: Observations | None) -> Self: ...  # a fitted copy

    def propose(self, goal: Goal) -> Proposal: ...  # inside goal.bounds

    def save(self, folder: str | Path) -> None: ...  # what mixwright.mixers.load reads


class Mixer(Proposer, Protocol):
    """Learns how loss depends on the mixture, then proposes the best one."""

    domains: tuple[str, ...]  # columns of the amounts, once fitted
    targets: tuple[str, ...]  # columns of the predictions, once fitted

    def predict(
        self, amounts: Array
    ) -> Array: ...  # (mixtures, domains) tokens -> (mixtures, targets) nats/token

    def refit(
        self, seen: Observations
    ) -> Self: ...  # to other losses of the same runs, or part of them, cheaper where it may be

    def amounts_of(self, seen: Observations) -> Array: ...  # what to ask `predict` for of runs

    def amounts_at(
        self, goal: Goal, weights: Array, total: float
    ) -> Array: ...  # what to ask `predict` for of mixtures for the goal
