"""A domain or target of a draft, from the rows of its files that were looked at."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixwright.errors import counted
from mixwright.study.draft.columns import Column, columns_of, described, text_column, value_of
from mixwright.study.draft.patterns import patterns_of
from mixwright.study.draft.peek import Look, token_bytes
from mixwright.study.draft.questions import question_settings
from mixwright.study.draft.unit import HUB, SAVED, TOKENS, Unit, one_line, valid_name

# UTF-8 bytes of text that a token of a usual vocabulary stands for, about.
BYTES_A_TOKEN = 4
# Bytes of a token in a file of tokens, where nothing says otherwise.
TOKEN_BYTES = 2
# Columns that are named in a comment.
MOST_COLUMNS = 12


@dataclass(frozen=True)
class Part:
    """A domain or target of the draft."""

    name: str
    # what the study's file says of it
    settings: Mapping[str, Any]
    files: int = 0
    # bytes on disk
    disk: int = 0
    # UTF-8 bytes of text and tokens, both about; None where nothing was looked into
    text_bytes: int | None = None
    tokens: int | None = None
    # the column of its text, or of its question
    column: str = ""
    comments: tuple[str, ...] = ()


def whole(unit: Unit, look: Look, parts: Sequence[Part], notes: list[str]) -> list[Part]:
    """The domain that all of a unit is; none where nothing of it can be read."""
    name, comments = _named(unit.name, parts, "domain")
    if unit.holds == TOKENS:
        return [_tokens(unit, look, name, comments)]
    if unit.holds == HUB and not unit.files:
        settings = {"source": "hub", "dataset": unit.dataset, "split": "train"}
        comments.append("not looked into: set config, split and the column of text (text: ...)")
        return [Part(name, settings, comments=tuple(comments))]
    _note_broken(unit, look, notes)
    columns = columns_of(look.rows)
    column = text_column(columns)
    if column is None:
        notes.append(f"{_place(unit)}: {_no_text(columns)}; left out")
        return []
    comments += _other_columns(columns, column)
    comments += _lacking(look, column.name)
    if unit.holds == HUB:
        comments.append("sizes and columns are those of the files that were fetched before")
    size = _text_bytes(look, column.name)
    settings = _source(unit, look, column.name)
    return [_part(name, settings, unit, look, size, column.name, comments)]


def by_value(unit: Unit, look: Look, split: Column, notes: list[str]) -> list[Part]:
    """A domain a value of a column, each with its part of the text that was looked at."""
    _note_broken(unit, look, notes)
    columns = columns_of(look.rows)
    column = text_column(columns)
    if column is None or column.name == split.name:
        return []
    total = _text_bytes(look, column.name)
    sizes: Counter[str] = Counter()
    for row in look.rows:
        text = value_of(row, column.name)
        if isinstance(text, str):
            sizes[str(value_of(row, split.name))] += len(text.encode(errors="replace"))
    notes.append(
        f"domains are the values of {split.name} in the first {len(look.rows):,} rows of"
        f" {counted(len(look.peeks), 'file')}; add those that stand further on"
    )
    parts: list[Part] = []
    every = max(1, sum(sizes.values()))
    for value, size in sizes.most_common():
        name, comments = _named(value, parts, "domain")
        settings = _source(unit, look, column.name) | {"where": {split.name: value}}
        share = size / every
        part = _part(name, settings, unit, look, int(total * share), column.name, comments)
        parts.append(replace(part, disk=int(look.disk * share)))
    others = _other_columns(columns, column, split)
    first = parts[0]
    parts[0] = replace(first, comments=(*first.comments, *others))
    return parts


def target(unit: Unit, look: Look, parts: Sequence[Part], notes: list[str]) -> list[Part]:
    """The target that a unit is: questions, or text; none where nothing of it can be read."""
    name, comments = _named(unit.name, parts, "target")
    if unit.holds == TOKENS:
        return [_tokens(unit, look, name, comments)]
    _note_broken(unit, look, notes)
    columns = columns_of(look.rows)
    questions, doubt = question_settings(look.rows)
    if doubt:
        comments.append(doubt)
    if questions:
        settings = _source(unit, look, "text") | questions
        part = _part(name, settings, unit, look, None, questions["query"], comments)
        return [part]
    column = text_column(columns)
    if column is None:
        notes.append(f"{_place(unit)}: {_no_text(columns)}; left out")
        return []
    comments += _other_columns(columns, column)
    settings = _source(unit, look, column.name)
    size = _text_bytes(look, column.name)
    return [_part(name, settings, unit, look, size, column.name, comments)]


def _part(
    name: str,
    settings: Mapping[str, Any],
    unit: Unit,
    look: Look,
    size: int | None,
    column: str,
    comments: Sequence[str],
) -> Part:
    tokens = None if size is None else size // BYTES_A_TOKEN
    files = len(unit.files) - len(look.broken)
    return Part(name, settings, files, look.disk, size, tokens, column, tuple(comments))


def _tokens(unit: Unit, look: Look, name: str, comments: list[str]) -> Part:
    """A domain of token files. Their index says how wide a token is; without one it is narrow."""
    width = token_bytes(unit.files[0])
    tokens = look.disk // (width or TOKEN_BYTES)
    comments.append("tokenizer.folder must be the tokenizer that made these tokens")
    if width is None:
        comments.append(f"tokens are counted as {TOKEN_BYTES} bytes each: no index says how wide")
    settings = {"source": "tokens", "files": _one_or_list(patterns_of(unit.files))}
    return Part(name, settings, len(unit.files), look.disk, None, tokens, "", tuple(comments))


def _source(unit: Unit, look: Look, column: str) -> dict[str, Any]:
    """The keys that say where the text of a unit is."""
    if unit.holds in (SAVED, HUB):
        settings: dict[str, Any] = {"source": "hub", "dataset": unit.dataset}
        if unit.split:
            settings["split"] = unit.split
    else:
        files = [path for path in unit.files if path not in look.broken]
        settings = {"source": "files", "files": _one_or_list(patterns_of(files))}
    if column != "text":
        settings["text"] = column
    return settings


def _one_or_list(patterns: list[str]) -> str | list[str]:
    return patterns[0] if len(patterns) == 1 else patterns


def _named(name: str, parts: Sequence[Part], kind: str) -> tuple[str, list[str]]:
    """A valid name, and a comment where it is not what stands there."""
    taken = [part.name for part in parts]
    valid = valid_name(name, taken, f"{kind}-{len(parts) + 1}")
    if valid == name:
        return valid, []
    return valid, [f"called {one_line(name)!r} there"]


def _text_bytes(look: Look, column: str) -> int:
    """About how much text a unit holds, from the files that were looked into."""
    text = 0.0
    disk = 0
    for peek in look.peeks:
        size = 0
        for row in peek.rows:
            value = value_of(row, column)
            if isinstance(value, str):
                size += len(value.encode(errors="replace"))
        text += size * peek.scale
        disk += peek.disk
    return int(text * look.disk / max(1, disk))


def _other_columns(columns: Mapping[str, Column], *used: Column) -> list[str]:
    others = described(columns, [column.name for column in used], MOST_COLUMNS)
    return [f"other columns: {others}"] if others else []


def _lacking(look: Look, column: str) -> list[str]:
    """Names a file that has no such column."""
    for peek in look.peeks:
        if peek.rows and all(value_of(row, column) is None for row in peek.rows):
            return [f"{one_line(peek.path)} has no column {column}: give it a domain of its own"]
    return []


def _no_text(columns: Mapping[str, Column]) -> str:
    """Why a unit has no text."""
    if not columns:
        return "no row that can be read"
    return f"no column of text (columns: {described(columns, [], MOST_COLUMNS)})"


def _note_broken(unit: Unit, look: Look, notes: list[str]) -> None:
    for message in look.broken.values():
        notes.append(f"{message.removesuffix(' or leave it out').rstrip(',')}; left out")
    rest = len(unit.files) - len(look.peeks) - len(look.broken)
    if look.broken and rest:
        notes.append(
            f"{_place(unit)}: {counted(rest, 'file')} were not opened; corpus.on_error: skip goes"
            " on where one cannot be read"
        )


def _place(unit: Unit) -> str:
    """Where a unit is, for messages."""
    if unit.dataset:
        return unit.dataset
    if len(unit.files) == 1:
        return str(unit.files[0])
    return f"{unit.files[0].parent} ({counted(len(unit.files), 'file')})"
