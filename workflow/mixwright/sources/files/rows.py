"""The rows of files as a study wants them, counted."""

from collections.abc import Iterable, Iterator

from mixwright.errors import MixwrightError
from mixwright.sources.base import Row, Tally, text_size
from mixwright.sources.columns import Columns
from mixwright.sources.faults import Faults
from mixwright.sources.files.lines import Line, Scan
from mixwright.sources.files.reading import read_rows
from mixwright.sources.files.spans import Sample, Span


class Rows:
    """The rows of some spans, as a study's columns have them."""

    def __init__(self, columns: Columns, faults: Faults, tally: Tally, quiet: bool = False) -> None:
        """Begins before the first span.

        Args:
            columns: those that are read, and what becomes of a row.
            faults: what happens to rows and files that cannot be read.
            tally: where text is counted.
            quiet: nothing is logged, and no column has to be there.
        """
        self._columns = columns
        self._faults = faults
        self._tally = tally
        self._quiet = quiet
        # What was read of each span.
        self.samples: list[Sample] = []
        # Columns that some row of the files had that are read in part, and the last such row.
        self._present: set[str] = set()
        self._partial: Line | None = None

    def read(self, spans: Iterable[Span]) -> Iterator[Row]:
        """Yields the rows of spans in their order.

        Raises:
            MixwrightError: a row or file cannot be read, or none of its rows has a column.
        """
        names = self._columns.names
        for span in spans:
            scan = Scan(span, names, self._faults)
            present: set[str] = set()
            line = None
            before = self._tally.text_bytes
            try:
                for line in read_rows(scan, self._quiet):
                    row = self._row(line, present)
                    if row is not None:
                        yield row
            except GeneratorExit:
                # Who reads has enough: what was read so far tells of the rest.
                text = self._tally.text_bytes - before
                self.samples.append(Sample(span, text, scan.passed))
                raise
            except MixwrightError as error:
                self._faults.file(error)
                scan.passed = span.length if span.amount is None else span.amount
            passed = float(span.length) if span.amount is None else scan.passed
            self.samples.append(Sample(span, self._tally.text_bytes - before, passed))
            self._check_file(span, line, present)
        if self._partial is not None:
            self._check_present(self._partial, self._present)

    def _row(self, line: Line, present: set[str]) -> Row | None:
        """The row by the study's keys; None where it is not wanted, or broken."""
        try:
            row = self._columns.row(line, present)
        except MixwrightError as error:
            self._faults.row(error)
            return None
        if row is not None:
            self._tally.text_bytes += text_size(row)
        return row

    def _check_file(self, span: Span, line: Line | None, present: set[str]) -> None:
        """Refuses a file of which no row had a column; of a part of one, all parts are awaited."""
        if self._quiet or line is None:
            return
        if span.is_file:
            self._check_present(line, present)
        else:
            self._present |= present
            self._partial = line

    def _check_present(self, line: Line, present: set[str]) -> None:
        self._columns.check_present(line.path, line.columns, present)
