"""What `snakemake -n` shows before a token is read, and what it refuses."""

import os
import re
import subprocess
import sys
from hashlib import sha256

import pytest
from conftest import HOUSE, changed, merged, read_study


def test_the_default_study_lists_every_job_on_an_empty_checkout(workshop):
    jobs = workshop.jobs(None)
    assert jobs["train_proxies"] == 6 and jobs["train_finals"] == 2
    assert jobs["fit_mixer"] == 6 and jobs["propose_mixture"] == 9 and jobs["validate_mixer"] == 5
    assert jobs["clean_domain"] == 7 and jobs["read_target"] == 3
    assert not [path for path in workshop.folder.iterdir() if path.name not in (".snakemake",)]


def test_one_proxy_a_job_is_literally_one_job_per_mixture(workshop, smoke):
    jobs = workshop.jobs(changed(smoke, "proxy.per_job", 1))
    assert jobs["train_proxies"] == 12 + 3 + 2 * 7 + 3


def test_a_study_trains_only_the_roles_its_mixers_read(workshop, smoke):
    jobs = workshop.jobs(smoke | {"mixers": {"mixmin": {}}})
    assert jobs["collect_losses"] == 2 and "validate_mixer" not in jobs


def test_a_study_that_ends_at_its_proposals_trains_no_finals(workshop, smoke):
    """Its goal may be of any size, and the final model need not fit the tokenizer."""
    study = changed(smoke | {"finals": "none"}, "goal.tokens", 30_000_000_000)
    jobs = workshop.jobs(changed(study, "final.model", "pythia-160m"))
    trained = workshop.jobs(smoke)
    assert jobs["train_proxies"] == trained["train_proxies"]
    assert jobs["propose_mixture"] == trained["propose_mixture"]
    assert jobs["summarise_proposals"] == 1 and jobs["draw_figure"] == trained["draw_figure"] - 1
    assert not {"train_finals", "evaluate_finals", "summarise"} & set(jobs)
    assert workshop.jobs(smoke, "proposals").keys() - jobs.keys() == {"proposals"}


def test_text_has_a_goal_a_target_too_where_targets_are_left_out(workshop, smoke):
    study = smoke | {
        "targets": {"prose": {}, "pycode": {}},
        "goal": {**smoke["goal"], "leave_target_out": True},
    }
    jobs = workshop.jobs(study)
    assert jobs["propose_mixture"] == 2 * len(smoke["mixers"]) and jobs["fit_mixer"] == 7
    assert jobs["train_proxies"] == workshop.jobs(smoke)["train_proxies"]


def test_a_wrong_key_is_one_line(workshop, smoke):
    done = workshop.snakemake(changed(smoke, "proxy.token", 3), "--dry-run")
    said = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if line.strip() and "profile" not in line
    ]
    assert done.returncode != 0
    assert said == ["mixwright: config: proxy.token is unknown; did you mean proxy.tokens?"]


def test_a_study_without_its_mirror_can_be_looked_at(workshop):
    done = workshop.snakemake(read_study("minipile"), "--dry-run", MIXWRIGHT_MIRROR="")
    assert done.returncode == 0
    assert (
        "the study can be looked at, not run" in done.stderr and "MIXWRIGHT_MIRROR" in done.stderr
    )


@pytest.mark.parametrize(
    ("name", "domains", "packs"),
    [("autoscale_minipile", 7, 7), ("autoscale_minipile-masked", 5, 5)],
)
def test_three_scales_of_the_mini_pile_are_planned_whole_with_the_quick_overlay_too(
    workshop, name, domains, packs
):
    """Every job of the study, causal and masked, is listed before a token is read.

    test_smoke runs three scales to their end.
    """
    study, quick = read_study(name), read_study("autoscale_minipile-quick")
    for changes in ({}, quick):
        jobs = workshop.jobs(merged(study, changes))
        assert jobs["clean_domain"] == domains and jobs["backtest"] == jobs["summarise"] == 1
        assert ("transfer" in jobs) == ("transfer" in study)
    assert jobs["train_proxies"] == packs and jobs["train_finals"] == 1


