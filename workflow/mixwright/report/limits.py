"""What limits a mixture: the bounds that it touches, and what would move each."""

from collections.abc import Mapping
from math import isclose
from typing import Any

from mixwright.corpus.counts import Extent
from mixwright.errors import quantity
from mixwright.study.study import Study

# A share of the cap from which a domain is said to be near it.
NEAR = 0.8
# A share below which a domain is said to get next to nothing.
NOTHING = 0.002
# Notes of mixers that say which target holds a mixture back.
OF_TARGETS = ("predicted no worse than natural", "never_worse")


def limits_of(
    study: Study, record: Mapping[str, Any], extents: Mapping[str, Extent] | None = None
) -> tuple[str, ...]:
    """Returns the bounds that a proposal touches, and how to move each, a sentence each.

    Args:
        study: says where each bound is from.
        record: the proposal, as its file holds it.
        extents: domain -> what its source holds; those that are not known are left out.
    """
    lines = []
    for bound in record.get("active_bounds", ()):
        if "<=" in bound:
            name, _, value = bound.rpartition("<=")
            lines.append(_at_cap(study, name, float(value), extents or {}))
        else:
            name, _, value = bound.rpartition(">=")
            lines.append(_at_floor(study, name, float(value)))
    for note in record.get("notes", ()):
        if note.startswith(OF_TARGETS):
            lines.append(f"Targets: {note}. goal.never_worse says which may not get worse.")
    nothing = _near_nothing(study, record)
    if not lines:
        sentence = "No cap or floor holds it back"
        lines.append(f"{sentence}{f', but {nothing}' if nothing else ''}.")
    elif nothing:
        lines.append(f"{nothing[:1].upper()}{nothing[1:]}.")
    near = _near_passes(study, record)
    return (*lines, near) if near else tuple(lines)


def _at_cap(study: Study, name: str, value: float, extents: Mapping[str, Extent]) -> str:
    """A domain or group that may not have more."""
    goal = study.config["goal"]
    share = f"{100 * value:.3g} %"
    groups = goal.get("groups") or {}
    if name in groups:
        members = ", ".join(groups[name]["domains"])
        return (
            f"The group {name} ({members}) stands at its most, {share}. Raise"
            f" goal.groups.{name}.most if it may have more."
        )
    if name in (goal.get("fixed") or {}):
        return f"{name} is fixed at {share} by goal.fixed.{name}; take that away to let it move."
    cap = (goal.get("caps") or {}).get(name)
    if cap is not None and isclose(cap, value, rel_tol=1e-4):
        return (
            f"{name} stands at its cap, {share}: it would get more if allowed. Raise"
            f" goal.caps.{name} if it may."
        )
    size = ""
    if name in extents:
        size = f" of {quantity(extents[name].source_tokens)} tokens"
    return (
        f"{name} stands at {share}, where the final model reads its source{size}"
        f" {goal['max_epochs']:g} times (goal.max_epochs): it would get more if allowed. More of"
        " its text, fewer training tokens or a higher goal.max_epochs would let it grow."
    )


def _at_floor(study: Study, name: str, value: float) -> str:
    """A domain or group that may not have less."""
    goal = study.config["goal"]
    share = f"{100 * value:.3g} %"
    if name in (goal.get("groups") or {}):
        return (
            f"The group {name} stands at its least, {share}: it would get less if allowed. Lower"
            f" goal.groups.{name}.least if it may."
        )
    if name in (goal.get("fixed") or {}):
        return f"{name} is fixed at {share} by goal.fixed.{name}; take that away to let it move."
    return (
        f"{name} stands at its floor, {share}: it would get less if allowed. Lower"
        f" goal.floors.{name} if it may."
    )


def _near_nothing(study: Study, record: Mapping[str, Any]) -> str:
    """The domains that get next to nothing, though no floor is set for them."""
    floors = study.config["goal"].get("floors") or {}
    names = []
    for name, weight in record.get("weights", {}).items():
        if weight < NOTHING and weight - floors.get(name, 0.0) > 0:
            percent = f"{100 * weight:.2g} %" if weight >= 5e-5 else "under 0.01 %"
            names.append(f"{name} ({percent})")
    if not names:
        return ""
    return f"nearly nothing is taken of {', '.join(names)}; goal.floors would keep more"


def _near_passes(study: Study, record: Mapping[str, Any]) -> str:
    """The domain whose source comes nearest to the passes that are allowed, where it is near."""
    most = study.config["goal"].get("max_epochs")
    epochs = {}
    for name, passes in record.get("epochs", {}).items():
        if passes is not None:
            epochs[name] = passes
    if not most or not epochs:
        return ""
    name = max(epochs, key=lambda name: epochs[name])
    passes = epochs[name]
    touched = any(bound.startswith(f"{name}<=") for bound in record.get("active_bounds", ()))
    if touched or passes < NEAR * most:
        return ""
    return f"The source of {name} is read {passes:.2g} times; goal.max_epochs allows {most:g}."
