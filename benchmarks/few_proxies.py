"""How many proxies a mixing law needs on RegMix's published tables: Spearman x 100, mean of 13 targets, on 1M / 60M / 1B test runs.

python benchmarks/few_proxies.py [--mirror FOLDER] [--subsets 5]

Random rows are the mean over subsets; designed rows are chosen before any loss is seen. The test runs only report: every setting of the
law is fixed in the library, from cross-validation inside the training runs. LightGBM takes most of the time.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from mixwright import mixers
from mixwright.designs.informative import choose
from mixwright.observations import Observations
from mixwright.validation import score

ADDRESS = "https://raw.githubusercontent.com/sail-sg/regmix/b004d3a/data"
RUNS, ALL = (32, 48, 64, 96, 128, 512), 512
SIZES = ("1m", "60m", "1B")


def wide(folder: str, name: str, before: str, after: str = "") -> pd.DataFrame:
    """A published table with rows sorted by id and columns by name."""
    frame = pd.read_csv(f"{folder}/{name}.csv").set_index("index").sort_index()
    frame.columns = [column.removeprefix(before).removesuffix(after) for column in frame]
    return frame.sort_index(axis=1)


def pile(folder: str, mixtures: str, losses: str) -> Observations:
    weights, measured = wide(folder, mixtures, "train_the_pile_"), wide(folder, losses, "metric/the_pile_", "_val_loss")
    runs = tuple(f"{i:04}" for i in measured.index)
    amounts = weights.loc[measured.index].to_numpy()
    amounts = amounts / amounts.sum(axis=1, keepdims=True)
    return Observations(tuple(weights), tuple(measured), runs, ("swarm",) * len(runs), amounts, measured.to_numpy())


def ranks(name: str, seen: Observations, tests: list[Observations]) -> list[float]:
    """Rank correlation of a fit of `seen` on each test set, mean over targets."""
    fitted = mixers.create(name).fit(seen)
    return [
        100
        * float(
            np.mean([score(actual, guess)["spearman"] for actual, guess in zip(test.losses.T, fitted.predict(test.amounts).T, strict=True)])
        )
        for test in tests
    ]


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument(
        "--mirror", default=os.environ.get("MIXWRIGHT_MIRROR"), help="folder that holds regmix/; without it the public address"
    )
    asked.add_argument("--subsets", type=int, default=5, help="random subsets a row of the table averages over")
    options = asked.parse_args()
    folder = str(Path(options.mirror) / "regmix") if options.mirror else ADDRESS
    swarm = pile(folder, "train_mixture_1m", "train_pile_loss_1m")
    tests = [pile(folder, f"test_mixture_{size}", f"test_pile_loss_{size}") for size in SIZES]
    order = choose(swarm.amounts, ALL)

    def at_random(name: str, runs: int) -> str:
        subsets = [np.random.default_rng(seed).permutation(ALL)[:runs] for seed in range(options.subsets if runs < ALL else 1)]
        found = np.array([ranks(name, swarm.only(np.sort(subset)), tests) for subset in subsets])
        return _cell(found.mean(axis=0), found.std(axis=0) if runs < ALL else None)

    table = Table("runs", "law, random", "law, designed", "RegMix, random", title="1M / 60M / 1B, standard deviation over subsets")
    for runs in RUNS:
        designed = ranks("effective-data", swarm.only(np.sort(order[:runs])), tests)
        table.add_row(str(runs), at_random("effective-data", runs), _cell(np.array(designed)), at_random("regmix", runs))
    Console(width=140).print(table)


def _cell(means: np.ndarray, deviations: np.ndarray | None = None) -> str:
    text = " / ".join(f"{mean:.2f}" for mean in means)
    return text if deviations is None else f"{text} ± {' / '.join(f'{deviation:.2f}' for deviation in deviations)}"


if __name__ == "__main__":
    main()
