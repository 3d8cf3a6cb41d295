"""What a study's keys make of a row: its text, from a column or a template, and its question."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources.base import Row
from mixwright.sources.places import patterns
from mixwright.sources.reading import Line, kind_of

# The column of text where a study names none.
TEXT = "text"
# The key that says which rows are read: column -> a value, or a list of values.
WHERE = "where"
# A column in a template, {title}.
FIELD = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Columns:
    """The columns that a domain or target reads, and what becomes of a row."""

    # the domain or target, for messages
    name: str
    settings: Mapping[str, Any]

    @cached_property
    def by_key(self) -> dict[str, list[str]]:
        """Returns key of the settings -> the columns that it names."""
        columns = {TEXT: [self._text]}
        if self._template:
            columns[TEXT] = list(dict.fromkeys(FIELD.findall(self._text)))
        for key in ("query", "choices", "gold"):
            if self.settings.get(key):
                columns[key] = patterns(self.settings[key])
        if self.settings.get(WHERE):
            columns[WHERE] = list(self.settings[WHERE])
        return columns

    @property
    def names(self) -> list[str]:
        """Returns all columns that are looked at; `meta.set` is the field set of meta."""
        names: list[str] = []
        for listed in self.by_key.values():
            names += listed
        return list(dict.fromkeys(names))

    def check(self, where: str) -> None:
        """Refuses keys of a question that lack the others that they need. Parse time."""
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
            present: keys of the settings, to which those are added whose columns the row has.
        """
        row = Line()
        row.place = line.place
        for key, names in self.by_key.items():
            if all(name in line for name in names):
                present.add(key)
        if not self._wanted(line):
            return None
        for key, names in self.by_key.items():
            if key == WHERE:
                continue
            values = [_present(line.get(name)) for name in names]
            row[key] = values[0]
            if key == TEXT and self._template:
                row[key] = self._filled(line, dict(zip(names, values, strict=True)))
            elif isinstance(self.settings.get(key), list):
                # Several columns, an answer each: their names are the answers' labels.
                row[key] = {"text": values, "label": names}
            elif key in (TEXT, "query"):
                self._check_text(names[0], key, values[0], line)
        if TEXT not in self._needed and any(name not in line for name in self.by_key[TEXT]):
            del row[TEXT]
        return row

    def check_present(self, place: str, columns: tuple[str, ...], present: set[str]) -> None:
        """Refuses a file of which no row had a column that is needed.

        Args:
            place: the file, for the message.
            columns: those that its last row had.
            present: the keys whose columns were met in the file.
        """
        for key in ("query", "choices", "gold", WHERE, TEXT):
            if key in self._needed - present:
                column = ", ".join(self.by_key[key])
                raise MixwrightError(
                    f"{self.name}: {place} has no column {column};"
                    f" set `{key}` to one of {', '.join(columns)}"
                )

    @property
    def _text(self) -> str:
        return str(self.settings.get(TEXT, TEXT))

    @property
    def _template(self) -> bool:
        return bool(FIELD.search(self._text))

    @cached_property
    def _needed(self) -> set[str]:
        """The keys whose columns every file has: an answered question needs no text besides."""
        keys = set(self.by_key)
        if keys >= {"query", "gold"} and self.by_key[TEXT] == [TEXT]:
            keys.discard(TEXT)
        return keys

    def _wanted(self, line: Line) -> bool:
        """Whether every column that `where` names holds one of its values."""
        for column, values in (self.settings.get(WHERE) or {}).items():
            listed = values if isinstance(values, list) else [values]
            if line.get(column) not in listed:
                return False
        return True

    def _filled(self, line: Line, values: Mapping[str, Any]) -> str | None:
        """The template with a row's values in it; None where the row has none of them."""
        texts = {}
        for column, value in values.items():
            if isinstance(value, dict | list | bytes):
                self._check_text(column, TEXT, value, line)
            texts[column] = "" if value is None else str(value)
        if not any(texts.values()):
            return None
        return FIELD.sub(lambda field: texts[field[1]], self._text)

    def _check_text(self, column: str, key: str, value: Any, line: Line) -> None:
        if not isinstance(value, str | None):
            raise MixwrightError(
                f"{self.name}: {line.place}: column {column} holds {kind_of(value)}, not text;"
                f" set `{key}` to a column of text"
            )


def _present(value: Any) -> Any:
    """A value, or None for NaN, which is how tables that become JSON write that there is none."""
    return None if value != value else value
