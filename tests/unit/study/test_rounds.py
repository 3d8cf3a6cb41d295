"""Rounds of a swarm at parse time: names without weights, and one round as it always was."""

import numpy as np
import pandas as pd
import pytest

from least_study import domains_of, names, study
from mixwright import tables
from mixwright.designs.resolve import design_table, resolve_design, resolve_mixtures
from mixwright.designs.row import round_sizes
from mixwright.errors import MixwrightError
from mixwright.jobs.plan.estimate import estimate, hardware_of
from mixwright.mixture import Mixture
from mixwright.report.cost import cost_section, spent
from mixwright.report.layout import table_paths
from mixwright.study.study import Study

PARAMETERS = {"around", "temperature", "strengths", "tokens", "max_epochs", "caps", "floors"}
DOMAINS = domains_of({"cpp": 500_000, "prose": 300_000, "pycode": 200_000})


def swarm(**settings):
    return study(designs={"swarm": settings})


def test_runs_are_split_evenly_and_the_first_rounds_take_what_is_left_over():
    assert round_sizes({"runs": 64, "rounds": 2}) == (32, 32)
    assert round_sizes({"runs": 65, "rounds": 2}) == (33, 32)
    assert round_sizes({"runs": 44, "rounds": 3}) == (15, 15, 14)
    # a study that was written before rounds were known
    assert round_sizes({"runs": 10}) == (10,)


def test_one_round_has_the_names_that_it_always_had():
    one = swarm(runs=32)
    assert list(one.tables) == list(one.runs)
    for run in one.runs["swarm"]:
        assert run.table == "swarm"
        assert set(run.parameters) == PARAMETERS
    # a study that was written before rounds were known
    settings = {key: value for key, value in one.designs["swarm"].items() if key != "rounds"}
    designs = {**one.designs, "swarm": settings}
    before = Study({**one.config, "designs": designs})
    assert before.runs == one.runs and before.batches == one.batches


def test_the_first_round_is_a_swarm_of_its_size():
    two, half = swarm(runs=40, rounds=2), swarm(runs=20)
    assert two.tables["swarm"] == half.runs["swarm"]
    assert [run.name for run in two.runs["swarm"]][:20] == names(half, "swarm")
    assert two.packs_of(["swarm"]) == half.packs_of(["swarm"])
    assert set(half.batches_of(["swarm"])) == set(two.batches_of(["swarm"]))


def test_a_further_round_is_named_by_what_was_asked():
    two = swarm(runs=40, rounds=2)
    second = [run.name for run in two.tables["swarm-2"]]
    assert len(set(second)) == 20 and not set(second) & set(names(swarm(runs=40), "swarm"))
    assert {run.role for run in two.tables["swarm-2"]} == {"swarm"}
    for changed in (
        swarm(runs=42, rounds=2),
        # as many runs before, and one fewer in the round
        swarm(runs=39, rounds=2),
        swarm(runs=40, rounds=2, candidates=600),
        study(designs={"swarm": {"runs": 40, "rounds": 2}}, seed=1),
    ):
        assert not set(second) & {run.name for run in changed.tables["swarm-2"]}
    assert [run.name for run in swarm(runs=40, rounds=2).tables["swarm-2"]] == second
    # a third round is no reason to choose the second one anew
    assert swarm(runs=60, rounds=3).tables["swarm-2"] == two.tables["swarm-2"]
    # growing both rounds alike keeps the first one's runs
    assert set(names(two, "swarm")[:20]) < set(names(swarm(runs=80, rounds=2), "swarm"))


def test_packs_and_batches_hold_one_round_each():
    two = swarm(runs=50, rounds=2)
    for runs in two.packs.values():
        assert len({run.table for run in runs}) == 1
    assert not set(two.batches_of(["swarm"])) & set(two.batches_of(["swarm-2"]))
    assert two.batches_of(two.tables_of_role("swarm"))
    assert two.tables_of_role("swarm") == ["swarm", "swarm-2"]
    assert table_paths(two, "r", "losses", ["swarm"]) == [
        "r/losses/swarm.parquet",
        "r/losses/swarm-2.parquet",
    ]


def test_the_weights_of_a_further_round_are_read_where_they_were_written(tmp_path):
    two = swarm(runs=20, rounds=2)
    with pytest.raises(MixwrightError, match="follow from the rounds before"):
        resolve_mixtures(two.runs["swarm"], DOMAINS)
    order = tuple(domain.name for domain in DOMAINS)
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], 10)
    mixtures = {}
    for run, row in zip(two.tables["swarm-2"], rows, strict=True):
        mixtures[run.name] = Mixture(order, row)
    written = design_table(two.tables["swarm-2"], mixtures)
    assert set(written.role) == {"swarm"}
    tables.write(written, tmp_path / "swarm-2.parquet", tables.DESIGN)
    resolved = resolve_mixtures(two.runs["swarm"], DOMAINS, tmp_path)
    assert list(resolved) == names(two, "swarm")
    for name, mixture in mixtures.items():
        assert resolved[name] == mixture
    first = resolve_design(two.tables["swarm"], DOMAINS)
    pd.testing.assert_frame_equal(first, resolve_design(swarm(runs=10).runs["swarm"], DOMAINS))
    other = swarm(runs=20, rounds=2, candidates=600)
    with pytest.raises(MixwrightError, match="runs of the round are missing"):
        resolve_mixtures(other.tables["swarm-2"], DOMAINS, tmp_path)


def test_the_plan_and_the_report_count_rounds():
    two = swarm(runs=40, rounds=2)
    told = estimate(two, hardware_of(two))
    jobs = {}
    for part in told.parts:
        jobs |= part.work.jobs
    assert jobs["design_round"] == 1 and jobs["collect_losses"] == len(two.runs) + 1
    rows = spent(two, {}, None)
    section = cost_section(0, rows)
    assert "in 2 rounds of 20 and 20" in section
    assert rows[0].as_json()["rounds"] == (20, 20)
    assert "rounds" not in spent(swarm(runs=40), {}, None)[0].as_json()


def test_rounds_that_cannot_be_are_refused():
    with pytest.raises(MixwrightError, match="leave 9 a round, and a fit needs 10 or more"):
        swarm(runs=19, rounds=2)
    with pytest.raises(MixwrightError, match="more than the 10 runs of the swarm's first round"):
        study(
            designs={"swarm": {"runs": 20, "rounds": 2}},
            transfer={"model": "tiny", "mixtures": 12},
        )
