"""Which proxies choose better where the goal repeats text: those that repeat it too, or the others.

Two studies of the same finals are read, one whose proxies had their text cut and one whose had not.
Each mixer's two choices are compared by `report.comparison`, paired over seeds and documents.

python benchmarks/repetition.py results/repeats results/repeats-uncut
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from rich.console import Console

from mixwright.report.comparison import compare
from mixwright.tables import DOCUMENTS, DOMAINS, SCORES, Table, read
from mixwright.trust.intervals import REFERENCE

CUT, WHOLE = " (repeating)", " (all text)"


def finals(table: Table, folders: dict[str, Path], name: str) -> pd.DataFrame:
    """Returns a table of the finals of both studies, their mixers renamed by which study it is.

    Natural is the same mixture in both, so that one of the two is taken.

    Args:
        table: of the files.
        folders: suffix of the mixers -> a study's results.
        name: of the folder that holds the files.
    """
    frames: list[pd.DataFrame] = []
    for suffix, folder in folders.items():
        for path in sorted((folder / name).glob("*.parquet")):
            frame = read(path, table)
            if frames and suffix == WHOLE:
                frame = frame[frame.mixer != REFERENCE]
            renamed = frame.mixer + suffix
            frame["mixer"] = renamed.where(frame.mixer != REFERENCE, REFERENCE)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def choices(folders: dict[str, Path]) -> pd.DataFrame:
    """Returns a row a choice: its greatest weights, and the most passes over a domain."""
    rows = []
    for suffix, folder in folders.items():
        goal = json.loads((folder / "study.json").read_text())["goal"]
        domains = read(folder / "domains.parquet", DOMAINS)
        source = domains[domains.split == "train"].set_index("domain").source_tokens
        for path in sorted((folder / "mixtures").glob("*.json")):
            proposal = json.loads(path.read_text())
            weights = pd.Series(proposal["weights"])
            passes = weights * goal["tokens"] / source
            first = weights.sort_values(ascending=False)[:4]
            words = [f"{domain} {weight:.2f}" for domain, weight in first.items()]
            row = {
                "choice": proposal["mixer"] + suffix,
                "most passes": round(passes.max(), 1),
                "weights": ", ".join(words),
            }
            rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
    )
    parser.add_argument("repeating", type=Path, help="results of the study whose text was cut")
    parser.add_argument("whole", type=Path, help="results of the other one")
    args = parser.parse_args()
    folders = {CUT: args.repeating, WHOLE: args.whole}
    objective = json.loads((args.repeating / "mixtures/natural.json").read_text())["objective"]
    scores = finals(SCORES, folders, "scores")
    documents = finals(DOCUMENTS, folders, "final_documents")
    comparison = compare(scores, objective, documents=documents)
    console = Console(width=160)
    console.print(choices(folders).to_string(index=False))
    console.print(comparison.means.round(4).to_string())
    for mixer in comparison.means.index:
        if mixer != REFERENCE:
            console.print(comparison.difference(mixer).sentence)
    for mixer in comparison.means.index:
        if mixer.endswith(CUT):
            other = mixer.removesuffix(CUT) + WHOLE
            console.print(f"{mixer}: {comparison.difference(mixer, other).sentence}")


if __name__ == "__main__":
    main()
