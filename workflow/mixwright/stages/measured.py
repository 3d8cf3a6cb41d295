"""Stages of workflow/rules/measured.smk: runs that others measured, what the fits say of them, figures and a page."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.files import read_json, write_json

if TYPE_CHECKING:
    from mixwright.study.study import Study
    from mixwright.trust.tests import Tests

Paths = list[Path]
NONE: Paths = []


def import_runs(
    study: Path, role: str, mixtures: Path | None, losses: Path, design: Path, table: Path
) -> None:
    """Bring published tables of runs into the workflow's form: their design and their losses."""
    from mixwright import tables
    from mixwright.measured.perturbed import read_perturbed
    from mixwright.measured.runs import as_tables, import_runs
    from mixwright.study.study import Study

    asked = Study.read(study)
    targets = list(asked.measured["targets"])
    if mixtures is None:
        runs, measured = as_tables(role, read_perturbed(losses, asked.measured[role], targets))
    else:
        runs, measured = import_runs(role, mixtures, losses, targets, asked.diverged)
    tables.write(runs, design, tables.DESIGN)
    tables.write(measured, table, tables.LOSSES)


def weigh_domains(study: Path, design: Path, to: Path) -> None:
    """Write the natural mixture of a study of measured losses, in place of token counts."""
    from mixwright import tables
    from mixwright.measured.published import read_published
    from mixwright.measured.runs import natural
    from mixwright.study.study import Study

    asked, runs = Study.read(study), tables.read(design, tables.DESIGN)
    given = asked.measured["natural"]
    files = {given: asked.published[given]} if isinstance(given, str) else {}
    tables.write(
        natural(runs, given, read_published(files, sorted(set(runs.domain)))), to, tables.DOMAINS
    )


def climb(study: Path, optima: Path, to: Path) -> None:
    """Extrapolate published optima of two scales to others, step by step."""
    from mixwright import tables
    from mixwright.study.study import Study
    from mixwright.trust.ladder import climb

    tables.write(climb(optima, Study.read(study).measured["optima"]), to, tables.LADDER)


def predict_tests(study: Path, mixer: str, fit: Path, to: Path) -> None:
    """Predict the runs of the test sets, which no mixer learns from, and set prediction beside measurement."""
    from mixwright import mixers, tables
    from mixwright.study.study import Study
    from mixwright.trust.tests import predict_tests

    tables.write(
        predict_tests(mixer, mixers.load(mixer, fit), _tests(Study.read(study))), to, tables.TESTED
    )


def score_subsets(
    study: Path, mixer: str, settings: str, mixtures: Paths, losses: Paths, to: Path
) -> None:
    """Fit nested subsets of the swarm and rank the test runs by each: how many runs does the mixer need?"""
    import json

    from mixwright import tables
    from mixwright.measured.loss_tables import read_observations
    from mixwright.study.study import Study
    from mixwright.trust.tests import score_subsets

    asked = Study.read(study)
    wanted, seed = asked.measured["subsets"][mixer], asked.config["seed"]
    seen = read_observations(mixtures, losses, diverged=asked.diverged)
    tables.write(
        score_subsets(mixer, json.loads(settings), seen, _tests(asked), wanted, seed),
        to,
        tables.SUBSETS,
    )


def find_region(
    study: Path, mixer: str, settings: str, mixtures: Paths, losses: Paths, domains: Path, to: Path
) -> None:
    """Say how far the optimum of a mixer can move at no loss that one could tell."""
    import json

    from mixwright.corpus.shards import train_domains
    from mixwright.measured.loss_tables import read_observations
    from mixwright.study.study import Study
    from mixwright.trust.region import find_region

    asked = Study.read(study)
    wanted = asked.measured["regions"][mixer]
    goal, seen = (
        asked.goal(train_domains(domains)),
        read_observations(mixtures, losses, diverged=asked.diverged),
    )
    write_json(
        to, find_region(mixer, json.loads(settings), seen, goal, wanted["draws"], wanted["seeds"])
    )


def predict_mixtures(study: Path, fits: Paths, mixtures: Paths, to: Path) -> None:
    """Predict the losses of published and proposed mixtures by every fit."""
    from mixwright import mixers, tables
    from mixwright.study.study import Study
    from mixwright.trust.tests import predict_mixtures

    fitted = {folder.name: mixers.load(folder.name, folder) for folder in fits}
    frame = predict_mixtures(
        fitted, [read_json(path) for path in mixtures], Study.read(study).published
    )
    tables.write(frame, to, tables.PREDICTIONS)


def summarise_measured(
    study: Path,
    validation: Paths,
    tests: Paths,
    subsets: Paths,
    regions: Paths,
    predictions: Paths,
    mixtures: Paths,
    design: Paths,
    ladder: Paths,
    figures: Paths,
    html: Path,
    json: Path,
) -> None:
    """Say what the measured runs teach, and what to distrust: a page and a JSON."""
    from mixwright.report import measured_summary as summary
    from mixwright.report import perturbed_summary
    from mixwright.report.measured_page import public_files, write_page
    from mixwright.report.outputs import provenance
    from mixwright.report.results import load
    from mixwright.study.study import Study

    paths: dict[str, Any] = {
        "validation": validation,
        "tests": tests,
        "subsets": subsets,
        "regions": regions,
    }
    read = load(
        paths
        | {"predictions": predictions, "mixtures": mixtures, "design": design, "ladder": ladder}
    )
    asked = Study.read(study)
    said = (perturbed_summary if "perturb" in asked.measured else summary).summarise(asked, **read)
    write_json(json, said.as_json())
    write_page(said, provenance(asked) | public_files(asked), figures, html)


def _tests(asked: "Study") -> "Tests":
    from mixwright.measured.loss_tables import read_observations

    tests = asked.tests.items()
    return {
        name: read_observations([mixtures], [losses], diverged=asked.diverged)
        for name, (mixtures, losses) in tests
    }
