"""Builds the explorer of a page from what pages have: surfaces, proposals, tokens."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mixwright.files import read_json
from mixwright.proposals.export import FORMATS
from mixwright.report.explorer.explorer import Explorer, Preset
from mixwright.report.proposed import Proposed

NATURAL = "natural"
UNIFORM = "uniform"
MEAN_OF_RUNS = "mean of the runs"
# what stands in an export's line for the file of the mixture
MIXTURE = "MIXTURE"


def explorer_of(
    name: str,
    surfaces: Mapping[str, Mapping[str, Any]],
    proposals: Iterable[Proposed | Mapping[str, Any]] = (),
    *,
    natural: Mapping[str, float] | None = None,
    start: str = "",
    tokens: float | None = None,
    source_tokens: Mapping[str, float] | None = None,
    exports: Mapping[str, str] | None = None,
    propose: str = "",
    max_epochs: float | None = None,
) -> Explorer:
    """Returns the explorer of surfaces; those of other domains than the first are left out.

    Args:
        name: of the study, or of the fit.
        surfaces: mixer -> what the file of its surface holds; the first is shown first.
        proposals: mixtures to start from, or the content of `mixtures/ARM.json`; natural's own is
            one of them where the study has it.
        natural: domain -> weight; None: that of the surface.
        start: name of the proposal that the page starts at; empty: the first.
        tokens: training tokens of the final run; None: those of the surface's goal.
        source_tokens: domain -> tokens of the whole source; None: those of the surface's goal.
        exports: trainer's format -> line of `mixwright export`; None: `exports_of()`.
        propose: line of `mixwright propose` without bounds.
        max_epochs: most passes over a source that the study allows.
    """
    usable = _of_same_domains(surfaces)
    if not usable:
        return Explorer(name, {})
    first = next(iter(usable.values()))
    goal = first["goal"]
    domains = first["domains"]
    if tokens is None:
        tokens = goal["tokens"]
    if source_tokens is None:
        source_tokens = dict(zip(domains, goal["available"] or (), strict=False))
    presets = _presets(domains, goal, natural, proposals)
    titles = [preset.title for preset in presets]
    wanted = _title(start)
    if wanted not in titles:
        wanted = titles[min(2, len(titles) - 1)]
    return Explorer(
        name=name,
        surfaces=usable,
        presets=presets,
        start=wanted,
        tokens=tokens,
        source_tokens=source_tokens,
        exports=exports_of() if exports is None else exports,
        propose=propose,
        max_epochs=max_epochs,
    )


def read_surfaces(paths: Iterable[str | Path]) -> dict[str, dict[str, Any]]:
    """Reads the files of surfaces: mixer -> content, in the order of the paths."""
    surfaces = {}
    for path in paths:
        record = read_json(Path(path))
        surfaces[str(record["mixer"])] = record
    return surfaces


def exports_of(options: str = "") -> dict[str, str]:
    """Returns the line of `mixwright export` of every trainer's format.

    Args:
        options: what every line says besides, such as `--domains results/demo/domains.parquet`.
    """
    lines = {}
    for name, kind in FORMATS.items():
        line = f"mixwright export --mixture {MIXTURE} --format {name}"
        if options:
            line += f" {options}"
        lines[name] = f"{line} --to mixture-for-{name}{kind.suffix}"
    return lines


def propose_line(fit: str | Path) -> str:
    """Returns the line of `mixwright propose` without bounds, for the folder of a fit."""
    return f"mixwright propose --fit {shlex.quote(str(fit))}"


def _of_same_domains(surfaces: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The surfaces whose domains and targets are those of the first."""
    usable: dict[str, Mapping[str, Any]] = {}
    names: Any = None
    for mixer, record in surfaces.items():
        of_record = record["domains"], [target["name"] for target in record["targets"]]
        names = names or of_record
        if of_record == names:
            usable[mixer] = record
    return usable


def _presets(
    domains: Sequence[str],
    goal: Mapping[str, Any],
    natural: Mapping[str, float] | None,
    proposals: Iterable[Proposed | Mapping[str, Any]],
) -> tuple[Preset, ...]:
    """Natural, uniform, and each proposal over the surfaces' domains."""
    title = NATURAL
    if natural is None:
        natural = dict(zip(domains, goal["natural"], strict=True))
        if goal["natural_is"].startswith("the mean of the runs"):
            title = MEAN_OF_RUNS
    uniform = dict.fromkeys(domains, 1 / len(domains))
    presets = [Preset(title, natural), Preset(UNIFORM, uniform)]
    for proposal in proposals:
        if not isinstance(proposal, Proposed):
            proposal = Proposed.of(proposal)
        if proposal.name not in (NATURAL, UNIFORM) and set(proposal.weights) <= set(domains):
            presets.append(Preset(_title(proposal.name), proposal.weights))
    return tuple(presets)


def _title(name: str) -> str:
    """What the button of a proposal says."""
    return name if name in (NATURAL, UNIFORM, MEAN_OF_RUNS) else f"{name}'s proposal"
