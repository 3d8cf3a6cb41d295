"""A study that Snakemake drives through the throw-away Slurm.

It is driven as a user would drive it: `snakemake --profile slurm` after the linking command.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from slurm import Slurm

HOUSE = Path(__file__).parents[2]
ASKING = Path(__file__).with_name("asking.py")
RETRIES = yaml.safe_load((HOUSE / "profiles" / "slurm" / "config.yaml").read_text())["retries"]

# What a site changes. The devices are pretended here: jobs ask for them but train on the CPU.
SITE = [
    "--set-resources",
    "calibrate:slurm_partition=gpu",
    "train_proxies:slurm_partition=gpu",
    "train_proxies:gpu=1",
    "train_finals:slurm_partition=gpu",
]
CORPUS = (
    "installed",
    "questions",
    "documents",
    "tokenizer",
    "tokens",
    "shards",
    "targets",
    "domains.parquet",
    "scored.json",
    "texts.json",
)
QUICK = [
    "--slurm-init-seconds-before-status-checks",
    "1",
    "--latency-wait",
    "20",
    "--slurm-keep-successful-logs",
    "--quiet",
    "rules",
]


@dataclass(frozen=True)
class Interval:
    """A task on a device of a node, seconds since 1970."""

    job: str
    device: tuple[str, str]
    began: float
    ended: float


@dataclass(frozen=True)
class Driven:
    """A working folder, the cluster that its jobs run on (none: this machine), and the study."""

    folder: Path
    slurm: Slurm | None
    study: Mapping[str, Any]
    drivers: list[subprocess.Popen[bytes]] = field(default_factory=list)  # all that were started

    @property
    def results(self) -> Path:
        return self.folder / "results" / self.study["study"]

    @property
    def store(self) -> Path:
        return self.folder / "results" / "store"

    @property
    def environment(self) -> dict[str, str]:
        threads = {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(HOUSE / "workflow"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
        }
        return (self.slurm.environment if self.slurm else dict(os.environ)) | threads

    def prepare(self) -> None:
        """Writes the study, and links the profiles where `--profile slurm` finds them."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "study.yaml").write_text(yaml.safe_dump(dict(self.study)))
        linked = [
            sys.executable,
            "-m",
            "mixwright",
            "link-profiles",
            "--to",
            str(self.folder / "config" / "snakemake"),
        ]
        subprocess.run(linked, env=self.environment, check=True, capture_output=True)

    def take(self, other: "Driven", *names: str) -> None:
        """Copies results of another study, those of its corpus by default."""
        self.results.mkdir(parents=True)
        for name in names or CORPUS:
            copy = shutil.copytree if (other.results / name).is_dir() else shutil.copy2
            copy(other.results / name, self.results / name)

    def command(self, *arguments: str) -> list[str]:
        study = ["--directory", str(self.folder), "--configfile", str(self.folder / "study.yaml")]
        return [*arguments, "--snakefile", str(HOUSE / "Snakefile"), *study]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A driver in the background; what it says goes to driver.log."""
        where = ["--profile", "slurm", *SITE, *QUICK] if self.slurm else ["--cores", "2"]
        with (self.folder / "driver.log").open("ab") as log:
            command = [sys.executable, str(ASKING), *self.command(*arguments, *where)]
            driver = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.drivers.append(driver)
        return driver

    def end(self) -> None:
        """Kills the drivers that are left; the jobs that they have submitted go on."""
        for driver in self.drivers:
            if driver.poll() is None:
                os.killpg(driver.pid, signal.SIGKILL)
                driver.wait()

    def snakemake(self, *arguments: str) -> None:
        """Runs Snakemake to its end, which must be a good one."""
        command = [sys.executable, "-m", "snakemake", *self.command(*arguments)]
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]

    def said(self) -> str:
        return (self.folder / "driver.log").read_text()

    def attempts(self, rule: str) -> dict[str, list[str]]:
        """Returns what each of the rule's Slurm jobs wrote, by wildcards (or an empty text).

        The texts are in the order of the job ids.
        """
        found: dict[str, list[tuple[int, str]]] = {}
        folder = self.folder / ".snakemake" / "slurm_logs" / f"rule_{rule}"
        for path in folder.rglob("*.log"):
            found.setdefault(str(path.parent.relative_to(folder)), []).append(
                (int(path.stem), path.read_text(errors="replace"))
            )
        return {wildcards: [text for _, text in sorted(jobs)] for wildcards, jobs in found.items()}

    def jobs(self, rule: str, state: str = "RUNNING") -> dict[str, str]:
        """Wildcards -> id of the rule's Slurm jobs in this state."""
        found = re.findall(
            rf"^(\d+) {state} rule_{rule}(?:_wildcards_)?(.*)$",
            self.slurm.ask("squeue", "-h", "-o", "%i %T %k"),
            re.MULTILINE,
        )
        return {wildcards: job for job, wildcards in found}

    def stored(self) -> dict[str, int]:
        """Every trained member and when it was stored."""
        return {path.name: path.stat().st_mtime_ns for path in self.store.glob("*/*.parquet")}


@dataclass(frozen=True)
class Disturbed:
    """What was done to a study on its way, and how its second driver ended."""

    run: Driven
    status: int
    cancelled: str  # wildcards of the pack whose job was cancelled
    beaten: str  # of the pack whose training process was killed
    late: str  # of the pack whose job came to the end of its time
    late_job: str  # that job
    orphans: Mapping[
        str, str
    ]  # wildcards -> job of the packs that trained when the first driver was killed
    before: Mapping[str, int]  # what was stored then


def processes(job: str, *words: str) -> Iterator[int]:
    """The processes of a Slurm job whose command line holds these words."""
    mark = f"SLURM_JOB_ID={job}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables, line = (
                (folder / "environ").read_bytes(),
                (folder / "cmdline").read_bytes().decode(errors="replace").split("\0"),
            )
        except OSError:  # ended in the meantime
            continue
        if mark in variables.split(b"\0") and set(words) <= set(line):
            yield int(folder.name)


def send(what: signal.Signals, job: str) -> bool:
    """Sends a signal to the training process of a pack's job; whether there is one."""
    pids = [*processes(job, "train-proxies")]
    for pid in pids:
        os.kill(pid, what)
    return bool(pids)


def pending(what: signal.Signals, job: str) -> bool:
    """Whether a signal waits for the training process of a pack's job, which is stopped."""
    for pid in processes(job, "train-proxies"):
        status = Path(f"/proc/{pid}/status").read_text()
        for mask in re.findall(r"^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$", status, re.MULTILINE):
            if int(mask, 16) & 1 << (what - 1):
                return True
    return False


def intervals(slurm: Slurm) -> list[Interval]:
    """When tasks of steps, not of batch scripts, held a device."""
    began: dict[tuple[str, str, str], tuple[str, float]] = {}
    found = []
    for line in (slurm.folder / "tasks").read_text().splitlines():
        job, step, node, devices, event, at = line.split()
        if devices == "none" or step == "batch":
            continue
        if event == "prolog":
            began[job, step, node] = (devices, float(at))
        elif (job, step, node) in began:
            shown, since = began.pop((job, step, node))
            found += [
                Interval(job, (node, device), since, float(at)) for device in shown.split(",")
            ]
    return found
