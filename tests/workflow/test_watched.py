"""What `mixwright status` counts is what Snakemake is going to make."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mixwright.jobs.status_stages import Product, present, stages
from mixwright.stages.jobs import reported
from mixwright.study.config import resolve
from mixwright.study.study import Study
from workshop import HOUSE, Workshop, merged, read_study


def products(written: dict[str, Any], folder: Path) -> list[Product]:
    """What the stages of a study list, for results in a folder."""
    study = Study(resolve(written, HOUSE / "config"))
    results = folder / "results" / study.config["study"]
    listed: list[Product] = []
    for stage in stages(study, results, reported(study)):
        listed += stage.products
    return listed


TASKS = {"evaluation": {"tasks": {"names": ["arc_easy"]}}}
STUDIES = {
    "trained": read_study("smoke"),
    "ends at its proposals": read_study("smoke") | {"finals": "none"},
    "exported": read_study("smoke") | {"export": {"formats": {"megatron": {}, "hf": {}}}},
    "another model size": read_study("smoke")
    | {"transfer": {"model": "tiny", "mixtures": 4, "tokens": 4096}},
    "on tasks": merged(read_study("smoke"), TASKS),
    "in rounds": merged(read_study("smoke"), {"designs": {"swarm": {"runs": 30, "rounds": 3}}}),
    "trees": merged(read_study("chemistry"), read_study("chemistry-tests")),
    "measured swarm": read_study("regmix_pile"),
    "measured scales": read_study("autoscale_published"),
}


@pytest.mark.parametrize("written", STUDIES.values(), ids=STUDIES)
def test_each_job_that_snakemake_plans_is_counted_once(
    workshop: Workshop, written: dict[str, Any]
) -> None:
    planned = workshop.jobs(written)
    planned.pop("all")
    jobs = {(product.rule, product.job) for product in products(written, workshop.folder)}
    assert Counter(rule for rule, _ in jobs) == planned


def test_what_is_made_is_there(workshop: Workshop, smoke: dict[str, Any]) -> None:
    listed = products(smoke, workshop.folder)
    results = workshop.folder / "results" / smoke["study"]
    assert present(results, listed) == set()
    workshop.pretend(smoke)
    assert present(results, listed) == {product.path for product in listed}


def test_logs_are_where_the_rules_write_them(workshop: Workshop, smoke: dict[str, Any]) -> None:
    listed = products(smoke, workshop.folder)
    done = workshop.snakemake(smoke, "--dry-run")
    for product in listed:
        assert f"logs/{smoke['study']}/{product.log}" in done.stdout, product
