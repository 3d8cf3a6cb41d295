"""Cores, memory, disk, file locks and a compiler."""

import fcntl
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from mixwright.jobs.doctor.finding import Ask, Finding

GIB = 2**30
# the most memory that a container may take, of both versions of cgroups
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
# bytes that the default study needs: two jobs at a time; the corpus and the finals
LEAST_MEMORY = 4 * GIB
LEAST_DISK = 2 * GIB


def cores(count: int | None = None) -> Finding:
    """Returns the cores of this process."""
    count = count or len(os.sched_getaffinity(0))
    return Finding("cores", "ok", f"{count}: snakemake --cores {count}")


def memory(table: Path = Path("/proc/meminfo"), limits: tuple[Path, ...] = LIMITS) -> Finding:
    """Returns the memory of the machine, or what its container may take.

    Args:
        table: the kernel's list of sizes.
        limits: files of which each may hold a container's limit in bytes.
    """
    sizes: dict[str, int] = {}
    for line in table.read_text().splitlines():
        if "kB" in line:
            name, _, size = line.partition(":")
            sizes[name] = int(size.split()[0]) * 1024
    total = sizes["MemTotal"]
    for path in limits:
        limit = path.read_text().strip() if path.exists() else ""
        # a container without a limit says `max`
        if limit.isdigit():
            total = min(total, int(limit))
    free = min(sizes["MemAvailable"], total)
    message = f"{total / GIB:.0f} GiB, {free / GIB:.0f} free"
    if total < LEAST_MEMORY:
        message += f"; the default study needs {LEAST_MEMORY // GIB} GiB"
        return Finding("memory", "fails", message, needed=True)
    settings = {"resources": {"mem_mb": total // 2**20}}
    return Finding("memory", "ok", message, profile="workstation", settings=settings)


def disk(results: Path) -> Finding:
    """Returns the space where results will be written."""
    folder = _existing(results)
    free = shutil.disk_usage(folder).free
    message = f"{free / GIB:.0f} GiB free at {folder}"
    if free < LEAST_DISK:
        message += f"; the default study needs {LEAST_DISK // GIB} GiB"
        return Finding("disk", "fails", message, needed=True)
    return Finding("disk", "ok", message)


def locks(results: Path) -> Finding:
    """Returns whether a lock keeps a second process out where results will be written.

    It looks too whether a file can take another's place. The store and leases rest on both.
    """
    folder = _existing(results)
    try:
        with TemporaryDirectory(dir=folder, prefix=".mixwright-doctor-") as name:
            works = _excludes(Path(name) / "lock")
            new = Path(name) / "new"
            new.write_text("")
            new.replace(Path(name) / "lock")
    except OSError as error:
        message = f"{folder}: {error.strerror}; write results to another file system"
        return Finding("file locks", "fails", message, needed=True)
    if not works:
        message = (
            f"{folder}: they keep nobody out, so two jobs may do the same work twice;"
            " mount it with flock, or write results to another file system"
        )
        return Finding("file locks", "note", message)
    message = f"work at {folder} on this machine; between nodes the file system must share them"
    return Finding("file locks", "ok", message)


def compiler(ask: Ask) -> Finding:
    """Returns the C++ compiler; only torch.compile would use one."""
    for name in ("c++", "g++", "clang++"):
        answer = ask(name, "--version")
        if answer:
            return Finding("C++ compiler", "ok", answer.splitlines()[0])
    return Finding("C++ compiler", "note", "none; nothing here needs one, only torch.compile would")


def _excludes(path: Path) -> bool:
    """Whether a lock on a file keeps out who opens it a second time; not where there are none."""
    with path.open("w") as first, path.open("w") as second:
        try:
            fcntl.flock(first, fcntl.LOCK_EX)
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


def _existing(folder: Path) -> Path:
    """The folder, or its nearest parent that is there."""
    path = folder.absolute()
    while not path.is_dir():
        path = path.parent
    return path
