"""Target-by-target table of one chemistry study, or the mean of several splits of it, as Markdown.

    python benchmarks/chemistry.py results/chemistry
    python benchmarks/chemistry.py results/toxcast-0 results/toxcast-1 results/toxcast-2

Intervals are of paired differences over test molecules, drawn with replacement. Splits overlap: a
molecule that several splits test is drawn as often in each of them. The intervals leave out what
the splits' training molecules share: the range over the splits is shown beside them.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
from mixwright import tables
from mixwright.files import read_json
from mixwright.report.by_target import by_target, tallies
from mixwright.report.comparison import Comparison, compare
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE

DEFAULT = "mixmin-ranking"
SIGNS = {"better": " +", "worse": " -"}
SIMPLE = ("natural", "uniform", "mixmin-exact")  # what the default must not fall behind


@dataclass(frozen=True)
class Split:
    """One study: one split of the same molecules."""

    name: str
    study: Study
    scores: pd.DataFrame
    documents: pd.DataFrame
    same: Mapping[str, int]


def main(folders: Sequence[str]) -> None:
    splits = [read(Path(folder)) for folder in folders]
    targets, learner = splits[0].study.target_weights, splits[0].study.learner
    scores, documents = (
        pd.concat([getattr(split, name) for split in splits], ignore_index=True)
        for name in ("scores", "documents")
    )

    def compared(names: Mapping[str, float], over: Sequence[Split]) -> Comparison:
        tasks = {
            f"{split.name}/{target}": weight for split in over for target, weight in names.items()
        }
        return compare(scores, tasks, learner, documents[documents.task.isin(list(tasks))])

    whole, each = compared(targets, splits), [compared(targets, [split]) for split in splits]
    cells = {target: compared({target: 1.0}, splits) for target in sorted(targets)}
    arms = list(whole.means.index)
    line("target", *arms)
    line(*["---"] * (len(arms) + 1))
    for target, cell in cells.items():
        line(
            target,
            *(
                f"{cell.means[arm]:.3f}{SIGNS.get(cell.difference(arm).verdict, '')}"
                for arm in arms
            ),
        )
    line("**mean**", *(f"**{whole.means[arm]:.3f}**" for arm in arms))
    for reference in (REFERENCE, "uniform"):
        line(f"minus {reference}", *(gap(whole, each, arm, reference) for arm in arms))
    line(
        "better / level / worse than natural",
        *(tally([cell.difference(arm).verdict for cell in cells.values()]) for arm in arms),
    )
    line("proposed natural", *(str(sum(split.same[arm] for split in splits)) for arm in arms))
    print(
        f"\n+ - better, worse than {REFERENCE} beyond the 95% interval of its target, "
        "over all splits together"
    )
    if DEFAULT in arms:
        best = max((name for name in SIMPLE if name in arms), key=lambda name: whole.means[name])
        margin = gap(whole, each, DEFAULT, best)
        print(f"{DEFAULT} minus {best}, the best of {', '.join(SIMPLE)}: {margin}")


def read(folder: Path) -> Split:
    """Reads a study's tables, and how often its arms proposed natural.

    The name of each task begins with the name of its split.
    """
    study = Study.read(folder / "study.json")
    scores = tables.read(sorted((folder / "scores").glob("*.parquet")), tables.SCORES)
    documents = tables.read(
        sorted((folder / "final_documents").glob("*.parquet")), tables.DOCUMENTS
    )
    mixtures = [read_json(folder / "mixtures" / f"{arm}.json") for arm in study.arms]
    scores = scores[scores.mixer.isin(study.mixers)]
    cells = by_target(scores, study.target_weights, study.learner)
    same = {arm: tally.same for arm, tally in tallies(cells, mixtures).items()}
    named = (
        frame.assign(task=folder.name + "/" + frame.task.astype(str))
        for frame in (scores, documents[documents.mixer.isin(same)])
    )
    return Split(folder.name, study, *named, same)


def gap(whole: Comparison, each: Sequence[Comparison], arm: str, reference: str) -> str:
    """Mean difference over the splits, its 95% interval, and the range over several splits."""
    if arm == reference:
        return ""
    difference = whole.difference(arm, reference)
    values = [comparison.difference(arm, reference).value for comparison in each]
    several = f" ({min(values):+.3f} to {max(values):+.3f})" if len(values) > 1 else ""
    interval = f"[{difference.low:+.3f}, {difference.high:+.3f}]"
    return f"{difference.value:+.3f} {interval}{several}"


def tally(verdicts: Sequence[str]) -> str:
    better, worse = verdicts.count("better"), verdicts.count("worse")
    return f"{better} / {len(verdicts) - better - worse} / {worse}"


def line(*words: str) -> None:
    print("| " + " | ".join(words) + " |")


if __name__ == "__main__":
    main(sys.argv[1:] or ["results/chemistry"])
