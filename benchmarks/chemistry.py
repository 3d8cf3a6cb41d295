"""Target-by-target table of one chemistry study, or the mean of several splits of it, as Markdown.

    python benchmarks/chemistry.py results/chemistry
    python benchmarks/chemistry.py results/toxcast-0 results/toxcast-1 results/toxcast-2

Intervals are of paired differences over test molecules, drawn with replacement; splits count as independent, for each has its own test
molecules. What the splits' training molecules share is not in them: the range over the splits is shown beside.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
from mixwright import tables
from mixwright.by_target import by_target, tallies
from mixwright.comparison import REFERENCE, Comparison, compare
from mixwright.files import read_json
from mixwright.study import Study

DEFAULT = "mixmin-ranking"
SIMPLE = ("natural", "uniform", "mixmin-exact")  # what the default must not fall behind


def main(folders: Sequence[str]) -> None:
    splits = [read(Path(folder)) for folder in folders]
    cells = pd.concat([split[1] for split in splits], keys=range(len(splits)))
    means = cells.groupby(level=1).mean()
    arms = list(means.mean().sort_values(ascending=False).index)
    line("target", *arms)
    line(*["---"] * (len(arms) + 1))
    for target, row in means[arms].iterrows():
        line(str(target), *(f"{value:.3f}" for value in row))
    line("**mean**", *(f"**{value:.3f}**" for value in means[arms].mean()))
    comparisons = [split[0] for split in splits]
    for reference in (REFERENCE, "uniform"):
        line(f"minus {reference}", *(gap(comparisons, arm, reference) for arm in arms))
    counts = [split[2] for split in splits]
    line(
        "better / level / worse than natural",
        *(" / ".join(str(sum(getattr(c[arm], name) for c in counts)) for name in ("better", "level", "worse")) for arm in arms),
    )
    line("proposed natural", *(str(sum(c[arm].same for c in counts)) for arm in arms))
    if DEFAULT in arms:
        best = max((name for name in SIMPLE if name in arms), key=lambda name: means[name].mean())
        print(f"\n{DEFAULT} minus {best}, the best of {', '.join(SIMPLE)}: {gap(comparisons, DEFAULT, best)}")


def read(folder: Path) -> tuple[Comparison, pd.DataFrame, dict]:
    """A study's comparison, its cells (targets x arms) and its tallies."""
    study = Study.read(folder / "study.json")
    scores = tables.read(sorted((folder / "scores").glob("*.parquet")), tables.SCORES)
    documents = tables.read(sorted((folder / "final_documents").glob("*.parquet")), tables.DOCUMENTS)
    mixtures = [read_json(folder / "mixtures" / f"{arm}.json") for arm in study.arms]
    keep = scores.mixer.isin(study.mixers)
    cells = by_target(scores[keep], study.target_weights, study.learner, documents)
    values = pd.DataFrame({target: {arm: cell.value for arm, cell in row.items()} for target, row in cells.items()}).T
    return compare(scores[keep], study.target_weights, study.learner, documents), values, tallies(cells, mixtures)


def gap(comparisons: Sequence[Comparison], arm: str, reference: str) -> str:
    """Mean difference over the splits, its 95% interval, and the range over several splits."""
    if arm == reference:
        return ""
    found = [comparison.difference(arm, reference) for comparison in comparisons]
    value = np.mean([one.value for one in found])
    half = 1.96 * np.sqrt(sum(one.document_error**2 for one in found)) / len(found)
    several = f" ({min(one.value for one in found):+.3f} to {max(one.value for one in found):+.3f})" if len(found) > 1 else ""
    return f"{value:+.3f} [{value - half:+.3f}, {value + half:+.3f}]{several}"


def line(*words: str) -> None:
    print("| " + " | ".join(words) + " |")


if __name__ == "__main__":
    main(sys.argv[1:] or ["results/chemistry"])
