"""What a study says of trainers' files, checked at parse time; nothing heavy is imported."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proposals.export import entry
from mixwright.proposals.export.base import Format
from mixwright.proposals.export.blend import DOCUMENTS, ROWS
from mixwright.proposals.export.inputs.source_map import read_sizes, read_sources
from mixwright.proposals.export.order import Source
from mixwright.study.study import Study

SECTION = "config: export"


def check_exports(study: Study, sources: Sequence[Path] = ()) -> None:
    """Refuses formats that are unknown, or that cannot be written for a study.

    Args:
        study: the study.
        sources: the map of prepared sources, where the study names one and it is there.

    Raises:
        MixwrightError: the first mistake, also of the map.
    """
    if not study.exports:
        return
    if not study.learner.sized:
        raise MixwrightError(
            f"{SECTION}: a study of trees has shares of rows, and trainers' files are of text;"
            " leave export out"
        )
    known = _known_sources(study, sources)
    for name, settings in study.exports.items():
        format_class = entry(name, f"{SECTION}.formats:").load_class()
        trainer = format_class.of(settings, f"{SECTION}.formats")
        if study.measured:
            _check_measured(trainer, study, known)


def export_settings(study: Study, name: str) -> Mapping[str, Any]:
    """Returns what the file of one format depends on, beside the proposal."""
    section = study.config["export"]
    tokens = None
    if not study.measured:
        tokens = study.final_tokens
    return {
        "settings": study.exports[name],
        "sequence": section["sequence"],
        "packed": section["packed"],
        "tokens": tokens,
        "seed": study.seed,
    }


def _known_sources(study: Study, sources: Sequence[Path]) -> list[Source]:
    """The sources of the map. The domains of measured runs are in tables that are not read yet."""
    if not sources:
        return []
    if study.measured:
        return read_sizes(sources[0])
    return read_sources(sources[0], study.domains, {})


def _check_measured(trainer: Format, study: Study, known: Sequence[Source]) -> None:
    """Runs that others measured have no counts: what needs them is said by the map of sources."""
    unit = trainer.unit_of(trainer.settings)
    if trainer.counts_rows:
        raise MixwrightError(
            f"{SECTION}.formats.{trainer.name}: it needs the tokens of the training, which a"
            " study of measured runs does not know; use mixwright export --tokens"
        )
    by_rows = unit == ROWS and not study.config["export"]["packed"]
    if unit != DOCUMENTS and not by_rows:
        return
    for source in known:
        count = source.documents if unit == DOCUMENTS else source.rows
        if not (source.tokens and count):
            known = ()
            break
    if not known:
        raise MixwrightError(
            f"{SECTION}.formats.{trainer.name}: it draws {unit}, and measured runs have no"
            f" counts; give `tokens:` and `{unit}:` of every source in export.sources"
        )
