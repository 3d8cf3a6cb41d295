"""Builds the explorer of a page from what pages have: surfaces, proposals, tokens."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mixwright.errors import as_typed
from mixwright.files import read_json
from mixwright.proposals.export import FORMATS
from mixwright.report.explorer.explorer import Explorer, Preset
from mixwright.report.proposed import Proposed

NATURAL = "natural"
UNIFORM = "uniform"
MEAN_OF_RUNS = "mean of the runs"
# what stands in an export's line for the file of the mixture
MIXTURE = "MIXTURE"
# weights that differ by less are the same
SAME = 1e-9


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
    runs: str = "the runs",
    measured: Mapping[str, str] | None = None,
    gains: Mapping[str, str] | None = None,
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
        runs: what the laws were fitted to, in words.
        measured: proposal -> what its final models measured, in words; the best first.
        gains: proposal -> how that compares with natural, in words.
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
    mixtures = _mixtures(domains, goal, natural, proposals)
    presets = _presets(mixtures, measured or {}, gains or {})
    # the first proposal, where there is one
    wanted = presets[min(2, len(presets) - 1)]
    if start in mixtures:
        wanted = _preset_of(mixtures[start], presets) or wanted
    return Explorer(
        name=name,
        surfaces=usable,
        presets=presets,
        start=wanted.title,
        tokens=tokens,
        source_tokens=source_tokens,
        exports=exports_of() if exports is None else exports,
        propose=propose,
        max_epochs=max_epochs,
        runs=runs,
        without=_without(mixtures, surfaces),
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
    return f"mixwright propose --fit {as_typed(fit)}"


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


def _mixtures(
    domains: Sequence[str],
    goal: Mapping[str, Any],
    natural: Mapping[str, float] | None,
    proposals: Iterable[Proposed | Mapping[str, Any]],
) -> dict[str, Mapping[str, float]]:
    """Natural, uniform, and each proposal over the surfaces' domains: name -> weights."""
    first = NATURAL
    if natural is None:
        natural = dict(zip(domains, goal["natural"], strict=True))
        if goal["natural_is"].startswith("the mean of the runs"):
            first = MEAN_OF_RUNS
    mixtures = {first: natural, UNIFORM: dict.fromkeys(domains, 1 / len(domains))}
    for proposal in proposals:
        if not isinstance(proposal, Proposed):
            proposal = Proposed.of(proposal)
        if proposal.name not in (NATURAL, UNIFORM) and set(proposal.weights) <= set(domains):
            mixtures[proposal.name] = proposal.weights
    return mixtures


def _presets(
    mixtures: Mapping[str, Mapping[str, float]],
    measured: Mapping[str, str],
    gains: Mapping[str, str],
) -> tuple[Preset, ...]:
    """What to start from; a mixture that several propose is one preset with all their names."""
    presets: list[Preset] = []
    places = {name: place for place, name in enumerate(measured)}
    for name, weights in mixtures.items():
        words, gain = measured.get(name, ""), gains.get(name, "")
        preset = Preset(_title(name), weights, words, gain, places.get(name))
        same = _preset_of(weights, presets)
        if same is None:
            presets.append(preset)
            continue
        trained = same
        if same.place is None:
            trained = preset
        title = f"{same.title}, {preset.title} too"
        presets[presets.index(same)] = replace(trained, title=title, weights=same.weights)
    return tuple(presets)


def _preset_of(weights: Mapping[str, float], presets: Iterable[Preset]) -> Preset | None:
    """The preset with these weights; None: there is none."""
    for preset in presets:
        names = {*weights, *preset.weights}
        apart = [abs(weights.get(name, 0) - preset.weights.get(name, 0)) for name in names]
        if max(apart) < SAME:
            return preset
    return None


def _without(
    mixtures: Mapping[str, Any], surfaces: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Who proposes a mixture, and has no surface."""
    plain = (NATURAL, UNIFORM, MEAN_OF_RUNS)
    return tuple(name for name in mixtures if name not in plain and name not in surfaces)


def _title(name: str) -> str:
    """What the choice of a proposal says."""
    return name if name in (NATURAL, UNIFORM, MEAN_OF_RUNS) else f"{name}'s proposal"
