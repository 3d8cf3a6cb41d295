"""Which bytes of which files a job reads: equal parts of a source, and samples of a part.

A row belongs to the span in which its first byte stands, so that spans that share no byte share no
row. Imports nothing heavy: sizes of sources are asked for at parse time.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mixwright.sources.files.opening import PACKED, form_of
from mixwright.sources.spread import inner_names, name_hash

# Bytes of text in a byte on disk. gzip and zstandard pack prose to a third or a quarter; parquet
# files are packed by pages, often with snappy, and hold other columns. Too much is the safe side:
# the parts are then more and smaller.
PACKED_TEXT = 4
PARQUET_TEXT = 3
# Least bytes on disk that are read of a file that is read in part. Where files would give less,
# some of them give this much, or all they have.
LEAST = 64_000
# Bytes of one of the places of a file that a sample is read from, and most of these places.
WINDOW = 256_000
WINDOWS = 32
# In place of a kind of file: files of every kind.
ALL = ""
# From this share on, all of a file is read.
NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Span:
    """Bytes of one file: all of it, a range, or so much of a range."""

    path: Path
    # bytes of the file on disk
    size: int
    # the range of its bytes; a row is in it where its first byte is
    start: int
    stop: int
    # bytes of the range that are read; None: all
    amount: int | None = None

    @classmethod
    def of(cls, path: Path, size: int) -> "Span":
        """Returns the span of a whole file."""
        return cls(path, size, 0, size)

    @property
    def length(self) -> int:
        """Bytes of the range."""
        return self.stop - self.start

    @cached_property
    def kind(self) -> str:
        """What files that are packed alike have in common, by the ends of their names."""
        return f"{form_of(self.path)} {self.path.suffix.lower()}"

    @property
    def is_file(self) -> bool:
        """Whether all of a file is read."""
        return self.length == self.size and self.amount is None

    def windows(self) -> Iterator[tuple[int, int]]:
        """Yields the ranges of bytes to read: as much of each of equal stretches of the span.

        Where in its stretch each begins is told by a hash; at the end it goes on at the beginning.
        In the middle of each, files that are ordered alike would all give the same kind of rows,
        and those of other kinds none.
        """
        if self.amount is None:
            yield self.start, self.stop
            return
        count = min(WINDOWS, max(1, self.amount // WINDOW))
        width = self.amount // count
        for number in range(count):
            low = self.start + self.length * number // count
            high = self.start + self.length * (number + 1) // count
            start = low + int(self._draw(number) * (high - low))
            beyond = start + width - high
            if beyond > 0:
                yield low, low + beyond
            yield start, min(start + width, high)

    def _draw(self, number: int) -> float:
        """A number from 0 to 1, the same wherever the file lies."""
        name = f"{self.path.name} {self.size} {self.start} {number}"
        return int.from_bytes(name_hash(name)[:4]) / 2**32


@dataclass(frozen=True)
class Sample:
    """What was read of a span: bytes of text, and bytes on disk."""

    span: Span
    text: int
    passed: float


def text_bytes(path: Path, size: int) -> int:
    """Returns about how many bytes of text a file holds, from its name and its bytes on disk."""
    suffix = path.suffix.lower()
    if suffix in PACKED or suffix == ".zip":
        return size * PACKED_TEXT
    return size * PARQUET_TEXT if suffix == ".parquet" else size


def cut_up(
    files: Sequence[tuple[Path, int]], part: int, parts: int, can_split: Callable[[Path], bool]
) -> list[Span]:
    """Returns what one of several parts of about equal text reads, in the order of the files.

    A file with more text than a part is split where its form allows; any other one is in one part.

    Args:
        files: paths and bytes on disk.
        part: which part, from 0.
        parts: how many parts there are.
        can_split: tells whether rows of a file can be read from any byte on.
    """
    if parts == 1:
        return [Span.of(path, size) for path, size in files]
    weights = [text_bytes(path, size) for path, size in files]
    total = sum(weights)
    low, high = part * total // parts, (part + 1) * total // parts
    spans = []
    before = 0
    for (path, size), weight in zip(files, weights, strict=True):
        if weight * parts > total and can_split(path):
            after = before + weight
            first = min(max(low, before), after) - before
            last = min(max(high, before), after) - before
            start = first * size // weight
            stop = last * size // weight
            if start < stop:
                spans.append(Span(path, size, start, stop))
        else:
            middle = before + weight // 2
            home = min(parts - 1, middle * parts // max(1, total))
            if home == part:
                spans.append(Span.of(path, size))
        before += weight
    return spans


def drawn(spans: Sequence[Span], fraction: float) -> list[Span]:
    """Returns spans that read about a fraction of the bytes of others, in their order.

    Each file gives that fraction, whatever its size, so that what was read stands for all of them.
    Of files whose share would be too small to read, some are chosen by the hashes of their names,
    and the chosen ones give more.

    Args:
        spans: all there is.
        fraction: of their bytes, between 0 and 1.
    """
    amounts: dict[Span, int] = {}
    small = []
    for span in spans:
        if span.length * fraction >= LEAST:
            amounts[span] = round(span.length * fraction)
        elif span.length:
            small.append(span)
    names = [str(span.path) for span in spans]
    hashes = {}
    for name, inner in zip(names, inner_names(names), strict=True):
        hashes[name] = name_hash(inner)
    steps = 0.0
    last_kind = ""
    # Kind by kind, so that each gives its share, and one file at least.
    for span in sorted(small, key=lambda one: (one.kind, hashes[str(one.path)], one.start)):
        if span.kind != last_kind:
            last_kind, steps = span.kind, 0.0
        amount = min(span.length, LEAST)
        # Chosen in proportion to its share: where the sum of shares passes a whole number.
        following = steps + span.length * fraction / amount
        if -(-following // 1) > -(-steps // 1):
            amounts[span] = amount
        steps = following
    return [_some(span, amounts[span]) for span in spans if span in amounts]


def stood_for(spans: Sequence[Span], samples: Sequence[Sample]) -> int:
    """Returns how many bytes of spans on disk hold as much text as was read of them.

    These are the bytes that were read where the same share was read of every file. Where it was
    not, and files are packed unlike each other, each file's text is taken for its share: the text
    of a file that was read is text * length / passed; that of others is as of those of their kind.

    Args:
        spans: all there is.
        samples: what was read of some of them.
    """
    read = {(sample.span.path, sample.span.start): sample for sample in samples}
    # Of each kind: bytes of files that were read, and their text as it is estimated.
    lengths: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    for sample in samples:
        if sample.passed > 0:
            text = sample.text * sample.span.length / sample.passed
            for kind in (sample.span.kind, ALL):
                lengths[kind] += sample.span.length
                texts[kind] += round(text)
    total = 0.0
    for span in spans:
        one = read.get((span.path, span.start))
        if one is not None and one.passed > 0:
            total += one.text * span.length / one.passed
            continue
        kind = span.kind if lengths[span.kind] else ALL
        total += span.length * texts[kind] / max(1, lengths[kind])
    text = sum(sample.text for sample in samples)
    length = sum(span.length for span in spans)
    if not total:
        return round(sum(sample.passed for sample in samples))
    return round(text * length / total)


def _some(span: Span, amount: int) -> Span:
    if amount >= NEARLY_ALL * span.length:
        return span
    return replace(span, amount=amount)
