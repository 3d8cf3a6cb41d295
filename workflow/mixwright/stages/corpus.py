"""Stages of workflow/rules/corpus.smk: from sources to token shards."""

import logging
import os
from pathlib import Path
from typing import Any

from mixwright.corpus import join, tokenize
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
    counts = embedded.harvest_installed(to, *Study.read(study).harvest)
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


def clean_part(
    study: Path,
    domain: str,
    part: int,
    parts: int,
    harvest: list[Path],
    questions: list[Path],
    to: Path,
) -> None:
    """Clean a part of a domain as the study says, and split train from validation.

    Example:
        mixwright clean-part --study results/demo/study.json --domain prose --part 0 --parts 1
            --harvest results/demo/installed --questions results/demo/questions/questions.parquet
            --to results/demo/documents/prose/0.parquet
    """
    plan = Study.read(study)
    source, settings = plan.source(domain), plan.text(domain)
    counts = write_part(source, settings, questions, to, part, parts, *harvest)
    _log_counts(f"{domain}, part {part + 1} of {parts}", counts)


def train_tokenizer(study: Path, documents: list[Path], to: Path) -> None:
    """Train a byte-level BPE on the domains' training text, or copy the one the study names.

    Example:
        mixwright train-tokenizer --study results/demo/study.json
            --documents results/demo/documents/prose/0.parquet --to results/demo/tokenizer
    """
    plan = Study.read(study)
    bpe.train_tokenizer(documents, plan.config["tokenizer"], to, plan.learner.masked)


def tokenize_part(
    domain: str,
    documents: Path,
    earlier: list[Path],
    tokenizer: Path,
    to: Path,
    threads: int = 1,
) -> None:
    """Write the tokens of a part of a domain, without documents of earlier parts of it.

    Example:
        mixwright tokenize-part --domain prose --tokenizer results/demo/tokenizer
            --documents results/demo/documents/prose/1.parquet
            --earlier results/demo/documents/prose/0.parquet --to results/demo/tokens/prose/1
    """
    # The library starts its threads when it first encodes several texts, and asks here how many.
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = str(threads > 1).lower()
    manifest = tokenize.tokenize_part(domain, documents, tokenizer, to, earlier)
    _log_counts(domain, manifest["splits"]["train"])


def join_parts(study: Path, domain: str, tokens: list[Path], to: Path) -> None:
    """Make the parts of a domain one shard: a manifest that lists them, and validation examples.

    Example:
        mixwright join-parts --study results/demo/study.json --domain prose
            --tokens results/demo/tokens/prose/0 --to results/demo/shards/prose
    """
    config = read_json(study)
    context = max(config[part]["shape"]["context"] for part in ("proxy", "final"))
    folder = config["tokenizer"]["folder"] or "tokenizer.folder"
    manifest = join.join_parts(domain, tokens, to, context, folder)
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
