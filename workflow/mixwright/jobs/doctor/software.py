"""Python and packages, against the versions that the repository pins."""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mixwright.errors import shortened
from mixwright.jobs.doctor.finding import Finding

HOUSE = Path(__file__).parents[4]
LEAST_PYTHON = (3, 11)
NAMED = 4  # packages of another version that the line names


def python(running: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Returns whether this Python is new enough."""
    name = ".".join(map(str, running))
    if running < LEAST_PYTHON:
        return Finding("Python", "fails", f"{name}; 3.11 or later is needed", needed=True)
    return Finding("Python", "ok", name)


def packages(house: Path = HOUSE) -> Finding:
    """Returns whether the default study's packages are there, at the versions of the tests.

    Args:
        house: the folder of the repository.
    """
    if not (house / "pyproject.toml").exists():
        message = "no clone of the repository here, so nothing says which are needed"
        return Finding("packages", "note", message)
    pins = dict(line.split("==") for line in (house / "constraints.txt").read_text().split())
    project = tomllib.loads((house / "pyproject.toml").read_text())["project"]
    # a package that two extras name counts once
    names = dict.fromkeys(needed(project))
    missing = []
    others = []
    for name in names:
        installed = _version(name)
        if installed is None:
            missing.append(name)
        elif name in pins and plain(installed) != pins[name]:
            others.append(f"{name} {installed} for {pins[name]}")
    if missing:
        message = f"missing: {', '.join(missing)}; run `make install`"
        return Finding("packages", "fails", message, needed=True)
    if not others:
        message = f"{len(names)} at the versions of constraints.txt"
        return Finding("packages", "ok", message)
    message = shortened(others, NAMED)
    message += ", with which the tests were run; `make install` brings them"
    return Finding("packages", "note", message)


def needed(project: Mapping[str, Any]) -> list[str]:
    """Returns the names of the core's packages and of those of the extra `demo`.

    Args:
        project: the table `project` of pyproject.toml.
    """
    extras = project["optional-dependencies"]
    return _names([*project["dependencies"], *extras["demo"]], extras)


def _names(requirements: Iterable[str], extras: Mapping[str, list[str]]) -> list[str]:
    """Names without versions; `mixwright[extra]` stands for the packages of its extras."""
    names: list[str] = []
    for requirement in requirements:
        inner = re.match(r"mixwright\[(.*)\]", requirement)
        if inner is None:
            names.append(re.split(r"[<>=\[]", requirement)[0])
            continue
        for extra in inner[1].split(","):
            names += _names(extras[extra], extras)
    return names


def plain(installed: str) -> str:
    """Returns a version without the build it is of: torch's names its CUDA."""
    return installed.split("+")[0]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
