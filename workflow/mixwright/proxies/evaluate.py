"""Scores the runs of a batch of packs, and gathers all that was measured of them.

What the store has is not measured again. Where it has all of it, no torch is imported.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.corpus.choices import Choices
from mixwright.corpus.shards import Examples, Shard
from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.mixture import Mixture, Run
from mixwright.progress import Log, say
from mixwright.proxies.measurements import Floats, Measurements
from mixwright.proxies.questions import NO_CHOICES
from mixwright.proxies.work import Work
from mixwright.study.study import Study
from mixwright.tables import MEASURED, RESULTS

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Trained:
    """What the packs of a batch say of their runs."""

    # run -> its row of tables.RESULTS
    rows: Mapping[str, Row]
    # how its pack was computed, as JSON -> its runs
    alike: Mapping[str, Sequence[Run]]
    # the same -> how many packs
    packs: Mapping[str, int]

    @classmethod
    def read(cls, packs: Sequence[Path], runs: Sequence[Sequence[Run]]) -> "Trained":
        """Reads packs, each with its runs.

        Raises:
            MixwrightError: A pack cannot be read, or is an earlier version's.
        """
        rows: dict[str, Row] = {}
        alike: dict[str, list[Run]] = {}
        counts: Counter[str] = Counter()
        for path, runs_of_pack in zip(packs, runs, strict=True):
            table = read_pack(path)
            for row in table.to_pylist():
                rows[row["run"]] = row
            computed = (table.schema.metadata or {}).get(b"computed", b"{}").decode()
            alike.setdefault(computed, []).extend(runs_of_pack)
            counts[computed] += 1
        return cls(rows, alike, counts)


def read_pack(path: Path) -> pa.Table:
    """Returns a pack's rows of tables.RESULTS.

    Raises:
        MixwrightError: It cannot be read, or is an earlier version's.
    """
    try:
        table = pq.read_table(path)
        return (
            table.select(RESULTS.schema.names)
            .cast(RESULTS.schema)
            .replace_schema_metadata(table.schema.metadata)
        )
    except (OSError, KeyError, ValueError) as error:
        reason = error.__class__.__name__
        message = f"{path}: not a readable pack; remove it and train it again ({reason})"
        raise MixwrightError(message) from None


def evaluate_batch(
    packs: Sequence[Path],
    runs: Sequence[Sequence[Run]],
    mixtures: Mapping[str, Mixture],
    shards: Sequence[Shard],
    targets: Mapping[str, Examples],
    study: Study,
    store: Path,
    to: Path,
    before: Callable[[], None] = lambda: None,
    log: Log = say,
    choices: Mapping[str, Choices] = NO_CHOICES,
) -> None:
    """Scores the runs of some packs of one role on what the store lacks, and writes all of it.

    Args:
        packs: Files of tables.RESULTS.
        runs: The runs of each pack.
        mixtures: Run name -> mixture.
        shards: Training text and held-out text of each domain.
        targets: Target -> texts to score.
        study: The resolved study.
        store: Where results are stored.
        to: The file to write, of tables.MEASURED.
        before: Called before anything is computed on the study's device.
        log: Takes progress.
        choices: Target of questions -> all their answers.

    Raises:
        MixwrightError: A pack is of other text than the shards', or weights are gone.
    """
    trained = Trained.read(packs, runs)
    rows: list[Row] = []
    for computed, alike in trained.alike.items():
        calibrated = study.calibrated(json.loads(computed))
        work = Work.of(alike, mixtures, shards, targets, calibrated, choices)
        _check_keys(work, trained.rows, store)
        _score(work, trained.rows, store, before, log)
        rows += _gathered(work, alike, trained.rows, Measurements(store))
    table = pa.Table.from_pylist(rows, MEASURED.schema)
    metadata = {"computed": json.dumps(trained.packs)}
    with written(to) as partial:
        pq.write_table(table.replace_schema_metadata(metadata), partial, compression="zstd")


def _check_keys(work: Work, rows: Mapping[str, Row], store: Path) -> None:
    """Refuses runs that were trained on other text, or by another version, than is there now."""
    outdated = [run for run, key in work.keys.items() if rows[run]["store_key"] != key]
    if outdated:
        raise MixwrightError(
            f"{len(outdated)} of {len(work.keys)} runs were trained on other text than is there"
            " now, which a new target may change where text is decontaminated; start snakemake"
            " again: it trains them again, and its dry run tells the cost"
        )


def _score(
    work: Work,
    rows: Mapping[str, Row],
    store: Path,
    before: Callable[[], None],
    log: Log,
) -> None:
    """Scores what was not scored while it was trained."""
    measurements = Measurements(store)
    lacking = []
    for key, training in work.trainings.items():
        if rows[training.run.name]["status"] == "diverged":
            continue
        if not work.is_measured(key, measurements.get(key)):
            lacking.append(key)
    if not lacking:
        return
    before()
    # here, for it imports torch
    from mixwright.proxies.measure import Scorer

    log(f"{len(lacking)} runs are scored on what was not scored yet")
    Scorer.of(work, store).score(lacking, log)


def _gathered(
    work: Work, runs: Sequence[Run], rows: Mapping[str, Row], measurements: Measurements
) -> Iterator[Row]:
    """Yields rows of tables.MEASURED."""
    domains = [shard.domain for shard in work.shards]
    for run in runs:
        key = work.keys[run.name]
        row = rows[run.name]
        measured: dict[str, Floats] = {}
        if row["status"] != "diverged":
            measured = measurements.get(key)
            _check_measured(work, key, measured, run)
        mixture = work.trainings[key].mixture
        last = work.loss_rows.of(mixture, run.steps, run.tokens, work.texts.of(measured))
        likelihoods: list[Row] = []
        if run.role == "vertex":
            likelihoods = work.recording.rows(work.recorded.of(measured))
        # of another study with the same run, other targets may stand there
        along = [fact for fact in row["losses"] if fact["target"] in work.texts.examples]
        yield {
            "run": run.name,
            "store_key": key,
            "losses": along + last,
            "realised": _over(domains, row["realised"]),
            "loglikelihoods": likelihoods,
        }


def _check_measured(work: Work, key: str, measured: Mapping[str, Floats], run: Run) -> None:
    """Refuses a run of which something is not measured: it would pass for one that diverged.

    A job of another study that trained or scored the same run at this moment may have written its
    file over this job's.
    """
    if not work.is_measured(key, measured):
        raise MixwrightError(
            f"run {run.name}: what was measured of it was overwritten by another job; run this"
            " job again, and it measures that alone"
        )


def _over(domains: Sequence[str], realised: Sequence[Row]) -> list[Row]:
    """What a run read of each of these domains; nothing of one that its study did not have."""
    by_domain = {fact["domain"]: fact for fact in realised}
    rows = []
    for domain in domains:
        rows.append(by_domain.get(domain, {"domain": domain, "tokens": 0, "epochs": 0.0}))
    return rows
