"""A table of candidate mixtures: wide CSV, an id column first and one column of weights a domain."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mixwright.designs.informative import choose
from mixwright.errors import MixwrightError
from mixwright.mixture import Array

ROUNDING = 0.02  # published tables round their weights; a sum further from 1 is no mixture


def chosen_rows(path: Path, runs: int) -> pd.DataFrame:
    """The `runs` most informative rows of the table at `path`, best first and as they stand there."""
    table = read_candidates(path)
    if not 0 < runs <= len(table):
        raise MixwrightError(f"{path}: {runs} runs asked for of {len(table)} candidates; ask for 1 to {len(table)}, or add candidates")
    return table.iloc[choose(_weights(path, table), runs)]


def read_candidates(path: Path) -> pd.DataFrame:
    """The table as text, so that what is chosen is written as it was read; ids stand in the first column, once each."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise MixwrightError(f"{path}: not a readable CSV table ({error}); give an id column and one column a domain") from None
    if table.shape[1] < 3:
        raise MixwrightError(f"{path}: {table.shape[1]} columns; give an id column and one column a domain, two domains or more")
    twice = table.iloc[:, 0][table.iloc[:, 0].duplicated()]
    if len(twice):
        raise MixwrightError(f"{path}: row {twice.index[0]}: the id {twice.iloc[0]} stands there twice; keep one of the two rows")
    return table


def _weights(path: Path, table: pd.DataFrame) -> Array:
    """(rows, domains) mixtures, domains sorted by name so that the order of columns never matters."""
    names: Sequence[str] = sorted(table.columns[1:])
    weights = table[names].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    sums = weights.sum(axis=1)
    wrong = ~np.isfinite(weights).all(axis=1) | (weights < 0).any(axis=1) | ~(np.abs(sums - 1) <= ROUNDING)
    if wrong.any():
        row = int(wrong.argmax())
        said = f"row {row} (id {table.iloc[row, 0]}): weights must be numbers of at least 0 that sum to 1, they sum to {sums[row]:.4g}"
        raise MixwrightError(f"{path}: {said}; correct or drop the row")
    return weights / sums[:, None]
