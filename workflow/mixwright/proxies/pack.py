"""Trains a pack of runs and writes one parquet file, by way of the store."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.corpus.shards import Examples, Shard
from mixwright.files import written
from mixwright.mixture import Mixture, Run
from mixwright.progress import Log, say
from mixwright.proxies.loglikelihoods import LikelihoodTexts
from mixwright.proxies.models.masking import mask_token
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.refresh import Refresh
from mixwright.proxies.scored import held_out_texts, scored_texts
from mixwright.proxies.store import Store, done, key_of, mixture_of, renamed, row
from mixwright.proxies.train import Result, train
from mixwright.proxies.tuning import KEYS, machine, rule_of_thumb
from mixwright.proxies.wave import Member, Settings
from mixwright.study.study import Study


@dataclass(frozen=True, eq=False)
class Work:
    """A pack as the trainer takes it: all that is resolved before anything is trained."""

    shape: Shape
    settings: Settings
    # how it is computed, as JSON; goes into the file's metadata
    computed: str
    # run -> the key of its result in the store
    keys: Mapping[str, str]
    # by key, for runs of equal mixture and seed are trained once
    members: Mapping[str, Member]
    # name -> texts whose losses are measured several times
    measured: Mapping[str, Examples]
    # the examples whose log-likelihoods are recorded
    recording: LikelihoodTexts

    @classmethod
    def of(
        cls,
        runs: Sequence[Run],
        mixtures: Mapping[str, Mixture],
        shards: Sequence[Shard],
        targets: Mapping[str, Examples],
        study: Study,
    ) -> "Work":
        """Resolves a pack.

        Args:
            runs: The runs of the pack.
            mixtures: Run name -> mixture.
            shards: Sorted by domain.
            targets: Target -> texts, sorted by name.
            study: The resolved study.
        """
        vocabulary = shards[0].vocabulary
        study = study.calibrated(_chosen(study.proxy, vocabulary))
        proxy = study.proxy
        evaluation = study.evaluation
        shape = Shape.of(proxy["shape"], vocabulary, proxy["attention"])
        spec = study.proxy_spec | {"vocabulary": vocabulary}
        if shape.masked:
            spec["mask_token"] = mask_token(shards[0])
        spec |= _sources(shards, study)
        fingerprints = _fingerprints(shards, targets)
        domains = [shard.domain for shard in shards]
        keys: dict[str, str] = {}
        members: dict[str, Member] = {}
        for run in runs:
            mixture = mixture_of(run, mixtures).over(domains)
            key = key_of(run, mixture, fingerprints, spec, study.recorded)
            keys[run.name] = key
            members[key] = _member(run, mixture, key)
        texts = held_out_texts(targets, shards, study)
        recorded = {name: texts[name] for name in study.recorded["targets"]}
        return cls(
            shape,
            _settings(study),
            computed=json.dumps(_how(proxy)),
            keys=keys,
            members=members,
            measured=scored_texts(targets, shards, study, evaluation["tokens"]),
            recording=LikelihoodTexts.of(evaluation, recorded),
        )


def train_pack(
    runs: Sequence[Run],
    mixtures: Mapping[str, Mixture],
    shards: Sequence[Shard],
    targets: Mapping[str, Examples],
    study: Study,
    store_folder: Path,
    to: Path,
    log: Log = say,
) -> None:
    """Trains the runs that the store lacks, and writes the results of all in the runs' order.

    Args:
        runs: The runs of the pack.
        mixtures: Run name -> mixture.
        shards: Training text and held-out text of each domain.
        targets: Target -> texts to score.
        study: The resolved study.
        store_folder: Where results are stored by key.
        to: The file to write, of tables.RESULTS.
        log: Takes progress.

    Raises:
        MixwrightError: A run has no mixture, or memory does not hold one run.
    """
    shards = sorted(shards, key=lambda shard: shard.domain)
    work = Work.of(runs, mixtures, shards, dict(sorted(targets.items())), study)
    order = None
    if study.config["store"] == "refresh":
        order = Refresh.of(Path(to))
    store = _store(Path(store_folder), order)
    checkpoints = _checkpoints(store, order)

    def report(key: str) -> None:
        table = store.get(key)
        if table is None:
            return
        for run in runs:
            if work.keys[run.name] == key:
                log(done(table, run.name))

    def finish(member: Member, result: Result) -> None:
        store.put(member.key, _stored(member.key, result, work.recording))
        if order:
            order.add(member.key)
        report(member.key)

    for key in work.members:
        report(key)
    if any(key not in store for key in work.members):
        train(
            list(work.members.values()),
            work.shape,
            shards,
            settings=work.settings,
            targets=work.measured,
            likelihoods=work.recording.examples,
            by_token=work.recording.by_token,
            on_finished=finish,
            finished=store,
            checkpoints=checkpoints,
            log=log,
        )
    rows = []
    for run in runs:
        stored = store.taken(work.keys[run.name])
        rows.append(renamed(stored, run.name))
    table = pa.concat_tables(rows).replace_schema_metadata({"computed": work.computed})
    with written(to) as partial:
        pq.write_table(table, partial, compression="zstd")
    if order:
        order.end()
        shutil.rmtree(checkpoints, ignore_errors=True)


def _store(folder: Path, order: Refresh | None) -> Store:
    """The store, which an order to train again keeps from serving older results."""
    if order is None:
        return Store(folder)
    return Store(folder, refresh=True, put=order.done)


def _checkpoints(store: Store, order: Refresh | None) -> Path:
    """The folder of the waves' checkpoints; an order to train again has one of its own."""
    folder = store.folder / "checkpoints"
    if order is None:
        return folder
    return folder / order.name


