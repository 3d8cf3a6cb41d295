"""The gate before compute: every run's weights, and an error where the bounds leave no mixture.

Rule resolve_design writes the weights as a table, which the mixers join with losses. A training job
does not read that table: it calls `resolve_mixtures` itself. With the design as an input of the
job, a swarm that grows by one run would make every training job look out of date, because
Snakemake compares files and not rows. Both go through the one function, so they cannot differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pandas as pd

from mixwright import tables
from mixwright.designs import KINDS
from mixwright.designs.row import Row
from mixwright.errors import MixwrightError
from mixwright.mixture import Domain, Mixture, Run


def resolve_mixtures(
    runs: Iterable[Run], domains: Sequence[Domain], designs: Path | None = None
) -> dict[str, Mixture]:
    """Returns run name -> mixture over `domains`, for runs of one study.

    Args:
        designs: the folder of the study's design tables; runs of further rounds are read there.

    Raises:
        MixwrightError: the bounds of a design leave no mixture.
    """
    mixtures: dict[str, Mixture] = {}
    names = tuple(domain.name for domain in domains)
    for kind, runs_of_kind in groupby(runs, key=lambda run: run.kind):
        batch = list(runs_of_kind)
        if kind == "round" and designs is not None:
            mixtures |= _read_rounds(batch, names, designs)
            continue
        rows = [Row(run.parameters, run.row, run.tokens, run.seed) for run in batch]
        weights = KINDS[kind].weights(rows, domains)
        for run, run_weights in zip(batch, weights, strict=True):
            mixtures[run.name] = Mixture(names, run_weights)
    return mixtures


def _read_rounds(runs: Iterable[Run], names: tuple[str, ...], designs: Path) -> dict[str, Mixture]:
    """Run name -> mixture, of runs whose tables stand in the folder."""
    mixtures: dict[str, Mixture] = {}
    for table, of_table in groupby(runs, key=lambda run: run.table):
        path = designs / f"{table}.parquet"
        members = [run.name for run in of_table]
        design = tables.read(path, tables.DESIGN)
        if not set(members) <= set(design.run):
            raise MixwrightError(f"{path}: runs of the round are missing; run the study again")
        weights = tables.design_matrix(design, pd.Index(members), list(names), "weight")
        for name, run_weights in zip(members, weights.to_numpy(), strict=True):
            mixtures[name] = Mixture(names, run_weights)
    return mixtures


def resolve_design(runs: Sequence[Run], domains: Sequence[Domain]) -> pd.DataFrame:
    """Returns the design table (tables.DESIGN) of one study's `runs` over `domains`."""
    return design_table(runs, resolve_mixtures(runs, domains))


def design_table(runs: Sequence[Run], mixtures: Mapping[str, Mixture]) -> pd.DataFrame:
    """Returns the design table (tables.DESIGN) of runs and their mixtures by name."""
    rows = []
    for run in runs:
        for domain, weight in mixtures[run.name].as_dict().items():
            facts = (run.name, run.role, run.model, run.tokens, run.seed)
            rows.append((*facts, domain, weight))
    columns = ["run", "role", "model", "tokens", "seed", "domain", "weight"]
    return pd.DataFrame(rows, columns=columns)
