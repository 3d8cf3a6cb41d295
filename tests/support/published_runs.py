"""A tiny published swarm.

It has wide CSV tables whose losses follow a law, a test set at another level of loss, and two
published mixtures.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DOMAINS = ("books", "code", "web")
PUBLISHED = {"by_hand": (0.2, 0.2, 0.6), "one_only": (0.0, 0.0, 1.0)}


def losses(weights: np.ndarray, level: float = 2.0) -> np.ndarray:
    """(runs, 2) prose and programs: falling and convex in what each needs."""
    books, code, web = weights.T
    return level + np.stack(
        [(0.1 + 0.6 * books**0.7 + 0.3 * web**0.7) ** -0.3, (0.1 + 0.9 * code**0.7) ** -0.4], axis=1
    )


def write(folder: Path, runs: int = 32, tests: int = 16) -> dict[str, Any]:
    """Writes the tables and returns a study of them.

    No network is needed: every public file has its place in the mirror `folder`.
    """
    rng = np.random.default_rng(0)
    for name, size, level in (("swarm", runs, 2.0), ("large", tests, 1.0)):
        weights = rng.dirichlet(np.ones(3), size).round(3)
        weights[:, 2] += 1 - weights.sum(axis=1)
        ids = pd.RangeIndex(size, name="index")
        pd.DataFrame(weights, ids, [f"train_the_{domain}" for domain in DOMAINS]).to_csv(
            folder / f"{name}_mixtures.csv"
        )
        found = pd.DataFrame(
            losses(weights, level), ids, ["metric/the_prose_loss", "metric/the_programs_loss"]
        )
        found.sample(frac=1, random_state=1).to_csv(folder / f"{name}_losses.csv")
    lines = [
        f"  train_the_{domain}: {weight}"
        for domain, weight in zip(DOMAINS, PUBLISHED["by_hand"], strict=True)
    ]
    (folder / "by_hand.yaml").write_text(
        "\n".join(["train:", *lines, "valid:", "  valid_the_web: 1.0", "]model_name: broken"])
    )
    columns = {"domain": [f"the_{domain}" for domain in DOMAINS], "one_only": PUBLISHED["one_only"]}
    pd.DataFrame(columns).to_csv(folder / "one_only.csv", index=False)
    return study(folder)


def study(folder: Path) -> dict[str, Any]:
    files = {
        path.stem: path for path in sorted(folder.iterdir()) if path.suffix in (".csv", ".yaml")
    }
    return {
        "study": "tiny",
        "public": {
            name: {"sha256": sha256(path.read_bytes()).hexdigest(), "mirror": path.name}
            for name, path in files.items()
        },
        "measured": {
            "swarm": {"mixtures": "public:swarm_mixtures", "losses": "public:swarm_losses"},
            "tests": {
                "large": {"mixtures": "public:large_mixtures", "losses": "public:large_losses"}
            },
            "targets": {"prose": 2, "programs": 1},
            "natural": "by_hand",
            "published": {"by_hand": "public:by_hand", "one_only": "public:one_only"},
            "subsets": {"effective-data": {"runs": [12, 20, 32], "random": 2}},
            "regions": {
                "effective-data": {"draws": 10},
                "regmix-linear": {"draws": 10, "seeds": 2},
            },
        },
        "mixers": {"effective-data": {}, "regmix-linear": {"samples": 2000}, "best-of-swarm": {}},
        "goal": {"caps": {"web": 0.5}},
    }
