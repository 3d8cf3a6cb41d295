"""CSV tables of a planted swarm, as pandas frames that tests change and write."""

from pathlib import Path

import numpy as np
import pandas as pd

DOMAINS = ("web", "code", "wiki", "books")
TARGETS = ("prose", "questions")


def swarm(runs: int = 24, seed: int = 0, decimals: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns mixtures and losses of runs `run-000` on; less of both losses is better.

    Prose needs web and books, questions need wiki and code.
    """
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(len(DOMAINS)), runs).round(decimals)
    weights[:, 0] = (1 - weights[:, 1:].sum(axis=1)).round(decimals)
    web, code, wiki, books = weights.T
    prose = 2.4 + 0.5 * (0.05 + 0.6 * web + 0.4 * books) ** -0.4
    questions = 2.2 + 0.5 * (0.05 + 0.7 * wiki + 0.3 * code) ** -0.4
    ids = [f"run-{k:03d}" for k in range(runs)]
    mixtures = pd.DataFrame(weights, columns=list(DOMAINS))
    losses = pd.DataFrame({"prose": prose, "questions": questions}).round(5)
    mixtures.insert(0, "run", ids)
    losses.insert(0, "run", ids)
    return mixtures, losses


def write(folder: Path, mixtures: pd.DataFrame | str, losses: pd.DataFrame | str, **options):
    """Writes both tables as CSV; `options` are those of to_csv. Returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, table in (("mixtures", mixtures), ("losses", losses)):
        path = folder / f"{name}.csv"
        text = table
        if isinstance(table, pd.DataFrame):
            text = table.to_csv(**{"index": False, **options})
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def same(first, second) -> None:
    """The runs are the same to the last bit."""
    assert first.runs == second.runs
    assert first.domains == second.domains and first.targets == second.targets
    np.testing.assert_allclose(first.amounts, second.amounts, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(first.losses, second.losses)
