"""How a study's training stands, across all its jobs, while they run.

It is read from the files that the jobs write, and from the packs that are done.
"""

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.files import is_running, machine_name
from mixwright.jobs.heartbeat import EVERY, path_of
from mixwright.study.study import Study

# seconds without a beat after which a job is gone, or its disk is
SILENT = 8 * EVERY


@dataclass(frozen=True)
class Job:
    """One pack: how many of its runs are done, and who works on the others."""

    pack: str
    role: str
    # waiting, running or finished; with runs left undone: stopped, failed, killed or silent
    state: str
    runs: int
    tokens: int  # training tokens of all its runs
    done: int = 0  # runs
    diverged: tuple[str, ...] = ()  # names of runs
    speed: float | None = None  # tokens/s, as last measured
    seconds_left: float | None = None  # of a running job
    host: str = ""
    error: str = ""

    @property
    def left(self) -> float:
        """Training tokens to go; where nothing was measured, in proportion to the runs."""
        if self.state == "running" and self.seconds_left is not None and self.speed is not None:
            return self.seconds_left * self.speed
        return self.tokens * (self.runs - self.done) / self.runs


@dataclass(frozen=True)
class Swarm:
    """The jobs of one kind, proxies or finals."""

    kind: str
    jobs: tuple[Job, ...]

    def having(self, *states: str) -> list[Job]:
        """Returns the jobs in one of these states."""
        return [job for job in self.jobs if job.state in states]

    @property
    def speed(self) -> float | None:
        """Tokens/s of all running jobs; None where it is unknown.

        A job that has measured nothing yet counts as the mean of those that have.
        """
        running = self.having("running")
        measured = [job.speed for job in running if job.speed]
        usual = measured or [job.speed for job in self.having("finished") if job.speed]
        if not running or not usual:
            return None
        unmeasured = len(running) - len(measured)
        return sum(measured) + unmeasured * sum(usual) / len(usual)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all runs are done, if as many jobs run as now.

        None where nothing runs or nothing was measured.
        """
        if self.speed is None:
            return None
        slowest = max(job.seconds_left or 0.0 for job in self.having("running"))
        left = sum(job.left for job in self.jobs if job.state != "finished")
        return max(slowest, left / self.speed)


def swarms(study: Study, results: Path, pending: Collection[str] = ()) -> list[Swarm]:
    """Returns the proxies and the finals of a study; no finals where it ends at its proposals.

    Args:
        study: the study.
        results: the folder of its results.
        pending: files there that are about to be made again, relative to `results`.

    Raises:
        MixwrightError: the study trains nothing, or another version of mixwright wrote it.
    """
    if study.measured:
        raise MixwrightError(
            f"{results}: nothing is trained in a study of measured losses; "
            "there is no progress to show"
        )
    try:
        proxies, finals = _proxies(study), _finals(study)
    except KeyError as error:
        raise MixwrightError(
            f"{results}/study.json: another version's, without {error}; "
            "start snakemake, which writes it anew"
        ) from None
    swarms = [Swarm("proxies", _progress(proxies, results, "packs", pending))]
    if not study.ends_at_proposals:
        swarms.append(Swarm("finals", _progress(finals, results, "finals", pending)))
    return swarms


def _proxies(study: Study) -> list[Job]:
    """The packs of runs, before anything is known of them."""
    jobs = []
    for pack, runs in study.packs.items():
        tokens = sum(run.tokens for run in runs)
        jobs.append(Job(pack, runs[0].role, "waiting", len(runs), tokens))
    return jobs


def _finals(study: Study) -> list[Job]:
    """The packs of finals, before anything is known of them."""
    jobs = []
    for pack, arms in study.final_packs.items():
        tokens = len(arms) * study.final_tokens
        jobs.append(Job(pack, "final", "waiting", len(arms), tokens))
    return jobs


def _progress(
    waiting: Sequence[Job], results: Path, folder: str, pending: Collection[str]
) -> tuple[Job, ...]:
    """The jobs as they stand; `folder` has a table for each that is finished."""
    # two folders are listed, in place of looking for every pack: there may be thousands
    finished = {path.stem for path in (results / folder).glob("*.parquet")}
    finished -= {Path(path).stem for path in pending if path.startswith(f"{folder}/")}
    with_pulse = {path.stem for path in path_of(results, "any").parent.glob("*.json")}
    now = time.time()
    host = machine_name()
    jobs = []
    for job in waiting:
        pulse = _read(path_of(results, job.pack)) if job.pack in with_pulse else {}
        if job.pack in finished:
            jobs.append(_finished(job, pulse))
        elif pulse.get("state", "finished") == "finished":
            # never begun, or its result was removed
            jobs.append(job)
        else:
            jobs.append(_begun(job, pulse, now, host))
    return tuple(jobs)


def _finished(job: Job, pulse: Mapping[str, Any]) -> Job:
    """A job whose table is there, whatever its pulse says."""
    return replace(
        job,
        state="finished",
        done=job.runs,
        diverged=tuple(pulse.get("diverged", ())),
        speed=pulse.get("speed"),
        host=pulse.get("host") or "",
        error=pulse.get("error") or "",
    )


def _begun(job: Job, pulse: Mapping[str, Any], now: float, host: str) -> Job:
    """A job that has begun and is not done; `now` is in seconds since 1970."""
    state = _state(pulse, now, host)
    seconds_left = pulse["seconds_left"]
    if state != "running":
        seconds_left = None
    elif seconds_left is not None:
        seconds_left = max(0.0, seconds_left - (now - pulse["told"]))
    return replace(
        job,
        state=state,
        done=min(int(pulse["done"]), job.runs),
        diverged=tuple(pulse["diverged"]),
        speed=pulse["speed"],
        seconds_left=seconds_left,
        host=pulse.get("host") or "",
        error=pulse.get("error") or "",
    )


def _state(pulse: Mapping[str, Any], now: float, host: str) -> str:
    """A job that says it runs is believed while its process is there and beats.

    A thread of its own beats, however slow a training step is.
    """
    if pulse["state"] != "running":
        return str(pulse["state"])
    if pulse["host"] == host and not is_running(pulse["pid"]):
        return "killed"
    return "running" if now - pulse["updated"] < SILENT else "silent"


def _read(path: Path) -> dict[str, Any]:
    """A job's file; nothing where it cannot be read."""
    try:
        pulse: dict[str, Any] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return {}
    return pulse


def find_study(studies: Sequence[Path]) -> Path:
    """Returns the only study of several paths.

    Raises:
        MixwrightError: there is none, or more than one.
    """
    if not studies:
        raise MixwrightError(
            "status: no study stands under results; "
            "start one with snakemake, or give --study FOLDER/study.json"
        )
    if len(studies) > 1:
        names = ", ".join(sorted(path.parent.name for path in studies))
        raise MixwrightError(
            f"status: several studies stand under results: {names}; "
            "give --study results/NAME/study.json"
        )
    return studies[0]


def counts(jobs: Iterable[Job]) -> Counter[str]:
    """Returns how many runs there are, how many are done or diverged, and where the rest stand."""
    total: Counter[str] = Counter()
    for job in jobs:
        state = job.state
        if state not in ("running", "waiting", "finished"):
            state = "stopped"
        total += Counter(runs=job.runs, done=job.done, diverged=len(job.diverged))
        total[state] += job.runs - job.done
    return total
