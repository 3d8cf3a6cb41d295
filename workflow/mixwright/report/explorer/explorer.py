"""The explorer of a page: fitted surfaces, mixtures to start from, the budget, and their HTML.

The page evaluates the surfaces itself, by surface.js. It needs no server, and no request leaves it.
"""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# in the order in which the page runs them: one scope holds them all
PROGRAMS = (
    "surface",
    "nearest",
    "mixture",
    "pasted",
    "link",
    "solve",
    "readings",
    "state",
    "worked",
    "view",
    "explorer",
)
# of a surface's file, what differs between mixers that one law stands for
OF_MIXER = ("mixer", "represents")
# characters that the surfaces of a page may take, so that all of it stays under 2 MB
LARGEST = 1_100_000


@dataclass(frozen=True)
class Preset:
    """A mixture to start from."""

    # what the choice says, such as `regmix's proposal`
    title: str
    # domain -> weight
    weights: Mapping[str, float]
    # what its final models measured, in words; empty: none were trained
    measured: str = ""
    # how that compares with what all are compared with; empty: it is what they are compared with
    gain: str = ""
    # its place among the trained mixtures, 0 for the best; None: none were trained
    place: int | None = None


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
    # what the laws were fitted to, such as `the proxies`
    runs: str = "the runs"
    # mixers that propose a mixture, and have no surface
    without: tuple[str, ...] = ()


def explorer_section(explorer: Explorer) -> str:
    """Returns the explorer as HTML with its data, style and programs; empty without surfaces."""
    if not explorer.surfaces:
        return ""
    content, omitted = _packed(explorer)
    style = (HERE / "explorer.css").read_text(encoding="utf-8")
    skeleton = (HERE / "explorer.html").read_text(encoding="utf-8")
    if omitted:
        skeleton += f'<p class="small">{escape(_omitted(omitted))}</p>'
    programs = []
    for name in PROGRAMS:
        programs.append((HERE / f"{name}.js").read_text(encoding="utf-8"))
    # what the page holds besides is out of reach of these names
    script = f"(() => {{\n{''.join(programs)}}})();"
    data = f'<script type="application/octet-stream" id="explorer-data">{content}</script>'
    return f"<style>{style}</style>{skeleton}{data}<script>{script}</script>"


def content_of(explorer: Explorer) -> dict[str, Any]:
    """Returns what the programs of the page read.

    Mixers that one law stands for share its surface.
    """
    surfaces: list[dict[str, Any]] = []
    views = []
    for mixer, record in explorer.surfaces.items():
        shared, view = _parted(record)
        if shared not in surfaces:
            surfaces.append(shared)
        views.append({**view, "mixer": mixer, "surface": surfaces.index(shared)})
    presets = []
    for preset in explorer.presets:
        presets.append(
            {
                "title": preset.title,
                "weights": dict(preset.weights),
                "measured": preset.measured,
                "gain": preset.gain,
                "place": preset.place,
            }
        )
    return {
        "name": explorer.name,
        "surfaces": surfaces,
        "views": views,
        "presets": presets,
        "start": explorer.start,
        "tokens": explorer.tokens,
        "source_tokens": dict(explorer.source_tokens),
        "exports": dict(explorer.exports),
        "propose": explorer.propose,
        "max_epochs": explorer.max_epochs,
        "runs": explorer.runs,
        "without": list(explorer.without),
    }


def _parted(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What mixers with the same law share of a surface's file, and what is of one mixer alone."""
    shared = {key: value for key, value in record.items() if key not in OF_MIXER}
    targets = []
    likeness = []
    for target in record["targets"]:
        likeness.append(target["likeness"])
        targets.append({key: value for key, value in target.items() if key != "likeness"})
    shared["targets"] = targets
    return shared, {"represents": record["represents"], "likeness": likeness}


def _packed(explorer: Explorer) -> tuple[str, tuple[str, ...]]:
    """The data of the page, and the mixers whose surfaces would make it too large."""
    mixers = list(explorer.surfaces)
    omitted: list[str] = []
    while True:
        surfaces = {mixer: explorer.surfaces[mixer] for mixer in mixers}
        fewer = Explorer(**{**vars(explorer), "surfaces": surfaces})
        text = json.dumps(content_of(fewer), allow_nan=False, separators=(",", ":"))
        content = base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
        if len(content) <= LARGEST or len(mixers) == 1:
            return content, tuple(omitted)
        omitted.insert(0, mixers.pop())


def _omitted(mixers: tuple[str, ...]) -> str:
    return (
        f"The surfaces of {', '.join(mixers)} are left out here, to keep this page small; their"
        " files hold them (mixwright predict --fit FILE)."
    )
