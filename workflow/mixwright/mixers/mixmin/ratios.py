"""Likelihoods of examples under each domain's proxy, as ratios to the largest one of the example.

MixMin's objective (arXiv 2502.10510) is evaluated from them, so that no likelihood underflows:

    f(w) = -sum_j a_j log( sum_i w_i exp(l_ji) )
         = -sum_j a_j log( sum_i w_i exp(l_ji - M_j) ) - sum_j a_j M_j

    w_i   weight of domain i
    l_ji  log-likelihood of example j under the proxy of domain i, in nats
    M_j   the largest l_ji of example j, in nats
    a_j   weight of example j
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.numerics.sqp import Point

# Cells of a block: 1 MiB in float32, so that a block that is read twice comes from the cache.
CELLS = 2**18
# Rows of a block at most, so that every k-th block is a sample of all examples.
ROWS = 8192
# From this many domains on, a block lies row by row in memory; below, column by column.
WIDE = 32
# The curvature of more examples than this is estimated from some of their blocks.
CURVED_ROWS = 50_000
# Rounds of balancing. Each halves the logarithm of what is out of balance, or does better.
BALANCING = 8


@dataclass(frozen=True)
class Ratios:
    """MixMin's objective on a table of examples; an `Objective` of the Newton solver."""

    # (rows, domains) each: exp(l_ji - M_j); float32 where the log-likelihoods are no finer
    blocks: tuple[NDArray[Any], ...]
    # (examples,) a_j
    importance: Array
    # -sum_j a_j M_j
    constant: float

    @classmethod
    def of(
        cls,
        loglikelihoods: NDArray[Any],
        importance: Array,
        columns: NDArray[np.int64] | None = None,
    ) -> "Ratios":
        """Reads a table block by block.

        Args:
            loglikelihoods: (examples, domains) nats; it may be a memory map.
            importance: (examples,) a_j.
            columns: domains that may have weight; all of them where None.

        Raises:
            MixwrightError: an example has a NaN or a +inf, or no proxy gives it any likelihood.
        """
        examples, domains = loglikelihoods.shape
        if columns is not None:
            domains = len(columns)
        kind = np.float32 if loglikelihoods.dtype.itemsize <= 4 else np.float64
        cells = np.empty(examples * domains, kind)
        size = max(1, min(ROWS, CELLS // domains))
        blocks = []
        constant = 0.0
        for start in range(0, examples, size):
            rows = slice(start, start + size)
            values = loglikelihoods[rows]
            if columns is not None:
                values = values[:, columns]
            stop = start + len(values)
            room = cells[start * domains : stop * domains]
            block, largest = _fill_block(room, np.asarray(values, kind), start)
            constant -= float(importance[rows] @ largest)
            blocks.append(block)
        return cls(tuple(blocks), importance, constant)

    @property
    def domains(self) -> int:
        """Domains that may have weight."""
        return int(self.blocks[0].shape[1])

    def sampled(self, rows: int) -> "Ratios":
        """Returns a sample of about `rows` examples, without the constant.

        It takes whole blocks at even distances and copies nothing. Examples without weight are
        left out where a whole block of them has none.
        """
        weighty = self._weighty_blocks()
        examples = sum(len(block) for block, _ in weighty)
        stride = max(1, examples // rows)
        blocks = []
        importance = []
        for block, places in weighty[::stride]:
            blocks.append(block)
            importance.append(self.importance[places])
        return Ratios(
            blocks=tuple(blocks),
            importance=np.concatenate(importance),
            constant=0.0,
        )

    def unit(self) -> "Ratios":
        """Returns the same objective with example weights that sum to 1.

        Long examples make the sum tiny; tolerances and rounding mean something at 1.
        """
        total = float(self.importance.sum())
        if abs(total - 1) < 1e-9:
            return self
        importance = self.importance / total
        constant = self.constant / total
        return replace(self, importance=importance, constant=constant)

    def at(self, w: Array, exact: bool = True) -> Point:
        """Evaluates f and its gradient at a mixture.

        Args:
            w: (domains,) weights.
            exact: products in float64; else in the type of the blocks. Sums are float64 always.

        Returns:
            A point. Its state is each example's sum_i w_i exp(l_ji - M_j), (examples,), and minus
            the gradient, (domains,).
        """
        value = self.constant
        descent = np.zeros(len(w))
        mixtures = np.empty(len(self.importance), self.blocks[0].dtype)
        smallest = float(np.finfo(mixtures.dtype).tiny)
        for block, rows in self._blocks_with_rows():
            a = self.importance[rows]
            if exact:
                block = np.asarray(block, np.float64)
            mixed = block @ w.astype(block.dtype)
            mixed = np.maximum(mixed.astype(np.float64), smallest)
            mixtures[rows] = mixed
            value -= float(a @ np.log(mixed))
            slope = a / mixed
            descent += slope.astype(block.dtype) @ block
        return Point(
            w,
            value=value,
            gradient=-descent,
            state=(mixtures, descent),
        )

    def hessian(self, point: Point, active: NDArray[np.int64], effort: int = 0) -> Array:
        """Returns the curvature sum_j a_j L_jA L_jA' / r_j^2 between the active domains A.

        Args:
            point: what `at` returned; r_j is the mixture's ratio of example j.
            active: positions of the domains.
            effort: where the examples are many, blocks at even distances are read, and balanced;
                4^effort times as many as at effort 0.

        Returns:
            (active, active) float64.
        """
        mixtures, descent = point.state
        examples = len(self.importance)
        count = len(active)
        # Fewer rows than that and a gradient, which reads them all, would cost more.
        worthwhile = 2 * examples * self.domains / count**2
        rows_to_read = int(max(CURVED_ROWS, worthwhile) * 4**effort)
        stride = max(1, examples // rows_to_read)
        curvature = np.zeros((count, count))
        for block, rows in self._weighty_blocks()[::stride]:
            if count < self.domains:
                block = np.take(block, active, axis=1)
            mixed = np.asarray(mixtures[rows], np.float64)
            scale = np.sqrt(self.importance[rows]) / mixed
            scaled = block * scale[:, None]
            curvature += scaled.T @ scaled
        if stride == 1:
            return curvature
        return _balanced(curvature, point.weights[active], descent[active])

    def _weighty_blocks(self) -> list[tuple[NDArray[Any], slice]]:
        """Blocks that hold an example with weight, and their rows."""
        blocks = []
        for block, rows in self._blocks_with_rows():
            if self.importance[rows].any():
                blocks.append((block, rows))
        return blocks

    def _blocks_with_rows(self) -> Iterator[tuple[NDArray[Any], slice]]:
        start = 0
        for block in self.blocks:
            stop = start + len(block)
            yield block, slice(start, stop)
            start = stop


def _fill_block(
    room: NDArray[Any], loglikelihoods: NDArray[Any], start: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Writes the ratios of some examples into `room`; returns them and each example's maximum."""
    rows, domains = loglikelihoods.shape
    if domains < WIDE:
        # Column by column: a maximum over few columns is slow where they lie row by row.
        block = room.reshape(domains, rows).T
        block[...] = loglikelihoods
        loglikelihoods = block
    else:
        block = room.reshape(rows, domains)
    largest = loglikelihoods.max(axis=1)
    if not np.isfinite(largest).all():
        _refuse(loglikelihoods, largest, start)
    np.subtract(loglikelihoods, largest[:, None], out=block)
    np.exp(block, out=block)
    return block, largest


def _balanced(curvature: Array, weights: Array, descent: Array) -> Array:
    """Corrects the curvature H of a sample by what the gradient of all examples says.

    Returns S H S with S diagonal, so that S H S w equals minus the gradient: for the curvature of
    all examples sum_i H_ki w_i = sum_j a_j L_jk / r_j holds anyway. A sample holds few examples
    of a domain of little weight; the gradient holds them all.
    """
    scale = np.ones(len(descent))
    for _ in range(BALANCING):
        reached = scale * (curvature @ (scale * weights))
        positive = reached > 0
        divisor = np.where(positive, reached, 1.0)
        usable = positive & (descent > 0)
        missing = np.where(usable, descent / divisor, 1.0)
        scale *= np.sqrt(missing)
    return scale[:, None] * curvature * scale


def _refuse(loglikelihoods: NDArray[Any], largest: NDArray[Any], start: int) -> None:
    """Names the first example whose log-likelihoods are useless."""
    row = int((~np.isfinite(largest)).argmax())
    example = start + row
    if np.isnan(loglikelihoods[row]).any():
        raise MixwrightError(
            f"mixmin: example {example} has a log-likelihood of NaN; score it again"
        )
    if largest[row] > 0:
        raise MixwrightError(
            f"mixmin: example {example} has a log-likelihood of +inf; score it again"
        )
    raise MixwrightError(
        f"mixmin: no proxy gives example {example} any likelihood; drop the example"
    )


def example_weights(weights: ArrayLike | None, examples: int) -> Array:
    """Returns (examples,) weights a_j; 1 / examples each where `weights` is None.

    Raises:
        MixwrightError: no examples, or weights that are not finite numbers from 0 on, some above 0.
    """
    if examples == 0:
        raise MixwrightError("mixmin: no examples; raise evaluation.examples")
    if weights is None:
        # A broadcast number takes no memory.
        return np.broadcast_to(np.float64(1 / examples), (examples,))
    a = np.asarray(weights, dtype=np.float64)
    usable = a.shape == (examples,) and np.isfinite(a).all()
    if not usable or (a < 0).any() or a.sum() <= 0:
        raise MixwrightError(
            f"mixmin: example weights are {examples} finite numbers from 0 on, not all 0;"
            " correct them"
        )
    return a
