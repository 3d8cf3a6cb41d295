"""A GPU of its own for every job where no scheduler hands them out: a locked file a device, which ends with the process that holds it.

`python -m mixwright.jobs.lease 4 torchrun …` leases four and becomes the command that follows.
"""

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.progress import say

FOLDER = Path(
    os.environ.get("MIXWRIGHT_LEASES", "/tmp/mixwright-gpus")
)  # of the machine, for all its users: TMPDIR may be a job's own
VARIABLE = "CUDA_VISIBLE_DEVICES"
SCHEDULERS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "SGE_TASK_ID", "FLUX_JOB_ID")
PAUSE = 1.0  # seconds between two tries
_held: list[
    int
] = []  # open files: a lease lasts as long as its process, and so does what the process keeps on the device


def hold_gpu(part: Mapping[str, Any]) -> None:
    """A GPU for a stage that trains or scores with the settings `part`; before torch is imported, which looks once."""
    if (
        part["device"] == "cuda" and "LOCAL_RANK" not in os.environ
    ):  # torchrun's processes share what was leased before it
        take(1)


def take(
    count: int,
    environment: MutableMapping[str, str] = os.environ,
    listing: Callable[[], str] | None = None,
    folder: Path = FOLDER,
    pause: float = PAUSE,
) -> list[str]:
    """Leases `count` devices among those in sight, waiting until they are free, and leaves only these in CUDA_VISIBLE_DEVICES.

    Nothing is leased where a scheduler's job sees no more devices than it needs: they were assigned. One that sees more, an interactive
    allocation that runs many jobs, leases among them.
    """
    devices = visible(environment.get(VARIABLE), (listing or _listing)())
    assigned = any(name in environment for name in SCHEDULERS) and len(devices) <= count
    if assigned or (
        not devices and VARIABLE not in environment
    ):  # of unknown devices torch says what is wrong
        return []
    if len(devices) < count:
        raise MixwrightError(
            f"device: {count} GPUs are needed and {len(devices)} in sight; widen {VARIABLE}, or ask for fewer"
        )
    told = False
    while not (taken := _tried(devices, count, folder)):
        if not told:
            say(f"waiting for {count} of {len(devices)} GPUs; other jobs hold them ({folder})")
        told = True
        time.sleep(pause)
    environment[VARIABLE] = ",".join(taken)
    return taken


def visible(variable: str | None, listing: str) -> dict[str, str]:
    """Device as CUDA_VISIBLE_DEVICES spells it -> its UUID, in order; `nvidia-smi -L` prints the `listing`. MIG instances are devices."""
    gpus: list[list[str]] = []
    for kind, uuid in re.findall(r"^\s*(GPU|MIG) .*\(UUID: ([^)]+)\)", listing, re.MULTILINE):
        gpus.append([uuid]) if kind == "GPU" else gpus[-1].append(uuid)
    devices = [gpu[1:] or gpu for gpu in gpus]
    if variable is None:
        return {uuid: uuid for own in devices for uuid in own}
    found: dict[str, str] = {}
    for name in variable.replace(" ", "").split(","):
        if name in ("", "-1", "NoDevFiles"):
            break  # as CUDA reads it: what follows is out of sight
        if name.isdigit():
            found[name] = devices[int(name)][0] if int(name) < len(devices) else name
        else:
            found[name] = next(
                (uuid for gpu in gpus for uuid in gpu if uuid.startswith(name)), name
            )
    return found


def _tried(devices: Mapping[str, str], count: int, folder: Path) -> list[str]:
    """`count` devices locked for this process, or none: who waits holds nothing."""
    locked: dict[str, int] = {}
    for name, uuid in devices.items():
        if len(locked) < count and (lock := _locked(folder, uuid)) is not None:
            locked[name] = lock
    if len(locked) < count:
        for lock in locked.values():
            os.close(lock)
        return []
    _held.extend(locked.values())
    return list(locked)


def _locked(folder: Path, uuid: str) -> int | None:
    """The open file of a device, locked; None while another process has it."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(PermissionError):
            folder.chmod(0o1777)
    path = folder / re.sub(r"[^\w.-]", "_", uuid)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o644))
    lock = os.open(path, os.O_RDONLY)  # another user's file can be locked too
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _listing() -> str:
    try:
        return subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def main(arguments: Sequence[str]) -> None:
    """Leases, and becomes the command, which keeps the lease."""
    try:
        take(int(arguments[0]))
    except MixwrightError as error:
        say(f"mixwright: {error}")
        sys.exit(1)
    for lock in _held:
        os.set_inheritable(lock, True)
    os.execvp(arguments[1], list(arguments[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
