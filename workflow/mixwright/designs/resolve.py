"""The gate before compute: every run's weights, and an error where the bounds leave no mixture."""

from collections.abc import Iterable, Sequence

import pandas as pd

from mixwright.designs import kinds
from mixwright.mixture import Domain, Run


def resolve_design(runs: Iterable[Run], domains: Sequence[Domain]) -> pd.DataFrame:
    """The design table (tables.DESIGN) of `runs` over `domains`, sorted by name."""
    found, designs = [], kinds()
    for run in runs:
        weights = designs[run.role].weights(run.parameters, run.row, run.seed, domains)
        for domain, weight in zip(domains, weights.tolist(), strict=True):
            found.append((run.name, run.role, run.model, run.tokens, run.seed, domain.name, weight))
    return pd.DataFrame(found, columns=["run", "role", "model", "tokens", "seed", "domain", "weight"])
