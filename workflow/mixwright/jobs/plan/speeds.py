"""How fast jobs on this machine, or on a GPU of the same name, trained before.

Read are the progress files of finished jobs, a few of each study, and nothing large.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from mixwright.files import machine_name
from mixwright.jobs.heartbeat import path_of
from mixwright.jobs.plan.devices import Device, known_as
from mixwright.jobs.plan.estimate import HOUR, Hardware, Measurement, training_hours
from mixwright.jobs.plan.here import core
from mixwright.jobs.plan.work import Work, one_run
from mixwright.study.study import Study

# section of the config -> the folder of its results
FOLDERS = {"proxy": "packs", "final": "finals"}
MOST_STUDIES = 5  # that are looked into
MOST_JOBS = 12  # of each


def with_measurements(hardware: Hardware, study: Study, root: Path) -> Hardware:
    """Returns the hardware with the speeds that jobs on it have told.

    The study's own results come first, then those of other studies, the newest first; of models of
    the same shape alone.

    Args:
        hardware: what the study is computed on.
        study: the study.
        root: the folder of all results.
    """
    if study.measured or not study.learner.sized:
        return hardware
    folders = _studies(root, study.name)
    measured = {}
    for section, device in hardware.devices.items():
        for folder in folders:
            measurement = _measurement(folder, section, device, study.config[section]["shape"])
            if measurement is not None:
                measured[section] = measurement
                break
    return replace(hardware, measured=measured)


def _studies(root: Path, first: str) -> list[Path]:
    """Folders of studies whose jobs told of their progress; one of the name `first` comes first."""

    def order(folder: Path) -> tuple[bool, float]:
        newest = -folder.stat().st_mtime
        return folder.name != first, newest

    folders = [path.parent for path in root.glob("*/progress")]
    return sorted(folders, key=order)[:MOST_STUDIES]


def _measurement(
    folder: Path, section: str, device: Device, shape: Mapping[str, Any]
) -> Measurement | None:
    """How fast the finished jobs of a study trained; None where that says nothing of a device.

    Nor does it of models of another shape: jobs of four seconds on the tests' models reached a
    small part of the table's speed, since other work than products takes most of so short a time.
    """
    # results of another version may lack a key
    with suppress(KeyError, TypeError):
        study = Study(_json(folder / "study.json"))
        if not study.learner.sized or study.config[section]["shape"] != shape:
            return None
        if _ran_on(folder, study, section, device):
            usual = one_run(study, section)
            speeds = list(_speeds(folder, usual, device))
            if speeds:
                table = usual.tokens / (training_hours(usual, device) * HOUR)
                return Measurement(median(speeds) / table, study.name)
    return None


def _ran_on(folder: Path, study: Study, section: str, device: Device) -> bool:
    """Whether a study's jobs of a section ran on such a device."""
    if study.measured or study.config[section]["device"] != device.kind:
        return False
    if device.kind == "cpu":
        return device == core()
    name = str(_json(folder / "calibration.json").get("machine", ""))
    return known_as(name.partition(",")[0]) == device


def _speeds(folder: Path, usual: Work, device: Device) -> Iterator[float]:
    """Tokens a second that one device trained in finished jobs; `usual` is one of their runs."""
    packs = sorted((folder / FOLDERS[usual.section]).glob("*.parquet"))
    for pack in packs[:MOST_JOBS]:
        pulse = _json(path_of(folder, pack.stem))
        speed = pulse.get("speed")
        # results from the store have none
        if not speed:
            continue
        # jobs on a CPU say nothing of another machine's
        if device.kind == "cpu" and pulse.get("host") != machine_name():
            continue
        if usual.section == "final":
            # it is told now and then, and not at the end
            seconds = max(pulse["updated"] - pulse["started"], 1.0)
            speed = pulse["runs"] * usual.tokens / seconds
        yield float(speed) / usual.each


def _json(path: Path) -> Mapping[str, Any]:
    """A small file; nothing where it cannot be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
