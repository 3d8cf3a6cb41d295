"""The validation examples of a domain: the whole documents of all its parts, in one order."""

from collections.abc import Sequence

import numpy as np

from mixwright.corpus.shards import Examples


def joined(parts: Sequence[Examples]) -> Examples:
    """Returns the examples of several parts, so that any first few come from all of them.

    Each part keeps its order, and its examples are spread evenly over the whole.

    Args:
        parts: the examples of each, one part at least.
    """
    if len(parts) == 1:
        return parts[0]
    places = []
    for examples in parts:
        count = len(examples)
        places.append((np.arange(count) + 0.5) / max(count, 1))
    order = np.argsort(np.concatenate(places), kind="stable")
    lengths = np.concatenate([np.diff(examples.starts) for examples in parts])
    starts = np.cumsum(lengths) - lengths
    tokens = np.concatenate([examples.tokens for examples in parts])
    token_bytes = np.concatenate([examples.token_bytes for examples in parts])
    scored_from = np.concatenate([examples.scored_from for examples in parts])
    # The place of every token of the result among those of all parts, end to end.
    shifts = starts[order] - (np.cumsum(lengths[order]) - lengths[order])
    at = np.arange(len(tokens)) + np.repeat(shifts, lengths[order])
    return Examples(
        tokens=tokens[at],
        starts=np.concatenate([[0], np.cumsum(lengths[order])]),
        scored_from=scored_from[order],
        token_bytes=token_bytes[at],
    )
