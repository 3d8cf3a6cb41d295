"""A Slurm cluster as `snakemake --profile slurm` meets it: partitions, accounting, accounts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from platformdirs import user_config_path

from mixwright.jobs.doctor.finding import Finding, Run

PARTITIONS = ("sinfo", "--noheader", "--format=%P|%a|%l|%D|%c|%m|%G")
ASKED = 20  # seconds between two questions after a job, as the profiles have it
DISABLED = "accounting storage is disabled"


@dataclass(frozen=True)
class Partition:
    name: str
    default: bool
    limit: str
    nodes: int
    gpus: int  # a node


def slurm(run: Run, profiles: Path | None = None) -> Iterator[Finding]:
    """Nothing more is looked at where there is no Slurm, or it does not answer. `profiles` is where Snakemake looks for them."""
    said = run("sinfo", "--version")
    if said is None:
        yield Finding(
            "Slurm", "note", "none on this machine: snakemake --cores N runs everything here"
        )
        return
    version = (
        said.strip().splitlines()[0] if re.match(r"slurm\S* \d", said) else "its programs are here"
    )
    said = run(*PARTITIONS)
    found = partitions(said or "")
    if not found:
        reason = (said or "it does not answer").strip().splitlines()[-1]
        yield Finding("Slurm", "note", f"{version}, but no partition is up: {reason}")
        return
    accounting = _accounting(run)
    yield Finding("Slurm", "ok", version)
    yield accounting
    yield _partitions(found, accounting.profile)
    yield from _accounts(run, accounting.profile)
    yield _linked(profiles or user_config_path("snakemake"), accounting.profile)


def partitions(said: str) -> list[Partition]:
    """The partitions that are up, the default first; lines of one partition (its kinds of nodes) count together."""
    found: dict[str, Partition] = {}
    for line in said.splitlines():
        fields = line.split("|")
        if len(fields) != 7 or fields[1] != "up":
            continue
        name, gpus = (
            fields[0].rstrip("*"),
            max(map(int, re.findall(r"gpu(?::[^:,()]+)??:(\d+)(?=[(,]|$)", fields[6])), default=0),
        )
        before = found.get(name)
        nodes = int(fields[3]) + (before.nodes if before else 0)
        found[name] = Partition(
            name, fields[0].endswith("*"), fields[2], nodes, max(gpus, before.gpus if before else 0)
        )
    return sorted(found.values(), key=lambda partition: not partition.default)


def _partitions(found: list[Partition], profile: str) -> Finding:
    """CPU jobs go to a partition without GPUs where there is one, training to one with."""
    told = ", ".join(
        f"{part.name} ({part.nodes} nodes, {f'{part.gpus} GPUs each, ' if part.gpus else ''}{part.limit})"
        for part in found
    )
    cpu = next((part for part in found if not part.gpus), found[0]).name
    gpu = next((part for part in found if part.gpus), None)
    if not gpu:
        told += "; none has GPUs that Slurm knows of: keep device: cpu"
    training = {
        rule: {"slurm_partition": gpu.name if gpu else cpu}
        for rule in ("train_proxies", "train_finals", "evaluate_finals")
    }
    settings = {"default-resources": {"slurm_partition": cpu}, "set-resources": training}
    return Finding(
        "Slurm partitions", "ok" if gpu else "note", told, profile=profile, settings=settings
    )


def _accounting(run: Run) -> Finding:
    """Which of the two profiles fits."""
    said = run("sacct", "--noheader", "--allocations", "--format=JobID", "--parsable2")
    if said is not None and DISABLED not in said and "error" not in said:
        return Finding(
            "Slurm accounting", "ok", "sacct answers: take --profile slurm", profile="slurm"
        )
    told = "off, so that states of jobs come from squeue: take --profile slurm-nodb"
    settings: dict[str, str | int] = {"slurm-status-command": "squeue"}
    age = re.search(r"MinJobAge\s*=\s*(\d+)", run("scontrol", "show", "config") or "")
    if age and int(age[1]) < 3 * ASKED:
        told += f". A job is forgotten {age[1]} s after its end (MinJobAge); {3 * ASKED} s would be safer"
        settings |= {"slurm-init-seconds-before-status-checks": int(age[1]) // 3}
    return Finding("Slurm accounting", "note", told, profile="slurm-nodb", settings=settings)


def _accounts(run: Run, profile: str) -> Iterator[Finding]:
    """Of several one has to be named."""
    said = (
        run(
            "sacctmgr",
            "--noheader",
            "--parsable2",
            "show",
            "associations",
            "format=account,user",
            "where",
            f"user={getuser()}",
        )
        or ""
    )
    accounts = sorted({line.split("|")[0] for line in said.splitlines() if line.count("|") == 1})
    if len(accounts) > 1:
        settings = {"default-resources": {"slurm_account": f"'{accounts[0]}'"}}
        yield Finding(
            "Slurm accounts",
            "note",
            f"{', '.join(accounts)}; name the one to charge",
            profile=profile,
            settings=settings,
        )


def _linked(folder: Path, profile: str) -> Finding:
    """Whether Snakemake finds the profile by its name, from any folder."""
    if (folder / profile).exists():
        return Finding("profile", "ok", f"snakemake --profile {profile} reads {folder / profile}")
    return Finding(
        "profile",
        "note",
        f"snakemake --profile {profile} finds none yet: run `mixwright link-profiles` once",
    )
