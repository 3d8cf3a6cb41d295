"""What this machine is, what it has measured, and what is done: read in milliseconds.

Nothing is opened but small files of results, a few of them, and two of the system.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from mixwright.files import machine_name
from mixwright.jobs.heartbeat import path_of
from mixwright.jobs.plan.devices import DEVICES, Device, known_as
from mixwright.jobs.plan.estimate import HOUR, Hardware, Measurement, training_hours
from mixwright.jobs.plan.work import CORPUS, FITS, one_run
from mixwright.proxies.tuning import machine
from mixwright.study.study import Study

# where NVIDIA's driver tells its GPUs
DRIVER = Path("/proc/driver/nvidia/gpus")
# section of the config -> the folder of its results
FOLDERS = {"proxy": "packs", "final": "finals"}
MOST_STUDIES = 5  # that are looked into for a speed
MOST_JOBS = 12  # of each


def cores() -> int:
    """Returns how many cores this process may use."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usual_devices(driver: Path = DRIVER) -> tuple[dict[str, Device], int]:
    """Returns kind -> the device that cpu and cuda stand for here, and how many GPUs there are."""
    core = "cpu-bf16" if machine("cpu").bfloat16 else "cpu"
    devices = {"cpu": DEVICES[core]}
    gpus = 0
    for information in driver.glob("*/information"):
        gpus += 1
        with suppress(OSError):
            for line in information.read_text().splitlines():
                name, _, value = line.partition(":")
                device = known_as(value) if name == "Model" else None
                if device is not None:
                    devices["cuda"] = device
    return devices, gpus


def finished(study: Study, results: Path) -> frozenset[str]:
    """Returns what of a study is done, as `work.works` takes it.

    Args:
        study: the study.
        results: its folder of results.
    """
    names = {path.stem for folder in FOLDERS.values() for path in (results / folder).glob("*")}
    if all(path.exists() for path in _texts(study, results)):
        names.add(CORPUS)
    trained = names.issuperset([*study.packs, *study.final_packs])
    if trained and (results / "report" / "summary.html").exists():
        names.add(FITS)
    return frozenset(names)


def _texts(study: Study, results: Path) -> list[Path]:
    """What training reads."""
    shards = [results / study.learner.folder / name for name in study.domains]
    targets = [results / "targets" / f"{name}.npz" for name in study.targets]
    return [*shards, *targets, results / "texts.json"]


def with_measurements(hardware: Hardware, study: Study, root: Path) -> Hardware:
    """Returns the hardware with the speeds that jobs on it have told.

    The study's own results come first, then those of other studies, the newest first.

    Args:
        hardware: what the study is computed on.
        study: the study.
        root: the folder of all results.
    """
    if not study.learner.sized or study.measured:
        return hardware
    folders = _studies(root, study.name)
    measured = {}
    for section, device in hardware.devices.items():
        for folder in folders:
            measurement = _measurement(folder, section, device)
            if measurement is not None:
                measured[section] = measurement
                break
    return replace(hardware, measured=measured)


def _studies(root: Path, first: str) -> list[Path]:
    """Folders of studies whose jobs told of their progress."""
    folders = [path.parent for path in root.glob("*/progress")]
    folders.sort(key=lambda folder: (folder.name != first, -folder.stat().st_mtime))
    return folders[:MOST_STUDIES]


def _measurement(folder: Path, section: str, device: Device) -> Measurement | None:
    """How fast the finished jobs of a study trained; None where that says nothing of a device."""
    config = _json(folder / "study.json")
    try:
        study = Study(config)
        if study.measured or not study.learner.sized or not _is_of(folder, study, section, device):
            return None
        work = one_run(study, section)
    except (KeyError, TypeError):
        # another version's
        return None
    speeds = list(_speeds(folder, section, device, work.tokens))
    if not speeds or not work.tokens:
        return None
    table = work.tokens / (training_hours(work, device) * HOUR)
    return Measurement(median(speeds) / table, study.name)


def _is_of(folder: Path, study: Study, section: str, device: Device) -> bool:
    """Whether a study's jobs of a section ran on such a device."""
    kind = study.config[section]["device"]
    if kind != device.kind:
        return False
    if kind == "cpu":
        # of this machine's cores, which the pulses tell
        return True
    name = str(_json(folder / "calibration.json").get("machine", ""))
    return known_as(name.partition(",")[0]) == device


def _speeds(folder: Path, section: str, device: Device, tokens: int) -> Iterator[float]:
    """Tokens a second of finished jobs; `tokens` has one final.

    A job of proxies tells its speed at its end, one of finals only now and then.
    """
    host = machine_name()
    packs = sorted(path.stem for path in (folder / FOLDERS[section]).glob("*.parquet"))
    for pack in packs[:MOST_JOBS]:
        pulse = _json(path_of(folder, pack))
        speed = pulse.get("speed")
        # results from the store have none
        if not speed or (device.kind == "cpu" and pulse.get("host") != host):
            continue
        if section == "final":
            seconds = pulse["updated"] - pulse["started"]
            speed = pulse["runs"] * tokens / max(seconds, 1.0)
        yield float(speed)


def _json(path: Path) -> Mapping[str, Any]:
    """A small file; nothing where it cannot be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
