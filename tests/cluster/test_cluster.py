"""`snakemake --profile slurm` on two nodes with two devices each: nothing is lost or repeated.

Nor do two jobs share a device.
"""

import re
from itertools import combinations

import pandas as pd
import pytest
from driven import RETRIES, intervals
from slurm import GPUS, NODES

TRAINED = re.compile(r"(\d+)/\d+ members trained")
RESUMED = re.compile(r"members go on from step (\d+)")


def tables(run, name):
    found = {path.stem: pd.read_parquet(path) for path in (run.results / name).glob("*.parquet")}
    assert found
    return {
        role: table.sort_values([*table.columns[:3]], ignore_index=True)
        for role, table in found.items()
    }


def trained(said: str) -> int:
    """Members that a job trained to their end."""
    return max(map(int, TRAINED.findall(said)), default=0)


def test_a_study_arrives_whatever_happens_to_it(disturbed):
    assert disturbed.status == 0, disturbed.run.said()[-6000:]
    assert (disturbed.run.results / "report" / "summary.html").exists()


@pytest.mark.parametrize("name", ["losses", "realised", "loglikelihoods"])
def test_its_numbers_are_those_of_an_undisturbed_run(disturbed, undisturbed, name):
    ours, theirs = tables(disturbed.run, name), tables(undisturbed, name)
    assert ours.keys() == theirs.keys()
    for role, table in ours.items():
        pd.testing.assert_frame_equal(table, theirs[role], check_exact=True)


def test_packs_that_are_cancelled_killed_or_out_of_time_go_on_from_their_checkpoints(disturbed):
    attempts = disturbed.run.attempts("train_proxies")
    for pack in (disturbed.cancelled, disturbed.beaten, disturbed.late):
        first, *later = attempts[pack]
        assert trained(first) == 0 and later
        assert any(RESUMED.search(said) for said in later), pack


def test_a_job_ends_by_its_warning_and_not_by_its_time(disturbed):
    """Two minutes before, as its rule asks for: it has saved by then."""
    history = ("sacct", "--noheader", "--allocations", "--parsable2", "--format=State")
    assert disturbed.run.slurm.ask(*history, "--jobs", disturbed.late_job).strip() == "FAILED"


def test_nothing_is_trained_twice(disturbed):
    """The stored members are not trained again, nor those that orphaned jobs trained."""
    stored = disturbed.run.stored()
    assert {name: stored[name] for name in disturbed.before} == disturbed.before
    assert disturbed.orphans
    attempts = disturbed.run.attempts("train_proxies")
    in_all = 0
    keys: list[str] = []
    for wildcards, jobs in attempts.items():
        pack = wildcards.rpartition("_")[2]
        of_pack = pd.read_parquet(disturbed.run.results / "packs" / f"{pack}.parquet").store_key
        of_jobs = sum(map(trained, jobs))
        assert of_jobs <= of_pack.nunique(), pack
        in_all += of_jobs
        keys += of_pack.unique().tolist()
    assert {f"{key}.parquet" for key in keys} == set(stored)
    # A run of the swarm may be a single-domain run's equal. Only such a training is in two packs,
    # and two jobs that run at the same moment train it both.
    assert len(stored) <= in_all <= len(keys)
    assert not [*(disturbed.run.store / "checkpoints").iterdir()]


def test_no_device_is_used_twice_at_a_time(disturbed):
    found = intervals(disturbed.run.slurm)
    assert {interval.device for interval in found} == {
        (node, str(device)) for node in NODES for device in range(GPUS)
    }
    for one, other in combinations(found, 2):
        assert one.device != other.device or one.ended <= other.began or other.ended <= one.began, (
            one,
            other,
        )


def test_packs_run_side_by_side_and_never_more_than_devices(disturbed):
    found = intervals(disturbed.run.slurm)
    at_once = [
        len({other.job for other in found if other.began <= one.began < other.ended})
        for one in found
    ]
    assert max(at_once) == len(NODES) * GPUS


def test_the_finals_trained_on_both_nodes(disturbed):
    finals = pd.concat(map(pd.read_parquet, (disturbed.run.results / "finals").glob("*.parquet")))
    assert (
        set(finals.mixer) == {"mixmin", "natural", "regmix-linear"}
        and finals.train_loss.between(0, 7).all()
    )
    (job,) = {
        path.stem
        for path in (
            disturbed.run.folder / ".snakemake" / "slurm_logs" / "rule_train_finals"
        ).rglob("*.log")
    }
    lines = [
        line.split() for line in (disturbed.run.slurm.folder / "tasks").read_text().splitlines()
    ]
    assert {node for number, step, node, *_ in lines if number == job and step != "batch"} == set(
        NODES
    )


def test_what_fails_for_good_is_tried_once_and_as_often_as_the_profile_says(doomed):
    assert [driver.wait(timeout=600) for driver in doomed.drivers] == [1]
    attempts = doomed.attempts("clean_part")
    (bad,) = [jobs for wildcards, jobs in attempts.items() if "bad" in wildcards.split("_")]
    assert len(bad) == 1 + RETRIES
    assert [said.count("mixwright: ") for said in bad] == [1] * len(bad)
    assert (doomed.results / "documents" / "good" / "0.parquet").exists()
