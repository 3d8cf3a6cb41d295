"""Disk and memory of a study, as far as they are known before anything is read."""

from dataclasses import dataclass

from mixwright.jobs.resources import cleaning_mb, memory_mb, taken, vocabulary_of
from mixwright.proxies.footprint import FLOAT_BYTES, parameters
from mixwright.study.recipes import split
from mixwright.study.study import Study

# Of the demo: bytes of documents on disk for each byte of text, and of text for each token.
DOCUMENT_SHARE = 0.5
TOKEN_BYTES = 3.5
# Ids of larger vocabularies take four bytes, see corpus/shards.py.
SHORT_IDS = 65_536
# of a weight of a proxy in the store, see proxies/weights.py
STORED_BYTES = 2
# bytes of the results of a run, of a fit and its draws, and of the report
RUN_BYTES = 30_000
FIT_BYTES = 2_000_000
MEGABYTE = 2**20


@dataclass(frozen=True)
class Space:
    """Megabytes that a study takes."""

    # documents, tokens and shards
    corpus_mb: float
    # final models that are kept, and their snapshots
    models_mb: float
    results_mb: float
    # memory of the largest job
    job_mb: float
    # domains whose text has no known size: a gigabyte of each is counted
    unsized: tuple[str, ...] = ()
    # weights of proxies that are kept
    proxies_mb: float = 0.0

    @property
    def disk_mb(self) -> float:
        """Megabytes on disk."""
        return self.corpus_mb + self.models_mb + self.proxies_mb + self.results_mb


def space_of(study: Study) -> Space:
    """Returns the disk and the memory that a study takes, about.

    Of trees and of measured losses the files are small, and are not counted.
    """
    fits_mb = len(study.mixers) * FIT_BYTES / MEGABYTE
    if study.measured:
        return Space(0.0, 0.0, fits_mb, 0.0)
    if not study.learner.sized:
        return Space(0.0, 0.0, fits_mb, memory_mb(study, "proxy"))
    runs = 0
    for members in study.packs.values():
        runs += len(members)
    runs_mb = runs * RUN_BYTES / MEGABYTE
    unsized = []
    for name in study.domains:
        if study.sizes[name] is None and study.texts[name].sample is None:
            unsized.append(name)
    return Space(
        _corpus_mb(study),
        _models_mb(study),
        fits_mb + runs_mb,
        _job_mb(study),
        tuple(unsized),
        _proxies_mb(study),
    )


def _corpus_mb(study: Study) -> float:
    """Documents, and their tokens."""
    text = 0.0
    for name in study.domains:
        text += study.parts(name) * taken(study, name)
    rows = vocabulary_of(study, "proxy")
    id_bytes = 2 if rows <= SHORT_IDS else 4
    documents = DOCUMENT_SHARE * text
    tokens = text / TOKEN_BYTES
    return (documents + id_bytes * tokens) / MEGABYTE


def _proxies_mb(study: Study) -> float:
    """The weights of the proxies that the store keeps."""
    megabytes = 0.0
    for role, runs in study.runs.items():
        if study.keeps_weights(role):
            for alike in split(runs, lambda run: study.combination_of(run.name)):
                of_run = study.of_role(role, study.combination_of(alike[0].name))
                rows = vocabulary_of(of_run, "proxy")
                weights = parameters(of_run.proxy["shape"], rows)
                megabytes += len(alike) * STORED_BYTES * weights / MEGABYTE
    return megabytes


def _models_mb(study: Study) -> float:
    """The weights of the finals, which the store keeps, and of their copies on the way."""
    finals = 0
    for members in study.final_packs.values():
        finals += len(members)
    if not finals:
        return 0.0
    rows = vocabulary_of(study, "final")
    weights = parameters(study.final["shape"], rows)
    copies = 1 + len(study.final.get("snapshots", ()))
    return finals * copies * FLOAT_BYTES * weights / MEGABYTE


def _job_mb(study: Study) -> float:
    """The memory of the largest job."""
    largest = max(map(len, study.packs.values()), default=1)
    sizes = [memory_mb(study, "proxy", runs=largest)]
    for name in study.domains:
        sizes.append(cleaning_mb(study, name))
    if not study.ends_at_proposals:
        processes = study.final["processes"]
        sizes.append(memory_mb(study, "final", processes))
    return max(sizes)
