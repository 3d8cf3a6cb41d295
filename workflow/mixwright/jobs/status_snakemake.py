"""What Snakemake's own files tell of a study: what it is going to make, and which jobs failed."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

# A job's command ends with `tee LOG`; executors of clusters print the log of a job that failed.
FAILED = (
    re.compile(r"\| tee '?(logs/\S+?\.log)'? returned non-zero"),
    re.compile(r"^    log: (logs/\S+?\.log) \(check log file", re.MULTILINE),
)
# Bytes of a log of Snakemake that are read, from its end.
READ = 2_000_000


@dataclass(frozen=True)
class Hold:
    """A run of Snakemake that holds the folder, or that was killed and left its locks.

    `paths` are what it set out to make, relative to the results of the study; `began` is in
    seconds since 1970.
    """

    paths: frozenset[str]
    began: float


class Driver:
    """Reads Snakemake's files beside a study's results; what has not changed is not read again."""

    def __init__(self, results: Path) -> None:
        """Args: results: the folder of the study's results, as `results/demo`."""
        folder = results.absolute()
        self._state = folder.parent.parent / ".snakemake"
        self._prefix = f"{folder.parent.name}/{folder.name}/"
        self._logs = f"logs/{folder.name}/"
        self._read: dict[Path, tuple[int, int]] = {}
        self._holds: dict[Path, Hold] = {}
        self._failed: dict[Path, list[str]] = {}

    def hold(self) -> Hold | None:
        """Returns the run that is going to make files of this study, if there is one."""
        held = []
        for path in (self._state / "locks").glob("*.output.lock"):
            if self._has_changed(path):
                self._holds[path] = self._hold_of(path)
            if self._holds[path].paths:
                held.append(self._holds[path])
        return max(held, key=lambda hold: hold.began, default=None)

    def failed(self, since: float) -> list[str]:
        """Returns the logs of jobs of this study that failed, the last one last.

        Args:
            since: runs of Snakemake that wrote nothing since then are passed over; seconds since
                1970.
        """
        logs: list[str] = []
        for path in sorted((self._state / "log").glob("*.snakemake.log")):
            if _modified(path) < since:
                continue
            if self._has_changed(path):
                self._failed[path] = self._failed_in(path)
            logs += self._failed[path]
        return logs

    def written(self) -> float:
        """Returns when Snakemake last wrote to a log, in seconds since 1970; 0 for never."""
        return max(map(_modified, (self._state / "log").glob("*.snakemake.log")), default=0.0)

    def _has_changed(self, path: Path) -> bool:
        """Whether a file has another size or time than when this was last asked."""
        try:
            now = path.stat()
            stamp = (now.st_mtime_ns, now.st_size)
        except OSError:
            stamp = (0, 0)
        before = self._read.get(path)
        self._read[path] = stamp
        return stamp != before

    def _hold_of(self, path: Path) -> Hold:
        names = []
        for line in _tail(path).splitlines():
            if line.startswith(self._prefix):
                names.append(line.removeprefix(self._prefix))
        return Hold(frozenset(names), _modified(path))

    def _failed_in(self, path: Path) -> list[str]:
        text = _tail(path, READ)
        places = []
        for pattern in FAILED:
            for match in pattern.finditer(text):
                if match[1].startswith(self._logs):
                    places.append((match.start(), match[1]))
        return [log for _, log in sorted(places)]


def last_lines(path: Path, most: int = 4) -> list[str]:
    """Returns the last lines of a log that say something; none where there is no such file."""
    lines = [line.rstrip() for line in _tail(path, 8192).splitlines()]
    return [line for line in lines if line.strip()][-most:]


def _tail(path: Path, size: int = 0) -> str:
    """The last bytes of a file as text; all of it by default."""
    try:
        with path.open("rb") as file:
            if size:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - size))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
