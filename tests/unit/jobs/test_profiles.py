"""What stands in a profile is obeyed, and what breaks on clusters stands in none."""

import os
import re

import pytest
import yaml

from least_study import HOUSE
from mixwright.jobs.doctor.slurm import OF_FINALS, OF_PROXIES, ON_DEVICES

PROFILES = {
    path.parent.name: yaml.safe_load(path.read_text())
    for path in sorted(HOUSE.glob("profiles/*/config.yaml"))
}


def test_there_is_one_for_every_kind_of_machine():
    assert set(PROFILES) == {"default", "workstation", "slurm", "slurm-nodb", "kubernetes"}


@pytest.mark.parametrize("name", sorted(set(PROFILES) - {"default"}))
def test_the_default_profile_takes_nothing_from_another(name):
    """It is loaded beside `--profile` and wins key by key.

    Its default-resources once hid a cluster's partition.
    """
    profile = PROFILES[name]
    assert {
        key: profile[key] for key in PROFILES["default"].keys() & profile.keys()
    }.items() <= PROFILES["default"].items()
    assert (
        profile["rerun-incomplete"] and profile["default-resources"]["disk_mb"]
    )  # `--workflow-profile` leaves the default aside


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_no_profile_asks_for_arrays_or_groups_and_clusters_alone_retry(name):
    profile = PROFILES[name]
    assert not {key for key in profile if "array" in key or "group" in key}
    assert ("retries" in profile) == ("jobs" in profile)
    assert not {"retries"} & {
        key for rule in profile.get("set-resources", {}).values() for key in rule
    }


def test_clusters_without_accounting_differ_in_how_jobs_are_asked_after():
    with_it, without = PROFILES["slurm"], PROFILES["slurm-nodb"]
    assert {key for key in without if without[key] != with_it.get(key)} == {"slurm-status-command"}
    assert "code" not in with_it["rerun-triggers"] and with_it["slurm-status-attempts"] >= 500


def test_renaming_a_command_reruns_nothing():
    """Versions, which are params of the rules, say when numbers change; shell text does not."""
    triggers = {tuple(profile["rerun-triggers"]) for profile in PROFILES.values()}
    assert triggers == {("mtime", "params", "input", "software-env")}


@pytest.mark.parametrize("name", ["slurm", "slurm-nodb"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("part", ["PROXY", "FINAL"])
def test_jobs_go_to_the_gpus_where_the_study_trains_there(name, device, part, monkeypatch):
    """A study on CPUs never waits in the partition of the GPUs. Snakemake evaluates the words."""
    other = {"cpu": "cuda", "cuda": "cpu"}[device]
    for key in ("PROXY", "FINAL"):
        monkeypatch.setenv(f"MIXWRIGHT_{key}_DEVICE", device if key == part else other)
    rules = {"PROXY": OF_PROXIES, "FINAL": OF_FINALS}
    for rule in rules[part]:
        words = PROFILES[name]["set-resources"][rule]["slurm_partition"]
        assert eval(os.path.expandvars(words)) == {"cpu": "cpu", "cuda": "gpu"}[device]


def test_every_rule_that_asks_for_a_gpu_has_a_partition_of_its_own():
    """A rule that no profile names would wait for a GPU where there is none."""
    on_devices = set()
    for path in HOUSE.glob("workflow/rules/*.smk"):
        for part in re.split(r"^rule ", path.read_text(), flags=re.M)[1:]:
            if re.search(r"^        (gpu=|\*\*placement\()", part, re.M):
                on_devices.add(part.partition(":")[0])
    assert on_devices == set(ON_DEVICES)
    for name in ("slurm", "slurm-nodb"):
        assert set(PROFILES[name]["set-resources"]) == on_devices
