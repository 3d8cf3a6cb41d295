"""Runs of a small pack and their weights."""

from dataclasses import replace

import pandas as pd

from study_runs import RUN

RUNS = [
    RUN,
    replace(RUN, row=1),
    replace(RUN, role="vertex", row=2),
    replace(RUN, role="repeat", row=3),
]


WEIGHTS = [
    (0.5, 0.25, 0.25),
    (0.1, 0.8, 0.1),
    (0.0, 1.0, 0.0),
    (0.5, 0.25, 0.25),
]  # the last is the first once more


def design(runs=RUNS) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "run": run.name,
                "role": run.role,
                "model": run.model,
                "tokens": run.tokens,
                "seed": run.seed,
                "domain": domain,
                "weight": weight,
            }
            for run, mixture in zip(RUNS, WEIGHTS, strict=True)
            if run in runs
            for domain, weight in zip("abc", mixture, strict=True)
        ]
    )
