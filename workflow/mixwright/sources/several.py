"""The source `several`: what the key `sources` lists, each with settings of its own.

Without weights all their text is the domain's, and a sample takes of each in proportion to its
size. With weights the sample has text of each in proportion to its weight.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources.base import Reading, Row, Source, Tally, text_size

KEY = "sources"
# Keys that the listed sources take from the domain or target where they say nothing themselves.
INHERITED = ("text", "where", "query", "choices", "gold", "gold_is")

# How many times its size, as it was estimated, a source may hold at most.
SLACK = 2


@dataclass
class _Part:
    """One of the sources while it is read."""

    source: Source
    # its share of the text that is wanted
    share: float
    # about how many bytes of text it holds; None where that is not known
    size: int | None
    tally: Tally = field(default_factory=Tally)
    # whether all that it yields was taken
    exhausted: bool = False

    def rows(self, reading: Reading, most_bytes: int | None) -> Generator[Row]:
        """Yields its rows, and notes when they end."""
        prepared = reading.prepared if self.source.prepared() else None
        part = replace(reading, prepared=prepared, most_bytes=most_bytes, tally=self.tally)
        yield from self.source.documents(part)
        self.exhausted = True


class Several(Source):
    """Several sources of one domain or target, in the order in which they are listed."""

    @cached_property
    def inner(self) -> list[Source]:
        """Returns the listed sources. Each has the domain's name."""
        from mixwright.sources import create

        sources = []
        for settings in self._listed:
            inherited = {key: self.settings[key] for key in INHERITED if key in self.settings}
            sources.append(create(self.name, inherited | dict(settings), self.places))
        return sources

    def check(self, where: str) -> None:
        if not self._listed:
            raise MixwrightError(f"{where}.{KEY} is missing; list sources there")
        weighted = [settings for settings in self._listed if "weight" in settings]
        if weighted and len(weighted) < len(self._listed):
            raise MixwrightError(
                f"{where}.{KEY}: some have a weight and some have none; give each one, or none"
            )
        for number, source in enumerate(self.inner):
            source.check(f"{where}.{KEY}.{number}")

    def inputs(self) -> list[Path]:
        paths: list[Path] = []
        for source in self.inner:
            paths += source.inputs()
        return list(dict.fromkeys(paths))

    def check_inputs(self, where: str, files: Sequence[Path]) -> None:
        for number, source in enumerate(self.inner):
            try:
                listed = source.inputs()
            except MixwrightError:
                # What is missing is told where all inputs are listed, and hinders only the job.
                continue
            source.check_inputs(f"{where}.{KEY}.{number}", listed)

    def size(self) -> int | None:
        # Weights are of the domain as a whole: one job has to see all of its sources.
        sizes = self._sizes()
        if self._weights or None in sizes:
            return None
        return sum(size for size in sizes if size is not None)

    def prepared(self) -> list[Path]:
        paths: list[Path] = []
        for source in self.inner:
            paths += source.prepared()
        return list(dict.fromkeys(paths))

    def facts(self) -> dict[str, Any]:
        facts = dict(self.settings)
        if self._listed:
            facts[KEY] = []
        for settings, source in zip(self._listed, self.inner, strict=True):
            # What it inherits stands beside `sources`.
            inner = source.facts()
            for key in set(INHERITED) - set(settings):
                inner.pop(key, None)
            facts[KEY].append(inner)
        return facts

    def pinned(self) -> dict[str, str]:
        hashes: dict[str, str] = {}
        for source in self.inner:
            hashes |= source.pinned()
        return hashes

    def caveats(self) -> list[str]:
        caveats: list[str] = []
        for source in self.inner:
            caveats += source.caveats()
        return caveats

    def documents(self, reading: Reading | None = None) -> Iterator[Row]:
        reading = reading or Reading()
        parts = self._parts()
        yielded = 0
        rows = self._weighted(parts, reading) if self._weights else _in_turn(parts, reading)
        try:
            # The tallies of the sources are whole only when they are closed.
            with closing(rows):
                for row in rows:
                    size = text_size(row)
                    yielded += size
                    reading.tally.text_bytes += size
                    yield row
        finally:
            _sum_up(parts, yielded, reading.tally)

    @classmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        from mixwright.sources.hub.hub import Hub

        listed = []
        for name in ("here", "there"):
            (folder / name).mkdir()
            listed.append(Hub.example(folder / name))
        return {"source": "several", KEY: listed}

    @property
    def _listed(self) -> list[Mapping[str, Any]]:
        """What the config says of each source."""
        listed = self.settings.get(KEY) or []
        return [settings for settings in listed if isinstance(settings, Mapping)]

    @property
    def _weights(self) -> list[float]:
        """The weights of the sources, which sum to 1; none where the config has none."""
        weights = [float(settings.get("weight", 0)) for settings in self._listed]
        total = sum(weights)
        return [weight / total for weight in weights] if total else []

    def _sizes(self) -> list[int | None]:
        sizes: list[int | None] = []
        for source in self.inner:
            try:
                sizes.append(source.size())
            except MixwrightError:
                # Its files are not there yet.
                sizes.append(None)
        return sizes

    def _parts(self) -> list[_Part]:
        """The sources, each with its share."""
        sizes = self._sizes()
        shares = self._weights or [float(size or 0) for size in sizes]
        if not all(shares):
            shares = [1.0] * len(sizes)
        parts = []
        for source, share, size in zip(self.inner, shares, sizes, strict=True):
            parts.append(_Part(source, share / sum(shares), size))
        return parts

    def _weighted(self, parts: Sequence[_Part], reading: Reading) -> Generator[Row]:
        """The rows of all sources, in the order that keeps their bytes in proportion to weights.

        It ends where one source has no more: what the others have would not be in proportion.
        """
        most_bytes = _within(parts, reading.most_bytes)
        with ExitStack() as stack:
            streams = []
            for part in parts:
                most = None if most_bytes is None else int(most_bytes * part.share) + 1
                streams.append(stack.enter_context(closing(part.rows(reading, most))))
            taken = [0.0] * len(parts)
            while True:
                number = taken.index(min(taken))
                row = next(streams[number], None)
                if row is None:
                    return
                taken[number] += text_size(row) / parts[number].share
                yield row


