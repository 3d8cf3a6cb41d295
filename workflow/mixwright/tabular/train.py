"""Trains the final trees of every arm.

They learn the union of the domains, with the settings that the goal's held-out rows choose.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixwright import tables
from mixwright.files import alone, read_json, write_json, written
from mixwright.finals.arm import Arm
from mixwright.finals.job import lock_of
from mixwright.mixture import Array, digest
from mixwright.progress import Done, Log, say
from mixwright.study.study import Study
from mixwright.tabular.boosting import Trees, grow
from mixwright.tabular.dataset import Dataset
from mixwright.tabular.pack import CHOOSE
from mixwright.tabular.pool import Pool
from mixwright.versions import VERSIONS


def train_finals(
    arms: Sequence[Arm],
    datasets: Sequence[Dataset],
    tokenizer: None,
    study: Study,
    store: str | Path,
    to: str | Path,
    log: Log = say,
) -> None:
    """Trains what the store lacks of `arms` and writes the table FINALS.

    A final stands in `<store>/finals/<key>/`: `model/` in the library's own format, and
    `result.json`.

    Args:
        arms: what is compared.
        datasets: of all domains of the study.
        tokenizer: none, for trees read no text.
        study: its settings.
        store: the folder of the store.
        to: the file of rows of tables.FINALS, in the arms' order.
        log: takes one line an arm.
    """
    pool = Pool.of(datasets)
    fingerprints = {dataset.domain: dataset.fingerprint for dataset in datasets}
    settings = Trees.of(study.config["trees"])
    refresh = study.config["store"] == "refresh"
    fresh: set[str] = set()
    rows = []
    for arm in arms:
        targets = study.targets_of(arm.goal or "")
        key = content_key(arm, targets, fingerprints, study)
        folder = Path(store) / "finals" / key
        with alone(lock_of(folder)):
            outdated = refresh and key not in fresh
            if outdated or not (folder / "result.json").exists():
                _train(arm, targets, pool, settings, folder)
            fresh.add(key)
            arm_columns = {
                "mixer": arm.mixer,
                "goal": arm.goal,
                "seed": arm.seed,
                "store_key": key,
                "folder": str(folder / "model"),
            }
            rows.append(arm_columns | read_json(folder / "result.json"))
        log(Done(arm.label))
    log(f"{len(rows)} finals, {len(fresh)} of them different")
    tables.write(pd.DataFrame(rows, columns=tables.FINALS.schema.names), to, tables.FINALS)


def content_key(
    arm: Arm, targets: Mapping[str, float], fingerprints: Mapping[str, str], study: Study
) -> str:
    """Returns the hash of all that a final's numbers depend on.

    A domain without weight counts only where its held-out rows choose the settings.

    Args:
        arm: mixture and seed.
        targets: their weights in the goal, by name.
        fingerprints: of the datasets, by domain.
        study: the settings of the trees.
    """
    weights = arm.mixture.rounded()
    settings = {
        "weights": weights,
        "targets": dict(targets),
        "seed": arm.seed,
        "trees": study.config["trees"],
    }
    used = {*weights, *targets}
    datasets = {domain: fingerprints[domain] for domain in used}
    return digest({"arm": settings, "datasets": datasets, "version": VERSIONS["final"]}, 32)


def _train(
    arm: Arm, targets: Mapping[str, float], pool: Pool, settings: Trees, folder: Path
) -> None:
    """Trains one final and writes its folder."""
    began = time.monotonic()
    weights = arm.mixture.over(pool.domains).weights
    goal = np.array([targets.get(domain, 0.0) for domain in pool.domains])
    learned = pool.mixed(weights)
    model = grow(learned, settings, arm.seed).best(pool.mixed(goal, CHOOSE))
    result = {
        "tokens": len(learned),
        "train_loss": model.validation_loss,
        "realised": realised(pool, weights),
    }
    with written(folder) as temporary:
        model.save(temporary / "model")
        result["seconds"] = time.monotonic() - began
        write_json(temporary / "result.json", result)


def realised(pool: Pool, weights: Array) -> list[dict[str, Any]]:
    """Returns what a final reads of each domain.

    `tokens` are the domain's training rows, `epochs` what each of them weighs against the mean of
    all rows.
    """
    sizes = pool.sizes()
    epochs = weights / sizes * sizes.sum()
    rows = []
    for domain, size, passes in zip(pool.domains, sizes, epochs, strict=True):
        tokens = int(size) if passes > 0 else 0
        rows.append({"domain": domain, "tokens": tokens, "epochs": float(passes)})
    return rows
