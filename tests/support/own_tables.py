"""CSV tables as a user has them: forty runs over three domains, losses of two targets."""

from pathlib import Path

import numpy as np

DOMAINS, TARGETS = ("web", "code", "wiki"), ("prose", "questions")


def write(folder: Path, runs: int = 40, order=None, seed: int = 0) -> tuple[Path, Path]:
    """Writes mixtures.csv and losses.csv, with their rows in different orders.

    The weights have three decimals, as in published tables.
    """
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(3), runs).round(3)
    losses = 3 + np.stack(
        [0.3 / (0.1 + weights[:, 0]), 0.2 / (0.2 + weights[:, 2]) + 0.1 * weights[:, 1]], axis=1
    )
    order = range(runs) if order is None else order
    mixtures = [
        ("index", *DOMAINS),
        *((f"r{i}", *weights[i]) for i in order),
    ]
    measured = [
        ("index", *TARGETS),
        *((f"r{i}", *losses[i]) for i in reversed(order)),
    ]
    return save(folder / "mixtures.csv", mixtures), save(folder / "losses.csv", measured)


def write_further(folder: Path) -> Path:
    """Writes more_losses.csv, of the mixtures that more_to_train.csv lists."""
    _, *lines = (folder / "more_to_train.csv").read_text().splitlines()
    losses = [(line.split(",")[0], 3.0, 3.1) for line in lines]
    return save(folder / "more_losses.csv", [("id", *TARGETS), *losses])


def save(path: Path, rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path
