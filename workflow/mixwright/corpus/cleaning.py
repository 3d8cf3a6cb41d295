"""From raw rows to documents: cut, without repeats, without the targets, in an order and a split that hang on the text alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mixwright.corpus.ngrams import Hashes, shares
from mixwright.errors import MixwrightError
from mixwright.sources.text import cut


@dataclass(frozen=True)
class Document:
    """One cleaned text; `context` is what stands before it and is not scored."""

    split: str  # train, validation or target
    text: str
    context: str = ""


def clean_domain(
    name: str, rows: Iterable[Mapping[str, Any]], known: Hashes, settings: Mapping[str, Any]
) -> tuple[list[Document], dict[str, int]]:
    """The documents of a domain, ordered by content hash up to max_bytes, and counts of what was left out and why.

    `known` holds the targets' n-grams. The split hangs on the hash of the text, so one text falls in one split, in every domain.
    """
    distinct, report = _distinct((row["text"] for row in rows), int(settings["max_document_bytes"]))
    report |= {"repeated_lines": 0, "contaminated": 0, "over_cap": 0, "documents": 0, "bytes": 0}
    kept: dict[bytes, str] = {}
    lines: set[bytes] = set()
    for place, key in enumerate(sorted(distinct)):
        if report["bytes"] >= settings["max_bytes"]:
            report["over_cap"] = len(distinct) - place
            break
        text, fresh, dropped = _without_repeats(distinct[key], lines, int(settings["min_line"]))
        report["repeated_lines"] += dropped
        if not text or shares(text, known, int(settings["ngram"])):
            report["contaminated"] += bool(text)
            continue
        lines |= fresh
        kept[key] = text
        report["bytes"] += len(text.encode())
    report["documents"] = len(kept)
    splits = _splits(name, list(kept), float(settings["validation_share"]), report)
    return [Document(splits[key], text) for key, text in kept.items()], report


def clean_target(
    name: str, rows: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> tuple[list[Document], dict[str, int]]:
    """The documents of a target, without repeats, ordered by content hash, up to target_bytes (context counted in)."""
    limit = int(settings["max_document_bytes"])
    documents: dict[bytes, Document] = {}
    read = 0
    for row in rows:
        read += 1
        context, text = split_query(row, name)
        text = cut(text, limit)
        if text.strip():
            documents.setdefault(content_hash(context + text), Document("target", text, context))
    if not documents:
        raise MixwrightError(
            f"{name}: no text in its {read} rows; give the target a source with text"
        )
    kept = list(
        _up_to(int(settings["target_bytes"]), (documents[key] for key in sorted(documents)))
    )
    size = sum(len((document.context + document.text).encode()) for document in kept)
    return kept, {
        "read": read,
        "duplicates": read - len(documents),
        "documents": len(kept),
        "bytes": size,
    }


def split_query(row: Mapping[str, Any], name: str = "target") -> tuple[str, str]:
    """(context, scored text) of a target's row: what follows the query's last occurrence is scored, or the gold choice after the query.

    A space between the two belongs to the scored text, because byte-level tokenizers join it to the word after it.
    """
    text, query = (_plain(row.get(key) or "") for key in ("text", "query"))
    if not query:
        return "", text
    before, found, after = text.rpartition(query)
    context, scored = before + found, after
    if not found or not after.strip():
        context, scored = query + "\n", _gold(row, name)
    bare = context.rstrip(" ")
    return bare, context[len(bare) :] + scored


def content_hash(text: str) -> bytes:
    """16 bytes of the text with its white space normalised: the identity of a document, and its place in every order."""
    return blake2b(" ".join(text.split()).encode(errors="replace"), digest_size=16).digest()


def _distinct(texts: Iterable[str | None], limit: int) -> tuple[dict[bytes, str], dict[str, int]]:
    report = {"read": 0, "empty": 0, "cut": 0, "duplicates": 0}
    found: dict[bytes, str] = {}
    for raw in texts:
        report["read"] += 1
        whole = _plain(raw or "").strip("\n").rstrip()
        text = cut(whole, limit)
        key = content_hash(text)
        report["empty"] += not text
        report["cut"] += len(text) < len(whole)
        report["duplicates"] += key in found
        if text:
            found.setdefault(key, text)
    return found, report


def _plain(text: str) -> str:
    """Unix line ends, nothing that UTF-8 text does not have: domains and targets are spelled alike."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").removeprefix("\ufeff")
    return text.encode(errors="replace").decode()


def _without_repeats(text: str, seen: set[bytes], min_line: int) -> tuple[str, set[bytes], int]:
    """(text without the long lines that stood in the domain before, hashes of its new long lines, lines dropped)."""
    kept: list[str] = []
    fresh: set[bytes] = set()
    lines = text.split("\n")
    for line in lines:
        bare = line.strip()
        if 0 < min_line <= len(bare):
            key = blake2b(bare.encode(), digest_size=8).digest()
            if key in seen or key in fresh:
                continue
            fresh.add(key)
        kept.append(line)
    dropped = len(lines) - len(kept)
    return ("\n".join(kept).strip("\n").rstrip() if dropped else text), fresh, dropped


def _splits(
    name: str, keys: list[bytes], share: float, report: Mapping[str, int]
) -> dict[bytes, str]:
    """A key's first bytes order the documents; its last ones, independent of them, choose the split. Neither split is empty."""
    draws = {key: int.from_bytes(key[8:], "big") / 2**64 for key in keys}
    if len(keys) < 2:
        told = ", ".join(f"{count} {what}" for what, count in report.items() if count)
        raise MixwrightError(
            f"{name}: under two documents are left of this domain ({told or '0 read'}); give it more or other text"
        )
    limit = min(max(share, *sorted(draws.values())[:1]), sorted(draws.values())[-2])
    return {key: "validation" if draw <= limit else "train" for key, draw in draws.items()}


def _up_to(limit: int, documents: Iterable[Document]) -> Iterator[Document]:
    size = 0
    for document in documents:
        if size >= limit:
            return
        size += len((document.context + document.text).encode())
        yield document


def _gold(row: Mapping[str, Any], name: str) -> str:
    choices, gold = row.get("choices"), row.get("gold")
    if not choices or gold is None:
        return ""
    try:
        index = int(gold)
    except (TypeError, ValueError):
        index = -1
    if not 0 <= index < len(choices):  # -1 is how published test splits hide the answer
        raise MixwrightError(
            f"{name}: gold is {gold!r}; give the number of one of the {len(choices)} choices, counted from 0"
        )
    return _plain(str(choices[index]))
