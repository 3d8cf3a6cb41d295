"""Gives every job GPUs of its own where no scheduler assigns them.

A lease is a locked file for each device; it ends with the process that holds it.
`python -m mixwright.jobs.lease 4 torchrun …` leases four and becomes the command that follows.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.files import locked
from mixwright.jobs.container import in_container, is_mounted
from mixwright.jobs.listing import VARIABLE, list_gpus
from mixwright.progress import say

# of the machine, for all its users: TMPDIR may be a job's own
FOLDER = Path(os.environ.get("MIXWRIGHT_LEASES", "/tmp/mixwright-gpus"))
# who has one of these variables set may have assigned devices
SCHEDULERS = (
    "SLURM_JOB_ID",
    "PBS_JOBID",
    "LSB_JOBID",
    "SGE_TASK_ID",
    "FLUX_JOB_ID",
    "KUBERNETES_SERVICE_HOST",
)
# Where there is one of them there may be a GPU: here, or on a machine that gets jobs from here.
SENDERS = ("sbatch", "qsub", "bsub", "flux", "kubectl")
PROGRAMS = ("nvidia-smi", *SENDERS)
GPU_FILES = ("nvidia*", "kfd", "dxg")
PAUSE = 1.0  # seconds between two tries
TOLD = ".told"  # a file beside the locks: it was said that other containers do not see them

# open files of this process: they stay open, and locked, until it ends
_held: list[int] = []


def hold_gpu(part: Mapping[str, Any]) -> None:
    """Leases a GPU for a stage whose settings `part` ask for one; once a process.

    Call it before torch is imported, which looks for devices once.
    """
    # torchrun's processes share what was leased before it
    under_torchrun = "LOCAL_RANK" in os.environ
    # a second lease would wait for the first one, which ends with this process
    if part["device"] == "cuda" and not under_torchrun and not _held:
        take(1)


def can_send_jobs() -> bool:
    """Returns whether a scheduler's program is on this machine."""
    return any(map(shutil.which, SENDERS))


def can_reach_gpu(devices: Path = Path("/dev")) -> bool:
    """Returns whether jobs started on this machine may find a GPU: its own, or a scheduler's.

    It looks for files and programs only, for the workflow is parsed with it.
    """
    for program in PROGRAMS:
        if shutil.which(program):
            return True
    files: list[Path] = []
    for pattern in GPU_FILES:
        files.extend(devices.glob(pattern))
    return bool(files)


def take(
    count: int,
    environment: MutableMapping[str, str] = os.environ,
    listing: Callable[[], str] | None = None,
    folder: Path = FOLDER,
    pause: float = PAUSE,
) -> list[str]:
    """Leases devices among those in sight, and leaves only these in CUDA_VISIBLE_DEVICES.

    It waits until they are free. Nothing is leased where a scheduler's job sees no more devices
    than it needs: they were assigned. A job that sees more, such as an interactive allocation
    that runs many jobs, leases among them.

    Args:
        count: how many devices.
        environment: the variables to read and change.
        listing: returns what `nvidia-smi -L` prints; None: ask it, or the driver.
        folder: where the locked files lie.
        pause: seconds between two tries.

    Returns:
        The devices, as CUDA_VISIBLE_DEVICES spells them; none where nothing was leased.

    Raises:
        MixwrightError: fewer devices are in sight than are needed.
    """
    if listing is None:
        listing = list_gpus
    devices = visible(environment.get(VARIABLE), listing())
    scheduled = any(name in environment for name in SCHEDULERS)
    if scheduled and len(devices) <= count:
        return []
    if not devices and VARIABLE not in environment:
        # torch says what is wrong with devices that nobody lists
        return []
    if len(devices) < count:
        raise MixwrightError(
            f"device: {count} GPUs are needed and {len(devices)} in sight; "
            f"widen {VARIABLE}, or ask for fewer"
        )
    leased = _try(devices, count, folder)
    _tell_of_container(folder)
    if not leased:
        say(f"waiting for {count} of {len(devices)} GPUs; other jobs hold them ({folder})")
    while not leased:
        time.sleep(pause)
        leased = _try(devices, count, folder)
    environment[VARIABLE] = ",".join(leased)
    return leased


def visible(variable: str | None, listing: str) -> dict[str, str]:
    """Returns the devices that CUDA would see, in its order.

    Args:
        variable: the value of CUDA_VISIBLE_DEVICES; None where it is not set.
        listing: what `nvidia-smi -L` prints. MIG instances count as devices.

    Returns:
        The device as the variable spells it -> its UUID.
    """
    gpus = _uuids(listing)
    # a GPU that is cut into instances is seen as these
    devices = [gpu[1:] or gpu for gpu in gpus]
    if variable is None:
        uuids = [uuid for instances in devices for uuid in instances]
        return dict(zip(uuids, uuids, strict=True))
    known = [uuid for gpu in gpus for uuid in gpu]
    named: dict[str, str] = {}
    for name in variable.replace(" ", "").split(","):
        if name in ("", "-1", "NoDevFiles"):
            # as CUDA reads it: what follows is out of sight
            break
        named[name] = name
        if not name.isdigit():
            named[name] = next((uuid for uuid in known if uuid.startswith(name)), name)
        elif int(name) < len(devices):
            named[name] = devices[int(name)][0]
    return named


def _uuids(listing: str) -> list[list[str]]:
    """The UUIDs of each GPU: its own, then those of its instances."""
    gpus: list[list[str]] = []
    for kind, uuid in re.findall(r"^\s*(GPU|MIG) .*\(UUID: ([^)]+)\)", listing, re.MULTILINE):
        if kind == "GPU":
            gpus.append([uuid])
        else:
            gpus[-1].append(uuid)
    return gpus


def _try(devices: Mapping[str, str], count: int, folder: Path) -> list[str]:
    """Locks `count` devices, or none: who waits holds nothing."""
    locks: dict[str, int] = {}
    for name, uuid in devices.items():
        if len(locks) == count:
            break
        lock = _locked(folder, uuid)
        if lock is not None:
            locks[name] = lock
    if len(locks) < count:
        for lock in locks.values():
            os.close(lock)
        return []
    _held.extend(locks.values())
    return list(locks)


def _locked(folder: Path, uuid: str) -> int | None:
    """The open file of a device, locked; None while another process has it."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(PermissionError):
            folder.chmod(0o1777)
    path = folder / re.sub(r"[^\w.-]", "_", uuid)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o644))
    # opened for reading, so that another user's file can be locked too
    lock = os.open(path, os.O_RDONLY)
    if locked(lock, path, "two jobs may take the same GPU", wait=False):
        return lock
    os.close(lock)
    return None


def _tell_of_container(folder: Path) -> None:
    """Says once a folder that other containers do not see the leases in it."""
    if not in_container() or is_mounted(folder):
        return
    try:
        os.close(os.open(folder / TOLD, os.O_CREAT | os.O_EXCL, 0o644))
    except OSError:
        return
    say(
        f"leases of GPUs lie in {folder}, which is this container's own: where other containers use"
        " the same GPUs, mount one folder of the machine into all of them, and name it in"
        " MIXWRIGHT_LEASES"
    )


def main(arguments: Sequence[str]) -> None:
    """Leases, and becomes the command, which keeps the lease.

    Args:
        arguments: how many devices, then the words of the command.
    """
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
