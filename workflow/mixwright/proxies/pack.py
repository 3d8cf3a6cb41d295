"""Trains a pack of runs and writes one parquet file, by way of the store."""

import shutil
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.corpus.choices import Choices
from mixwright.corpus.shards import Examples, Shard
from mixwright.files import written
from mixwright.mixture import Mixture, Run
from mixwright.progress import Log, say
from mixwright.proxies.measurements import Measurements
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.online.pupils import pupils_of, reference_of
from mixwright.proxies.online.recipe import learns
from mixwright.proxies.online.wave import OnlineWave
from mixwright.proxies.questions import NO_CHOICES
from mixwright.proxies.refresh import Refresh
from mixwright.proxies.start import start_of
from mixwright.proxies.store import Store, done, has_diverged, renamed, row
from mixwright.proxies.train import Result, train
from mixwright.proxies.tuning import KEYS, machine, rule_of_thumb
from mixwright.proxies.wave import Member, Settings
from mixwright.proxies.waves import remove_checkpoints
from mixwright.proxies.weights import Weights
from mixwright.proxies.work import Training, Work
from mixwright.study.study import Study


@dataclass(eq=False)
class Results:
    """What the store has of a pack's trainings; says which of them are done."""

    work: Work
    shape: Shape
    store: Store
    weights: Weights
    measurements: Measurements
    # whether the weights of this role's runs are stored
    keeps_weights: bool
    _settled: set[str] = field(default_factory=set)

    def __contains__(self, key: object) -> bool:
        """Whether a training is done: what the study asks of it is measured, or can be."""
        name = str(key)
        if name not in self.store:
            return False
        if name not in self._settled and self._is_settled(name):
            self._settled.add(name)
        return name in self._settled

    def _is_settled(self, key: str) -> bool:
        table = self.store.get(key)
        if table is None:
            return False
        if has_diverged(table) or key in self.weights:
            return True
        return self.work.is_measured(key, self.measurements.get(key))

    def put(self, member: Member, result: Result) -> None:
        """Stores what training left of a member; the row of the store comes last."""
        key = member.key
        if not result.diverged:
            if self.keeps_weights:
                self.weights.put(key, result.weights, 0, self.shape)
            self.measurements.put(key, self._measured(result), anew=True)
        realised = []
        for domain, (tokens, epochs) in result.realised.items():
            weight = result.answer.get(domain)
            taken = {"domain": domain, "tokens": tokens, "epochs": epochs, "learned": weight}
            realised.append(taken)
        before_last = [fact for fact in result.losses if fact["step"] < member.steps]
        self.store.put(key, row(key, before_last, realised, result.diverged))

    def _measured(self, result: Result) -> dict[str, Any]:
        """Digest -> log-likelihoods."""
        measured = {}
        # A text of both is taken as every run is scored on it: one that is recorded reads windows
        # in other company, which moves its last digits.
        pairs = ((self.work.recorded, result.loglikelihoods), (self.work.texts, result.scored))
        for texts, scored in pairs:
            for target, values in scored.items():
                measured[texts.digests[target]] = values
        return measured


def train_pack(
    runs: Sequence[Run],
    mixtures: Mapping[str, Mixture],
    shards: Sequence[Shard],
    targets: Mapping[str, Examples],
    study: Study,
    store_folder: Path,
    to: Path,
    log: Log = say,
    choices: Mapping[str, Choices] = NO_CHOICES,
) -> None:
    """Trains the runs that the store lacks, and writes what training left of all.

    While the weights are in memory, all that the study asks of them is measured. A run whose
    weights are gone is trained again where something is still to be measured.

    Args:
        runs: The runs of the pack.
        mixtures: Run name -> mixture.
        shards: Training text and held-out text of each domain.
        targets: Target -> texts to score.
        study: The resolved study.
        store_folder: Where results are stored by key.
        to: The file to write, of tables.RESULTS, in the runs' order.
        log: Takes progress.
        choices: Target of questions -> all their answers.

    Raises:
        MixwrightError: A run has no mixture, or memory does not hold one run.
    """
    vocabulary = shards[0].vocabulary
    study = study.calibrated(_choice(study.proxy, vocabulary))
    work = Work.of(runs, mixtures, shards, targets, study, choices)
    order = None
    if study.config["store"] == "refresh":
        order = Refresh.of(Path(to))
    folder = Path(store_folder)
    results = Results(
        work,
        Shape.of(study.proxy["shape"], vocabulary, study.proxy["attention"]),
        _store(folder, order),
        Weights(folder),
        Measurements(folder),
        study.keeps_weights(runs[0].role),
    )
    checkpoints = _checkpoints(folder, order)
    _train(work, results, order, checkpoints, log)
    rows = []
    for run in runs:
        stored = results.store.taken(work.keys[run.name])
        rows.append(renamed(stored, run.name))
    table = pa.concat_tables(rows).replace_schema_metadata({"computed": work.computed})
    with written(to) as partial:
        pq.write_table(table, partial, compression="zstd")
    if order:
        order.end()
        shutil.rmtree(checkpoints, ignore_errors=True)


