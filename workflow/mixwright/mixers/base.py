"""What all mixers have in common: they are frozen dataclasses, saved as one JSON file.

A field is either a setting or what `fit` learned. `Proposer` and `Mixer` list the methods that the
rest of the library calls.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from mixwright.errors import MixwrightError, TooFewRunsError, counted, shortened
from mixwright.files import read_json, write_json
from mixwright.goal import Goal, Proposal
from mixwright.mixture import Array
from mixwright.numerics.spread import Spread
from mixwright.observations import NEEDED, Observations

log = logging.getLogger(__name__)
FILE = "fit.json"
# runs that a remark names
NAMED = 3
# what to do with losses that a mixer takes as they are, however wild
CHECK = "check what was measured"
# Metadata of the fields that `fit` fills: a study may not set them.
FITTED: Mapping[str, Any] = MappingProxyType({"fitted": True})
# Value of such a field before `fit`.
UNKNOWN: Any = None


class AsText:
    """What is written as text; the mixer that holds it makes it of the text again."""

    @property
    def text(self) -> str:
        """What is written."""
        raise NotImplementedError


@dataclass(frozen=True)
class Saved:
    """A mixer that can be written to a folder and read again, equal to the last bit."""

    # its name in the registry
    name: ClassVar[str] = ""

    def save(self, folder: str | Path) -> None:
        """Writes all fields to `fit.json` in `folder`; `mixwright.mixers.load` reads them."""
        write_json(Path(folder) / FILE, _encoded_fields(self))


@dataclass(frozen=True)
class Fitted(Saved):
    """A mixer that learns from runs."""

    # columns of the amounts, once fitted
    domains: tuple[str, ...] = field(default=(), metadata=FITTED, repr=False)
    # columns of the predictions, once fitted
    targets: tuple[str, ...] = field(default=(), metadata=FITTED, repr=False)
    # whether it can do without one of the runs that it reads
    spares: ClassVar[bool] = True
    # what becomes of losses far from all others
    of_wild: ClassVar[str] = CHECK

    def usable(self, observations: Observations, *roles: str, least: int) -> Observations:
        """Returns the runs of these roles.

        Raises:
            TooFewRunsError: there are fewer than `least`.
            MixwrightError: a loss or an amount is NaN or infinite, or a run diverged and the mixer
                needs every run.
        """
        runs = observations.of_role(*roles)
        role = " or ".join(roles)
        for role_of_run, run in observations.dropped:
            if role_of_run in roles and not self.spares:
                raise MixwrightError(f"{self.name}: run {run} diverged, {NEEDED.format(role=role)}")
        count = len(runs.runs)
        if count < least:
            raise TooFewRunsError(
                f"{self.name} needs {least} {role} runs or more and there are {count};"
                f" train {least - count} more",
                least,
            )
        finite_losses = np.isfinite(runs.losses).all(axis=1)
        finite_amounts = np.isfinite(runs.amounts).all(axis=1)
        finite = finite_losses & finite_amounts
        if not finite.all():
            run = runs.runs[int(finite.argmin())]
            raise MixwrightError(
                f"{self.name}: run {run} has a loss or amount of NaN; drop the run"
            )
        if not runs.derived:
            for remark in doubtful(runs, self.of_wild):
                _log_once(f"{self.name}: {remark}")
        return runs

    def fit(self, observations: Observations) -> Self:
        """Returns a copy that has learned from the runs; see `usable` and `learned`."""
        raise NotImplementedError

    def learned(self, observations: Observations, **values: Any) -> Self:
        """Returns a fitted copy: the runs' domains and targets, and these values of its fields."""
        return replace(self, domains=observations.domains, targets=observations.targets, **values)

    def refit(self, observations: Observations) -> Self:
        """Returns a copy fitted to other losses of the same runs, or to part of the runs.

        A bootstrap calls it many times. A mixer may override it with a cheaper fit that gives
        almost the same predictions.
        """
        return self.fit(observations)

    def narrowed(self, goal: Goal) -> Self:
        """Returns a copy whose refits are read for the goal alone.

        A mixer that fits each target by itself may override it, and leave out the others.
        """
        return self

    def amounts_of(self, observations: Observations) -> Array:
        """Returns (runs, domains) amounts at which `predict` tells the losses of these runs."""
        return observations.amounts

    def amounts_at(self, goal: Goal, weights: Array, total: float) -> Array:
        """Returns amounts at which `predict` tells the losses of mixtures for the goal.

        Args:
            weights: (mixtures, domains) on the simplex.
            total: tokens of the runs that the mixer was fitted to.
        """
        return weights * total

    def target_weights(self, goal: Goal) -> Array:
        """Returns (targets,) weights in the goal's objective, 0 for targets without a weight.

        Raises:
            MixwrightError: the mixer is not fitted, or the goal has another domain or target.
        """
        self.check_domains(goal)
        unknown = sorted({*goal.targets, *goal.never_worse} - set(self.targets))
        if unknown:
            raise MixwrightError(
                f"goal: target {unknown[0]} was never measured;"
                f" choose among {', '.join(self.targets)}"
            )
        importance = goal.importance or goal.targets
        weights = np.zeros(len(self.targets))
        for k, target in enumerate(self.targets):
            weights[k] = importance.get(target, 0.0)
        return weights

    def check_domains(self, goal: Goal) -> None:
        """Refuses a goal before `fit`, and a goal over other domains than the runs'."""
        if not self.domains:
            raise MixwrightError(f"{self.name}: not fitted; call fit before propose")
        if goal.names != self.domains:
            raise MixwrightError(
                f"goal: domains {', '.join(goal.names)} are not the runs'"
                f" {', '.join(self.domains)}; fit again"
            )

    def in_goal(self, predicted: Array, goal: Goal) -> dict[str, float]:
        """Returns by name the predictions (targets,) that the goal weighs or limits."""
        of_goal = {*goal.targets, *goal.never_worse}
        losses = {}
        for target, loss in zip(self.targets, predicted, strict=True):
            if target in of_goal:
                losses[target] = float(loss)
        return losses


