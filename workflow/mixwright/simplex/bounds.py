"""The bounds of a mixture: caps, floors and fixed weights of domains, and sums of groups of them.

    lower_i <= w_i <= upper_i,    least_g <= sum of w_i over the members of group g <= most_g

Bounds that leave no mixture are refused here, and the message names the ones that collide.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError, nearest
from mixwright.mixture import Array, Domain

# By how much a sum may miss before a set counts as empty.
SLACK = 1e-9


@dataclass(frozen=True)
class Group:
    """Domains whose weights together stay between two limits; no domain is in two groups."""

    name: str
    # positions in the goal's domains
    members: tuple[int, ...]
    # least and most that the members' weights may sum to
    lower: float
    upper: float


@dataclass(frozen=True)
class Bounds:
    """A box of weights, cut by sums of groups."""

    # (domains,) each
    lower: Array
    upper: Array
    groups: tuple[Group, ...] = ()

    @classmethod
    def of(
        cls,
        domains: Sequence[Domain],
        tokens: float,
        caps: Mapping[str, float] | None = None,
        floors: Mapping[str, float] | None = None,
        max_epochs: float | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        fixed: Mapping[str, float] | None = None,
    ) -> "Bounds":
        """Builds the bounds that a config names.

        Args:
            domains: the domains, in the order of the weights.
            tokens: training tokens of the run that the mixture is for.
            caps: domain -> the most weight, 1 where none is named.
            floors: domain -> the least weight, 0 where none is named.
            max_epochs: passes over a domain's tokens that the run may make; it becomes a cap.
            groups: group -> {domains: [...], least: x, most: y}.
            fixed: domain -> weight, a floor and a cap at once.

        Raises:
            MixwrightError: the bounds contradict each other or leave no mixture.
        """
        names = [domain.name for domain in domains]
        floors = floors or {}
        caps = caps or {}
        lower = np.zeros(len(names))
        upper = np.ones(len(names))
        for i, name in enumerate(names):
            lower[i] = floors.get(name, 0.0)
            upper[i] = caps.get(name, 1.0)
        if max_epochs is not None:
            weights_of_epochs = [max_epochs * domain.available / tokens for domain in domains]
            upper = np.minimum(upper, weights_of_epochs)
        for name, weight in (fixed or {}).items():
            i = names.index(name)
            _check_fixed(name, weight, lower[i], upper[i])
            lower[i] = weight
            upper[i] = weight
        _check_box(lower, upper, names, epochs=max_epochs is not None)
        group_bounds = groups_of(groups or {}, names)
        check_groups(lower, upper, group_bounds)
        return cls(lower, upper, group_bounds)

    @property
    def parts(self) -> tuple[Array, Array, tuple[Group, ...]]:
        """Lower, upper and groups: the last arguments of the functions of simplex.geometry."""
        return self.lower, self.upper, self.groups

    def contain(self, weights: Array, slack: float = SLACK) -> NDArray[np.bool_]:
        """Returns (mixtures,): which of the mixtures (mixtures, domains) lie inside."""
        above_floors = weights >= self.lower - slack
        below_caps = weights <= self.upper + slack
        inside = (above_floors & below_caps).all(axis=1)
        for group in self.groups:
            sums = weights[:, list(group.members)].sum(axis=1)
            inside &= (sums >= group.lower - slack) & (sums <= group.upper + slack)
        return np.asarray(inside)

    def active(self, weights: Array, names: Sequence[str], tolerance: float = 1e-6) -> list[str]:
        """Returns the bounds that a mixture (domains,) touches, floors of 0 and caps of 1 aside.

        They are written as `name<=cap` and then `name>=floor`, groups after domains.
        """
        names = list(names)
        values = weights.tolist()
        lows = self.lower.tolist()
        highs = self.upper.tolist()
        for group in self.groups:
            names.append(group.name)
            values.append(float(weights[list(group.members)].sum()))
            lows.append(group.lower)
            highs.append(group.upper)

        at_cap = []
        at_floor = []
        for name, value, low, high in zip(names, values, lows, highs, strict=True):
            if high < 1 and value >= high - tolerance:
                at_cap.append(f"{name}<={high:.6g}")
            if low > 0 and value <= low + tolerance:
                at_floor.append(f"{name}>={low:.6g}")
        return at_cap + at_floor


def groups_of(groups: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> tuple[Group, ...]:
    """Reads groups as a config writes them, group -> {domains: [...], least: x, most: y}.

    Args:
        groups: the groups; least is 0 and most is 1 where it is not written.
        names: the goal's domains, in order.

    Raises:
        MixwrightError: a group has unknown or too few domains, shares one with another group, has
            a domain's name, or has a least above its most.
    """
    order = list(names)
    group_of: dict[str, str] = {}
    parsed = []
    for name, content in groups.items():
        members = content["domains"]
        least = content.get("least", 0.0)
        most = content.get("most", 1.0)
        for member in members:
            _check_member(name, member, order, group_of)
            group_of[member] = name
        if name in order:
            raise MixwrightError(
                f"groups: {name} is the name of a domain too;"
                " rename the group, or write a cap or floor of that domain"
            )
        if len(members) < 2:
            raise MixwrightError(
                f"groups: {name} holds {len(members)} domain;"
                " a group has two or more, one has a cap and a floor"
            )
        if least > most:
            raise MixwrightError(
                f"groups: {name}: its least {least:g} is above its most {most:g};"
                " change one of the two"
            )
        positions = tuple(order.index(member) for member in members)
        parsed.append(Group(name, positions, least, most))
    return tuple(parsed)


def _check_member(
    group: str,
    member: str,
    names: Sequence[str],
    group_of: Mapping[str, str],
) -> None:
    """Refuses a member that is no domain or stands in a group already (`group_of` it)."""
    if member not in names:
        raise MixwrightError(f"groups: {group}: {member} is no domain; {nearest(member, names)}")
    if member not in group_of:
        return
    other = group_of[member]
    message = f"{other} and {group} share {member}"
    if other == group:
        message = f"{group} holds {member} twice"
    raise MixwrightError(f"groups: {message}; a domain stands in one group, once")


def membership(groups: Sequence[Group], domains: int) -> Array:
    """Returns (groups, domains): 1 where a domain is a member of a group, 0 elsewhere."""
    member = np.zeros((len(groups), domains))
    for row, group in enumerate(groups):
        member[row, list(group.members)] = 1.0
    return member


def check_groups(lower: Array, upper: Array, groups: Iterable[Group]) -> None:
    """Refuses groups that leave no mixture of the box, and names the bounds that collide.

    Args:
        lower: (domains,) floors.
        upper: (domains,) caps.
        groups: the groups, none of which share a domain.
    """
    ungrouped = np.ones(len(lower), dtype=bool)
    # The least and the most weight of each group, box and limits taken together.
    least: list[tuple[str, float]] = []
    most: list[tuple[str, float]] = []
    for group in groups:
        members = list(group.members)
        low = float(lower[members].sum())
        high = float(upper[members].sum())
        if low > group.upper + SLACK:
            raise MixwrightError(
                f"bounds: the floors (fixed weights counted in) inside group {group.name}"
                f" sum to {low:.4g}, over its most {group.upper:g}; lower them"
            )
        if high < group.lower - SLACK:
            raise MixwrightError(
                f"bounds: the caps (max_epochs counted in) inside group {group.name}"
                f" sum to {high:.4g}, under its least {group.lower:g}; raise them"
            )
        ungrouped[members] = False
        least.append((f"group {group.name}", max(low, group.lower)))
        most.append((f"group {group.name}", min(high, group.upper)))
    if not least:
        return
    least.append(("the floors of other domains", float(lower[ungrouped].sum())))
    most.append(("the caps of other domains", float(upper[ungrouped].sum())))
    _check_least(least)
    _check_most(most)


def _check_least(parts: Sequence[tuple[str, float]]) -> None:
    """Refuses least weights, (name, weight), that sum to more than 1."""
    total = sum(value for _, value in parts)
    if total > 1 + SLACK:
        nonzero = [(name, value) for name, value in parts if value]
        raise MixwrightError(
            f"bounds: no mixture fits: the least of all is {_sum(nonzero, 4)} = {total:.4g},"
            " over 1; lower some"
        )


def _check_most(parts: Sequence[tuple[str, float]]) -> None:
    """Refuses most weights, (name, weight), that sum to less than 1."""
    total = sum(value for _, value in parts)
    if total < 1 - SLACK:
        raise MixwrightError(
            f"bounds: no mixture fits: the most of all is {_sum(parts, 4)} = {total:.4g},"
            " under 1; raise some"
        )


def _sum(parts: Iterable[tuple[str, float]], digits: int) -> str:
    """Writes (name, weight) parts as a sum: `0.6 (code) + 0.6 (web)`."""
    return " + ".join(f"{value:.{digits}g} ({name})" for name, value in parts)


def _check_fixed(name: str, weight: float, floor: float, cap: float) -> None:
    """Refuses a fixed weight outside the domain's floor and cap."""
    if floor <= weight <= cap:
        return
    side = f"above its cap {cap:g} (caps and epochs together)"
    if weight < floor:
        side = f"under its floor {floor:g}"
    raise MixwrightError(f"bounds: {name} is fixed at {weight:g}, {side}; change one of the two")


