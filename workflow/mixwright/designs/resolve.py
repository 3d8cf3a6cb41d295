"""The gate before compute: every run's weights, and an error where the bounds leave no mixture.

Rule resolve_design writes the weights as a table, which the mixers join with losses. A training job
does not read that table: it calls `resolve_mixtures` itself. With the design as an input of the
job, a swarm that grows by one run would make every training job look out of date, because
Snakemake compares files and not rows. Both go through the one function, so they cannot differ.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

import pandas as pd

from mixwright.designs import KINDS
from mixwright.designs.row import Row
from mixwright.mixture import Domain, Mixture, Run


def resolve_mixtures(runs: Iterable[Run], domains: Sequence[Domain]) -> dict[str, Mixture]:
    """Returns run name -> mixture over `domains`, for runs of one study.

    Raises:
        MixwrightError: the bounds of a design leave no mixture.
    """
    mixtures: dict[str, Mixture] = {}
    names = tuple(domain.name for domain in domains)
    for kind, runs_of_kind in groupby(runs, key=lambda run: run.kind):
        batch = list(runs_of_kind)
        rows = [Row(run.parameters, run.row, run.tokens, run.seed) for run in batch]
        weights = KINDS[kind].weights(rows, domains)
        for run, run_weights in zip(batch, weights, strict=True):
            mixtures[run.name] = Mixture(names, run_weights)
    return mixtures


def resolve_design(runs: Sequence[Run], domains: Sequence[Domain]) -> pd.DataFrame:
    """Returns the design table (tables.DESIGN) of one study's `runs` over `domains`."""
    mixtures = resolve_mixtures(runs, domains)
    rows = []
    for run in runs:
        for domain, weight in mixtures[run.name].as_dict().items():
            facts = (run.name, run.role, run.model, run.tokens, run.seed)
            rows.append((*facts, domain, weight))
    columns = ["run", "role", "model", "tokens", "seed", "domain", "weight"]
    return pd.DataFrame(rows, columns=columns)
