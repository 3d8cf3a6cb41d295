"""One thing that was looked at, and how programs are asked."""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Run = Callable[
    ..., str | None
]  # words of a command -> what it said on both streams; None: it is not there, or does not answer
PATIENCE = 5.0  # seconds: a client of Slurm without a controller tries for a minute


@dataclass(frozen=True)
class Finding:
    """`ok`, `note` (works, with what is said) or `fails`; whether the default study needs it; `settings` of the profile that is named."""

    what: str
    state: str
    says: str
    needed: bool = False
    profile: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def asked(*words: str) -> str | None:
    """What a command says."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout + done.stderr


def profiles(findings: Iterable[Finding]) -> dict[str, dict[str, Any]]:
    """Profile -> the settings that all findings ask of it."""
    found: dict[str, dict[str, Any]] = {}
    for finding in findings:
        if finding.settings:
            _merge(found.setdefault(finding.profile, {}), finding.settings)
    return found


def _merge(into: dict[str, Any], settings: Mapping[str, Any]) -> None:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value
