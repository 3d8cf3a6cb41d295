"""The gate before compute: every run's weights, and an error where the bounds leave no mixture."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import pandas as pd

from mixwright.designs import KINDS
from mixwright.designs.row import Row
from mixwright.mixture import Domain, Run


def resolve_design(runs: Iterable[Run], domains: Sequence[Domain]) -> pd.DataFrame:
    """The design table (tables.DESIGN) of one study's `runs`, role by role, over `domains`."""
    found = []
    for kind, alike in groupby(runs, key=lambda run: run.kind):
        group = list(alike)
        weights = KINDS[kind].weights(
            [Row(run.parameters, run.row, run.tokens, run.seed) for run in group], domains
        )
        for run, row in zip(group, weights.tolist(), strict=True):
            for domain, weight in zip(domains, row, strict=True):
                found.append(
                    (run.name, run.role, run.model, run.tokens, run.seed, domain.name, weight)
                )
    return pd.DataFrame(
        found, columns=["run", "role", "model", "tokens", "seed", "domain", "weight"]
    )
