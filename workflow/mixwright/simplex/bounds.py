"""The weights that a mixture must stay in: caps, floors and fixed weights of domains, and sums of groups of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError, nearest

if TYPE_CHECKING:
    from mixwright.mixture import Domain
from mixwright.mixture import Array

SLACK = 1e-9  # of sums, before a set counts as empty


@dataclass(frozen=True)
class Group:
    """Domains whose weights together stay between two limits; no domain is in two groups."""

    name: str
    members: tuple[int, ...]  # positions in the goal's domains
    lower: float
    upper: float


@dataclass(frozen=True)
class Bounds:
    """A box, `lower` and `upper` (domains,), cut by sums of groups."""

    lower: Array
    upper: Array
    groups: tuple[Group, ...] = ()

    @classmethod
    def of(
        cls,
        domains: "Sequence[Domain]",
        tokens: float,
        caps: Mapping[str, float] | None = None,
        floors: Mapping[str, float] | None = None,
        max_epochs: float | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        fixed: Mapping[str, float] | None = None,
    ) -> "Bounds":
        """Bounds by name, and the cap that `max_epochs` passes over a domain's tokens mean for a run of `tokens`.

        `groups` is name -> {domains: [...], least: x, most: y}; a fixed weight is a floor and a cap at once.
        """
        names = [domain.name for domain in domains]
        lower = np.array([(floors or {}).get(name, 0.0) for name in names])
        upper = np.array([(caps or {}).get(name, 1.0) for name in names])
        if max_epochs is not None:
            upper = np.minimum(
                upper, [max_epochs * domain.available / tokens for domain in domains]
            )
        for name, weight in (fixed or {}).items():
            i = names.index(name)
            if not lower[i] <= weight <= upper[i]:
                side = (
                    f"under its floor {lower[i]:g}"
                    if weight < lower[i]
                    else f"above its cap {upper[i]:g} (caps and epochs together)"
                )
                raise MixwrightError(
                    f"bounds: {name} is fixed at {weight:g}, {side}; change one of the two"
                )
            lower[i] = upper[i] = weight
        _check(lower, upper, names)
        found = groups_of(groups or {}, names)
        check_groups(lower, upper, found)
        return cls(lower, upper, found)

    @property
    def parts(self) -> tuple[Array, Array, tuple[Group, ...]]:
        """What the functions of mixwright.simplex.geometry take last."""
        return self.lower, self.upper, self.groups

    def contain(self, weights: Array, slack: float = SLACK) -> NDArray[np.bool_]:
        """Which mixtures (rows, domains) lie inside."""
        inside = ((weights >= self.lower - slack) & (weights <= self.upper + slack)).all(axis=1)
        for group in self.groups:
            sums = weights[:, list(group.members)].sum(axis=1)
            inside &= (sums >= group.lower - slack) & (sums <= group.upper + slack)
        return np.asarray(inside)

    def active(self, weights: Array, names: Sequence[str], tolerance: float = 1e-6) -> list[str]:
        """Names of the bounds that `weights` touch, as `name<=cap` and `name>=floor`, groups among them; zero floors do not count."""
        sums = [
            (group.name, float(weights[list(group.members)].sum()), group.lower, group.upper)
            for group in self.groups
        ]
        rows = [
            *zip(names, weights.tolist(), self.lower.tolist(), self.upper.tolist(), strict=True),
            *sums,
        ]
        at_cap = [
            f"{name}<={high:.6g}"
            for name, weight, _, high in rows
            if high < 1 and weight >= high - tolerance
        ]
        at_floor = [
            f"{name}>={low:.6g}"
            for name, weight, low, _ in rows
            if low > 0 and weight <= low + tolerance
        ]
        return at_cap + at_floor


def groups_of(groups: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> tuple[Group, ...]:
    """Groups as a config writes them, their domains looked up in `names`; two that share a domain are refused."""
    found: dict[str, str] = {}  # domain -> its group
    for group, content in groups.items():
        members, least, most = (
            content["domains"],
            content.get("least", 0.0),
            content.get("most", 1.0),
        )
        for name in members:
            if name not in names:
                raise MixwrightError(
                    f"groups: {group}: {name} is no domain; {nearest(name, names)}"
                )
            if name in found:
                again = (
                    f"{group} holds {name} twice"
                    if found[name] == group
                    else f"{found[name]} and {group} share {name}"
                )
                raise MixwrightError(f"groups: {again}; a domain stands in one group, once")
            found[name] = group
        if group in names:
            raise MixwrightError(
                f"groups: {group} is the name of a domain too; rename the group, or write a cap or floor of that domain"
            )
        if len(members) < 2:
            raise MixwrightError(
                f"groups: {group} holds {len(members)} domain; a group has two or more, one has a cap and a floor"
            )
        if least > most:
            raise MixwrightError(
                f"groups: {group}: its least {least:g} is above its most {most:g}; change one of the two"
            )
    return tuple(
        Group(
            name,
            tuple(list(names).index(member) for member in content["domains"]),
            content.get("least", 0.0),
            content.get("most", 1.0),
        )
        for name, content in groups.items()
    )


def membership(groups: Sequence[Group], domains: int) -> Array:
    """Returns (groups, domains): 1 where a domain is a member of a group, 0 elsewhere."""
    member = np.zeros((len(groups), domains))
    for row, group in enumerate(groups):
        member[row, list(group.members)] = 1.0
    return member


def check_groups(lower: Array, upper: Array, groups: Iterable[Group]) -> None:
    """Refuses groups that leave no mixture of the box, and names the constraints that collide."""
    rest, least, most = np.ones(len(lower), dtype=bool), [], []
    for group in groups:
        inside = list(group.members)
        low, high = float(lower[inside].sum()), float(upper[inside].sum())
        if low > group.upper + SLACK:
            over = f"sum to {low:.4g}, over its most {group.upper:g}"
            raise MixwrightError(
                f"bounds: the floors (fixed weights counted in) inside group {group.name} {over}; lower them"
            )
        if high < group.lower - SLACK:
            under = f"sum to {high:.4g}, under its least {group.lower:g}"
            raise MixwrightError(
                f"bounds: the caps (max_epochs counted in) inside group {group.name} {under}; raise them"
            )
        rest[inside] = False
        least.append((f"group {group.name}", max(low, group.lower)))
        most.append((f"group {group.name}", min(high, group.upper)))
    if least:
        _check_sum(
            "least", [*least, ("the floors of other domains", float(lower[rest].sum()))], over=True
        )
        _check_sum(
            "most", [*most, ("the caps of other domains", float(upper[rest].sum()))], over=False
        )


def _check_sum(side: str, parts: Sequence[tuple[str, float]], over: bool) -> None:
    total = sum(value for _, value in parts)
    if (total > 1 + SLACK) if over else (total < 1 - SLACK):
        said = " + ".join(f"{value:.4g} ({name})" for name, value in parts if value or not over)
        remedy = "over 1; lower some" if over else "under 1; raise some"
        raise MixwrightError(
            f"bounds: no mixture fits: the {side} of all is {said} = {total:.4g}, {remedy}"
        )


def _check(lower: Array, upper: Array, names: Sequence[str]) -> None:
    for name, low, high in zip(names, lower, upper, strict=True):
        if low > high:
            raise MixwrightError(
                f"bounds: {name} has floor {low:g} above its cap {high:g} (caps and epochs together); lower the floor"
            )
    if lower.sum() > 1 + SLACK:
        said = " + ".join(
            f"{low:g} ({name})" for name, low in zip(names, lower.tolist(), strict=True) if low
        )
        raise MixwrightError(
            f"bounds: the floors (fixed weights counted in) sum to {lower.sum():.4g}, over 1: {said}; lower some of them"
        )
    if upper.sum() < 1 - SLACK:
        said = " + ".join(
            f"{high:.3g} ({name})" for name, high in zip(names, upper.tolist(), strict=True) if high
        )
        remedy = f"{said}; raise caps or max_epochs, or ask for fewer tokens"
        raise MixwrightError(
            f"bounds: the caps (max_epochs counted in) sum to {upper.sum():.4g}, under 1: {remedy}"
        )
