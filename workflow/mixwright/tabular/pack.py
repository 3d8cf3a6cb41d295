"""The stage that trains a pack of trees: from runs and weights to one parquet, by way of the store."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.files import written
from mixwright.mixture import Array, Mixture, Run
from mixwright.progress import Log, Pace, say
from mixwright.proxies.store import Store, done, key_of, mixture_of, renamed, row
from mixwright.study.study import Study
from mixwright.tabular.boosting import Grown, Trees, grow, weighted_loss
from mixwright.tabular.dataset import Dataset
from mixwright.tabular.metrics import loglikelihoods
from mixwright.tabular.pool import LabelledRows, Pool

CHOOSE = "choose"  # the part of a target's rows that mixtures are chosen by


def train_pack(
    runs: Sequence[Run],
    mixtures: Mapping[str, Mixture],
    datasets: Sequence[Dataset],
    targets: Mapping[str, Any],  # none: a target of trees is a domain's held-out rows
    study: Study,
    store_folder: Path,
    to: Path,
    log: Log = say,
) -> None:
    """Trains the runs that the store lacks and writes their rows of tables.RESULTS, in the runs' order."""
    pool = Pool.of(datasets)
    settings = Trees.of(study.config["trees"])
    prints = {dataset.domain: dataset.fingerprint for dataset in datasets}
    keys = {}
    for run in runs:
        keys[run.name] = key_of(
            run, mixture_of(run, mixtures), prints, study.proxy_spec, study.recorded
        )
    store = Store(Path(store_folder), refresh=study.config["store"] == "refresh")
    pace, trained = Pace(log, 1, unit="runs"), 0
    for number, run in enumerate(runs):
        if keys[run.name] not in store:
            weights = mixtures[run.name].over(pool.domains).weights
            store.put(
                keys[run.name],
                _measured(run, keys[run.name], pool, weights, settings, study.recorded["targets"]),
            )
            trained += 1
        log(done(store.taken(keys[run.name]), run.name))
        left = len(runs) - number - 1
        pace.tell(
            f"{number + 1}/{len(runs)} {run.role} runs, {len(study.recorded['targets'])} targets",
            trained,
            left,
            at_once=not left,
        )
    with written(to) as beside:
        pq.write_table(
            pa.concat_tables([renamed(store.taken(keys[run.name]), run.name) for run in runs]),
            beside,
            compression="zstd",
        )


def constant_loss(learned: LabelledRows, scored: LabelledRows) -> float:
    """Log loss, nats/example, of one probability for all rows, the learned rows' share of the label 1: it knows the mixture, no feature."""
    share = float(learned.weights @ learned.labels / learned.weights.sum())
    return weighted_loss(np.full(len(scored), share), scored)


def _measured(
    run: Run, key: str, pool: Pool, weights: Array, settings: Trees, targets: Sequence[str]
) -> pa.Table:
    learned = pool.mixed(weights)
    grown = grow(learned, settings, run.seed)
    losses, likelihoods = [], []
    for target in targets:
        scored = pool.examples(target, CHOOSE)
        probability = _probability(grown, run, pool, weights, scored)
        losses.append(
            {
                "target": target,
                "step": run.steps,
                "tokens": run.tokens,
                "loss": weighted_loss(probability, scored),
                "bits_per_byte": None,
                "scored_tokens": len(scored),
                "unigram_loss": constant_loss(learned, scored),
                "status": "ok",
            }
        )
        if run.role == "vertex":
            values = loglikelihoods(probability, scored.labels).tolist()
            examples = zip(
                pool.rows(target, CHOOSE).tolist(), values, scored.labels.tolist(), strict=True
            )
            known = {"target": target, "scored_tokens": 1, "bytes": 0, "split": CHOOSE}
            likelihoods += [
                known | {"example": j, "loglikelihood": value, "label": label}
                for j, value, label in examples
            ]
    return row("", key, losses, [], likelihoods)


def _probability(grown: Grown, run: Run, pool: Pool, weights: Array, scored: LabelledRows) -> Array:
    """Of the label 1 for the scored rows. A domain's own model keeps the settings that its own rows choose, whomever it is asked about;
    any other run's settings are chosen by the target's rows, as the final's will be."""
    validated = pool.mixed(weights, CHOOSE) if run.role == "vertex" else scored
    return grown.best(validated).probability(scored.features)
