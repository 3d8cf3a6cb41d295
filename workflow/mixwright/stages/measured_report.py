"""Stage of workflow/rules/measured.smk that shows results: a page."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mixwright.files import write_json
from mixwright.measured.published import read_published
from mixwright.report import layout, measured_page, measured_summary, perturbed_summary
from mixwright.report.explorer.building import explorer_of, read_surfaces
from mixwright.report.explorer.explorer import Explorer, Preset
from mixwright.report.exported import read_exports
from mixwright.report.measured_summary import Measured
from mixwright.report.origin import commands, configuration
from mixwright.report.outputs import provenance
from mixwright.report.perturbed_summary import Perturbed
from mixwright.report.results import Records, load
from mixwright.study.study import Study

Surfaces = Mapping[str, Mapping[str, Any]]


def summarise_measured(study: Path, html: Path, json: Path) -> None:
    """Write what the measured runs teach and what to distrust, as a page and a JSON.

    Example:
        mixwright summarise-measured --study results/regmix_pile/study.json
            --html summary.html --json summary.json
    """
    plan = Study.read(study)
    results = load(layout.result_paths(plan, study.parent))
    exports = read_exports(layout.export_files(plan, study.parent))
    surfaces = read_surfaces(layout.surface_paths(plan, study.parent))
    summary = _summary(plan, results, surfaces, exports.lines)
    caveats = tuple(caveat.text for caveat in exports.caveats)
    summary = replace(summary, notes=(*summary.notes, *caveats))
    write_json(json, summary.as_json())
    facts = provenance(plan) | measured_page.public_files(plan)
    figures = [Path(path) for path in layout.figure_files(plan, study.parent)]
    measured_page.write_page(
        summary,
        facts,
        figures,
        html,
        configuration(plan),
        commands(plan, "summarise-measured", {"html": html, "json": json}),
    )


def _summary(
    plan: Study, results: dict[str, Any], surfaces: Surfaces, exports: tuple[str, ...]
) -> Measured | Perturbed:
    """Summarises a swarm, or perturbation runs."""
    if "perturb" in plan.measured:
        return perturbed_summary.summarise(plan, **results, exports=exports)
    summary = measured_summary.summarise(plan, **results, surfaces=surfaces, exports=exports)
    explorer = _explorer(plan, summary.chosen, surfaces, results["mixtures"])
    return replace(summary, explorer=explorer)


def _explorer(plan: Study, chosen: str, surfaces: Surfaces, mixtures: Records) -> Explorer | None:
    """The explorer of the study's surfaces, with published mixtures to start from."""
    if not surfaces:
        return None
    # the chosen mixer's first
    ordered = dict(sorted(surfaces.items(), key=lambda pair: pair[0] != chosen))
    explorer = explorer_of(plan.name, ordered, mixtures, start=chosen)
    domains = next(iter(ordered.values()))["domains"]
    presets = list(explorer.presets)
    for name, weights in read_published(plan.published, domains).items():
        shares = dict(zip(domains, weights.tolist(), strict=True))
        presets.append(Preset(f"{name}, published", shares))
    return replace(explorer, presets=tuple(presets))
