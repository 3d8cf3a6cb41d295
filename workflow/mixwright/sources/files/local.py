"""The source `files`: text, JSON and parquet files, packed or not, as many as they are."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources import public
from mixwright.sources.base import Reading, Row, Source, Tally
from mixwright.sources.columns import Columns
from mixwright.sources.faults import SKIP, Faults
from mixwright.sources.files.opening import form_of
from mixwright.sources.files.reading import can_split
from mixwright.sources.files.rows import Rows
from mixwright.sources.files.spans import Span, cut_up, drawn, stood_for, text_bytes
from mixwright.sources.places import patterns

# Before a sample is taken, so much of it is read to learn how much text a byte on disk holds; least
# and most bytes on disk.
TRIAL = 1 / 8
LEAST_TRIAL, MOST_TRIAL = 64_000, 4_000_000
# Least bytes of text of a trial. One that meets less is followed by one times as large.
TRIAL_TEXT = 64_000
LARGER = 8
# A trial of more of the source is none: all of it is read.
MOST_OF_ALL = 0.25
# A sample is taken so much larger than it was asked for, because a trial is no measurement.
MARGIN = 1.1


class LocalFiles(Source):
    """Local, mirrored or fetched files of any of three forms, in the order they are listed."""

    @property
    def files(self) -> list[str]:
        """Returns the paths and globs to read, `public:<name>` as the fetched file's path."""
        return self.places.located(self._patterns)

    def check(self, where: str) -> None:
        if not self._patterns:
            raise MixwrightError(
                f"{where}.files is missing; give a path, a folder, a glob or a list of them"
            )
        for pattern in self._patterns:
            public.named(pattern, self.places.public, f"{where}.files")
        Columns(self.name, self.settings).check(where)

    def inputs(self) -> list[Path]:
        return self.places.inputs(self.name, self._patterns, folders=True)

    def check_inputs(self, where: str, files: Sequence[Path]) -> None:
        for path in files:
            try:
                form_of(path)
            except MixwrightError as error:
                raise MixwrightError(f"{where}.files: {error}") from None

    def size(self) -> int | None:
        """Returns about how many bytes of text the files hold; packed ones are taken for more.

        None for public files, which need not be there yet, and for files that are elsewhere. It is
        told once: files that change while a study is read do not change its jobs.
        """
        return self._text_bytes

    def pinned(self) -> dict[str, str]:
        return self.places.pinned(self._patterns)

    def documents(self, reading: Reading | None = None) -> Iterator[Row]:
        """Yields the rows of the files in the order they are listed.

        A sample takes the same share of every file: of lines and row groups in many places of the
        file, of packed files and of lists in JSON the beginning. Where the shares would be small,
        it takes some files whole, chosen by the hashes of their names. The tally's passed_bytes are
        those that hold as much text as was read, as `stood_for` says.
        """
        reading = reading or Reading()
        tally = reading.tally
        columns = Columns(self.name, self.settings)
        files = self._sized(self.places.files(self.name, self._patterns, folders=True))
        spans = cut_up(files, reading.part, reading.parts, can_split)
        tally.part_bytes += sum(span.length for span in spans)
        fraction = 1.0
        if reading.most_bytes is not None:
            fraction = self._fraction(spans, reading.most_bytes)
        faults = Faults(self.name, reading.on_error, tally)
        rows = Rows(columns, faults, tally)
        tally.whole = tally.whole and fraction == 1
        try:
            yield from rows.read(spans if fraction == 1 else drawn(spans, fraction))
        except GeneratorExit:
            # Whoever reads has enough.
            tally.whole = False
            raise
        finally:
            tally.passed_bytes += stood_for(spans, rows.samples)
            faults.close()
        columns.check_filter(all_read=fraction == 1 and reading.parts == 1)

    @classmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        for number in range(3):
            (folder / f"{number}.txt").write_text(f"text {number}\n")
        return {"source": "files", "files": str(folder / "*.txt")}

    @property
    def _patterns(self) -> list[str]:
        return patterns(self.settings.get("files"))

    @cached_property
    def _text_bytes(self) -> int | None:
        """The sum of the files' text, by their sizes; None where these cannot be told."""
        if self.pinned():
            return None
        try:
            files = self._sized(self.inputs())
            return sum(text_bytes(path, size) for path, size in files)
        except MixwrightError:
            return None

    def _sized(self, paths: list[Path]) -> list[tuple[Path, int]]:
        """The files with their bytes on disk."""
        sized = []
        for path in paths:
            try:
                sized.append((path, path.stat().st_size))
            except OSError as error:
                raise MixwrightError(
                    f"{self.name}: {path}: {error.strerror}; correct the path,"
                    " or the permissions of its folder"
                ) from None
        return sized

    def _fraction(self, spans: list[Span], most: int) -> float:
        """The share of the spans' bytes that holds so much text, as trials tell; 1 for all."""
        total = sum(span.length for span in spans)
        size = min(MOST_TRIAL, max(LEAST_TRIAL, most * TRIAL))
        enough = min(TRIAL_TEXT, most * TRIAL)
        while size < total * MOST_OF_ALL:
            tally = Tally()
            faults = Faults(self.name, SKIP, tally, quiet=True)
            trial = Rows(Columns(self.name, self.settings), faults, tally, quiet=True)
            for _ in trial.read(drawn(spans, size / total)):
                pass
            if tally.text_bytes >= enough:
                passed = stood_for(spans, trial.samples)
                return min(1.0, MARGIN * most * passed / (tally.text_bytes * total))
            size *= LARGER
        return 1.0
