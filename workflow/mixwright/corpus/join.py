"""From the parts of a domain to its shard: what learners, finals and evaluation open."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.documents import too_few
from mixwright.corpus.held_out import joined
from mixwright.corpus.shards import Examples
from mixwright.corpus.tokenize import check_unknown
from mixwright.errors import MixwrightError
from mixwright.files import read_json, reason, sha256, write_json, written

# What all parts have alike.
ALIKE = ("domain", "dtype", "vocabulary", "end_token", "mask_token", "tokenizer_sha256")
# What else is read of them.
NEEDED = {*ALIKE, "source_fingerprint", "unknown", "cleaning", "splits"}
AGAIN = "tokenize this domain again"


def join_parts(
    domain: str,
    parts: Sequence[str | Path],
    to: str | Path,
    context: int | None = None,
    tokenizer: str | Path = "tokenizer.folder",
) -> dict[str, Any]:
    """Writes the folder `shards/<domain>` and returns its manifest.

    The tokens stay where they are: the manifest lists the folders of the parts, as paths that
    start at its own folder.

    Args:
        domain: the domain.
        parts: folders that `tokenize_part` wrote, in their order.
        to: the folder to write.
        context: tokens of a sequence, of which the domain must have one; None for no limit.
        tokenizer: the tokenizer that wrote them, for messages.

    Raises:
        MixwrightError: the domain has too few training tokens, or no validation token, or the
            tokenizer does not know its text, or a part is missing.
    """
    manifests = [_manifest_of(Path(part)) for part in parts]
    _check_alike(domain, manifests)
    of_parts = [Examples.load(Path(part) / "validation.npz") for part in parts]
    validation = joined(of_parts, manifests[0]["end_token"])
    cleaning = summed(part["cleaning"] for part in manifests)
    _check_documents(domain, cleaning, len(parts))
    _check_size(domain, manifests, len(validation), cleaning, context)
    unknown = _unknown_share(manifests)
    check_unknown(domain, unknown, tokenizer)
    with written(to) as temporary:
        temporary.mkdir()
        np.save(temporary / "unigram.npy", _unigram(parts))
        validation.save(temporary / "validation.npz")
        manifest: dict[str, Any] = {key: manifests[0][key] for key in ALIKE}
        prints = [part["source_fingerprint"] for part in manifests]
        manifest["source_fingerprint"] = _hash_of(prints)
        manifest["unknown"] = unknown
        manifest["cleaning"] = cleaning
        if "source_bytes" in cleaning:
            manifest["source"] = _source([part["cleaning"] for part in manifests], cleaning)
        manifest["splits"] = _splits(manifests, sha256(temporary / "validation.npz"))
        manifest["parts"] = _listed(parts, manifests, Path(to))
        write_json(temporary / "manifest.json", manifest)
    return manifest


def summed(counts: Any) -> dict[str, Any]:
    """Returns the sums of the counts of several parts; `whole` is 1 where it is 1 in all of them.

    Args:
        counts: an iterable of count -> number.
    """
    totals: dict[str, Any] = {}
    whole = []
    for of_part in counts:
        whole.append(of_part.get("whole", 0))
        for key, count in of_part.items():
            totals[key] = totals.get(key, 0) + count
    if "whole" in totals:
        totals["whole"] = min(whole)
    return totals


def _source(parts: Sequence[Mapping[str, Any]], cleaning: Mapping[str, Any]) -> dict[str, Any]:
    """What the whole source holds: its bytes of text, and its tokens where the files say them.

    Both are 0 where they are not known of one of the parts.
    """
    size = cleaning["source_bytes"]
    tokens = cleaning.get("source_tokens", 0)
    for part in parts:
        is_empty = part["whole"] and not part["source_bytes"]
        if not part["source_bytes"] and not part["whole"]:
            size = 0
        if not part.get("source_tokens") and not is_empty:
            tokens = 0
    return {"bytes": size, "tokens": tokens, "whole": bool(cleaning["whole"])}


def _manifest_of(part: Path) -> dict[str, Any]:
    """The manifest of a part, whose training tokens lie beside it.

    Raises:
        MixwrightError: either is missing or broken, or they do not belong together.
    """
    manifest = read_json(part / "manifest.json")
    if not isinstance(manifest, dict) or not NEEDED.issubset(manifest):
        raise MixwrightError(f"{part}: its manifest.json is none of a part; {AGAIN}")
    wanted = manifest["splits"]["train"]["tokens"] * np.dtype(manifest["dtype"]).itemsize
    try:
        size = (part / "train.bin").stat().st_size
    except OSError as error:
        raise MixwrightError(f"{reason(error)}, or {AGAIN}") from None
    if size != wanted:
        raise MixwrightError(
            f"{part}: train.bin has {size} bytes, its manifest says {wanted}; {AGAIN}"
        )
    return manifest


def _check_documents(domain: str, cleaning: Mapping[str, Any], parts: int) -> None:
    """Refuses a domain with under two documents, as `write_part` does of a single part.

    Of documents that nobody counted (`cleaning` is {}) nothing is known.
    """
    if cleaning.get("documents", 2) < 2:
        raise too_few(domain, cleaning, parts)


def _more(cleaning: Mapping[str, Any]) -> str:
    """What gives a domain more tokens: a larger sample, where its source holds more."""
    if cleaning.get("beyond_sample") or not cleaning.get("whole", 1):
        return "raise corpus.sample, give the domain more text"
    return "give the domain more text"


def _check_alike(domain: str, manifests: Sequence[Mapping[str, Any]]) -> None:
    """Refuses parts that do not belong together."""
    for manifest in manifests:
        for key in ALIKE:
            if manifest[key] != manifests[0][key]:
                raise MixwrightError(
                    f"{domain}: its parts differ in {key}: {manifests[0][key]} and"
                    f" {manifest[key]}; {AGAIN}"
                )


def _check_size(
    domain: str,
    manifests: Sequence[Mapping[str, Any]],
    validation: int,
    cleaning: Mapping[str, Any],
    context: int | None,
) -> None:
    """Refuses a domain with too few tokens. No sequence crosses from one part to the next."""
    longest = max(manifest["splits"]["train"]["tokens"] for manifest in manifests)
    if context is not None and longest <= context:
        words = f"{longest} training tokens"
        remedy = f"{_more(cleaning)} or shorten the context"
        if len(manifests) > 1:
            words += f" in the largest of {len(manifests)} parts"
            remedy += ", or raise corpus.part_bytes"
        raise MixwrightError(f"{domain}: {words}, under one sequence of {context}; {remedy}")
    if longest == 0:
        raise MixwrightError(f"{domain}: not one training token; {_more(cleaning)}")
    if not validation:
        raise MixwrightError(
            f"{domain}: not one validation token; {_more(cleaning)}"
            " or raise corpus.validation_share"
        )


def _unknown_share(manifests: Sequence[Mapping[str, Any]]) -> float:
    count = sum(manifest["unknown"]["count"] for manifest in manifests)
    total = sum(manifest["unknown"]["total"] for manifest in manifests)
    return float(count / max(total, 1))


def _unigram(parts: Sequence[str | Path]) -> NDArray[np.int64]:
    """(vocabulary,) counts in the training tokens of all parts."""
    total: NDArray[np.int64] = np.zeros(0, np.int64)
    for part in parts:
        path = Path(part) / "unigram.npy"
        try:
            counts = np.load(path)
        except (OSError, EOFError, ValueError) as error:
            raise MixwrightError(
                f"{path}: not a file of counts ({error.__class__.__name__}); {AGAIN}"
            ) from None
        total = counts if not len(total) else total + counts
    return total


def _splits(manifests: Sequence[Mapping[str, Any]], validation_hash: str) -> dict[str, Any]:
    """What the manifest says of the splits: sums of the parts' counts, and hashes."""
    splits: dict[str, Any] = {}
    for split in ("train", "validation"):
        of_parts = [manifest["splits"][split] for manifest in manifests]
        counts = {}
        for key in ("tokens", "bytes", "documents"):
            counts[key] = sum(of_part[key] for of_part in of_parts)
        splits[split] = counts
    prints = [manifest["splits"]["train"]["sha256"] for manifest in manifests]
    splits["train"]["sha256"] = _hash_of(prints)
    splits["validation"]["sha256"] = validation_hash
    return splits


def _hash_of(hashes: Sequence[str]) -> str:
    """The one hash, or the SHA-256 of several."""
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _listed(
    parts: Sequence[str | Path], manifests: Sequence[Mapping[str, Any]], to: Path
) -> list[dict[str, Any]]:
    """Where the training tokens of each part are; parts without any are left out."""
    listed = []
    for part, manifest in zip(parts, manifests, strict=True):
        train = manifest["splits"]["train"]
        if train["tokens"]:
            folder = Path(os.path.relpath(part, to)).as_posix()
            listed.append({"folder": folder, "tokens": train["tokens"], "sha256": train["sha256"]})
    return listed