def _member(run: Run, mixture: Mixture, key: str) -> Member:
    return Member(
        key,
        mixture,
        run.steps,
        run.seed,
        wants_loglikelihoods=run.role == "vertex",
    )


def _stored(key: str, result: Result, recording: LikelihoodTexts) -> pa.Table:
    """Returns a member's row for the store, which names no run."""
    realised = []
    for domain, (tokens, epochs) in result.realised.items():
        realised.append({"domain": domain, "tokens": tokens, "epochs": epochs})
    return row("", key, result.losses, realised, recording.rows(result.loglikelihoods))


def _chosen(proxy: Mapping[str, Any], vocabulary: int) -> dict[str, Any]:
    """Returns how to compute what is still "auto", for no calibration has settled it."""
    if "auto" not in _how(proxy).values():
        return {}
    choice, _ = rule_of_thumb(proxy, vocabulary, machine(proxy["device"]))
    return _how(asdict(choice))


def _how(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of how to compute, in the order of tuning.KEYS."""
    return {key: settings[key] for key in KEYS}


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
        checkpoint_seconds=proxy["checkpoint_seconds"],
        alone=evaluation.get("masked") == "alone",
        epochs_of=study.epochs_of,
    )


def _sources(shards: Sequence[Shard], study: Study) -> dict[str, Any]:
    """Returns the sizes of sources where they decide what a run may show of their samples."""
    sizes = {}
    for shard in shards:
        if shard.times_sampled > 1:
            sizes[shard.domain] = shard.source_tokens
    if study.epochs_of is None or not sizes:
        return {}
    return {"source_tokens": sizes}


def _fingerprints(shards: Sequence[Shard], targets: Mapping[str, Examples]) -> dict[str, str]:
    """Returns hashes of the texts that are read and of those that are scored."""
    fingerprints = {}
    for shard in shards:
        fingerprints[f"train/{shard.domain}"] = shard.fingerprint
        fingerprints[f"scored/{shard.domain}"] = _digest(shard.validation)
    for name, examples in targets.items():
        fingerprints[f"scored/{name}"] = _digest(examples)
    return fingerprints


def _digest(examples: Examples) -> str:
    """Returns the SHA-256 of the examples' arrays."""
    content = hashlib.sha256()
    content.update(examples.tokens.tobytes())
    content.update(examples.starts.tobytes())
    content.update(examples.scored_from.tobytes())
    content.update(examples.scored_bytes.tobytes())
    return content.hexdigest()