def _check_box(lower: Array, upper: Array, names: Sequence[str], epochs: bool) -> None:
    """Refuses floors and caps (domains,) between which there is no mixture.

    Args:
        lower: the floors.
        upper: the caps.
        names: the domains.
        epochs: whether a limit of passes is counted in, for the remedy.
    """
    floors = []
    caps = []
    for name, low, high in zip(names, lower.tolist(), upper.tolist(), strict=True):
        if low > high:
            raise MixwrightError(
                f"bounds: {name} has floor {low:g} above its cap {high:g}"
                " (caps and epochs together); lower the floor"
            )
        if low:
            floors.append((name, low))
        if high:
            caps.append((name, high))
    if lower.sum() > 1 + SLACK:
        raise MixwrightError(
            f"bounds: the floors (fixed weights counted in) sum to {lower.sum():.4g},"
            f" over 1: {_sum(floors, 6)}; lower some of them"
        )
    if upper.sum() < 1 - SLACK:
        counted = "fixed weights counted in"
        remedy = "raise some of them"
        if epochs:
            counted = "fixed weights and max_epochs counted in"
            remedy = "raise caps or max_epochs, or ask for fewer tokens"
        raise MixwrightError(
            f"bounds: the caps ({counted}) sum to {upper.sum():.4g},"
            f" under 1: {_sum(caps, 3)}; {remedy}"
        )
