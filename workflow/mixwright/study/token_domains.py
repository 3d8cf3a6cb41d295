"""What a study may not ask of domains whose files hold tokens: nothing changes their text.

Read at parse time; nothing heavy is imported.
"""

from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources import entry

# Steps that change a text, so that its tokens are no longer those of the file.
CHANGING = ("plain-text", "repeated-lines")
# Keys of files of tokens alone.
KEYS = ("format", "dtype", "end")


def check_token_domains(study: Mapping[str, Any]) -> None:
    """Refuses settings that change the text of files of tokens, and their keys elsewhere."""
    for section in ("domains", "targets"):
        for name, settings in study[section].items():
            where = f"config: {section}.{name}"
            if "source" not in settings:
                continue
            listed = settings.get("sources", [settings])
            has_tokens = [entry(one["source"], name).tokens for one in listed]
            for one, is_tokens in zip(listed, has_tokens, strict=True):
                if not is_tokens:
                    _check_no_keys(where, one)
            if section == "domains" and any(has_tokens):
                _check_unchanged(where, name, settings, study["corpus"])


def _check_no_keys(where: str, settings: Mapping[str, Any]) -> None:
    for key in KEYS:
        if key in settings:
            raise MixwrightError(
                f"{where}.{key} is of files of tokens; set source: tokens, or leave it out"
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