def test_changed_texts_retrain_every_pack_though_packs_read_one_file(workshop, smoke):
    """A study all of whose files are there; then a domain, then a target is new."""
    workshop.pretend(smoke)
    packs = workshop.folder / "results" / "smoke" / "packs"

    def changed_by(path: str) -> dict[str, int]:
        before = (packs.parent / path).stat()
        (packs.parent / path).write_text("another text")
        jobs = workshop.jobs(smoke)
        (packs.parent / path).write_text("")
        os.utime(packs.parent / path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return jobs

    by_domain, by_target = (
        changed_by("shards/prose/.snakemake_timestamp"),
        changed_by("targets/cython.npz"),
    )
    assert by_domain["count_domains"] == by_target["list_texts"] == by_domain["list_texts"] == 1
    assert by_domain["train_proxies"] == by_target["train_proxies"] == len([*packs.iterdir()])
    corpus = {
        "clean_domain",
        "read_target",
        "train_tokenizer",
        "tokenize_domain",
        "tokenize_target",
    }
    assert not corpus & set(by_domain) and not (corpus | {"count_domains", "resolve_design"}) & set(
        by_target
    )


def test_a_public_file_is_fetched_for_the_source_that_names_it(workshop, smoke):
    text = b"A public text. " * 200
    (workshop.folder / "texts").mkdir()
    (workshop.folder / "texts" / "text.txt").write_bytes(text)
    entry = {
        "address": "https://example.org/v1/text.txt",
        "sha256": sha256(text).hexdigest(),
        "mirror": "texts/text.txt",
    }
    study = changed(smoke, "targets.cython", {"source": "files", "files": "public:text"}) | {
        "public": {"text": entry}
    }
    assert workshop.jobs(study)["fetch_public"] == 1
    done = workshop.snakemake(
        study, "results/smoke/questions/cython.parquet", MIXWRIGHT_MIRROR=str(workshop.folder)
    )
    assert done.returncode == 0, done.stderr
    assert (workshop.folder / "results" / "smoke" / "public" / "text.txt").read_bytes() == text
    assert workshop.jobs(study, "results/smoke/questions/cython.parquet") == {}


def partitions(said: str) -> dict[str, str]:
    """Rule -> the partition that its jobs ask for, of a dry run."""
    return dict(
        re.findall(
            r"^rule (\w+):\n(?:    .*\n)*?    resources: .*slurm_partition=(\w+)",
            said,
            re.MULTILINE,
        )
    )


def test_the_slurm_profile_dry_runs_by_name_once_linked(workshop, tmp_path):
    """`snakemake --profile slurm` looks in the user's configuration folder.

    The linking command fills that folder.
    """
    home = tmp_path / "configuration"
    linked = [sys.executable, "-m", "mixwright", "link-profiles", "--to", str(home / "snakemake")]
    environment = {"PYTHONPATH": str(HOUSE / "workflow"), "PATH": ""}
    assert subprocess.run(linked, env=environment, capture_output=True).returncode == 0
    assert (home / "snakemake" / "slurm").resolve() == HOUSE / "profiles" / "slurm"
    done = workshop.snakemake(None, "--dry-run", "--profile", "slurm", XDG_CONFIG_HOME=str(home))
    assert done.returncode == 0, done.stderr
    found = partitions(done.stdout + done.stderr)
    assert (
        found["train_proxies"] == found["calibrate"] == "gpu"
        and found["tokenize_domain"] == found["fit_mixer"] == "cpu"
    )


def test_linking_never_overwrites_a_profile_of_the_user(tmp_path):
    from mixwright.jobs.profiles import link_profiles

    (tmp_path / "slurm").mkdir()
    assert "slurm" not in {link.name for link in link_profiles(tmp_path)}
    assert not (tmp_path / "slurm").is_symlink() and (tmp_path / "workstation").is_symlink()


def test_the_workflow_profile_works_by_name_without_linking(workshop):
    done = workshop.snakemake(None, "--dry-run", "--workflow-profile", "slurm")
    assert done.returncode == 0, done.stderr
    assert partitions(done.stdout + done.stderr)["train_proxies"] == "gpu"
