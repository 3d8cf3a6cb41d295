"""Kills the training processes of a small swarm at random moments (kill -9).

The results are compared with those of the same swarm undisturbed.

python benchmarks/kills.py [--kills 100] [--seed 0] [--snakemake]

A process lives for a uniformly random number of CPU-seconds: so a busy machine changes nothing. The
next process takes the pack up again. Each is `mixwright train-proxies`, in a fork of a process that
has imported torch already. With --snakemake it is started by Snakemake, which tries again, and most
of its life is that import.

The report lists the kills, what was trained twice, and whether any number differs: losses, realised
counts, log-likelihoods and every file of the store, bit for bit.
"""

import argparse
import math
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import yaml
from rich.console import Console
from rich.table import Table

HOUSE = Path(__file__).parents[1]
LIFE = 1.2  # CPU-seconds of a forked process at most
LIFE_FROM_START = 4.5  # of one that Snakemake starts: importing torch takes more than half of it
INTERVAL = 0.5  # seconds between checkpoints
ROLES = ("swarm", "vertex", "repeat")
WANTED = [
    f"results/kills/{table}/{role}.parquet" for table in ("losses", "realised") for role in ROLES
]
WANTED.append("results/kills/loglikelihoods/vertex.parquet")
RECORDER = r'''
import importlib.util, os, sys
class Recorder:
    """Notes every step of every member that this process takes."""
    def find_spec(self, name, path=None, target=None):
        if name != "mixwright.proxies.wave":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        plain = spec.loader.exec_module
        def execute(module):
            plain(module)
            advance = module.Wave.advance
            record = os.open(os.environ["RECORD"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            def noted(self):
                advance(self)
                process = os.getpid()
                lines = [f"{process} {member.key} {self.step}\n" for member in self.members]
                os.write(record, "".join(lines).encode())
            module.Wave.advance = noted
        spec.loader.exec_module = execute
        return spec
if os.environ.get("RECORD"):
    sys.meta_path.insert(0, Recorder())
'''


def study() -> dict:
    """The smoke study with a longer, slightly larger swarm and no final."""
    smoke = yaml.safe_load((HOUSE / "config" / "studies" / "smoke.yaml").read_text())
    proxy = smoke["proxy"] | {
        "tokens": 163_840,
        "checkpoint_seconds": INTERVAL,
        "per_job": 6,
        "wave": 3,
    }
    designs = {"swarm": {"runs": 30}, "repeat": {"runs": 3}}
    return smoke | {
        "study": "kills",
        "proxy": proxy,
        "designs": designs,
        "mixers": {"effective-data": {}, "mixmin": {}},
    }


def snakemake(folder: Path, *words: str) -> subprocess.Popen:
    """A run in `folder` with two cores, in a process group of its own."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(HOUSE / "Snakefile"),
        "--directory",
        str(folder),
        "--cores",
        "2",
    ]
    paths = {
        "PYTHONPATH": str(folder / "recorder"),
        "RECORD": str(folder / "record"),
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*command, *words, "--configfile", str(folder / "study.yaml")],
            env=os.environ | paths,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def training(parent: int) -> Iterator[int]:
    """Training processes among the descendants of `parent`."""
    children = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            children[int(path.read_text().rsplit(")", 1)[1].split()[1])].append(
                int(path.parent.name)
            )
        except OSError:
            continue  # gone meanwhile
    processes = [parent]
    for process in processes:
        processes += children[process]
        try:
            if Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[1:4] == [
                b"-m",
                b"mixwright",
                b"train-proxies",
            ]:
                yield process
        except OSError:
            continue


def cpu_seconds(process: int) -> float:
    """Of a process so far; none where it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kill_forks(folder: Path, kills: int, rng: random.Random) -> int:
    """Trains the packs one after the other in forks of this process, and kills some of them.

    Returns the number of kills, `kills` at most.
    """
    import mixwright.proxies.pack  # noqa: F401  what takes long to import

    whole(snakemake(folder, "-n", "-p", *WANTED), folder)
    killed = 0
    log = (folder / "log").read_text()
    commands = set(re.findall(r"python -m mixwright (train-proxies .*) 2>&1", log))
    for command in sorted(commands):
        status = int(signal.SIGKILL)
        while status == signal.SIGKILL:
            life = rng.uniform(0, LIFE) if killed < kills else math.inf
            child = os.fork()
            if child == 0:
                train(folder, shlex.split(command))
            status = outlived(child, life)
            killed += status == signal.SIGKILL
        if status:
            sys.exit((folder / "log").read_text()[-3000:])
    whole(snakemake(folder, *WANTED), folder)
    return killed


