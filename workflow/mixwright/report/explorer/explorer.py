"""What the explorer of a page holds: fitted surfaces, mixtures to start from, and the budget.

The page evaluates the surfaces itself, by surface.js. It needs no server, and no request leaves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A mixture to start from."""

    # what its button says, such as `regmix's proposal`
    title: str
    # domain -> weight
    weights: Mapping[str, float]


@dataclass(frozen=True)
class Explorer:
    """All that the explorer of one page shows, before it is laid out."""

    # of the study, or of the fit
    name: str
    # mixer -> what its file of a surface holds (trust/surface/record.py); the first is shown first
    surfaces: Mapping[str, Mapping[str, Any]]
    presets: tuple[Preset, ...] = ()
    # which preset the page starts at; empty: the first
    start: str = ""
    # training tokens of the final run; None: unknown
    tokens: float | None = None
    # domain -> tokens of the whole source; those that are not known are left out
    source_tokens: Mapping[str, float] = field(default_factory=dict)
    # trainer's format -> the line of `mixwright export` that writes it, MIXTURE for the file
    exports: Mapping[str, str] = field(default_factory=dict)
    # the line of `mixwright propose` without bounds, such as `mixwright propose --fit fit`
    propose: str = ""
    # most passes over a source that the study allows; None: it says nothing
    max_epochs: float | None = None


def explorer_section(explorer: Explorer) -> str:
    """Returns the explorer as HTML with its data, style and programs; empty without surfaces."""
    if not explorer.surfaces:
        return ""
    return f"<p>{explorer.name}</p>"
