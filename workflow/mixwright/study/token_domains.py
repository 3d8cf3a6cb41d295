"""What a study may not ask of a kind of source: of token files, that their text changes.

Read at parse time; nothing heavy is imported.
"""

from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources import entry

# Steps that change a text, so that its tokens are no longer those of the file.
CHANGING = ("plain-text", "repeated-lines")
# Keys that one kind of source alone reads -> what it is, and how it is chosen.
TOKEN_FILES = ("files of tokens", "tokens")
DATA_SETS = ("data sets of Hugging Face", "hub")
KEYS = {
    **dict.fromkeys(("format", "dtype", "end"), TOKEN_FILES),
    **dict.fromkeys(("dataset", "config", "split", "revision", "data_files"), DATA_SETS),
}


def check_token_domains(study: Mapping[str, Any]) -> None:
    """Refuses settings that change the text of files of tokens, and keys of another source."""
    for section in ("domains", "targets"):
        for name, settings in study[section].items():
            where = f"config: {section}.{name}"
            if "source" not in settings:
                continue
            listed = settings.get("sources", [settings])
            has_tokens = [entry(one["source"], name).tokens for one in listed]
            for one in listed:
                _check_keys(where, one)
            if section == "domains" and any(has_tokens):
                _check_unchanged(where, name, settings, study["corpus"])


def _check_keys(where: str, settings: Mapping[str, Any]) -> None:
    """Refuses keys that this kind of source would pass by."""
    for key, (words, source) in KEYS.items():
        if key in settings and settings["source"] != source:
            raise MixwrightError(
                f"{where}.{key} is of {words}; set source: {source}, or leave it out"
            )


def _check_unchanged(
    where: str, name: str, settings: Mapping[str, Any], corpus: Mapping[str, Any]
) -> None:
    if corpus["max_document_bytes"] is not None:
        raise MixwrightError(
            f"config: corpus.max_document_bytes cuts text, and the documents of {name} are tokens"
            " as they are; leave it out"
        )
    steps = settings.get("clean", corpus["clean"]) or ()
    for step in CHANGING:
        if step in steps:
            key = f"{where}.clean" if "clean" in settings else "config: corpus.clean"
            raise MixwrightError(
                f"{key}: {step} changes text, and the documents of {name} are tokens as they are;"
                f" leave it out, or set domains.{name}.clean without it"
            )
