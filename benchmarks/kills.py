"""A small swarm run through Snakemake while its training processes are killed -9 at random moments, against the same swarm undisturbed.

python benchmarks/kills.py [--kills 100] [--seed 0]

A process lives for a uniformly random number of CPU-seconds, so that a busy machine changes nothing. Told are the kills, what was
trained twice, and whether any number differs: losses, realised counts, log-likelihoods and every file of the store, bit for bit.
"""

import argparse
import os
import random
import resource
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
LIFE = 4.5  # CPU-seconds of a process at most; importing torch takes half of it
INTERVAL = 0.5  # seconds between checkpoints
ROLES = ("swarm", "vertex", "repeat")
WANTED = [f"results/kills/{table}/{role}.parquet" for table in ("losses", "realised") for role in ROLES]
WANTED.append("results/kills/loglikelihoods/vertex.parquet")
RECORDER = r'''
import importlib.util, os, sys
class Recorder:
    """Notes every step of every member that this process takes."""
    def find_spec(self, name, path=None, target=None):
        if name != "mixwright.learners.wave":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        plain = spec.loader.exec_module
        def execute(module):
            plain(module)
            advance, record = module.Wave.advance, os.open(os.environ["RECORD"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            def noted(self):
                advance(self)
                os.write(record, "".join(f"{os.getpid()} {member.key} {self.step}\n" for member in self.members).encode())
            module.Wave.advance = noted
        spec.loader.exec_module = execute
        return spec
if os.environ.get("RECORD"):
    sys.meta_path.insert(0, Recorder())
'''


def study() -> dict:
    """The smoke study with a longer, slightly larger swarm and no final."""
    smoke = yaml.safe_load((HOUSE / "config" / "studies" / "smoke.yaml").read_text())
    proxy = smoke["proxy"] | {"tokens": 163_840, "checkpoint_seconds": INTERVAL, "per_job": 6, "wave": 3}
    designs = {"swarm": {"runs": 30}, "repeat": {"runs": 3}}
    return smoke | {"study": "kills", "proxy": proxy, "designs": designs, "mixers": {"effective-data": {}, "mixmin": {}}}


def snakemake(folder: Path, *words: str) -> subprocess.Popen:
    """A run in `folder` with two cores, in a process group of its own."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOUSE / "Snakefile"), "--directory", str(folder), "--cores", "2"]
    paths = {"PYTHONPATH": str(folder / "recorder"), "RECORD": str(folder / "record"), "OMP_NUM_THREADS": "1"}
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(
            [*command, *words, "--configfile", str(folder / "study.yaml")], env=os.environ | paths, stdout=said, stderr=subprocess.STDOUT
        )


def training(parent: int) -> Iterator[int]:
    """Training processes among the descendants of `parent`."""
    children = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            children[int(path.read_text().rsplit(")", 1)[1].split()[1])].append(int(path.parent.name))
        except OSError:
            continue  # gone meanwhile
    found = [parent]
    for process in found:
        found += children[process]
        try:
            if Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[1:4] == [b"-m", b"mixwright", b"train-proxies"]:
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


def kill_at_random(run: subprocess.Popen, kills: int, rng: random.Random) -> list[int]:
    """Kills training processes of `run` until there were so many kills, then waits for its end; the processes that were killed."""
    lives: dict[int, float] = {}
    killed: list[int] = []
    while run.poll() is None:
        for process in training(run.pid) if len(killed) < kills else ():
            if process not in killed and cpu_seconds(process) > lives.setdefault(process, rng.uniform(0, LIFE)) and len(killed) < kills:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
        time.sleep(0.02)
    return killed


def whole(run: subprocess.Popen, folder: Path) -> None:
    """Waits for the end of a run."""
    if run.wait() != 0:
        sys.exit((folder / "said").read_text()[-3000:])


def repeats(folder: Path) -> tuple[int, int, int, int]:
    """Member-steps taken, those taken twice, the most that one kill cost, and processes that trained at all."""
    reached, costs, seen, taken = Counter[str](), Counter[str](), set[tuple[str, str]](), 0
    for line in (folder / "record").read_text().splitlines():
        process, key, step = line.split()
        if (process, key) not in seen:
            seen.add((process, key))
            costs[process] += max(0, reached[key] - int(step) + 1)
        reached[key] = int(step)
        taken += 1
    return taken, sum(costs.values()), max(costs.values()), len({process for process, _ in seen})


def differences(one: Path, other: Path) -> list[str]:
    """Tables and stored results that are not the same to the last bit, or stand in one folder alone, and what is left half-written."""
    stored = [{path.relative_to(folder) for path in (folder / "results/store").rglob("*.parquet")} for folder in (one, other)]
    odd = [str(path) for path in stored[0] ^ stored[1]]
    same = [*map(Path, WANTED), *(stored[0] & stored[1])]
    odd += [str(path) for path in same if not pq.read_table(one / path).equals(pq.read_table(other / path))]
    left = [path for path in (other / "results").rglob("*") if path.suffix in (".partial", ".pt")]
    return sorted(odd) + sorted(map(str, left))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--kills", type=int, default=100)
    asked.add_argument("--seed", type=int, default=0)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as place:
        calm, wild = Path(place) / "calm", Path(place) / "wild"
        (calm / "recorder").mkdir(parents=True)
        (calm / "recorder" / "sitecustomize.py").write_text(RECORDER)
        (calm / "study.yaml").write_text(yaml.safe_dump(study()))
        whole(snakemake(calm, "results/kills/domains.parquet", *(f"results/kills/targets/{name}.npz" for name in study()["targets"])), calm)
        shutil.copytree(calm, wild, symlinks=True)
        whole(snakemake(calm, *WANTED), calm)
        run = snakemake(wild, "--retries", "1000", *WANTED)
        killed = kill_at_random(run, options.kills, random.Random(options.seed))
        whole(run, wild)
        needed = repeats(calm)[0]
        taken, again, most, trained = repeats(wild)
        odd = differences(calm, wild)
        runs = len(list((calm / "results/store").rglob("*.parquet")))
    table = Table(
        title=f"{len(killed)} kills -9, seed {options.seed}, a life of up to {LIFE:g} CPU-s, a checkpoint every {INTERVAL:g} s", box=None
    )
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in {
        "members": runs,
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
    sys.exit(bool(odd) or len(killed) < options.kills)


if __name__ == "__main__":
    main()
