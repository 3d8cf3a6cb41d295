"""The stage that trains a pack: from runs and weights to one parquet, by way of the store."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from mixwright.proxies.store import Store, done, key_of, mixture_of, renamed, row
from mixwright.proxies.train import Result, train
from mixwright.proxies.tuning import KEYS, machine, rule_of_thumb
from mixwright.proxies.wave import Member, Settings
from mixwright.study.study import Study


@dataclass(frozen=True, eq=False)
class Work:
    """A pack as the trainer takes it: resolved before anything is trained."""

    shape: Shape
    settings: Settings
    how: str  # it is computed, as JSON
    keys: Mapping[str, str]  # run -> what its result is stored under
    members: Mapping[str, Member]  # by key: runs of equal mixture and seed train once
    measured: Mapping[str, Examples]  # texts whose losses are measured on the way
    likelihoods: LikelihoodTexts  # of texts whose log-likelihoods are kept

    @classmethod
    def of(
        cls,
        runs: Sequence[Run],
        mixtures: Mapping[str, Mixture],
        shards: Sequence[Shard],
        targets: Mapping[str, Examples],
        study: Study,
    ) -> "Work":
        """From shards and targets in the order of their names."""
        vocabulary = shards[0].vocabulary
        study = study.calibrated(_chosen(study.config["proxy"], vocabulary))
        proxy, evaluation = study.config["proxy"], study.config["evaluation"]
        shape = Shape.of(proxy["shape"], vocabulary, proxy["attention"])
        marks = {"mask_token": mask_token(shards[0])} if shape.masked else {}
        prints, spec = (
            _fingerprints(shards, targets),
            study.proxy_spec | {"vocabulary": vocabulary} | marks,
        )
        domains = [shard.domain for shard in shards]
        keys: dict[str, str] = {}
        members: dict[str, Member] = {}
        for run in runs:
            mixture = mixture_of(run, mixtures).over(domains)
            key = key_of(run, mixture, prints, spec, study.recorded)
            keys[run.name] = key
            members[key] = Member(key, mixture, run.steps, run.seed, run.role == "vertex")
        texts = {**targets, **{shard.domain: shard.validation for shard in shards}}
        measured = {
            name: given.first(evaluation["tokens"], None, shape.context + (not shape.masked))
            for name, given in texts.items()
        }
        likelihoods = LikelihoodTexts.of(
            evaluation, {name: texts[name] for name in study.recorded["targets"]}
        )
        how = json.dumps({key: proxy[key] for key in KEYS})
        return cls(shape, _settings(study), how, keys, members, measured, likelihoods)


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
    """Trains the runs that the store lacks and writes their rows of tables.RESULTS, in the runs' order."""
    shards = sorted(shards, key=lambda shard: shard.domain)
    work = Work.of(runs, mixtures, shards, dict(sorted(targets.items())), study)
    store = Store(Path(store_folder), refresh=study.config["store"] == "refresh")

    def keep(member: Member, result: Result) -> None:
        realised = [
            {"domain": name, "tokens": tokens, "epochs": epochs}
            for name, (tokens, epochs) in result.realised.items()
        ]
        store.put(
            member.key,
            row(
                "",
                member.key,
                result.losses,
                realised,
                work.likelihoods.rows(result.loglikelihoods),
            ),
        )
        tell(member.key)

    def tell(key: str) -> None:
        if (found := store.get(key)) is not None:
            for run in (run.name for run in runs if work.keys[run.name] == key):
                log(done(found, run))

    for key in work.members:
        tell(key)
    if any(key not in store for key in work.members):
        train(
            list(work.members.values()),
            work.shape,
            shards,
            settings=work.settings,
            targets=work.measured,
            likelihoods=work.likelihoods.examples,
            by_token=work.likelihoods.by_token,
            on_finished=keep,
            finished=store,
            checkpoints=store.folder / "checkpoints",
            log=log,
        )
    with written(to) as beside:
        table = pa.concat_tables(
            [renamed(store.taken(work.keys[run.name]), run.name) for run in runs]
        )
        pq.write_table(
            table.replace_schema_metadata({"computed": work.how}), beside, compression="zstd"
        )


def _chosen(proxy: Mapping[str, Any], vocabulary: int) -> dict[str, Any]:
    """How to compute what no calibration has settled."""
    if "auto" not in [proxy[key] for key in KEYS]:
        return {}
    choice, _ = rule_of_thumb(proxy, vocabulary, machine(proxy["device"]))
    return {key: getattr(choice, key) for key in KEYS}


def _settings(study: Study) -> Settings:
    proxy, evaluation = study.config["proxy"], study.config["evaluation"]
    names = (
        "batch",
        "optimizer",
        "wave",
        "device",
        "precision",
        "micro_batch",
        "checkpoint_seconds",
    )
    return Settings(
        compiled=proxy["compile"],
        evaluations=evaluation["steps"],
        alone=evaluation.get("masked") == "alone",
        epochs_of=study.epochs_of,
        **{name: proxy[name] for name in names},
    )


def _fingerprints(shards: Sequence[Shard], targets: Mapping[str, Examples]) -> dict[str, str]:
    """What the texts are: read and scored."""
    trained = {f"train/{shard.domain}": shard.fingerprint for shard in shards}
    scored = {
        f"scored/{name}": _digest(texts)
        for name, texts in (
            {shard.domain: shard.validation for shard in shards} | dict(targets)
        ).items()
    }
    return trained | scored


def _digest(texts: Examples) -> str:
    arrays = (texts.tokens, texts.starts, texts.scored_from, texts.scored_bytes)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
