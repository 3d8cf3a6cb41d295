"""Stages of workflow/rules/measured.smk: runs that others measured, and what fits say of them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mixwright import mixers, tables
from mixwright.corpus.counts import train_domains
from mixwright.files import read_json, write_json
from mixwright.measured import runs
from mixwright.measured.decisions import ColumnOptions
from mixwright.measured.loss_tables import read_observations
from mixwright.measured.perturbed import read_perturbed
from mixwright.measured.published import read_published
from mixwright.observations import Observations
from mixwright.stages.options import Paths
from mixwright.study.study import Study
from mixwright.trust import ladder, region, tests


def import_runs(
    study: Path, role: str, mixtures: Path | None, losses: Path, design: Path, table: Path
) -> None:
    """Import tables of runs that others measured, as a design and losses in the workflow's form.

    Example:
        mixwright import-runs --study results/regmix_pile/study.json --role swarm
            --mixtures mixtures.csv --losses losses.csv
            --design results/regmix_pile/design/swarm.parquet
            --table results/regmix_pile/losses/swarm.parquet
    """
    plan = Study.read(study)
    targets = list(plan.measured["targets"])
    if mixtures is None:
        perturbed = read_perturbed(losses, plan.measured[role], targets, plan.metrics)
        weights, measured = runs.as_tables(role, perturbed)
    else:
        weights, measured = runs.import_runs(
            role,
            mixtures,
            losses,
            targets,
            plan.diverged,
            plan.metrics,
            plan.stated,
            _columns(plan.measured[role]),
        )
    tables.write(weights, design, tables.DESIGN)
    tables.write(measured, table, tables.LOSSES)


def weigh_domains(study: Path, design: Path, to: Path) -> None:
    """Write the natural mixture of measured runs, which have no token counts.

    Example:
        mixwright weigh-domains --study results/regmix_pile/study.json
            --design results/regmix_pile/design/swarm.parquet
            --to results/regmix_pile/domains.parquet
    """
    plan = Study.read(study)
    weights = tables.read(design, tables.DESIGN)
    natural = plan.measured["natural"]
    # A word names a published mixture of the study; otherwise the weights are in the config.
    files = {natural: plan.published[natural]} if isinstance(natural, str) else {}
    published = read_published(files, sorted(set(weights.domain)))
    tables.write(runs.natural(weights, natural, published), to, tables.DOMAINS)


def climb_ladder(study: Path, optima: Path, to: Path) -> None:
    """Extrapolate published optima of two scales to other scales, step by step.

    Example:
        mixwright climb-ladder --study results/autoscale_published/study.json --optima optima.csv
            --to results/autoscale_published/ladder.parquet
    """
    plan = Study.read(study)
    tables.write(ladder.climb(optima, plan.measured["optima"]), to, tables.LADDER)


def predict_tests(study: Path, mixer: str, fit: Path, to: Path) -> None:
    """Predict the runs of the test sets, which no mixer learns from, beside what was measured.

    Example:
        mixwright predict-tests --study results/regmix_pile/study.json --mixer regmix
            --fit results/regmix_pile/fits/regmix --to results/regmix_pile/tests/regmix.parquet
    """
    plan = Study.read(study)
    fitted = mixers.load(plan.method_name(mixer), fit)
    frame = tests.predict_tests(mixer, fitted, _test_runs(plan))
    tables.write(frame, to, tables.TESTED)


def score_subsets(
    study: Path, mixer: str, settings: str, mixtures: Paths, losses: Paths, to: Path
) -> None:
    """Fit nested parts of the swarm and rank the test runs by each: how many runs are enough?

    Example:
        mixwright score-subsets --study results/regmix_pile/study.json --mixer regmix
            --settings {} --mixtures results/regmix_pile/design/swarm.parquet
            --losses results/regmix_pile/losses/swarm.parquet
            --to results/regmix_pile/subsets/regmix.parquet
    """
    plan = Study.read(study)
    swarm = read_observations(mixtures, losses, diverged=plan.diverged)
    subsets = plan.measured["subsets"][mixer]
    method = plan.method_name(mixer)
    frame = tests.score_subsets(
        method, json.loads(settings), swarm, _test_runs(plan), subsets, plan.seed
    )
    frame["mixer"] = mixer
    tables.write(frame, to, tables.SUBSETS)


def find_region(
    study: Path, mixer: str, settings: str, mixtures: Paths, losses: Paths, domains: Path, to: Path
) -> None:
    """Find how far the optimum of a mixer can move before the loss gets measurably worse.

    Example:
        mixwright find-region --study results/regmix_pile/study.json --mixer regmix --settings {}
            --mixtures results/regmix_pile/design/swarm.parquet
            --losses results/regmix_pile/losses/swarm.parquet
            --domains results/regmix_pile/domains.parquet
            --to results/regmix_pile/regions/regmix.json
    """
    plan = Study.read(study)
    search = plan.measured["regions"][mixer]
    goal = plan.goal(train_domains(domains))
    swarm = read_observations(mixtures, losses, diverged=plan.diverged)
    swarm = replace(swarm, metrics=plan.metrics)
    method = plan.method_name(mixer)
    result = region.find_region(
        method, json.loads(settings), swarm, goal, search["draws"], search["seeds"]
    )
    write_json(to, result | {"mixer": mixer})


def predict_mixtures(study: Path, fits: Paths, mixtures: Paths, to: Path) -> None:
    """Predict the losses of published and proposed mixtures by every fit.

    Example:
        mixwright predict-mixtures --study results/regmix_pile/study.json
            --fits results/regmix_pile/fits/regmix
            --mixtures results/regmix_pile/mixtures/regmix.json
            --to results/regmix_pile/predictions.parquet
    """
    plan = Study.read(study)
    fitted = {}
    for folder in fits:
        fitted[folder.name] = mixers.load(plan.method_name(folder.name), folder)
    proposals = [read_json(path) for path in mixtures]
    frame = tests.predict_mixtures(fitted, proposals, plan.published)
    tables.write(frame, to, tables.PREDICTIONS)


def _test_runs(plan: Study) -> dict[str, Observations]:
    """The runs of each test set of the study, by the name of the set."""
    by_set = {}
    for name, (mixtures, losses) in plan.tests.items():
        by_set[name] = runs.read_measured(
            mixtures,
            losses,
            plan.metrics,
            plan.diverged,
            plan.stated,
            _columns(plan.measured["tests"][name]),
        )
    return by_set


def _columns(settings: Mapping[str, Any]) -> ColumnOptions:
    """What the study says of the columns of a set of runs."""
    return ColumnOptions(domains=list(settings.get("domains", [])), key=settings.get("key"))
