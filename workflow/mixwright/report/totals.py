"""How much a study trained."""

from typing import Any

import pandas as pd

from mixwright.report.comparison import Comparison
from mixwright.study.study import Study


def totals(
    study: Study, design: pd.DataFrame, scores: pd.DataFrame, comparison: Comparison
) -> dict[str, Any]:
    """Returns how much was trained, for the page's list of sources."""
    runs = int(design.run.nunique())
    listed = study.config.get("final", {}).get("seeds", ())
    seeds = ", ".join(str(seed) for seed in listed)
    facts = {
        "seed of the study": str(study.config.get("seed", "")),
        "seeds of the final models": seeds,
    }
    if not comparison.seeded:
        judged = scores[scores.metric == comparison.metric.name]
        models = len(judged.drop_duplicates(["task", "seed", "value"]))
        return facts | {"proxy runs": runs, "final models": models}
    # as many right answers are no sign of one model
    numbers = comparison.values if comparison.marks is None else comparison.marks
    finals = int(numbers.drop_duplicates().notna().sum().sum())
    return facts | {
        "proxy runs": runs,
        "proxy tokens": int(design.drop_duplicates("run").tokens.sum()),
        "final models": finals,
        "final tokens": int(finals * study.config["goal"]["tokens"]),
    }