def doubtful(runs: Observations, of_wild: str = CHECK) -> list[str]:
    """Returns what is odd about runs, in words: flat targets, and wild losses.

    Args:
        of_wild: what becomes of wild losses.
    """
    spread = Spread.of(runs.losses)
    remarks = []
    for target, varies in zip(runs.targets, spread.varies.tolist(), strict=True):
        if not varies:
            remarks.append(f"{target} is the same in every run: it decides nothing")
    wild = spread.wild(runs.losses)
    for k in np.flatnonzero(wild.any(axis=0)).tolist():
        names = [runs.runs[row] for row in np.flatnonzero(wild[:, k]).tolist()]
        count = counted(len(names), "run")
        listed = shortened(names, NAMED)
        remarks.append(f"{runs.targets[k]}: {count} far from all others, {listed}: {of_wild}")
    return remarks


@cache
def _log_once(remark: str) -> None:
    """Logs a remark; a fit is followed by many refits to the same runs."""
    log.info(remark)


def read_fit(mixer_class: type, folder: Path, class_named: Callable[[str], type]) -> Any:
    """Reads a mixer that `Saved.save` wrote.

    Args:
        mixer_class: its class.
        class_named: looks up the class of a mixer inside it, by the class's name.
    """
    path = folder / FILE
    if not path.exists():
        raise MixwrightError(f"{path}: no such fit; run fit first")
    return _decoded_mixer(mixer_class, read_json(path), class_named)


def _stored_name(part: Field[Any]) -> str:
    """What a field is called in the file, which outlives the field's name in the code."""
    return str(part.metadata.get("stored", part.name))


def _encoded_fields(mixer: Saved) -> dict[str, Any]:
    return {_stored_name(part): _encoded(getattr(mixer, part.name)) for part in fields(mixer)}


def _encoded(value: Any) -> Any:
    """A field's value as JSON: mixers, arrays and tuples become objects that say what they are."""
    if isinstance(value, Saved):
        return {"mixer": type(value).__name__, "fields": _encoded_fields(value)}
    if isinstance(value, AsText):
        return value.text
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "shape": list(value.shape)}
    if isinstance(value, tuple):
        return {"tuple": [_encoded(part) for part in value]}
    return value


def _decoded_mixer(
    mixer_class: type, encoded: Mapping[str, Any], class_named: Callable[[str], type]
) -> Any:
    names = {_stored_name(part): part.name for part in fields(mixer_class)}
    values = {}
    for stored, value in encoded.items():
        values[names.get(stored, stored)] = _decoded(value, class_named)
    return mixer_class(**values)


def _decoded(value: Any, class_named: Callable[[str], type]) -> Any:
    """The inverse of `_encoded`; an object with other keys is a setting that is a mapping."""
    if not isinstance(value, dict):
        return value
    keys = set(value)
    if keys == {"mixer", "fields"}:
        return _decoded_mixer(class_named(value["mixer"]), value["fields"], class_named)
    if keys == {"array", "shape"}:
        return np.array(value["array"], dtype=np.float64).reshape(value["shape"])
    if keys == {"tuple"}:
        return tuple(_decoded(part, class_named) for part in value["tuple"])
    return value


class Proposer(Protocol):
    """A mixer that chooses a mixture. A baseline needs no more than this."""

    def fit(self, observations: Observations | None) -> Self:
        """Returns a fitted copy; a mixer that reads no runs accepts None."""
        ...

    def propose(self, goal: Goal) -> Proposal:
        """Returns a mixture inside `goal.bounds`, with notes for the report."""
        ...

    def save(self, folder: str | Path) -> None:
        """Writes what `mixwright.mixers.load` reads."""
        ...


class Mixer(Proposer, Protocol):
    """A mixer that learns how the loss depends on the mixture and proposes the best one."""

    # its name in the registry
    name: ClassVar[str]
    # columns of the amounts, once fitted
    domains: tuple[str, ...]
    # columns of the predictions, once fitted
    targets: tuple[str, ...]

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) losses in nats/token of (mixtures, domains) tokens."""
        ...

    def refit(self, observations: Observations) -> Self:
        """Returns a copy fitted to other losses of the same runs, or to part of the runs."""
        ...

    def narrowed(self, goal: Goal) -> Self:
        """Returns a copy whose refits are read for the goal alone."""
        ...

    def amounts_of(self, observations: Observations) -> Array:
        """Returns the amounts at which `predict` tells the losses of these runs."""
        ...

    def amounts_at(self, goal: Goal, weights: Array, total: float) -> Array:
        """Returns the amounts at which `predict` tells the losses of mixtures for the goal."""
        ...
