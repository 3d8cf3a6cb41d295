"""Made-up results of a study, by the name that a figure asks for them by.

There are two kinds of studies: those that train their runs, and those whose runs others measured.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import study_tables
import wide_results
from mixwright import tables
from mixwright.files import write_json
from mixwright.report.results import TABLES
from mixwright.study.study import Study
from mixwright.trust.transfer import transfer

DOMAINS = ("books", "code", "web")
TARGETS = ("programs", "prose")
TESTS = ("small", "large")
MIXERS = ("effective-data", "regmix")


def trained() -> dict[str, Any]:
    """Results of a study that trains its runs."""
    design, losses = study_tables.proxies()
    surfaces = wide_results.surfaces(design, losses)
    curve = wide_results.curve(design, losses)
    # in place of perturbations that make no scale
    names = (study_tables.DOMAINS, study_tables.TARGETS)
    perturbed, their_losses = of_role(*wide_results.proxies(*names), "perturb")
    design = pd.concat([design[design.role != "perturb"], perturbed])
    losses = pd.concat([losses[losses.run.isin(design.run)], their_losses])
    return {
        "study": Study(study_tables.study()),
        "design": design,
        "trained_runs": design,
        "losses": losses,
        "validation": study_tables.validation(),
        "mixtures": study_tables.mixtures(),
        "scores": study_tables.scores(),
        "curves": study_tables.curves(),
        "finals": study_tables.finals(),
        "snapshot_scores": study_tables.snapshot_scores(study_tables.scores()),
        "documents": study_tables.documents(),
        "transfer": _transfer(),
        "surfaces": surfaces,
        "learning_curve": curve,
    }


def measured() -> dict[str, Any]:
    """Results of a study of runs that others measured: a swarm with tests, and perturbations."""
    rng = np.random.default_rng(0)
    design, losses = wide_results.proxies(DOMAINS, TARGETS)
    return {
        "study": _measured_study(),
        "design": design,
        "losses": losses,
        "surfaces": wide_results.surfaces(design, losses),
        "learning_curve": wide_results.curve(design, losses),
        "validation": _predictions_of_runs(rng).assign(fold=0),
        "tests": pd.concat([_predictions_of_runs(rng).assign(test=test) for test in TESTS]),
        "subsets": _subsets(rng),
        "predictions": wide_results.predictions(rng, "by_hand", MIXERS, MIXERS, TARGETS),
        "mixtures": [_mixture("natural", rng), *(_mixture(mixer, rng) for mixer in MIXERS)],
        "regions": [_region(mixer, rng) for mixer in MIXERS],
        "ladder": _ladder(),
    }


def of_role(
    design: pd.DataFrame, losses: pd.DataFrame, role: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Design and losses of the runs of one role."""
    runs = design[design.role == role]
    return runs, losses[losses.run.isin(runs.run)]


def write(results: Mapping[str, Any], folder: Path) -> dict[str, Path | list[Path]]:
    """Writes results as a study's rules do, and returns name -> file or files."""
    paths: dict[str, Path | list[Path]] = {}
    for name, result in results.items():
        if name in TABLES:
            paths[name] = folder / f"{name}.parquet"
            tables.write(result, folder / f"{name}.parquet", TABLES[name])
        elif isinstance(result, list):
            paths[name] = [folder / name / f"{record['mixer']}.json" for record in result]
            (folder / name).mkdir()
            for path, record in zip(paths[name], result, strict=True):
                write_json(path, record)
        else:
            paths[name] = folder / f"{name}.json"
            write_json(paths[name], result.config if name == "study" else result)
    return paths


def _transfer() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    small = rng.normal(5.0, 0.1, (12, len(TARGETS)))
    large = small - 1 + rng.normal(0, 0.02, small.shape)
    names = [f"swarm{number:03}" for number in range(len(small))]
    return transfer(names, TARGETS, small, large).as_json()


def _measured_study() -> Study:
    sets = {}
    for test in TESTS:
        sets[test] = {"mixtures": f"{test}_mixtures.csv", "losses": f"{test}_losses.csv"}
    targets = {"programs": 1, "prose": 2}
    return Study({"study": "measured", "measured": {"tests": sets, "targets": targets}})


def _predictions_of_runs(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for error, mixer in enumerate(MIXERS, start=1):
        for target in TARGETS:
            for run in range(12):
                actual = 3.0 + 0.02 * run
                predicted = actual + 0.03 * error * rng.standard_normal()
                rows.append((mixer, target, f"run{run:02}", actual, predicted))
    return pd.DataFrame(rows, columns=["mixer", "target", "run", "actual", "predicted"])


def _subsets(rng: np.random.Generator) -> pd.DataFrame:
    draws = [("random", 0), ("random", 1), ("informative", 0)]
    rows = []
    for mixer in MIXERS:
        for way, draw in draws:
            for runs in (8, 16, 32):
                # all runs are the same runs in any order
                if runs == 32 and draw + (way == "informative"):
                    continue
                for test in TESTS:
                    for target in TARGETS:
                        spearman = 1 - rng.uniform(1, 2) / runs
                        rows.append((mixer, way, draw, runs, test, target, spearman))
    return pd.DataFrame(rows, columns=tables.SUBSETS.schema.names)


def _mixture(mixer: str, rng: np.random.Generator) -> dict[str, Any]:
    weights = rng.dirichlet(np.full(len(DOMAINS), 5.0)).tolist()
    return {
        "mixer": mixer,
        "seed": 0,
        "weights": dict(zip(DOMAINS, weights, strict=True)),
        "intervals": {},
        "active_bounds": [],
        "notes": [],
    }


def _region(mixer: str, rng: np.random.Generator) -> dict[str, Any]:
    record = _mixture(mixer, rng)
    ranges = {}
    for width, way in ((0.1, "alike"), (0.05, "refits"), (0.02, "seeds")):
        ranges[way] = {
            domain: [max(0.0, weight - width), min(1.0, weight + width)]
            for domain, weight in record["weights"].items()
        }
    return record | {"ranges": ranges, "worse": 0.002}


def _ladder() -> pd.DataFrame:
    rows = []
    for step in np.arange(0, 3.5, 0.5):
        for growth, domain in zip((1.5, 2.0, 3.0), DOMAINS, strict=True):
            rows.append((float(step), domain, 1e9 * growth**step))
    return pd.DataFrame(rows, columns=tables.LADDER.schema.names)
