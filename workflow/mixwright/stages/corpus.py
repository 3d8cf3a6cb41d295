"""Stages of workflow/rules/corpus.smk: from sources to token shards."""

import logging
from pathlib import Path
from typing import Any

from mixwright.files import read_json

log = logging.getLogger(__name__)


def harvest_installed(study: Path, to: Path) -> None:
    """Harvest the embedded corpus: text that every installation has."""
    from mixwright.sources.harvest import harvest_installed

    settings = read_json(study)["corpus"]
    _say("installed", harvest_installed(to, settings["max_bytes"], settings["max_document_bytes"]))


def read_target(study: Path, target: str, harvest: list[Path], to: Path) -> None:
    """Read a held-out target's texts or questions."""
    from mixwright.corpus.documents import write_target
    from mixwright.study.study import Study

    asked = Study.read(study)
    _say(target, write_target(asked.source(target), asked.config["corpus"], to, *harvest))


def clean_domain(
    study: Path, domain: str, harvest: list[Path], questions: list[Path], to: Path
) -> None:
    """Clean a domain: drop repeats and what stands in a target, split train and validation."""
    from mixwright.corpus.documents import write_domain
    from mixwright.study.study import Study

    asked = Study.read(study)
    _say(
        domain,
        write_domain(asked.source(domain), asked.config["corpus"], questions, to, *harvest),
    )


def train_tokenizer(study: Path, documents: list[Path], to: Path) -> None:
    """Train the byte-level BPE on the domains' training text, or take the tokenizer that the study names."""
    from mixwright.corpus.tokenizer import train_tokenizer
    from mixwright.study.study import Study

    asked = Study.read(study)
    train_tokenizer(documents, asked.config["tokenizer"], to, asked.learner.masked)


def tokenize_domain(study: Path, domain: str, documents: Path, tokenizer: Path, to: Path) -> None:
    """Write a domain's tokens as a memory-mapped shard with a manifest."""
    from mixwright.corpus.tokenize import tokenize_domain

    config = read_json(study)
    context = max(config[part]["shape"]["context"] for part in ("proxy", "final"))
    _say(domain, tokenize_domain(domain, documents, tokenizer, to, context)["splits"]["train"])


def tokenize_target(target: str, documents: Path, tokenizer: Path, to: Path) -> None:
    """Write a target's tokens."""
    from mixwright.corpus.tokenize import tokenize_target

    tokenize_target(target, documents, tokenizer, to)


def count_domains(shards: list[Path], to: Path) -> None:
    """Count tokens, bytes and documents of every domain and split."""
    from mixwright import tables
    from mixwright.corpus.shards import count_domains

    tables.write(count_domains(shards), to, tables.DOMAINS)


def _say(name: str, counts: dict[str, Any]) -> None:
    log.info(
        "%s: %s",
        name,
        ", ".join(
            f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}"
            for key, value in counts.items()
        ),
    )
