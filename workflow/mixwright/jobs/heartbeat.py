"""What a training job says of itself while it runs: lines at the terminal, and a small file that `mixwright status` reads."""

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
    """The file of a training job of a study; no rule's output, for it is written while the job runs."""
    return results / "progress" / f"{pack}.json"


class Pulse:
    """A pace.Log that says what it hears and keeps the gist of it in a file.

    The file: state, runs, done, diverged (names), speed (tokens/s) and seconds_left as last told, host, pid, started, told, updated
    (seconds since 1970), error. A job that is gone without a word leaves `running` in it, and a beat that grows old.
    """

    def __init__(self, path: Path, runs: int) -> None:
        now = time.time()
        self._path, self._lock, self._done = path, threading.Lock(), set[str]()
        self._said: dict[str, Any] = {
            "state": "running",
            "runs": runs,
            "done": 0,
            "diverged": [],
            "where": "",
        }
        self._said |= {"speed": None, "seconds_left": None, "told": now}
        self._said |= {
            "host": machine_name(),
            "pid": os.getpid(),
            "started": now,
            "updated": now,
            "error": None,
        }

    def __call__(self, news: News) -> None:
        say(news)
        if isinstance(news, Standing):
            self.beat(
                where=news.where, speed=news.speed, seconds_left=news.seconds_left, told=time.time()
            )
        elif isinstance(news, Done) and news.run not in self._done:
            self._done.add(news.run)
            self.beat(
                done=len(self._done), diverged=self._said["diverged"] + [news.run] * news.diverged
            )

    def beat(self, **changes: Any) -> None:
        """Writes the file; a disk that is full costs the beat, not the training."""
        with self._lock:
            self._said = self._said | changes | {"updated": time.time()}
            with suppress(OSError):
                write_json(self._path, self._said)


@contextmanager
def beating(path: Path, runs: int, every: float = EVERY) -> Iterator[Pulse]:
    """The pulse of a job of so many runs, written every so many seconds however long a step takes, and how the job ended."""
    pulse, ended = Pulse(path, runs), threading.Event()

    def beat() -> None:
        while not ended.wait(every):
            pulse.beat()

    beats = threading.Thread(target=beat, daemon=True)
    pulse.beat()
    beats.start()
    end: dict[str, Any] = {"state": "finished"}
    try:
        yield pulse
    except (SystemExit, KeyboardInterrupt):
        end = {"state": "stopped"}
        raise
    except BaseException as error:
        end = {"state": "failed", "error": (str(error) or error.__class__.__name__).splitlines()[0]}
        raise
    finally:
        ended.set()
        beats.join()
        pulse.beat(**end)
