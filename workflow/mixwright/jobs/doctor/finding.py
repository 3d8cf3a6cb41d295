"""One thing that was looked at, and how programs are asked."""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# The words of a command -> what it writes on both streams.
# None: it is not there, or does not answer.
Ask = Callable[..., str | None]
PATIENCE = 5.0  # seconds: a client of Slurm without a controller tries for a minute


@dataclass(frozen=True)
class Finding:
    """What there is to say of one thing."""

    what: str  # the thing's name
    state: str  # `ok`, `note` (it works, with what is said) or `fails`
    says: str  # one line
    needed: bool = False  # whether the default study needs it
    profile: str = ""  # the profile that the settings are for
    settings: Mapping[str, Any] = field(default_factory=dict)


def output_of(*words: str) -> str | None:
    """Runs a command; returns what it writes, None where it is missing or does not answer."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout + done.stderr


def profiles(findings: Iterable[Finding]) -> dict[str, dict[str, Any]]:
    """Returns profile -> the settings that all findings ask of it."""
    merged: dict[str, dict[str, Any]] = {}
    for finding in findings:
        if finding.settings:
            _merge(merged.setdefault(finding.profile, {}), finding.settings)
    return merged


def _merge(into: dict[str, Any], settings: Mapping[str, Any]) -> None:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value
