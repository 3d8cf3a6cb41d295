"""Trains a pack of trees: from runs and weights to one parquet, by way of the store."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.mixture import Array, Mixture, Run
from mixwright.progress import Log, Pace, say
from mixwright.proxies.evaluate import read_pack
from mixwright.proxies.store import Store, done, key_of, mixture_of, renamed, row
from mixwright.study.study import Study
from mixwright.tables import MEASURED
from mixwright.tabular.boosting import Grown, Trees, grow, weighted_loss
from mixwright.tabular.dataset import Dataset
from mixwright.tabular.metrics import loglikelihoods
from mixwright.tabular.pool import LabelledRows, Pool

CHOOSE = "choose"  # the part of a target's rows that mixtures are chosen by


def train_pack(
    runs: Sequence[Run],
    mixtures: Mapping[str, Mixture],
    datasets: Sequence[Dataset],
    targets: Mapping[str, Any],
    study: Study,
    store_folder: Path,
    to: Path,
    log: Log = say,
) -> None:
    """Trains the runs that the store lacks, and writes the rows of all.

    Args:
        runs: the pack.
        mixtures: resolved, by the runs' names.
        datasets: of all domains of the study.
        targets: none, for a target of trees is a domain's held-out rows.
        study: its settings.
        store_folder: the store of results.
        to: the file of rows of tables.RESULTS, in the runs' order.
        log: takes one line a run, and how far the pack is.
    """
    pool = Pool.of(datasets)
    settings = Trees.of(study.config["trees"])
    scored = study.recorded["targets"]
    folder = Path(store_folder)
    store = Store(folder, refresh=study.config["store"] == "refresh")
    # All keys first: a run without a resolved mixture is refused before any run is trained.
    keys = [_key(run, mixtures, datasets, study) for run in runs]
    pace = Pace(log, 1, unit="runs")
    trained = 0
    rows = []
    for number, (run, key) in enumerate(zip(runs, keys, strict=True), 1):
        if key not in store or not _path(folder, key).exists():
            weights = mixtures[run.name].over(pool.domains).weights
            measured = _measured(run, key, pool, weights, settings, scored)
            _write(measured, _path(folder, key))
            store.put(key, row(key, [], [], diverged=False))
            trained += 1
        result = store.taken(key)
        rows.append(renamed(result, run.name))
        log(done(result, run.name))
        left = len(runs) - number
        where = f"{number}/{len(runs)} {run.role} runs, {len(scored)} targets"
        pace.tell(where, trained, left, at_once=not left)
    _write(pa.concat_tables(rows), to)


def evaluate_batch(
    packs: Sequence[Path],
    runs: Sequence[Sequence[Run]],
    mixtures: Mapping[str, Mixture],
    datasets: Sequence[Dataset],
    targets: Mapping[str, Any],
    study: Study,
    store: Path,
    to: Path,
    before: Callable[[], None] = lambda: None,
    log: Log = say,
) -> None:
    """Gathers what was measured of the runs of some packs while they were trained.

    Trees are not kept: their keys hold all that is asked of them.

    Args:
        packs: files of tables.RESULTS.
        runs: the runs of each pack.
        mixtures: resolved, by the runs' names.
        datasets: of all domains of the study.
        targets: none.
        study: its settings.
        store: the store of results.
        to: the file to write, of tables.MEASURED.
        before: not needed.
        log: not needed.

    Raises:
        MixwrightError: a pack cannot be read, or what was measured of a run is gone.
    """
    rows = []
    for pack in packs:
        for run in read_pack(pack).to_pylist():
            path = _path(Path(store), run["store_key"])
            try:
                table = pq.read_table(path, schema=MEASURED.schema)
            except (OSError, pa.ArrowInvalid):
                path.unlink(missing_ok=True)
                raise MixwrightError(
                    f"{path}: what was measured of run {run['run']} is gone; train it again:"
                    " snakemake --forcerun train_proxies, which trains what is gone alone"
                ) from None
            rows.append(renamed(table, run["run"]))
    _write(pa.concat_tables(rows), to)


def _key(
    run: Run, mixtures: Mapping[str, Mixture], datasets: Sequence[Dataset], study: Study
) -> str:
    """The key of a run: all that its results depend on, with what is measured of it."""
    fingerprints = {dataset.domain: dataset.fingerprint for dataset in datasets}
    recorded = study.recorded | {"examples": run.role == "vertex"}
    spec = study.proxy_spec | {"recorded": recorded}
    return key_of(run, mixture_of(run, mixtures), fingerprints, spec)


def _path(store: Path, key: str) -> Path:
    """Where what was measured of a run is stored, as one row of tables.MEASURED."""
    return store / "measured" / key[:2] / f"{key}.parquet"


def _write(table: pa.Table, to: Path) -> None:
    with written(to) as partial:
        pq.write_table(table, partial, compression="zstd")


def constant_loss(learned: LabelledRows, scored: LabelledRows) -> float:
    """Returns the log loss, nats/example, of one probability for all scored rows.

    It is the share of the label 1 among the learned rows: it knows the mixture and no feature.
    """
    share = float(learned.weights @ learned.labels / learned.weights.sum())
    return weighted_loss(np.full(len(scored), share), scored)


def _measured(
    run: Run, key: str, pool: Pool, weights: Array, settings: Trees, targets: Sequence[str]
) -> pa.Table:
    """Trains a run, and returns its row of tables.MEASURED without its name."""
    learned = pool.mixed(weights)
    grown = grow(learned, settings, run.seed)
    losses = []
    likelihoods = []
    for target in targets:
        scored = pool.examples(target, CHOOSE)
        probability = _probability(grown, run, pool, weights, scored)
        loss = {
            "target": target,
            "step": run.steps,
            "tokens": run.tokens,
            "loss": weighted_loss(probability, scored),
            "bits_per_byte": None,
            "scored_tokens": len(scored),
            "unigram_loss": constant_loss(learned, scored),
            "status": "ok",
        }
        losses.append(loss)
        if run.role == "vertex":
            examples = pool.rows(target, CHOOSE)
            likelihoods += _likelihoods(target, examples, probability, scored.labels)
    values = {
        "run": "",
        "store_key": key,
        "losses": losses,
        "realised": [],
        "loglikelihoods": likelihoods,
    }
    return pa.Table.from_pylist([values], MEASURED.schema)


def _likelihoods(
    target: str, examples: NDArray[np.int64], probability: Array, labels: Array
) -> list[dict[str, Any]]:
    """Returns what a single-domain run records of each of a target's examples.

    Args:
        target: whose examples.
        examples: (examples,) their rows in the pool.
        probability: (examples,) of the label 1.
        labels: (examples,) 0 or 1.
    """
    values = loglikelihoods(probability, labels)
    rows = []
    columns = zip(examples.tolist(), values.tolist(), labels.tolist(), strict=True)
    for example, value, label in columns:
        record = {
            "target": target,
            "scored_tokens": 1,
            "bytes": 0,
            "split": CHOOSE,
            "example": example,
            "loglikelihood": value,
            "label": label,
        }
        rows.append(record)
    return rows


def _probability(grown: Grown, run: Run, pool: Pool, weights: Array, scored: LabelledRows) -> Array:
    """Returns the probability of the label 1 for the scored rows.

    A domain's own model keeps the settings that its own rows choose, whichever target it is
    scored on. Any other run's settings are chosen by the target's rows, as the final's will be.
    """
    validated = pool.mixed(weights, CHOOSE) if run.role == "vertex" else scored
    return grown.best(validated).probability(scored.features)
