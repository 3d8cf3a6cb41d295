"""What `snakemake -n` shows before a token is read, and what it refuses."""

import os
import re
import subprocess
import sys
from collections import Counter
from hashlib import sha256

import pytest
import yaml

from mixwright.jobs.plan.work import works
from mixwright.report.layout import drawn
from mixwright.study.config import resolve
from mixwright.study.study import Study
from workshop import HOUSE, changed, merged, read_study, without


def test_the_default_study_lists_every_job_on_an_empty_checkout(workshop):
    jobs = workshop.jobs(None)
    assert jobs["train_proxies"] == 6 and jobs["train_finals"] == 2
    assert jobs["fit_mixer"] == 6 and jobs["propose_mixture"] == 9 and jobs["validate_mixer"] == 5
    assert jobs["clean_part"] == 7 and jobs["read_target"] == 3
    assert not [path for path in workshop.folder.iterdir() if path.name not in (".snakemake",)]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("smoke", {}),
        ("smoke", {"finals": "none"}),
        ("autoscale_minipile", {}),
        ("chemistry", {}),
        ("regmix_pile", {}),
        ("autoscale_published", {}),
    ],
)
def test_the_plan_counts_the_jobs_that_snakemake_lists(workshop, name, changes):
    written = read_study(name) | changes
    listed = workshop.jobs(written)
    del listed["all"]
    study = Study(resolve(written, HOUSE / "config"))
    planned = Counter()
    for work in works(study, figures=len(drawn(study))):
        planned.update(work.jobs)
    assert +planned == listed


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
    # four figures are of finals: their scores, by target and against cost, and losses in training
    assert jobs["summarise_proposals"] == 1 and jobs["draw_figure"] == trained["draw_figure"] - 4
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
        assert jobs["clean_part"] == domains and jobs["backtest"] == jobs["summarise"] == 1
        assert ("transfer" in jobs) == ("transfer" in study)
    assert jobs["train_proxies"] == packs and jobs["train_finals"] == 1


@pytest.mark.parametrize("keep", ["all", "none"])
def test_changed_texts_reach_every_pack_though_packs_read_one_file(workshop, smoke, keep):
    """A study all of whose files are there; then a domain, then a target is another.

    A target is scored on kept weights; of others every run is trained again.
    """
    smoke = changed(smoke, "proxy.keep", keep)
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
    assert by_domain["count_domains"] == by_domain["list_texts"] == 1
    assert by_domain["list_scored"] == by_target["list_scored"] == 1
    assert by_domain["train_proxies"] == len([*packs.iterdir()])
    assert by_target.get("train_proxies", 0) == (len([*packs.iterdir()]) if keep == "none" else 0)
    assert by_target["evaluate_proxies"] == by_domain["evaluate_proxies"] == 4
    assert "calibrate" not in by_target
    corpus = {
        "clean_part",
        "read_target",
        "train_tokenizer",
        "tokenize_part",
        "tokenize_target",
    }
    assert not corpus & set(by_domain) and not (corpus | {"count_domains", "resolve_design"}) & set(
        by_target
    )


def line_of(done) -> str:
    """The one line that a refused study is answered with."""
    assert done.returncode != 0
    lines = (done.stdout + done.stderr).splitlines()
    (line,) = [line for line in lines if line.strip() and "profile" not in line]
    return line


def test_a_doubled_key_and_a_name_that_is_false_are_told_with_their_lines(workshop, smoke):
    path = workshop.folder / "mine.yaml"
    text = yaml.safe_dump(smoke)
    for addition, words in (
        ("seed: 1\nseed: 2\n", "seed stands in line"),
        ("public:\n  no: {}\n", "the key public.no is read as true or false"),
    ):
        path.write_text(text + addition)
        line = line_of(workshop.snakemake(None, "--configfile", str(path), "--dry-run"))
        assert line.startswith("mixwright: config: mine.yaml, line ") and words in line


def test_a_file_without_a_name_is_not_mixed_with_the_demo(workshop, smoke):
    nameless = {key: value for key, value in smoke.items() if key != "study"}
    line = line_of(workshop.snakemake(nameless, "--dry-run"))
    assert line == "mixwright: config: study is missing; give it"


def test_scales_that_come_out_the_same_are_one_line(workshop, smoke):
    line = line_of(workshop.snakemake(changed(smoke, "designs.perturb.tokens", [1, 2]), "-n"))
    assert line.startswith("mixwright: config: designs.perturb: two runs come out the same;")


