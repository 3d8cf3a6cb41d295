"""Stages of workflow/rules/corpus.smk: from sources to token shards."""

import logging
from pathlib import Path
from typing import Any

from mixwright.corpus import tokenize
from mixwright.corpus import tokenizer as bpe
from mixwright.corpus.documents import write_part, write_target
from mixwright.files import read_json
from mixwright.sources import harvest as embedded
from mixwright.study.study import Study

log = logging.getLogger(__name__)


def harvest_installed(study: Path, to: Path) -> None:
    """Collect the text of the embedded corpus: text that every Python installation has.

    Example:
        mixwright harvest-installed --study results/demo/study.json --to results/demo/installed
    """
    corpus = read_json(study)["corpus"]
    counts = embedded.harvest_installed(to, corpus["max_bytes"], corpus["max_document_bytes"])
    _log_counts("installed", counts)


def read_target(study: Path, target: str, harvest: list[Path], to: Path) -> None:
    """Read the texts or questions of a held-out target into one table of documents.

    Example:
        mixwright read-target --study results/demo/study.json --target questions --harvest
            --to results/demo/questions/questions.parquet
    """
    plan = Study.read(study)
    target_bytes = plan.config["corpus"]["target_bytes"]
    counts = write_target(plan.source(target), plan.text(target), target_bytes, to, *harvest)
    _log_counts(target, counts)


def clean_domain(
    study: Path, domain: str, harvest: list[Path], questions: list[Path], to: Path
) -> None:
    """Clean a domain: drop repeated text and text of the targets, split train from validation.

    Example:
        mixwright clean-domain --study results/demo/study.json --domain prose
            --harvest results/demo/installed --questions results/demo/questions/questions.parquet
            --to results/demo/documents/prose.parquet
    """
    plan = Study.read(study)
    prepared = next(iter(harvest), None)
    counts = write_part(plan.source(domain), plan.text(domain), questions, to, prepared=prepared)
    _log_counts(domain, counts)


def train_tokenizer(study: Path, documents: list[Path], to: Path) -> None:
    """Train a byte-level BPE on the domains' training text, or copy the one the study names.

    Example:
        mixwright train-tokenizer --study results/demo/study.json
            --documents results/demo/documents/prose.parquet --to results/demo/tokenizer
    """
    plan = Study.read(study)
    bpe.train_tokenizer(documents, plan.config["tokenizer"], to, plan.learner.masked)


def tokenize_domain(study: Path, domain: str, documents: Path, tokenizer: Path, to: Path) -> None:
    """Write the tokens of a domain: a memory-mapped shard with a manifest.

    Example:
        mixwright tokenize-domain --study results/demo/study.json --domain prose
            --documents results/demo/documents/prose.parquet --tokenizer results/demo/tokenizer
            --to results/demo/shards/prose
    """
    config = read_json(study)
    context = max(config[part]["shape"]["context"] for part in ("proxy", "final"))
    manifest = tokenize.tokenize_domain(domain, documents, tokenizer, to, context)
    _log_counts(domain, manifest["splits"]["train"])


def tokenize_target(target: str, documents: Path, tokenizer: Path, to: Path) -> None:
    """Write the tokens of a target.

    Example:
        mixwright tokenize-target --target questions --tokenizer results/demo/tokenizer
            --documents results/demo/questions/questions.parquet
            --to results/demo/targets/questions.npz
    """
    tokenize.tokenize_target(target, documents, tokenizer, to)


def _log_counts(name: str, counts: dict[str, Any]) -> None:
    """Logs one line: the name, then each count, whole numbers with thousands separators.

    Counts of nothing are left out.
    """
    words = []
    for key, value in counts.items():
        if not value:
            continue
        number = f"{value:,}" if isinstance(value, int) else value
        words.append(f"{key} {number}")
    log.info("%s: %s", name, ", ".join(words))
