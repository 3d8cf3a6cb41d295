"""How memory and time grow from try to try, and how a training goes on beyond one job's time.

A training job at its time limit is warned by SIGTERM, keeps a checkpoint and fails. Its next try
goes on from there. So a job may ask for less than it needs, `max_minutes`, and end in several.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixwright.errors import counted
from mixwright.jobs.launch import GRACE
from mixwright.jobs.resources import (
    START_MINUTES,
    final_minutes,
    members_of,
    memory_mb,
    proxy_minutes,
    vocabulary_of,
)
from mixwright.mixture import Run
from mixwright.proxies.footprint import parameters
from mixwright.study.final_trainer import PACKED_TRAINER
from mixwright.study.study import Study

# Most schedulers grant no job more.
LONG_MINUTES = 24 * 60
# what the profiles of clusters grant a job that fails, beside its first try
RETRIES = 2
# A checkpoint is weights and two moments, on a slow disk.
CHECKPOINT_BYTES = 12
DISK_RATE = 200e6  # bytes a second


@dataclass(frozen=True)
class Request:
    """What a training job asks for, by its number of the try.

    Args:
        minutes: that it is thought to need.
        mb: megabytes of memory.
        most: minutes that one try asks for at most; None: all that it needs.
        warned: seconds between the warning and the end of a try.
    """

    minutes: int
    mb: int
    most: int | None = None
    warned: int = GRACE

    @property
    def tries(self) -> int:
        """How many jobs one after the other it takes, each of `most` minutes."""
        if self.most is None or self.minutes <= self.most:
            return 1
        lost = START_MINUTES + self.warned / 60
        # a limit that is shorter than a start is half of use
        useful = max(self.most - lost, self.most / 2)
        return math.ceil((self.minutes - START_MINUTES) / useful)

    def runtime(self, attempt: int) -> int:
        """Returns the minutes that a try asks for; the first has the number 1."""
        minutes = self._grown(attempt) * self.minutes
        return minutes if self.most is None else min(minutes, self.most)

    def mem_mb(self, attempt: int) -> int:
        """Returns the megabytes that a try asks for."""
        return self._grown(attempt) * self.mb

    def _grown(self, attempt: int) -> int:
        """How often as much as at first a try asks for.

        A try that only goes on after a limit needs no more than the one before it.
        """
        return 1 + (attempt - 1) // self.tries


def proxy_request(study: Study, runs: Sequence[Run]) -> Request:
    """Returns what the job of a pack asks for.

    Args:
        study: the study as the runs see it (`Study.of_pack`).
        runs: those of the pack.
    """
    minutes = proxy_minutes(study, runs)
    count = len(runs)
    mb = memory_mb(study, "proxy", runs=count)
    warned = warning_seconds(study, "proxy", count)
    return Request(minutes, mb, most_minutes(study.proxy), warned)


def final_request(study: Study, finals: int) -> Request:
    """Returns what the job of so many finals asks for, on each of its nodes."""
    final = study.final
    tokens = study.final_tokens * finals
    minutes = final_minutes(study, tokens)
    mb = memory_mb(study, "final", final["processes"], finals)
    return Request(minutes, mb, most_minutes(final), warning_seconds(study, "final"))


def most_minutes(spec: Mapping[str, Any]) -> int | None:
    """Returns the minutes that one try asks for at most; None: all that it is thought to need.

    `auto` is a day where a GPU trains: schedulers refuse more, or let it wait, and a training goes
    on from its checkpoint.

    Args:
        spec: the section `proxy` or `final` of a resolved study.
    """
    most = spec.get("max_minutes", "auto")
    if most == "auto":
        return LONG_MINUTES if spec["device"] == "cuda" else None
    return most if most is None else int(most)


def warning_seconds(study: Study, part: str, runs: int | None = None) -> int:
    """Returns how long before the end of its time a training job is warned.

    Args:
        study: the study.
        part: `proxy` or `final`.
        runs: how many members the job has; None: as many as `members_of` counts.
    """
    spec = study.config[part]
    if "shape" not in spec:
        return GRACE
    side_by_side = part == "proxy" or study.final_trainer == PACKED_TRAINER
    members = members_of(study, part, runs) if side_by_side else 1
    weights = members * parameters(spec["shape"], vocabulary_of(study, part))
    return GRACE + int(CHECKPOINT_BYTES * weights / DISK_RATE)


def request_lines(study: Study) -> Iterator[str]:
    """Yields what to know before long training jobs are sent to a scheduler.

    A job that asks for more than a day is named, and so is one that takes several tries. So is the
    size of packs, where it follows from the GPU.
    """
    if study.measured:
        return
    longest = max(study.packs, key=lambda pack: _tokens(study.packs[pack]), default=None)
    requests = {}
    if longest is not None:
        requests["proxy"] = proxy_request(study.of_pack(longest), study.packs[longest])
    if study.final_packs:
        largest = max(map(len, study.final_packs.values()))
        requests["final"] = final_request(study, largest)
    for section, request in requests.items():
        yield from _lines(section, request)
    if longest is not None and "shape" in study.proxy:
        yield from _of_packs(study)


def _of_packs(study: Study) -> Iterator[str]:
    """How many proxies a job has, where that was left open and a GPU trains them."""
    if study.proxy["device"] != "cuda" or study.proxy.get("per_job") != "auto":
        return
    most = max(map(len, study.packs.values()))
    yield (
        f"  train_proxies: up to {counted(most, 'run')} a job (proxy.per_job: auto),"
        f" {counted(len(study.packs), 'job')}"
    )


def _lines(section: str, request: Request) -> Iterator[str]:
    rule = "train_proxies" if section == "proxy" else "train_finals"
    hours = math.ceil(request.minutes / 60)
    if request.most is not None and request.tries > 1:
        needed = request.tries - 1 + RETRIES
        yield (
            f"  {rule}: up to {hours:,} h a job, in jobs of {request.most / 60:.3g} h: about"
            f" {request.tries} tries one after the other; --retries {needed} grants them, and"
            f" {RETRIES} for faults"
        )
    elif request.most is None and request.minutes > LONG_MINUTES:
        yield (
            f"  {rule} asks a scheduler for up to {hours:,} h a job, and many grant 24:"
            f" {section}: {{max_minutes: {LONG_MINUTES}}} goes on from checkpoint to checkpoint"
        )


def _tokens(runs: Sequence[Run]) -> int:
    return sum(run.tokens for run in runs)
