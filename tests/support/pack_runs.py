"""Runs of a small pack and their weights."""

from dataclasses import replace

from mixwright.mixture import Mixture
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


def mixtures(runs=RUNS) -> dict[str, Mixture]:
    """Run name -> mixture."""
    pairs = zip(RUNS, WEIGHTS, strict=True)
    return {run.name: Mixture(tuple("abc"), weights) for run, weights in pairs if run in runs}