def test_a_table_in_place_of_text_is_told_before_any_job(workshop, smoke):
    (workshop.folder / "web.csv").write_text("text\nsome\n")
    study = changed(smoke, "domains.prose", {"source": "files", "files": "*.csv"})
    line = line_of(workshop.snakemake(study, "--dry-run"))
    assert line.startswith("mixwright: config: domains.prose.files: ") and "web.csv" in line


def test_a_table_of_measured_runs_that_is_not_there_is_named(workshop):
    measured = {"swarm": {"mixtures": "~/m.csv", "losses": "l.csv"}, "targets": {"loss": 1}}
    done = workshop.snakemake(
        {"study": "own", "measured": measured}, "--dry-run", HOME=str(workshop.folder)
    )
    line = (
        f"run: measured.swarm.mixtures: no file matches {workshop.folder}/m.csv; correct the path"
    )
    assert done.returncode != 0 and line in done.stderr and "(2 missing in all" in done.stderr


def test_of_many_files_the_newest_is_listed(workshop, smoke):
    folder = workshop.folder / "texts"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number:03}.txt").write_text(f"text {number}")
    os.utime(folder / "007.txt", (2e9, 2e9))
    study = changed(smoke, "domains.prose", {"source": "files", "files": "texts/*.txt"})
    done = workshop.snakemake(study, "--dry-run")
    assert "007.txt" in done.stdout and "008.txt" not in done.stdout


def test_cleaning_leaves_the_store_of_computed_runs(tmp_path):
    for name in ("store/runs/a.parquet", "demo/report/summary.html"):
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True)
        path.touch()
    make = ["make", "--file", str(HOUSE / "Makefile"), "--directory", str(tmp_path)]
    subprocess.run([*make, "clean"], check=True, capture_output=True)
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["store"]
    assert (tmp_path / "results" / "store" / "runs" / "a.parquet").exists()
    subprocess.run([*make, "clean-store"], check=True, capture_output=True)
    assert not (tmp_path / "results" / "store").exists()
    subprocess.run([*make, "clean"], check=True, capture_output=True)


@pytest.mark.parametrize("cores", ["1", "2"])
def test_proxies_and_proposals_go_before_finals(workshop, smoke, cores):
    """`--touch` starts no job and goes through the scheduler all the same."""
    study = without(smoke, "joint", "autoscale") | {"final": {"model": "micro", "per_job": 1}}
    done = workshop.snakemake(study, "--touch", "--cores", cores)
    assert done.returncode == 0, done.stderr
    order = re.findall(r"^(?:local)?rule (\w+):", done.stdout + done.stderr, re.MULTILINE)
    first_final = order.index("train_finals")
    assert order.count("train_proxies") > 2 and order.count("train_finals") > 10
    assert "train_proxies" not in order[first_final:]
    # On a second core a baseline's final may fill the time of a fit.
    assert cores == "2" or "propose_mixture" not in order[first_final:]


def test_another_weight_of_a_target_runs_nothing_of_the_corpus(workshop, smoke):
    study = without(smoke, "joint", "autoscale") | {"final": {"model": "micro", "per_job": 1}}
    workshop.pretend(study)
    assert workshop.jobs(study) == {}
    jobs = workshop.jobs(changed(study, "targets.cython", {"source": "installed", "weight": 5}))
    baselines = {"natural", "uniform", "unimax"}
    assert jobs["propose_mixture"] == len({*study["mixers"]} - baselines)
    assert jobs["train_finals"] == 2 * jobs["propose_mixture"]
    assert jobs.keys() <= {
        "propose_mixture",
        "surface",
        "train_finals",
        "evaluate_finals",
        "draw_figure",
        "summarise",
        "all",
    }


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
        found["train_proxies"] == found["calibrate"] == found["train_finals"] == "cpu"
        and found["tokenize_part"] == found["fit_mixer"] == "cpu"
    )  # the demo trains on CPUs


def test_linking_never_overwrites_a_profile_of_the_user(tmp_path):
    from mixwright.jobs.profiles import link_profiles

    (tmp_path / "slurm").mkdir()
    assert "slurm" not in {link.name for link in link_profiles(tmp_path)}
    assert not (tmp_path / "slurm").is_symlink() and (tmp_path / "workstation").is_symlink()


def test_the_workflow_profile_works_by_name_without_linking(workshop, smoke):
    study = changed(smoke, "proxy.device", "cuda")
    done = workshop.snakemake(study, "--dry-run", "--workflow-profile", "slurm")
    assert done.returncode == 0, done.stderr
    found = partitions(done.stdout + done.stderr)
    assert found["train_proxies"] == found["calibrate"] == "gpu"
    assert found["train_finals"] == found["evaluate_finals"] == found["fit_mixer"] == "cpu"
