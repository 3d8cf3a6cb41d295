"""Python and packages, against what the repository pins."""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mixwright.jobs.doctor.finding import Finding

HOUSE = Path(__file__).parents[4]
NAMED = 4  # of other versions, in one line


def python(found: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    told = ".".join(map(str, found))
    if found < (3, 11):
        return Finding("Python", "fails", f"{told}; 3.11 or later is needed", needed=True)
    return Finding("Python", "ok", told)


def packages(house: Path = HOUSE) -> Finding:
    """What the default study needs, and whether its versions are those that the tests ran with."""
    if not (house / "pyproject.toml").exists():
        return Finding(
            "packages", "note", "no clone of the repository here, so nothing says which are needed"
        )
    pins = dict(line.split("==") for line in (house / "constraints.txt").read_text().split())
    found = {
        name: _version(name)
        for name in needed(tomllib.loads((house / "pyproject.toml").read_text())["project"])
    }
    missing = [name for name, own in found.items() if own is None]
    if missing:
        return Finding(
            "packages", "fails", f"missing: {', '.join(missing)}; run `make install`", needed=True
        )
    others = [
        f"{name} {own} for {pins[name]}"
        for name, own in found.items()
        if name in pins and plain(own) != pins[name]
    ]
    if others:
        rest = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        told = f"{', '.join(others[:NAMED])}{rest}, with which the tests were run; `make install` brings them"
        return Finding("packages", "note", told)
    return Finding("packages", "ok", f"{len(found)} at the versions of constraints.txt")


def needed(project: Mapping[str, Any]) -> list[str]:
    """Names of the core's packages and of the extra `demo`, with the extras that it names."""
    extras = project["optional-dependencies"]

    def flat(names: Iterable[str]) -> list[str]:
        found: list[str] = []
        for name in names:
            inner = re.match(r"mixwright\[(.*)\]", name)
            found += (
                flat(part for extra in inner[1].split(",") for part in extras[extra])
                if inner
                else [re.split(r"[<>=\[]", name)[0]]
            )
        return found

    return flat([*project["dependencies"], *extras["demo"]])


def plain(own: str | None) -> str:
    """A version without the build it is of: torch's names its CUDA."""
    return str(own).split("+")[0]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
