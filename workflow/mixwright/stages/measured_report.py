"""Stage of workflow/rules/measured.smk that shows results: a page."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from mixwright.files import write_json
from mixwright.report import layout, measured_page, measured_summary, perturbed_summary
from mixwright.report.exported import read_exports
from mixwright.report.measured_summary import Measured
from mixwright.report.outputs import provenance
from mixwright.report.perturbed_summary import Perturbed
from mixwright.report.results import load
from mixwright.study.study import Study


def summarise_measured(study: Path, html: Path, json: Path) -> None:
    """Write what the measured runs teach and what to distrust, as a page and a JSON.

    Example:
        mixwright summarise-measured --study results/regmix_pile/study.json
            --html summary.html --json summary.json
    """
    plan = Study.read(study)
    results = load(layout.result_paths(plan, study.parent))
    summary = _summary(plan, results)
    exports = read_exports(layout.export_files(plan, study.parent))
    notes = [*exports.lines, *(caveat.text for caveat in exports.caveats)]
    summary = replace(summary, notes=(*summary.notes, *notes))
    write_json(json, summary.as_json())
    facts = provenance(plan) | measured_page.public_files(plan)
    figures = [Path(path) for path in layout.figure_files(plan, study.parent)]
    measured_page.write_page(summary, facts, figures, html)


def _summary(plan: Study, results: dict[str, Any]) -> Measured | Perturbed:
    """Summarises a swarm, or perturbation runs."""
    if "perturb" in plan.measured:
        return perturbed_summary.summarise(plan, **results)
    return measured_summary.summarise(plan, **results)
