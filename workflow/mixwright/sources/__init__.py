"""Every kind of source, the values of a domain's or target's key `source`.

A new kind is one class here, one line in SOURCES and its keys in config/schema.yaml. The contract
tests run on it because it is listed (docs/how-to/add-a-source.md). Nothing heavy is imported here:
Snakemake reads this at parse time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError, nearest

if TYPE_CHECKING:
    from mixwright.sources.base import Source
    from mixwright.sources.places import Places

# What the rows of a source hold: text to clean and tokenize, or labels of a table for trees.
TEXT, LABELS = "text", "labels"
# The kind of source that lists others. A study need not write it beside `sources`.
SEVERAL = "several"


@dataclass(frozen=True)
class SourceKind:
    """Where a kind of source lives and what it yields; known without importing it."""

    module: str
    class_name: str
    yields: str = TEXT
    # Whether its text comes with its tokens, so that no step may change it.
    tokens: bool = False
    # What a report must say of results that rest on this kind of source.
    caveat: str = ""
    # Settings of the section `corpus` where the study leaves them open (auto or null).
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def load_class(self) -> "type[Source]":
        """Imports the module and returns the class of the source."""
        source: type[Source] = getattr(
            import_module(f"mixwright.sources.{self.module}"), self.class_name
        )
        return source


SOURCES: dict[str, SourceKind] = {
    "files": SourceKind("files.local", "LocalFiles"),
    "installed": SourceKind(
        "installed",
        "Installed",
        caveat=("This is demonstration data, all of it software text: no basis for conclusions."),
        defaults={
            "sample": 1_500_000,
            "max_document_bytes": 24_000,
            "clean": ("plain-text", "exact-duplicates", "repeated-lines", "decontaminate"),
        },
    ),
    "hub": SourceKind("hub.hub", "Hub"),
    "tokens": SourceKind("tokens.token_files", "TokenFiles", tokens=True),
    SEVERAL: SourceKind("several", "Several"),
    "table": SourceKind("table", "TableLabel", yields=LABELS),
}


def entry(kind: str, where: str) -> SourceKind:
    """Returns the registry's entry of a kind; an unknown one is refused with the nearest name.

    Args:
        kind: value of the key `source`.
        where: what the message names, a domain or a target.
    """
    if kind not in SOURCES:
        raise MixwrightError(
            f"{where}: source {kind} is unknown; {nearest(str(kind), sorted(SOURCES))}"
        )
    return SOURCES[kind]


def create(name: str, settings: Mapping[str, Any], places: "Places | None" = None) -> "Source":
    """Returns the source of a domain or target.

    Args:
        name: the domain or target.
        settings: what the config says of it; its key `source` names the kind.
        places: where the study keeps files; none for a source that stands outside a study.
    """
    from mixwright.sources.places import Places

    source_class = entry(settings["source"], name).load_class()
    return source_class(name, settings, places or Places())
