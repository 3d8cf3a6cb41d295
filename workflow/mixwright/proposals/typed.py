"""Options as people type them: NAME=NUMBER words, limits of sums of domains, targets."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.measured.headings import match_name
from mixwright.simplex.bounds import groups_of


def numbers(
    option: str,
    words: Sequence[str],
    names: Sequence[str],
    default: float | None = None,
    most: float = math.inf,
) -> dict[str, float]:
    """Returns `NAME=NUMBER` words as a mapping.

    Args:
        option: what messages call the option.
        names: those that are known.
        default: number of a bare NAME; None: a bare name is refused.
        most: the largest number.
    """
    result: dict[str, float] = {}
    for word in words:
        name, number = _split(word, names, default)
        name = match_name(name, names)
        if not name or not is_number(number, most):
            raise MixwrightError(
                f"{option} {word}: write NAME=NUMBER, a number {limit_words(most)}"
            )
        if name not in names:
            raise MixwrightError(f"{option} {word}: {name} is unknown; {nearest(name, names)}")
        if name in result:
            raise MixwrightError(
                f"{option} {word}: {name} has {result[name]:g} already; give it once"
            )
        result[name] = float(number)
    return result


def all_weighted(words: Sequence[str], names: Sequence[str]) -> bool:
    """Whether there are words, and each gives its name a number."""
    bare = [word for word in words if word in names or "=" not in word]
    return bool(words) and not bare


def _split(word: str, names: Sequence[str], default: float | None) -> tuple[str, str]:
    """Returns the name and the number of a word; a name may itself hold an equals sign."""
    is_bare = word in names or (default is not None and "=" not in word)
    if is_bare:
        return word, str(default)
    name, _, number = word.rpartition("=")
    return name, number


def groups(option: str, words: Sequence[str], domains: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns `code+docs<=0.4` words as groups named by their domains.

    Words on the same domains make one group, in the form that
    mixwright.simplex.bounds.groups_of takes.
    """
    result: dict[str, dict[str, Any]] = {}
    for word in words:
        parts = re.fullmatch(r"(.+?)(<=|>=|=)([^<>=]+)", word)
        if not parts or not is_number(parts[3], 1.0) or "+" not in parts[1]:
            raise MixwrightError(
                f"{option} {word}: write 'A+B<=NUMBER', '>=' or '=', two domains or more,"
                " a number from 0 to 1"
            )
        members = sorted(match_name(name.strip(), domains) for name in parts[1].split("+"))
        for name in members:
            if name not in domains:
                raise MixwrightError(
                    f"{option} {word}: {name} is unknown; {nearest(name, domains)}"
                )
        group = result.setdefault(
            "+".join(members), {"domains": members, "least": 0.0, "most": 1.0}
        )
        limit = float(parts[3])
        if parts[2] in (">=", "="):
            group["least"] = max(group["least"], limit)
        if parts[2] in ("<=", "="):
            group["most"] = min(group["most"], limit)
    groups_of(result, domains)
    return result


def limited(option: str, names: Sequence[str], targets: Sequence[str]) -> tuple[str, ...]:
    """Returns the targets of never_worse, sorted; `all` stands for every one."""
    if list(names) == ["all"] and "all" not in targets:
        return tuple(targets)
    full = [match_name(name, targets) for name in names]
    for name in full:
        if name not in targets:
            raise MixwrightError(
                f"{option} {name}: no such target; {nearest(name, targets)} (or all)"
            )
    return tuple(sorted(set(full)))


def is_number(value: Any, most: float) -> bool:
    """Whether the value is a finite number from 0 to `most`, or text of one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return math.isfinite(number) and 0 <= number <= most


def limit_words(most: float) -> str:
    """`from 0 on`, `from 0 to 1`."""
    return "from 0 on" if most == math.inf else f"from 0 to {most:g}"


def check_available(option: str, available: Mapping[str, float], domains: Sequence[str]) -> None:
    """Refuses tokens that are shares, that lack a domain, or that are all 0.

    Args:
        option: what messages call the option.
    """
    missing = [name for name in domains if name not in available]
    if missing:
        raise MixwrightError(
            f"{option}: nothing is said of {', '.join(missing)}; give every domain its tokens"
        )
    for name, tokens in available.items():
        if 0 < tokens < 1:
            raise MixwrightError(
                f"{option} {name}={tokens:g}: tokens are counted, not shares; give their number"
            )
    if not any(available.values()):
        raise MixwrightError(f"{option}: no domain has tokens; give one of them some")
