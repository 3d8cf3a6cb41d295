"""A tiny published perturbation study.

It has the perplexities of a base run and of runs with one domain reduced or increased, and optima
at two scales.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DOMAINS = ("books", "code", "web")
OPTIMA = {"1": (1.5, 0.9, 0.6), "4": (1.6, 0.9, 0.5)}


def losses(amounts: np.ndarray) -> np.ndarray:
    """(runs, 2) prose and programs: power laws of the amounts, in units of the base run's."""
    books, code, web = amounts.T
    prose = 2 + 0.9 * books**-0.3 + 0.4 * web**-0.2 + 0.02 * code**-0.2
    return np.stack([prose, 1 + 0.8 * code**-0.3 + 0.1 * web**-0.2 + 0.02 * books**-0.2], axis=1)


def write(folder: Path) -> dict[str, Any]:
    """Writes the tables and returns a study of them.

    No network is needed: every public file has its place in the mirror `folder`.
    """
    steps = [(f"{name}_less", 1 / 2, i) for i, name in enumerate(DOMAINS)] + [
        (f"{name}_more", 3, i) for i, name in enumerate(DOMAINS)
    ]
    amounts = np.array(
        [np.ones(3), *(np.where(np.arange(3) == i, factor, 1) for _, factor, i in steps)]
    )
    frame = pd.DataFrame(np.exp(losses(amounts)), columns=["prose", "programs"]).assign(mean=0.0)
    frame.insert(0, "run", ["origin", *(name for name, _, _ in steps)])
    frame.sample(frac=1, random_state=1).to_csv(folder / "runs.csv", index=False)
    pd.DataFrame(OPTIMA, index=list(DOMAINS)).T.rename_axis("total").to_csv(folder / "optima.csv")
    return study(folder)


def study(folder: Path) -> dict[str, Any]:
    files = sorted(folder.glob("*.csv"))
    runs = {
        "losses": "public:runs",
        "measure": "perplexity",
        "tokens": 4e6,
        "base": "origin",
        "factors": [0.5, 3],
    }
    return {
        "study": "bent",
        "public": {
            path.stem: {"sha256": sha256(path.read_bytes()).hexdigest(), "mirror": path.name}
            for path in files
        },
        "measured": {
            "perturb": runs | {"reduced": "{domain}_less", "increased": "{domain}_more"},
            "optima": {"file": "public:optima", "unit": 1e6, "steps": 2, "least": 0.5},
            "targets": {"prose": 1, "programs": 1},
        },
        "mixers": {
            "autoscale": {},
            "published": {"like": "autoscale", "fit_with": "published", "objective": "perplexity"},
        },
    }


def notebook(*cells: str) -> str:
    """A Jupyter notebook with a line of text and these code cells."""
    code = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []}
        for cell in cells
    ]
    return json.dumps(
        {"cells": [{"cell_type": "markdown", "source": ["# n1 = [9, 9]"]}, *code], "nbformat": 4}
    )
