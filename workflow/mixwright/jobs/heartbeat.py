"""What a training job tells while it runs: lines at the terminal, and a small file.

`mixwright status` reads the file.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mixwright.files import machine_name, write_json
from mixwright.progress import Done, News, Standing, say

EVERY = 15.0  # seconds between two beats


def path_of(results: Path, pack: str) -> Path:
    """Returns the file of a study's training job.

    No rule has it as its output, for it is written while the job runs.
    """
    return results / "progress" / f"{pack}.json"


class Pulse:
    """A log that prints what it hears and keeps the gist of it in a file.

    The file's keys:
        state: running, finished, stopped or failed.
        runs, done: how many runs there are, and how many are done.
        diverged: the names of the runs that diverged.
        where: where the training stands, in words.
        speed: tokens/s, and `seconds_left`, both as last measured.
        told: when these were measured, in seconds since 1970; so are `started` and `updated`.
        host, pid: the process that trains.
        error: the first line of the error of a job that failed.

    A job that was killed leaves `running` in the file, and an `updated` that grows old.
    """

    def __init__(self, path: Path, runs: int) -> None:
        now = time.time()
        self._path = path
        self._lock = threading.Lock()
        self._done: set[str] = set()
        self._state: dict[str, Any] = {
            "state": "running",
            "runs": runs,
            "done": 0,
            "diverged": [],
            "where": "",
            "speed": None,
            "seconds_left": None,
            "told": now,
            "host": machine_name(),
            "pid": os.getpid(),
            "started": now,
            "updated": now,
            "error": None,
        }

    def __call__(self, news: News) -> None:
        """Prints the news, and writes the file where they change it."""
        say(news)
        if isinstance(news, Standing):
            self.beat(
                where=news.where, speed=news.speed, seconds_left=news.seconds_left, told=time.time()
            )
        elif isinstance(news, Done) and news.run not in self._done:
            self._done.add(news.run)
            diverged = list(self._state["diverged"])
            if news.diverged:
                diverged.append(news.run)
            self.beat(done=len(self._done), diverged=diverged)

    def beat(self, **changes: Any) -> None:
        """Writes the file; a full disk costs the beat, and not the training."""
        with self._lock:
            self._state = self._state | changes | {"updated": time.time()}
            with suppress(OSError):
                write_json(self._path, self._state)


@contextmanager
def beating(path: Path, runs: int, every: float = EVERY) -> Iterator[Pulse]:
    """Yields the pulse of a job, and writes at the end how the job ended.

    A thread writes the file every so many seconds, however long a training step takes.

    Args:
        path: the file.
        runs: how many runs the job trains.
        every: seconds between two beats.
    """
    pulse = Pulse(path, runs)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(every):
            pulse.beat()

    thread = threading.Thread(target=beat, daemon=True)
    pulse.beat()
    thread.start()
    end: dict[str, Any] = {"state": "finished"}
    try:
        yield pulse
    except (SystemExit, KeyboardInterrupt):
        end = {"state": "stopped"}
        raise
    except BaseException as error:
        message = str(error) or error.__class__.__name__
        end = {"state": "failed", "error": message.splitlines()[0]}
        raise
    finally:
        ended.set()
        thread.join()
        pulse.beat(**end)
