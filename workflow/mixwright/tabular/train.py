"""The final trees of every arm: trained on the union of the domains, with the settings that the goal's held-out rows choose."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixwright import tables
from mixwright.files import alone, read_json, write_json, written
from mixwright.finals.train import Arm, lock_of
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

    A final stands in `<store>/finals/<key>/`: `model/` in the library's own format, `result.json`.
    """
    pool = Pool.of(datasets)
    prints = {dataset.domain: dataset.fingerprint for dataset in datasets}
    refresh, fresh, rows = study.config["store"] == "refresh", set(), []
    for arm in arms:
        targets = study.targets_of(arm.goal or "")
        key = content_key(arm, targets, prints, study)
        folder = Path(store) / "finals" / key
        with alone(lock_of(folder)):
            if (refresh and key not in fresh) or not (folder / "result.json").exists():
                _train(arm, targets, pool, Trees.of(study.config["trees"]), folder)
            fresh.add(key)
            whose = {
                "mixer": arm.mixer,
                "goal": arm.goal,
                "seed": arm.seed,
                "store_key": key,
                "folder": str(folder / "model"),
            }
            rows.append(whose | read_json(folder / "result.json"))
        log(Done(arm.label))
    log(f"{len(rows)} finals, {len({row['store_key'] for row in rows})} of them different")
    tables.write(pd.DataFrame(rows, columns=tables.FINALS.schema.names), to, tables.FINALS)


def content_key(
    arm: Arm, targets: Mapping[str, float], prints: Mapping[str, str], study: Study
) -> str:
    """Hash of all that a final's numbers depend on: a domain without weight counts only where its held-out rows choose the settings."""
    weights = arm.mixture.rounded()
    read = {domain: prints[domain] for domain in {*weights, *targets}}
    asked = {
        "weights": weights,
        "targets": dict(targets),
        "seed": arm.seed,
        "trees": study.config["trees"],
    }
    return digest({"arm": asked, "datasets": read, "version": VERSIONS["final"]}, 32)


def _train(
    arm: Arm, targets: Mapping[str, float], pool: Pool, settings: Trees, folder: Path
) -> None:
    began = time.monotonic()
    weights = arm.mixture.over(pool.domains).weights
    learned = pool.mixed(weights)
    validated = pool.mixed(np.array([targets.get(domain, 0.0) for domain in pool.domains]), CHOOSE)
    model = grow(learned, settings, arm.seed).best(validated)
    result = {
        "tokens": len(learned),
        "train_loss": model.validation_loss,
        "realised": realised(pool, weights),
    }
    with written(folder) as beside:
        model.save(beside / "model")
        write_json(beside / "result.json", result | {"seconds": time.monotonic() - began})


def realised(pool: Pool, weights: Array) -> list[dict[str, Any]]:
    """A domain's training rows (`tokens`), and what each weighs against the mean of all rows (`epochs`)."""
    sizes = pool.sizes()
    each = weights / sizes * sizes.sum()
    return [
        {"domain": domain, "tokens": int(size) if weight > 0 else 0, "epochs": float(weight)}
        for domain, size, weight in zip(pool.domains, sizes, each, strict=True)
    ]
