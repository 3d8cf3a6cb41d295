"""Disk and memory of a study, as far as they are known before anything is read."""

from dataclasses import dataclass

from mixwright.jobs.resources import cleaning_mb, memory_mb, taken, vocabulary_of
from mixwright.proxies.footprint import parameters
from mixwright.study.study import Study

# Of the demo: bytes of documents on disk for each byte of text, and of text for each token.
DOCUMENT_SHARE = 0.5
TOKEN_BYTES = 3.5
# Ids of larger vocabularies take four bytes, see corpus/shards.py.
SHORT_IDS = 65_536
FLOAT_BYTES = 4
# bytes of the results of a run, of a fit and its draws, and of the report
RUN_BYTES = 30_000
FIT_BYTES = 2_000_000
MEGABYTE = 2**20


@dataclass(frozen=True)
class Space:
    """Megabytes that a study takes."""

    # documents, tokens and shards
    corpus_mb: float
    # final models that are kept
    models_mb: float
    results_mb: float
    # memory of the largest job
    job_mb: float
    # domains whose text has no known size: a gigabyte of each is counted
    unsized: tuple[str, ...] = ()

    @property
    def disk_mb(self) -> float:
        """Megabytes on disk."""
        return self.corpus_mb + self.models_mb + self.results_mb


def space_of(study: Study) -> Space:
    """Returns the disk and the memory that a study takes, about.

    Of trees and of measured losses the files are small, and are not counted.
    """
    fits_mb = len(study.mixers) * FIT_BYTES / MEGABYTE
    if study.measured or not study.learner.sized:
        job_mb = 0.0 if study.measured else memory_mb(study, "proxy")
        return Space(0.0, 0.0, fits_mb, job_mb)
    text = sum(study.parts(name) * taken(study, name) for name in study.domains)
    id_bytes = 2 if vocabulary_of(study, "proxy") <= SHORT_IDS else 4
    corpus = text * (DOCUMENT_SHARE + id_bytes / TOKEN_BYTES)
    runs = sum(len(members) for members in study.packs.values())
    finals = sum(len(members) for members in study.final_packs.values())
    job_mb = max(memory_mb(study, "proxy"), *(cleaning_mb(study, name) for name in study.domains))
    models = 0.0
    if finals:
        job_mb = max(job_mb, memory_mb(study, "final", study.final["processes"]))
        weights = parameters(study.final["shape"], vocabulary_of(study, "final"))
        models = finals * FLOAT_BYTES * weights
    return Space(
        corpus / MEGABYTE,
        models / MEGABYTE,
        fits_mb + runs * RUN_BYTES / MEGABYTE,
        job_mb,
        tuple(name for name in study.domains if _is_unsized(study, name)),
    )


def _is_unsized(study: Study, name: str) -> bool:
    return study.sizes[name] is None and study.texts[name].sample is None