def train(folder: Path, words: list[str]) -> None:
    """Runs the subcommand in a fork.

    Every step of every member is recorded. All output goes to a file.
    """
    from mixwright.__main__ import main
    from mixwright.proxies.wave import Wave

    os.chdir(folder)
    os.dup2(os.open("log", os.O_APPEND | os.O_WRONLY), 2)
    advance, record = Wave.advance, os.open("record", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def noted(self: Wave) -> None:
        advance(self)
        os.write(
            record,
            "".join(
                f"{os.getpid()} {member.key} {self.step}\n" for member in self.members
            ).encode(),
        )

    Wave.advance = noted  # type: ignore[method-assign]
    os._exit(main(words))


def outlived(child: int, life: float) -> int:
    """How a process ended that is killed once it has used its CPU-seconds."""
    while True:
        gone, status = os.waitpid(child, os.WNOHANG)
        if gone:
            return status
        if cpu_seconds(child) > life:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)


def kill_at_random(run: subprocess.Popen, folder: Path, kills: int, rng: random.Random) -> int:
    """Kills training processes of `run` until there were `kills` kills, then waits for its end.

    Returns the number of kills.
    """
    lives: dict[int, float] = {}
    killed: list[int] = []
    while run.poll() is None:
        for process in training(run.pid):
            life = lives.setdefault(process, rng.uniform(0, LIFE_FROM_START))
            if process not in killed and len(killed) < kills and cpu_seconds(process) > life:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
        time.sleep(0.02)
    whole(run, folder)
    return len(killed)


def whole(run: subprocess.Popen, folder: Path) -> None:
    """Waits for the end of a run."""
    if run.wait() != 0:
        sys.exit((folder / "log").read_text()[-3000:])


def repeats(folder: Path) -> tuple[int, int, int, int]:
    """Counts what was trained twice.

    Returns the member-steps taken, those taken twice, the most that one kill cost, and the number
    of processes that trained at all.
    """
    reached, costs = Counter[str](), Counter[str]()
    pairs: set[tuple[str, str]] = set()
    taken = 0
    for line in (folder / "record").read_text().splitlines():
        process, key, step = line.split()
        if (process, key) not in pairs:
            pairs.add((process, key))
            costs[process] += max(0, reached[key] - int(step) + 1)
        reached[key] = int(step)
        taken += 1
    processes = {process for process, _ in pairs}
    return taken, sum(costs.values()), max(costs.values()), len(processes)


def differences(one: Path, other: Path) -> list[str]:
    """Returns the paths of tables and stored results that differ between two folders.

    They differ in some bit, or stand in one folder alone. Files that are left half-written are
    listed too.
    """
    stored = [
        {path.relative_to(folder) for path in (folder / "results/store").rglob("*.parquet")}
        for folder in (one, other)
    ]
    odd = [str(path) for path in stored[0] ^ stored[1]]
    same = [*map(Path, WANTED), *(stored[0] & stored[1])]
    odd += [
        str(path)
        for path in same
        if not pq.read_table(one / path).equals(pq.read_table(other / path))
    ]
    left = [path for path in (other / "results").rglob("*") if path.suffix in (".partial", ".pt")]
    return sorted(odd) + sorted(map(str, left))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--snakemake", action="store_true", help="Snakemake starts the processes and tries again"
    )
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path.insert(0, str(HOUSE / "workflow"))
    with tempfile.TemporaryDirectory() as place:
        calm, wild = Path(place) / "calm", Path(place) / "wild"
        (calm / "recorder").mkdir(parents=True)
        (calm / "recorder" / "sitecustomize.py").write_text(RECORDER)
        (calm / "study.yaml").write_text(yaml.safe_dump(study()))
        whole(snakemake(calm, *WANTED, "--omit-from", "train_proxies"), calm)
        shutil.copytree(calm, wild, symlinks=True)
        whole(snakemake(calm, *WANTED), calm)
        rng = random.Random(options.seed)
        if options.snakemake:
            killed = kill_at_random(
                snakemake(wild, "--retries", "1000", *WANTED), wild, options.kills, rng
            )
        else:
            killed = kill_forks(wild, options.kills, rng)
        odd = tell(calm, wild, killed, options)
    sys.exit(bool(odd) or killed < options.kills)


def tell(calm: Path, wild: Path, killed: int, options: argparse.Namespace) -> list[str]:
    """Prints what it came to; what differs."""
    needed, odd = repeats(calm)[0], differences(calm, wild)
    taken, again, most, trained = repeats(wild)
    table = Table(
        title=f"{killed} kills -9{' through Snakemake' * options.snakemake}, seed {options.seed}",
        box=None,
    )
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in {
        "members": len(list((calm / "results/store").rglob("*.parquet"))),
        "member-steps needed": needed,
        "member-steps taken": taken,
        "taken twice": f"{again} ({again / needed:.1%})",
        "most that one kill cost": most,
        "processes that had begun to train": trained,
        "numbers that differ, files lost or left over": len(odd),
        "CPU-s of both runs": f"{sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]):.0f}",
    }.items():
        table.add_row(name, str(value))
    Console(highlight=False).print(table)
    for line in odd:
        print(line)
    return odd


if __name__ == "__main__":
    main()
