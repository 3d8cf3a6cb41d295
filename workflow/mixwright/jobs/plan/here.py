"""What this machine is, and what of a study is done: looked at in milliseconds."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.jobs.plan.devices import DEVICES, Device
from mixwright.jobs.plan.work import CORPUS, FITS
from mixwright.proxies.tuning import machine
from mixwright.study.copies import snapshot_packs
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


def has_other_targets(study: Study, results: Path) -> bool:
    """Returns whether a study whose runs are all trained has targets that it did not have then.

    Of a study that keeps all weights; of others the runs are trained again for that.

    Args:
        study: the study.
        results: its folder of results.
    """
    if not study.runs or not all(study.keeps_weights(role) for role in study.runs):
        return False
    listed = _listed(results)
    if listed is None:
        return False
    targets = {Path(path).stem for path in listed.get("targets", ())}
    if targets == set(study.targets):
        return False
    trained = {path.stem for path in (results / "packs").glob("*.parquet")}
    return trained.issuperset(study.packs)


def finished(study: Study, results: Path) -> frozenset[str]:
    """Returns what of a study is done, as `work.works` takes it.

    Args:
        study: the study.
        results: its folder of results.
    """
    names: set[str] = set()
    for folder in ("packs", "measured", "finals"):
        # a folder is listed once: there may be thousands of packs
        names.update(path.stem for path in (results / folder).glob("*.parquet"))
    names -= _outdated(study, results)
    if _has_texts(study, results):
        names.add(CORPUS)
    # of runs that others measured nothing is trained, whatever the study would call its finals
    everything = [*study.packs, *study.batches, *study.final_packs]
    trained = study.measured or names.issuperset(everything)
    reported = (results / "report" / "summary.html").exists()
    if trained and reported and _has_answers(study, results):
        names.add(FITS)
    return frozenset(names)


def holds_earlier_results(store: Path) -> bool:
    """Returns whether a store has results of runs, and nothing of this version's.

    Versions before kept no weights. Their results lie under other keys, which nothing asks for.
    """
    if (store / "measured").exists():
        return False
    return any(store.glob("[0-9a-f][0-9a-f]/*.parquet"))


def _outdated(study: Study, results: Path) -> set[str]:
    """Batches that are to be scored on something else, and packs whose weights are not kept."""
    listed = _listed(results)
    if listed is None or listed.get("scoring") == study.scoring:
        return set()
    names = set(study.batches)
    for pack, runs in study.packs.items():
        if study.learner.sized and not study.keeps_weights(runs[0].role):
            names.add(pack)
    return names


def _listed(results: Path) -> dict[str, Any] | None:
    """What proxies were scored on last; None where there is no such list yet."""
    try:
        listed = read_json(results / "scored.json")
    except (OSError, MixwrightError):
        return None
    return listed if isinstance(listed, dict) else None


def _has_answers(study: Study, results: Path) -> bool:
    """Whether the finals have answered tasks and their copies are scored, where that is asked."""
    wanted = {"snapshot_scores": snapshot_packs(study)}
    if study.tasks:
        wanted["task_scores"] = tuple(study.final_packs)
    for folder, packs in wanted.items():
        answered = {path.stem for path in (results / folder).glob("*.parquet")}
        if not answered.issuperset(packs):
            return False
    return True


def _has_texts(study: Study, results: Path) -> bool:
    """Whether all that training reads is there."""
    paths = [results / "texts.json", results / "scored.json"]
    for name in study.domains:
        paths.append(results / study.learner.folder / name)
    for name in study.targets:
        paths.append(results / "targets" / f"{name}.npz")
    return all(path.exists() for path in paths)
