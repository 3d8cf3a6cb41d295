"""Trees through the real workflow.

The overlay of the chemistry study runs from end to end. Then come a user's later changes.
"""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixwright.tabular.source import prepare, read_table
from workshop import Workshop, changed, merged, read_study, without

GOALS = ("NR-AhR", "SR-MMP")
# to the finished study, in dry runs; the last by name, so that no pack is cut anew
ADDED = {"uniform": {}, "without-pull": {"like": "mixmin", "tau": 0}}
MIRRORED = Path(os.environ.get("MIXWRIGHT_MIRROR", "nowhere")) / "chemistry"
needs_tables = pytest.mark.skipif(
    not (MIRRORED / "tox21.csv.gz").exists(), reason="no chemistry/ in $MIXWRIGHT_MIRROR"
)


@pytest.fixture(scope="module")
def chemistry():
    return without(
        merged(read_study("chemistry"), read_study("chemistry-tests")), "mixmin-exact", "uniform"
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, chemistry) -> Workshop:
    pytest.importorskip("rdkit")
    pytest.importorskip("xgboost")
    workshop = Workshop(tmp_path_factory.mktemp("chemistry"))
    workshop.run(chemistry)
    return workshop


@pytest.fixture(scope="module")
def results(finished) -> Path:
    return finished.folder / "results" / "chemistry"


@needs_tables
def test_a_finished_study_has_nothing_to_do(finished, chemistry):
    assert finished.jobs(chemistry) == {}


@needs_tables
def test_every_mixer_leaves_each_target_out_and_own_data_takes_it_alone(results, chemistry):
    for mixer in chemistry["mixers"]:
        for goal in GOALS:
            proposal = json.loads((results / "mixtures" / f"{mixer}@{goal}.json").read_text())
            assert (
                sum(proposal["weights"].values()) == pytest.approx(1, abs=1e-9)
                and len(proposal["weights"]) == 12
            )
            assert (
                proposal["weights"][goal] == (1 if mixer == "own-data" else 0)
                and proposal["goal"] == goal
            )


@needs_tables
def test_arms_are_scored_on_their_own_target_and_reported_target_by_target(results, chemistry):
    scores = pd.concat(map(pd.read_parquet, (results / "scores").glob("*.parquet")))
    assert set(zip(scores.mixer, scores.task, strict=True)) == {
        (mixer, goal) for mixer in chemistry["mixers"] for goal in GOALS
    }
    summary = json.loads((results / "report" / "summary.json").read_text())
    assert set(summary["by_target"]) == set(GOALS) and summary["chosen"] != "own-data"
    arms = {arm["mixer"]: arm for arm in summary["arms"]}
    assert set(arms) == set(chemistry["mixers"]) and arms["natural"]["tally"] == {
        "better": 0,
        "level": 2,
        "worse": 0,
        "same": 2,
    }
    assert arms["own-data"]["average_precision"] > arms["natural"]["average_precision"]
    page = (results / "report" / "summary.html").read_text()
    told = page[page.index("<main") : page.index('id="evidence"')]
    assert "Target by target" in told and "average precision" in told
    assert not any(word in told for word in ("nats/token", "bits/byte", "unigram", "tokens"))


@needs_tables
def test_a_mixer_more_trains_its_finals_alone(finished, chemistry):
    """Of runs that there are, and a baseline; the smoke study adds one whose runs are missing."""
    for mixer, settings in ADDED.items():
        jobs = finished.jobs(changed(chemistry, f"mixers.{mixer}", settings))
        assert (
            jobs["propose_mixture"] == len(GOALS)
            and jobs["train_finals"] == jobs["evaluate_finals"] == jobs["summarise"] == 1
        )
        assert ("fit_mixer" in jobs) == (mixer == "without-pull")
        assert not {
            "make_datasets",
            "fetch_public",
            "resolve_design",
            "train_proxies",
            "collect_losses",
        } & set(jobs)


@needs_tables
def test_growing_the_swarm_trains_the_new_runs_only(finished, chemistry):
    jobs = finished.jobs(changed(chemistry, "designs.swarm.runs", 18))
    assert (
        jobs["train_proxies"] == 1
        and jobs["fit_mixer"] == 1
        and jobs["propose_mixture"] == 2
        and jobs["train_finals"] == 1
    )


@needs_tables
def test_a_target_more_is_a_goal_more_and_trains_no_proxy(finished, chemistry):
    jobs = finished.jobs(changed(chemistry, "targets.SR-ARE", {}))
    assert jobs["propose_mixture"] == len(chemistry["mixers"])
    assert not {
        "make_datasets",
        "resolve_design",
        "train_proxies",
        "fit_mixer",
        "validate_mixer",
    } & set(jobs)


@pytest.mark.parametrize(("name", "goals", "vertices"), [("chemistry", 12, 12), ("toxcast", 8, 40)])
def test_the_studies_list_every_job_before_a_molecule_is_read(workshop, name, goals, vertices):
    study = read_study(name)
    jobs = workshop.jobs(study, MIXWRIGHT_MIRROR="")
    assert (
        jobs["propose_mixture"] == goals * len(study["mixers"])
        and jobs["make_datasets"] == 1
        and jobs["fetch_public"] == 1
    )
    assert jobs["train_proxies"] == 4 + -(-vertices // study["proxy"]["per_job"])
    assert not {"train_tokenizer", "harvest_installed"} & set(jobs)


@needs_tables
def test_toxcast_s_assays_are_those_that_the_seed_draws():
    pytest.importorskip("rdkit")
    study, table = read_study("toxcast"), read_table(MIRRORED / "toxcast.csv.gz")
    labels = prepare(
        table, [column for column in table if column != "smiles"], smiles="smiles"
    ).labels
    often = [name for name in labels if labels[name].count() >= 1200 and labels[name].sum() >= 150]
    rng = np.random.default_rng(0)
    targets = []
    for start in (
        "ATG_VDRE_CIS_up",
        "ATG_Ets_CIS_dn",
        "ATG_ERE_CIS_up",
        "TOX21_NFkB_BLA_agonist_ch1",
        "BSK_CASM3C",
        "BSK_LPS",
        "BSK_3C",
        "BSK_SAg",
    ):
        alike = [name for name in often if name.startswith(start)]
        targets.append(alike[0] if len(alike) == 1 else alike[rng.integers(len(alike))])
    others = rng.choice([name for name in often if name not in targets], 32, replace=False)
    assert sorted(study["targets"]) == sorted(targets)
    assert study["tables"]["toxcast"]["labels"] == sorted([*targets, *others])