def _train(
    work: Work, results: Results, order: Refresh | None, checkpoints: Path, log: Log
) -> None:
    """Trains what the store lacks, and tells of each run that is done."""

    def report(key: str) -> None:
        table = results.store.get(key)
        if table is None:
            return
        for run, key_of_run in work.keys.items():
            if key_of_run == key:
                log(done(table, run))

    def finish(member: Member, result: Result) -> None:
        results.put(member, result)
        if order:
            order.add(member.key)
        report(member.key)

    lacking = []
    for key in work.trainings:
        if key in results:
            report(key)
        else:
            lacking.append(key)
    settings = _settings(work.study)
    groups = _groups(work)
    if lacking:
        options = {
            "settings": settings,
            "targets": work.targets,
            "answers": work.questions.texts,
            "likelihoods": work.recording.examples,
            "by_token": work.recording.by_token,
            "on_finished": finish,
            "checkpoints": checkpoints,
            "log": log,
            "first": start_of(work.study, results.shape),
        }
        _train_lacking(work, results, groups, lacking, options)
    for group in groups:
        remove_checkpoints(group, settings, checkpoints)


def _groups(work: Work) -> tuple[list[Member], list[Member]]:
    """Runs on fixed weights, and those that learn theirs."""
    fixed: list[Member] = []
    learning: list[Member] = []
    for training in work.trainings.values():
        group = learning if learns(training.run) else fixed
        group.append(_member(training))
    return fixed, learning


def _train_lacking(
    work: Work,
    results: Results,
    groups: tuple[list[Member], list[Member]],
    lacking: Sequence[str],
    options: Mapping[str, Any],
) -> None:
    """Trains runs on fixed weights, and then those that learn theirs."""
    fixed, learning = groups
    waiting = any(member.key in lacking for member in learning)
    reference = reference_of(work) if waiting else None
    finished: Container[str] = results
    if reference and reference not in results.weights:
        # what was measured of it does not help: its weights are read
        finished = ()
    shape, shards = results.shape, work.shards
    if fixed:
        train(fixed, shape, shards, finished=finished, **options)
    if waiting:
        pupils = pupils_of(work, shape, options["settings"], results.weights)
        make_wave = partial(OnlineWave, pupils=pupils)
        train(learning, shape, shards, finished=results, make_wave=make_wave, **options)


def _store(folder: Path, order: Refresh | None) -> Store:
    """The store, which an order to train again keeps from serving older results."""
    if order is None:
        return Store(folder)
    return Store(folder, refresh=True, put=order.done)


def _checkpoints(store: Path, order: Refresh | None) -> Path:
    """The folder of the waves' checkpoints; an order to train again has one of its own."""
    folder = store / "checkpoints"
    if order is None:
        return folder
    return folder / order.name


def _member(training: Training) -> Member:
    run = training.run
    return Member(
        training.key,
        training.mixture,
        run.steps,
        run.seed,
        wants_loglikelihoods=training.recorded,
    )


def _choice(proxy: Mapping[str, Any], vocabulary: int) -> dict[str, Any]:
    """Returns how to compute what is still "auto", for no calibration has settled it."""
    if "auto" not in [proxy[key] for key in KEYS]:
        return {}
    choice, _ = rule_of_thumb(proxy, vocabulary, machine(proxy["device"]))
    chosen = asdict(choice)
    return {key: chosen[key] for key in KEYS}


def _settings(study: Study) -> Settings:
    proxy = study.proxy
    evaluation = study.evaluation
    return Settings(
        batch=proxy["batch"],
        optimizer=proxy["optimizer"],
        evaluations=evaluation["steps"],
        wave=proxy["wave"],
        device=proxy["device"],
        precision=proxy["precision"],
        micro_batch=proxy["micro_batch"],
        compiled=proxy["compile"],
        graph=proxy.get("graph") is not False,
        checkpoint_seconds=proxy["checkpoint_seconds"],
        alone=evaluation.get("masked") == "alone",
        epochs_of=study.epochs_of,
    )
