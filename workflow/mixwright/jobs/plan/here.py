"""What this machine is, and what of a study is done: looked at in milliseconds."""

import os
from contextlib import suppress
from pathlib import Path

from mixwright.jobs.plan.devices import DEVICES, Device
from mixwright.jobs.plan.work import CORPUS, FITS
from mixwright.proxies.tuning import machine
from mixwright.study.study import Study


def cores() -> int:
    """Returns how many cores this process may use."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def core() -> Device:
    """Returns the kind of this machine's cores."""
    if machine("cpu").bfloat16:
        return DEVICES["cpu-bf16"]
    return DEVICES["cpu"]


def finished(study: Study, results: Path) -> frozenset[str]:
    """Returns what of a study is done, as `work.works` takes it.

    Args:
        study: the study.
        results: its folder of results.
    """
    names: set[str] = set()
    for folder in ("packs", "finals"):
        # a folder is listed once: there may be thousands of packs
        names.update(path.stem for path in (results / folder).glob("*.parquet"))
    if _has_texts(study, results):
        names.add(CORPUS)
    # of runs that others measured nothing is trained, whatever the study would call its finals
    trained = study.measured or names.issuperset([*study.packs, *study.final_packs])
    if trained and (results / "report" / "summary.html").exists():
        names.add(FITS)
    return frozenset(names)


def _has_texts(study: Study, results: Path) -> bool:
    """Whether all that training reads is there."""
    paths = [results / "texts.json"]
    for name in study.domains:
        paths.append(results / study.learner.folder / name)
    for name in study.targets:
        paths.append(results / "targets" / f"{name}.npz")
    return all(path.exists() for path in paths)
