"""The source `files`: text, JSON and parquet files, packed or not."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources import public
from mixwright.sources.base import Row, Source
from mixwright.sources.opening import form_of
from mixwright.sources.places import patterns
from mixwright.sources.reading import Line, kind_of, read_rows

# The column of text where a study names none.
TEXT = "text"


class LocalFiles(Source):
    """Local, mirrored or fetched files of any of three forms, in the order they are listed."""

    @property
    def files(self) -> list[str]:
        """Returns the paths and globs to read, `public:<name>` as the fetched file's path."""
        return self.places.located(self._patterns)

    def check(self, where: str) -> None:
        if not self._patterns:
            raise MixwrightError(f"{where}.files is missing; give a path, a glob or a list of them")
        for pattern in self._patterns:
            public.named(pattern, self.places.public, f"{where}.files")
        self._check_question(where)

    def inputs(self) -> list[Path]:
        return self.places.inputs(self.name, self._patterns)

    def check_inputs(self, where: str, files: Sequence[Path]) -> None:
        for path in files:
            try:
                form_of(path)
            except MixwrightError as error:
                raise MixwrightError(f"{where}.files: {error}") from None

    def size(self) -> int | None:
        return sum(path.stat().st_size for path in self.inputs())

    def pinned(self) -> dict[str, str]:
        return self.places.pinned(self._patterns)

    def documents(self, prepared: Path | None = None) -> Iterator[Row]:
        columns = self._columns
        names: list[str] = []
        for listed in columns.values():
            names += listed
        for path in self.places.files(self.name, self._patterns):
            rows = 0
            # Keys of which a row of this file had the columns.
            present: set[str] = set()
            line = Line()
            for line in read_rows(path, names):
                rows += 1
                row, has = self._row(line, columns)
                present |= has
                yield row
            if rows:
                self._check_present(path, line, present)

    @classmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        for number in range(3):
            (folder / f"{number}.txt").write_text(f"text {number}\n")
        return {"source": "files", "files": str(folder / "*.txt")}

    @property
    def _patterns(self) -> list[str]:
        return patterns(self.settings.get("files"))

    @property
    def _columns(self) -> dict[str, list[str]]:
        """Key of the settings -> the columns that it names."""
        columns = {TEXT: [str(self.settings.get(TEXT, TEXT))]}
        for key in ("query", "choices", "gold"):
            if self.settings.get(key):
                columns[key] = patterns(self.settings[key])
        return columns

    @property
    def _needed(self) -> set[str]:
        """The keys whose columns every file has: an answered question needs no text besides."""
        keys = set(self._columns)
        if keys >= {"query", "gold"} and self._columns[TEXT] == [TEXT]:
            keys.discard(TEXT)
        return keys

    def _check_question(self, where: str) -> None:
        """Refuses keys of a question that lack the others that they need."""
        columns = self._columns
        for key, needed in {"gold": "query", "choices": "gold", "gold_is": "gold"}.items():
            if self.settings.get(key) and needed not in columns:
                raise MixwrightError(
                    f"{where}.{key} is named without {needed};"
                    f" give {needed} too, or leave {key} out"
                )

    def _row(self, line: Line, columns: dict[str, list[str]]) -> tuple[Row, set[str]]:
        """The row by the study's keys, and the keys whose columns it has. Others are null."""
        row = Line()
        row.place = line.place
        present = set()
        for key, names in columns.items():
            values = [_present(line.get(name)) for name in names]
            if all(name in line for name in names):
                present.add(key)
            row[key] = values[0]
            if isinstance(self.settings.get(key), list):
                # Several columns, an answer each: their names are the answers' labels.
                row[key] = {"text": values, "label": names}
            elif key in (TEXT, "query"):
                self._check_text(names[0], key, values[0], line)
        if TEXT not in present and TEXT not in self._needed:
            del row[TEXT]
        return row, present

    def _check_text(self, column: str, key: str, value: Any, line: Line) -> None:
        if not isinstance(value, str | None):
            raise MixwrightError(
                f"{self.name}: {line.place}: column {column} holds {kind_of(value)}, not text;"
                f" set `{key}` to a column of text"
            )

    def _check_present(self, path: Path, line: Line, present: set[str]) -> None:
        """Refuses a file of which no row had a column that is needed."""
        for key in ("query", "choices", "gold", TEXT):
            if key in self._needed - present:
                column = ", ".join(self._columns[key])
                raise MixwrightError(
                    f"{self.name}: {path} has no column {column};"
                    f" set `{key}` to one of {', '.join(line.columns)}"
                )


def _present(value: Any) -> Any:
    """A value, or None for NaN, which is how tables that become JSON write that there is none."""
    return None if value != value else value
