"""A Slurm cluster as `snakemake --profile slurm` meets it: partitions, accounting, accounts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from platformdirs import user_config_path

from mixwright.jobs.doctor.finding import Ask, Finding

PARTITIONS = ("sinfo", "--noheader", "--format=%P|%a|%l|%D|%c|%m|%G")
HISTORY = ("sacct", "--noheader", "--allocations", "--format=JobID", "--parsable2")
ACCOUNTS = ("sacctmgr", "--noheader", "--parsable2", "show", "associations", "format=account,user")
POLL_SECONDS = 20  # between two questions after a job, as the profiles have it
DISABLED = "accounting storage is disabled"
OF_FINALS = ("train_finals", "evaluate_finals", "evaluate_snapshots", "evaluate_tasks")
OF_PROXIES = ("calibrate", "train_proxies", "evaluate_proxies", "merged")
ON_DEVICES = (*OF_PROXIES, *OF_FINALS)  # rules that may use a GPU


@dataclass(frozen=True)
class Partition:
    """A partition that is up."""

    name: str
    default: bool  # whether jobs go there that name none
    limit: str  # the longest time of a job, as Slurm writes it
    nodes: int
    gpus: int  # of a node, the most


def slurm(ask: Ask, profiles: Path | None = None) -> Iterator[Finding]:
    """Yields what there is of Slurm; only that, where there is none or it does not answer.

    Args:
        ask: runs a program.
        profiles: where Snakemake looks for profiles; None: the user's folder.
    """
    greeting = ask("sinfo", "--version")
    if greeting is None:
        message = "none on this machine: snakemake --cores N runs everything here"
        yield Finding("Slurm", "note", message)
        return
    version = _version(greeting)
    answer = ask(*PARTITIONS)
    listed = partitions(answer or "")
    if not listed:
        reason = (answer or "it does not answer").strip().splitlines()[-1]
        yield Finding("Slurm", "note", f"{version}, but no partition is up: {reason}")
        return
    accounting = _accounting(ask)
    profile = accounting.profile
    yield Finding("Slurm", "ok", version)
    yield accounting
    yield _partitions(listed, profile)
    yield from _accounts(ask, profile)
    yield _linked(profiles or user_config_path("snakemake"), profile)


def _version(output: str) -> str:
    """Slurm's name and number, if that is what it says."""
    if re.match(r"slurm\S* \d", output):
        return output.strip().splitlines()[0]
    return "its programs are here"


def partitions(output: str) -> list[Partition]:
    """Returns the partitions that are up, the default first.

    Args:
        output: what PARTITIONS prints: a line for each kind of node of a partition.
    """
    merged: dict[str, Partition] = {}
    for line in output.splitlines():
        fields = line.split("|")
        if len(fields) != 7 or fields[1] != "up":
            continue
        name = fields[0].rstrip("*")
        nodes = int(fields[3])
        gpus = _gpus(fields[6])
        if name in merged:
            nodes += merged[name].nodes
            gpus = max(gpus, merged[name].gpus)
        is_default = fields[0].endswith("*")
        merged[name] = Partition(name, is_default, fields[2], nodes, gpus)
    return sorted(merged.values(), key=lambda partition: not partition.default)


def minutes_of(limit: str) -> int | None:
    """Returns the minutes of a time as Slurm writes it, such as `1-00:00:00`; None: no end."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if match is None:
        return None
    days, hours, minutes = (int(number or 0) for number in match.groups()[:3])
    return (24 * days + hours) * 60 + minutes


def _gpus(resources: str) -> int:
    """GPUs of a node, from words such as `gpu:h100:8(S:0-1),shard:64`."""
    numbers = re.findall(r"gpu(?::[^:,()]+)??:(\d+)(?=[(,]|$)", resources)
    return max(map(int, numbers), default=0)


def _partitions(listed: Sequence[Partition], profile: str) -> Finding:
    """CPU jobs go to a partition without GPUs where there is one, training to one with GPUs."""
    texts = []
    for partition in listed:
        gpus = f"{partition.gpus} GPUs each, " if partition.gpus else ""
        texts.append(f"{partition.name} ({partition.nodes} nodes, {gpus}{partition.limit})")
    message = ", ".join(texts)
    without_gpus = [partition.name for partition in listed if not partition.gpus]
    with_gpus = [partition.name for partition in listed if partition.gpus]
    for_cpu = listed[0].name
    if without_gpus:
        for_cpu = without_gpus[0]
    for_training = for_cpu
    state = "note"
    if with_gpus:
        for_training = with_gpus[0]
        state = "ok"
    else:
        message += "; none has GPUs that Slurm knows of: keep device: cpu"
    longest = minutes_of(next(part.limit for part in listed if part.name == for_training))
    if longest is not None:
        message += f"; longer trainings: proxy and final: {{max_minutes: {longest}}}"
    wanted = {}
    for rule in ON_DEVICES:
        wanted[rule] = {"slurm_partition": _of_device(rule, for_training, for_cpu)}
    settings = {
        "default-resources": {"slurm_partition": for_cpu},
        "set-resources": wanted,
    }
    return Finding("Slurm partitions", state, message, profile=profile, settings=settings)


def _of_device(rule: str, with_gpus: str, without: str) -> str:
    """The partition of a rule, as a profile says it: by the device of the study."""
    if with_gpus == without:
        return without
    part = "FINAL" if rule in OF_FINALS else "PROXY"
    return f"'{with_gpus}' if '$MIXWRIGHT_{part}_DEVICE' == 'cuda' else '{without}'"


def _accounting(ask: Ask) -> Finding:
    """Which of the two profiles fits."""
    answer = ask(*HISTORY)
    if answer is not None and DISABLED not in answer and "error" not in answer:
        message = "sacct answers: take --profile slurm"
        return Finding("Slurm accounting", "ok", message, profile="slurm")
    message = "off, so that states of jobs come from squeue: take --profile slurm-nodb"
    settings: dict[str, str | int] = {"slurm-status-command": "squeue"}
    match = re.search(r"MinJobAge\s*=\s*(\d+)", ask("scontrol", "show", "config") or "")
    safe = 3 * POLL_SECONDS
    if match and int(match[1]) < safe:
        age = int(match[1])
        message += (
            f". A job is forgotten {age} s after its end (MinJobAge); {safe} s would be safer"
        )
        settings["slurm-init-seconds-before-status-checks"] = age // 3
    return Finding("Slurm accounting", "note", message, profile="slurm-nodb", settings=settings)


def _accounts(ask: Ask, profile: str) -> Iterator[Finding]:
    """The user's accounts; of several, one has to be named."""
    answer = ask(*ACCOUNTS, "where", f"user={getuser()}") or ""
    lines = [line for line in answer.splitlines() if line.count("|") == 1]
    accounts = sorted({line.split("|")[0] for line in lines})
    if len(accounts) > 1:
        message = f"{', '.join(accounts)}; name the one to charge"
        settings = {"default-resources": {"slurm_account": f"'{accounts[0]}'"}}
        yield Finding("Slurm accounts", "note", message, profile=profile, settings=settings)


def _linked(folder: Path, profile: str) -> Finding:
    """Whether Snakemake finds the profile by its name, from any folder."""
    command = f"snakemake --profile {profile}"
    if (folder / profile).exists():
        return Finding("profile", "ok", f"{command} reads {folder / profile}")
    message = f"{command} finds none yet: run `mixwright link-profiles` once"
    return Finding("profile", "note", message)
