"""Likelihoods of examples under each domain's proxy, over the largest of the example: what mixture likelihoods are summed from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.numerics.sqp import Point

CELLS = 2**18  # of a block: 1 MiB in float32, so that a block read twice is read from the cache
ROWS = 8192  # of a block at most, so that every k-th block is a sample of all
WIDE = 32  # from so many domains on, blocks keep the rows' own order in memory
CURVED_ROWS = 50_000  # the curvature of more examples is read off a share of their blocks, if reading all would outweigh a gradient
BALANCING = 8  # rounds, each of which halves the logarithm of what is out of balance, or better


@dataclass(frozen=True)
class Ratios:
    """exp(log-likelihood - the example's maximum), (rows, domains) blocks; float32 where the log-likelihoods are no finer."""

    blocks: tuple[NDArray[Any], ...]
    importance: Array  # (examples,) a_j
    constant: float  # -sum a_j maximum_j

    @classmethod
    def of(
        cls,
        loglikelihoods: NDArray[Any],
        importance: Array,
        columns: NDArray[np.int64] | None = None,
    ) -> "Ratios":
        """Reads (examples, domains), which may be a memory map, block by block; `columns` are the domains that may have weight."""
        n, m = len(loglikelihoods), loglikelihoods.shape[1] if columns is None else len(columns)
        kind = np.float32 if loglikelihoods.dtype.itemsize <= 4 else np.float64
        store, size = np.empty(n * m, kind), max(1, min(ROWS, CELLS // m))
        blocks, constant = [], 0.0
        for start in range(0, n, size):
            given = loglikelihoods[start : start + size]
            given = given if columns is None else given[:, columns]
            shape, room = (len(given), m), store[start * m : start * m + len(given) * m]
            block = room.reshape(shape) if m >= WIDE else room.reshape(shape[::-1]).T
            given = np.asarray(given, kind)
            if m < WIDE:  # a maximum over few columns is slow in the rows' own order
                block[...] = given
                given = block
            top = given.max(axis=1)
            if not np.isfinite(top).all():
                _refuse(given, top, start)
            np.exp(np.subtract(given, top[:, None], out=block), out=block)
            constant -= float(importance[start : start + size] @ top)
            blocks.append(block)
        return cls(tuple(blocks), importance, constant)

    @property
    def domains(self) -> int:
        return int(self.blocks[0].shape[1])

    def sampled(self, rows: int) -> "Ratios":
        """About so many examples, whole blocks at even distances among those that have weight, as they stand in memory."""
        weighty = [part for part in self._parts() if self.importance[part[1]].any()]
        chosen = weighty[:: max(1, sum(len(block) for block, _ in weighty) // rows)]
        return Ratios(
            tuple(block for block, _ in chosen),
            np.concatenate([self.importance[part] for _, part in chosen]),
            0.0,
        )

    def unit(self) -> "Ratios":
        """At a sum of weights of 1: long examples make the sum tiny, and rounding and tolerances mean something at 1."""
        total = float(self.importance.sum())
        if abs(total - 1) < 1e-9:
            return self
        return replace(self, importance=self.importance / total, constant=self.constant / total)

    def at(self, w: Array, exact: bool = True) -> Point:
        """-sum a_j log sum_i w_i L_ji, its gradient, and as state the mixture's ratios (examples,) and minus the gradient; sums are
        float64, products if exact.
        """
        value, pull = self.constant, np.zeros(len(w))
        mixtures = np.empty(len(self.importance), self.blocks[0].dtype)
        least = float(np.finfo(mixtures.dtype).tiny)
        for block, rows in self._parts():
            a = self.importance[rows]
            block = np.asarray(block, np.float64) if exact else block
            mixed = np.maximum((block @ w.astype(block.dtype)).astype(np.float64), least)
            value -= float(a @ np.log(mixed))
            pull += (a / mixed).astype(block.dtype) @ block
            mixtures[rows] = mixed
        return Point(w, value, -pull, (mixtures, pull))

    def hessian(self, point: Point, active: NDArray[np.int64], effort: int = 0) -> Array:
        """sum a L_A L_A' / r^2 of the active domains, float64; of many examples from blocks at even distances, 4^effort times as many."""
        (mixtures, pull), n, k = point.state, len(self.importance), len(active)
        every = max(1, n // int(max(CURVED_ROWS, 2 * n * self.domains / k**2) * 4**effort))
        found = np.zeros((k, k))
        for block, rows in [part for part in self._parts() if self.importance[part[1]].any()][
            ::every
        ]:
            part = block if k == self.domains else np.take(block, active, axis=1)
            scaled = (
                part
                * (np.sqrt(self.importance[rows]) / np.asarray(mixtures[rows], np.float64))[:, None]
            )
            found += scaled.T @ scaled
        return _balanced(found, point.weights[active], pull[active]) if every > 1 else found

    def _parts(self) -> Iterator[tuple[NDArray[Any], slice]]:
        start = 0
        for block in self.blocks:
            yield block, slice(start, start + len(block))
            start += len(block)


def _balanced(curvature: Array, weights: Array, pull: Array) -> Array:
    """S H S with S diagonal and S H S w = pull, as sum_i H_ki w_i = sum_j a_j L_jk / r_j has it for the curvature of all examples.

    A sample holds few examples of a domain of little weight; all of them are in the gradient.
    """
    scale = np.ones(len(pull))
    for _ in range(BALANCING):
        reached = scale * (curvature @ (scale * weights))
        scale *= np.sqrt(
            np.where((reached > 0) & (pull > 0), pull / np.where(reached > 0, reached, 1.0), 1.0)
        )
    return scale[:, None] * curvature * scale


def _refuse(block: NDArray[Any], top: NDArray[Any], start: int) -> None:
    row = int((~np.isfinite(top)).argmax())
    if np.isnan(block[row]).any():
        raise MixwrightError(
            f"mixmin: example {start + row} has a log-likelihood of NaN; score it again"
        )
    if top[row] > 0:
        raise MixwrightError(
            f"mixmin: example {start + row} has a log-likelihood of +inf; score it again"
        )
    raise MixwrightError(
        f"mixmin: no proxy gives example {start + row} any likelihood; drop the example"
    )


def example_weights(weights: ArrayLike | None, examples: int) -> Array:
    """a_j (examples,), 1/n where none are given."""
    if examples == 0:
        raise MixwrightError("mixmin: no examples; raise evaluation.examples")
    if weights is None:
        return np.broadcast_to(np.float64(1 / examples), (examples,))  # takes no memory
    found = np.asarray(weights, dtype=np.float64)
    if (
        found.shape != (examples,)
        or not np.isfinite(found).all()
        or (found < 0).any()
        or found.sum() <= 0
    ):
        raise MixwrightError(
            f"mixmin: example weights are {examples} finite numbers from 0 on, not all 0; correct them"
        )
    return found
