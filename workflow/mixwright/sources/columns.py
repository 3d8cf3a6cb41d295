"""What a study's keys make of a row: its text, from a column or a template, and its question."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources.base import Row
from mixwright.sources.files.lines import Line, kind_of
from mixwright.sources.filters import Filter
from mixwright.sources.places import patterns
from mixwright.sources.templates import Template

log = logging.getLogger(__name__)

# The column of text where a study names none.
TEXT = "text"
# The key that says which rows are read: column -> a value, or a list of values.
WHERE = "where"
# Keys of a question; each names a column, or several.
QUESTION = ("query", "choices", "gold")


@dataclass(frozen=True)
class Columns:
    """The columns that a domain or target reads, and what becomes of a row.

    One that reads remembers the values that rows had where `where` looks (see `check_filter`).
    """

    # the domain or target, for messages
    name: str
    settings: Mapping[str, Any]

    @cached_property
    def by_key(self) -> dict[str, list[str]]:
        """Returns key of the settings -> the columns that it names."""
        columns = {TEXT: list(dict.fromkeys(self._template.names))}
        for key in QUESTION:
            if self.settings.get(key):
                columns[key] = patterns(self.settings[key])
        if self._filter.names:
            columns[WHERE] = self._filter.names
        return columns

    @property
    def names(self) -> list[str]:
        """Returns all columns that are looked at; `meta.set` is the field set of meta."""
        names: list[str] = []
        for listed in self.by_key.values():
            names += listed
        return list(dict.fromkeys(names))

    def check(self, where: str) -> None:
        """Refuses a template that is none, and keys of a question that lack others. Parse time."""
        Template.of(self._text_setting, f"{where}.{TEXT}")
        for key, needed in {"gold": "query", "choices": "gold", "gold_is": "gold"}.items():
            if self.settings.get(key) and needed not in self.by_key:
                raise MixwrightError(
                    f"{where}.{key} is named without {needed};"
                    f" give {needed} too, or leave {key} out"
                )

    def row(self, line: Line, present: set[str]) -> Row | None:
        """Returns the row by the study's keys; None where `where` leaves it out.

        Args:
            line: the columns of the row; those that it lacks are null.
            present: columns of the file, to which those of the row are added.
        """
        present.update(line)
        if not self._filter.passes(line):
            return None
        texts = [self._text(line, column, TEXT) for column in self._template.names]
        text = self._template.text(texts)
        if self._is_text_alone:
            return {TEXT: text}
        row = Line()
        row.at_place_of(line)
        if TEXT in self.needed or self.by_key[TEXT][0] in line:
            row[TEXT] = text
        for key in QUESTION:
            if key in self.by_key:
                row[key] = self._answer(line, key)
        return row

    def check_present(self, place: str, columns: tuple[str, ...], present: set[str]) -> None:
        """Refuses a file of which no row had a column that is needed.

        Args:
            place: the file, for the message.
            columns: those that its last row had.
            present: the columns that were met in the file.
        """
        for key in self.needed:
            lacking = [name for name in self.by_key[key] if name not in present]
            if lacking:
                listed = ", ".join(columns) or "its columns (the last row has none)"
                raise MixwrightError(
                    f"{self.name}: {place} has no column {', '.join(lacking)};"
                    f" set `{key}` to one of {listed}"
                )

    def check_filter(self, all_read: bool) -> None:
        """Refuses values that no row has; where not all rows were read, the log names them."""
        lacking = self._filter.lacking(self.name)
        if lacking and all_read:
            raise MixwrightError(lacking)
        if lacking:
            log.warning("%s (of what was read)", lacking)

    @cached_property
    def needed(self) -> list[str]:
        """The keys whose columns every file has: an answered question needs no text besides."""
        keys = [key for key in (*QUESTION, WHERE, TEXT) if key in self.by_key]
        if set(keys) >= {"query", "gold"} and self.by_key[TEXT] == [TEXT]:
            keys.remove(TEXT)
        return keys

    @property
    def _text_setting(self) -> str:
        return str(self.settings.get(TEXT, TEXT))

    @cached_property
    def _template(self) -> Template:
        return Template.of(self._text_setting, f"{self.name}: {TEXT}")

    @cached_property
    def _filter(self) -> Filter:
        return Filter(self.settings.get(WHERE))

    @cached_property
    def _is_text_alone(self) -> bool:
        return not any(key in self.by_key for key in QUESTION)

    def _answer(self, line: Line, key: str) -> Any:
        """What a row has for a key of a question."""
        names = self.by_key[key]
        if isinstance(self.settings[key], list):
            # Several columns, an answer each: their names are the answers' labels.
            return {"text": [_present(line.get(name)) for name in names], "label": names}
        if key == "query":
            return self._text(line, names[0], key)
        return _present(line.get(names[0]))

    def _text(self, line: Line, column: str, key: str) -> str | None:
        """The text of a column; a number is text in a template alone."""
        value = line.get(column)
        if value is None or isinstance(value, str):
            return value
        value = _present(value)
        if value is None:
            return None
        in_template = key == TEXT and not self._template.is_column
        if in_template and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise MixwrightError(
            f"{self.name}: {line.place}: column {column} holds {kind_of(value)}, not text;"
            f" set `{key}` to a column of text"
        )


def _present(value: Any) -> Any:
    """A value, or None for NaN, which is how tables that become JSON write that there is none."""
    return None if value != value else value
