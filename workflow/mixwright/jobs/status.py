"""How a study's training stands, across all its jobs, while they run: read from their pulses and from the packs that are there."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.files import is_running, machine_name
from mixwright.jobs.heartbeat import EVERY, path_of
from mixwright.study.study import Study

SILENT = 8 * EVERY  # without a beat for so long, a job is gone or its disk is


@dataclass(frozen=True)
class Job:
    """One pack: how many of its runs are done, and who works on the others."""

    pack: str
    role: str
    state: str  # waiting, running or finished; stopped, failed, killed or silent, with the other runs left undone
    runs: int
    tokens: int  # training tokens of all its runs
    done: int = 0
    diverged: tuple[str, ...] = ()
    speed: float | None = None  # tokens/s as last measured
    seconds_left: float | None = None
    host: str = ""
    error: str = ""

    @property
    def left(self) -> float:
        """Training tokens to go; where it is not told, in proportion to the runs."""
        if self.state == "running" and self.seconds_left is not None and self.speed is not None:
            return self.seconds_left * self.speed
        return self.tokens * (self.runs - self.done) / self.runs


@dataclass(frozen=True)
class Swarm:
    """The jobs of one kind, proxies or finals."""

    kind: str
    jobs: tuple[Job, ...]

    def having(self, *states: str) -> list[Job]:
        return [job for job in self.jobs if job.state in states]

    @property
    def speed(self) -> float | None:
        """Tokens/s of the running jobs together; one that has measured nothing yet counts as the mean of those that have. None: unknown."""
        running, measured = (
            self.having("running"),
            [job.speed for job in self.having("running") if job.speed],
        )
        usual = measured or [job.speed for job in self.having("finished") if job.speed]
        return (
            sum(measured) + (len(running) - len(measured)) * sum(usual) / len(usual)
            if running and usual
            else None
        )

    @property
    def seconds_left(self) -> float | None:
        """Until all runs are done, if as many jobs run as now; None where nothing runs or nothing was measured."""
        if self.speed is None:
            return None
        longest = max(job.seconds_left or 0.0 for job in self.having("running"))
        return max(
            longest, sum(job.left for job in self.jobs if job.state != "finished") / self.speed
        )


def swarms(study: Study, results: Path) -> list[Swarm]:
    """The proxies and the finals of a study whose results stand in this folder."""
    if study.measured:
        raise MixwrightError(
            f"{results}: nothing is trained in a study of measured losses; there is no progress to show"
        )
    try:
        proxies = {
            pack: (runs[0].role, len(runs), sum(run.tokens for run in runs))
            for pack, runs in study.packs.items()
        }
        finals = {
            pack: ("final", len(arms), len(arms) * study.final_tokens)
            for pack, arms in study.final_packs.items()
        }
    except KeyError as error:
        raise MixwrightError(
            f"{results}/study.json: another version's, without {error}; start snakemake, which writes it anew"
        ) from None
    return [
        Swarm("proxies", _jobs(proxies, results, "packs")),
        Swarm("finals", _jobs(finals, results, "finals")),
    ]


def _jobs(packs: Mapping[str, tuple[str, int, int]], results: Path, folder: str) -> tuple[Job, ...]:
    finished = {path.stem for path in (results / folder).glob("*.parquet")}
    told = {path.stem for path in path_of(results, "x").parent.glob("*.json")}
    now, host = time.time(), machine_name()
    pulses = {pack: _read(path_of(results, pack)) if pack in told else {} for pack in packs}
    return tuple(
        _job(pack, *facts, pulses[pack], pack in finished, now, host)
        for pack, facts in packs.items()
    )


def _job(
    pack: str,
    role: str,
    runs: int,
    tokens: int,
    pulse: Mapping[str, Any],
    finished: bool,
    now: float,
    host: str,
) -> Job:
    if (
        not finished and pulse.get("state", "finished") == "finished"
    ):  # never begun, or its result was removed
        return Job(pack, role, "waiting", runs, tokens)
    known: dict[str, Any] = {name: pulse.get(name) or "" for name in ("host", "error")}
    if finished:
        return Job(
            pack,
            role,
            "finished",
            runs,
            tokens,
            runs,
            tuple(pulse.get("diverged", ())),
            pulse.get("speed"),
            **known,
        )
    done, lost = min(int(pulse["done"]), runs), tuple(pulse["diverged"])
    state, left = _state(pulse, now, host), pulse["seconds_left"]
    since = None if left is None else max(0.0, left - (now - pulse["told"]))
    return Job(
        pack,
        role,
        state,
        runs,
        tokens,
        done,
        lost,
        pulse["speed"],
        since if state == "running" else None,
        **known,
    )


def _state(pulse: Mapping[str, Any], now: float, host: str) -> str:
    """A job that says it runs is believed while its process is there and beats: a thread of its own does, however slow a step is."""
    if pulse["state"] != "running":
        return str(pulse["state"])
    if pulse["host"] == host and not is_running(pulse["pid"]):
        return "killed"
    return "running" if now - pulse["updated"] < SILENT else "silent"


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return {}
    return found


def find_study(studies: Sequence[Path]) -> Path:
    """The study that stands there, when it is the only one."""
    if not studies:
        raise MixwrightError(
            "status: no study stands under results; start one with snakemake, or give --study FOLDER/study.json"
        )
    if len(studies) > 1:
        names = ", ".join(sorted(path.parent.name for path in studies))
        raise MixwrightError(
            f"status: several studies stand under results: {names}; give --study results/NAME/study.json"
        )
    return studies[0]


def counts(jobs: Iterable[Job]) -> Counter[str]:
    """Runs by how they stand."""
    found: Counter[str] = Counter()
    for job in jobs:
        found += Counter(runs=job.runs, done=job.done, diverged=len(job.diverged))
        found[job.state if job.state in ("running", "waiting", "finished") else "stopped"] += (
            job.runs - job.done
        )
    return found
