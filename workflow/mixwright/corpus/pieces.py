"""The validation examples of a domain: pieces of its documents, the first piece of each first."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.encoding import Ids
from mixwright.corpus.shards import Examples

# Tokens of a validation example: a document gives several examples, so that a few thousand tokens
# come from every part of the split.
PIECE = 512


def pieces_of(texts: Iterable[tuple[Ids, int]], end: int) -> tuple[Examples, list[int]]:
    """Returns the first pieces of all texts, then the second ones, and so on.

    Args:
        texts: ids and UTF-8 bytes of each. Bytes of a piece are in proportion to its tokens.
        end: id of the end token.

    Returns:
        The examples, and how many of them are first pieces, second pieces and so on.
    """
    # One list a place in the text: (context, token ids, bytes).
    layers: list[list[tuple[Sequence[int], Ids, int]]] = []
    for ids, text_bytes in texts:
        bytes_per_token = text_bytes / max(len(ids), 1)
        for place, start in enumerate(range(0, len(ids), PIECE)):
            if place == len(layers):
                layers.append([])
            piece = ids[start : start + PIECE]
            size = round(len(piece) * bytes_per_token)
            layers[place].append(([], piece, size))
    ordered = []
    counts = []
    for layer in layers:
        ordered += layer
        counts.append(len(layer))
    return Examples.of(ordered, end), counts


def joined(parts: Sequence[tuple[Examples, Sequence[int]]]) -> Examples:
    """Returns the pieces of several parts in one order: first pieces of all of them first.

    Args:
        parts: what `pieces_of` returned of each, one at least.
    """
    deepest = max(len(layers) for _, layers in parts)
    chosen: list[tuple[Examples, int, int]] = []
    for layer in range(deepest):
        for examples, layers in parts:
            first = sum(layers[:layer])
            last = sum(layers[: layer + 1])
            chosen.append((examples, first, last))
    empty: NDArray[np.int64] = np.zeros(0, np.int64)
    tokens = [empty]
    lengths = [np.zeros(1, np.int64)]
    scored_from = [empty]
    scored_bytes = [empty]
    for examples, first, last in chosen:
        starts = examples.starts[first : last + 1]
        low, high = starts[0], starts[-1]
        tokens.append(examples.tokens[low:high])
        lengths.append(np.diff(starts))
        scored_from.append(examples.scored_from[first:last])
        scored_bytes.append(examples.scored_bytes[first:last])
    return Examples(
        tokens=np.concatenate(tokens),
        starts=np.cumsum(np.concatenate(lengths), dtype=np.int64),
        scored_from=np.concatenate(scored_from),
        scored_bytes=np.concatenate(scored_bytes),
    )
