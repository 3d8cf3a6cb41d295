"""Orders of a training that tests of trainers' files share."""

from collections.abc import Mapping
from dataclasses import replace

from mixwright.mixture import Mixture
from mixwright.proposals.export.order import Order, Source, Stage

# Of a large, a middle and three small domains; the last two are smaller than many a trainer's step.
WEIGHTS = {"web": 0.6, "code": 0.3, "wiki": 0.0999, "books": 0.00008, "laws": 0.00002}
# Enough of each source that none repeats at TOKENS.
TOKENS = 1e9
SEQUENCE = 1_000
# tokens a document and a row, by domain
LENGTHS = {"web": 500, "code": 2_000, "wiki": 1_000, "books": 50_000, "laws": 4_000}


def sources(names: Mapping[str, float], available: float = 2 * TOKENS) -> tuple[Source, ...]:
    """A source a domain, at /data/DOMAIN, whose documents are its rows."""
    result = []
    for name in names:
        documents = available / LENGTHS.get(name, 1_000)
        result.append(Source(name, f"/data/{name}", (), available, documents, documents))
    return tuple(result)


def order(
    weights: Mapping[str, float] = WEIGHTS, tokens: float | None = TOKENS, packed: bool = False
) -> Order:
    """An order of one stage."""
    stage = Stage(Mixture.of(weights), "", tokens)
    return Order((stage,), sources(weights), SEQUENCE, packed)


def staged(tokens: float = TOKENS) -> Order:
    """An order of two stages; the second one reads more code."""
    first = Stage(Mixture.of(WEIGHTS), "stable", 0.9 * tokens)
    second = {"web": 0.2, "code": 0.7, "wiki": 0.1, "books": 0.0, "laws": 0.0}
    last = Stage(Mixture.of(second), "anneal", 0.1 * tokens)
    return Order((first, last), sources(WEIGHTS), SEQUENCE)


def order_of_rows(rows: Mapping[str, int]) -> Order:
    """An order of 1,000,000 packed rows, of sources of so many rows by domain."""
    wanted = order(tokens=1e9, packed=True)
    result = []
    for source in wanted.sources:
        count = rows[source.domain]
        result.append(replace(source, rows=count, tokens=1e3 * count))
    return replace(wanted, sources=tuple(result))
