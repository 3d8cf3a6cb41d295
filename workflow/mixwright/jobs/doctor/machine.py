"""Cores, memory, disk, file locks and a compiler."""

import fcntl
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from mixwright.jobs.doctor.finding import Finding, Run

GIB = 2**30
LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)  # of a container
LEAST_MEMORY, LEAST_DISK = (
    4 * GIB,
    2 * GIB,
)  # of the default study: two jobs at a time, the corpus and the finals


def cores(own: int | None = None) -> Finding:
    """The cores of this process."""
    count = own or len(os.sched_getaffinity(0))
    return Finding("cores", "ok", f"{count}: snakemake --cores {count}")


def memory(table: Path = Path("/proc/meminfo"), limits: tuple[Path, ...] = LIMITS) -> Finding:
    """Of the machine, or what its container may have."""
    sizes = {
        line.split(":")[0]: int(line.split()[1]) * 1024
        for line in table.read_text().splitlines()
        if "kB" in line
    }
    given = [
        int(path.read_text())
        for path in limits
        if path.exists() and path.read_text().strip().isdigit()
    ]
    total = min([sizes["MemTotal"], *given])
    told, settings = (
        f"{total / GIB:.0f} GiB, {min(sizes['MemAvailable'], total) / GIB:.0f} free",
        {"resources": {"mem_mb": total // 2**20}},
    )
    if total < LEAST_MEMORY:
        return Finding(
            "memory",
            "fails",
            f"{told}; the default study needs {LEAST_MEMORY // GIB} GiB",
            needed=True,
        )
    return Finding("memory", "ok", told, profile="workstation", settings=settings)


def disk(results: Path) -> Finding:
    """Where results will be written."""
    free = shutil.disk_usage(_standing(results)).free
    told = f"{free / GIB:.0f} GiB free at {_standing(results)}"
    if free < LEAST_DISK:
        return Finding(
            "disk", "fails", f"{told}; the default study needs {LEAST_DISK // GIB} GiB", needed=True
        )
    return Finding("disk", "ok", told)


def locks(results: Path) -> Finding:
    """Whether a lock keeps a second process out there, and a file can take another's place: what store and leases rest on."""
    try:
        with TemporaryDirectory(dir=_standing(results), prefix=".mixwright-doctor-") as name:
            kept = _keeps(Path(name) / "lock")
            (Path(name) / "new").write_text("")
            (Path(name) / "new").replace(Path(name) / "lock")
    except OSError as error:
        return Finding(
            "file locks",
            "fails",
            f"{_standing(results)}: {error.strerror}; write results to another file system",
            needed=True,
        )
    if not kept:
        told = f"{_standing(results)}: they keep nobody out; mount it with flock, or write results to another file system"
        return Finding("file locks", "fails", told, needed=True)
    return Finding(
        "file locks",
        "ok",
        f"work at {_standing(results)} on this machine; between nodes the file system must share them",
    )


def compiler(run: Run) -> Finding:
    """Only torch.compile would use one."""
    for name in ("c++", "g++", "clang++"):
        if said := run(name, "--version"):
            return Finding("C++ compiler", "ok", said.splitlines()[0])
    return Finding("C++ compiler", "note", "none; nothing here needs one, only torch.compile would")


def _keeps(path: Path) -> bool:
    with path.open("w") as first, path.open("w") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _standing(folder: Path) -> Path:
    """The nearest folder that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