def _within(parts: Sequence[_Part], most_bytes: int | None) -> int | None:
    """How much text to ask of all sources together: one that holds little limits the others.

    They then spread what they yield over all of their files, and not over their first ones.
    """
    for part in parts:
        if part.size:
            # Sizes are estimates: none must make a source end before it is read.
            limit = int(SLACK * part.size / part.share)
            most_bytes = limit if most_bytes is None else min(most_bytes, limit)
    return most_bytes


def _in_turn(parts: Sequence[_Part], reading: Reading) -> Generator[Row]:
    """The rows of one source after the other; what one has too little of, the next may add."""
    remaining = reading.most_bytes
    shares = [part.share for part in parts]
    for number, part in enumerate(parts):
        most = None
        if remaining is not None:
            # One row at least: its whole is estimated from what is read of it.
            most = max(1, int(remaining * part.share / sum(shares[number:])))
        with closing(part.rows(reading, most)) as rows:
            for row in rows:
                if remaining is not None:
                    remaining -= text_size(row)
                yield row


def _sum_up(parts: Sequence[_Part], yielded: int, tally: Tally) -> None:
    """Adds the tallies of the sources to that of the domain.

    The text of each is estimated from its own sizes, because a byte of one file may hold more
    text than a byte of another. So the domain's bytes are of text: all of it, and what was read.
    """
    total: float | None = 0.0
    # Of one that does not say its tokens those of the domain are not known either.
    tokens = [part.tally.tokens for part in parts]
    tally.tokens += sum(tokens) if all(tokens) else 0
    for part in parts:
        inner = part.tally
        tally.broken += inner.broken
        tally.broken_files += inner.broken_files
        whole = part.exhausted and inner.whole
        tally.whole = tally.whole and whole
        text: float | None = inner.text_bytes
        if not whole and inner.passed_bytes:
            text = inner.text_bytes * inner.part_bytes / inner.passed_bytes
        elif not whole:
            # It was left before it knew what it had passed.
            text = part.size and max(part.size, inner.text_bytes)
        total = None if total is None or text is None else total + text
    if total is not None:
        tally.passed_bytes += yielded
        tally.part_bytes += round(total)
