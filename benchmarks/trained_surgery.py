"""Whether the runs that surgery says are needed do what a new swarm does, on trained proxies.

A study of eight domains of the mini-pile trains its swarm. Then its domains change, in two ways:

come-and-go      peps goes, and wiki comes
part-and-join    legal parts into law and german_law, and latex and science join

For each way `mixwright surgery` carries the runs over, and the few that it names are trained. So
are a whole new swarm, 24 other mixtures to test by, and what the laws propose, with four seeds.

MIXWRIGHT_MIRROR=<folder that holds minipile/> python benchmarks/trained_surgery.py FOLDER

FOLDER takes the studies and their results; called again, it goes on from what is there.
About 20 minutes on two cores.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from rich.console import Console
from scipy.stats import spearmanr
from surgery import observed, with_more

from mixwright import mixers
from mixwright.designs import dirichlet
from mixwright.goal import Goal
from mixwright.measured.decisions import ColumnOptions
from mixwright.measured.loss_tables import read_observations
from mixwright.mixture import Array, Domain, Mixture
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.tables import DOMAINS, read

HOUSE = Path(__file__).parents[1]
TARGETS = ("human_eval", "lambada", "math", "pubmedqa")
RUNS, TESTS, SEEDS = 32, 24, 4
# draws of test mixtures, for intervals
DRAWS = 4000


def source(*names: str) -> dict[str, Any]:
    """A domain of one file of the mini-pile, or of several."""
    parts = [
        {"source": "files", "files": f"mirror:minipile/train/{name}.parquet"} for name in names
    ]
    return parts[0] if len(parts) == 1 else {"sources": parts}


STAY = {name: source(name) for name in ("books", "code", "stackexchange", "web")}
BEFORE = STAY | {
    "latex": source("latex"),
    "legal": source("law", "german_law"),
    "peps": source("peps"),
    "science": source("science"),
}
CHANGED = {
    "come-and-go": STAY
    | {name: BEFORE[name] for name in ("latex", "legal", "science")}
    | {"wiki": source("wiki")},
    "part-and-join": STAY
    | {name: source(name) for name in ("german_law", "law", "peps")}
    | {"papers": source("latex", "science")},
}


def study(name: str, domains: Mapping[str, Any], designs: Mapping[str, Any]) -> dict[str, Any]:
    """A study that trains a design and no final; all but the first have the first one's tokens."""
    targets = {
        target: {"source": "files", "files": f"mirror:minipile/targets/{target}.parquet"}
        for target in TARGETS
    }
    config = {
        "study": name,
        "corpus": {
            "sample": 1_500_000,
            "target_bytes": 300_000,
            "max_document_bytes": 24_000,
            "clean": ["plain-text", "exact-duplicates", "repeated-lines", "decontaminate"],
        },
        "domains": dict(domains),
        "targets": targets,
        "tokenizer": {"vocabulary": 2048, "sample_bytes": 4_000_000},
        "proxy": {
            "tokens": 100_000,
            "per_job": 12,
            "precision": "float32",
            "simulated_epochs": False,
        },
        "evaluation": {"example_tokens": 512, "tokens": 4096, "steps": 1, "questions": 0},
        "designs": {"repeat": {"runs": 0}, **designs},
        "mixers": {"effective-data": {}, "natural": {}},
        "goal": {"tokens": 800_000, "max_epochs": None},
        "finals": "none",
    }
    if name != "before":
        config["tokenizer"] = {"folder": "results/before/tokenizer"}
    return config


def of_targets(runs: Observations) -> Observations:
    """The losses on targets alone; a study scores text of its domains too."""
    places = [runs.targets.index(target) for target in TARGETS]
    return observed(runs.domains, TARGETS, runs.weights, runs.losses[:, places])


def listed(mixtures: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    return {"swarm": {"runs": 0}, "listed": [dict(mixture) for mixture in mixtures]}


class Workshop:
    """A folder in which studies are run to their losses."""

    def __init__(self, folder: Path, cores: int) -> None:
        self.folder = folder
        self.cores = cores

    def trained(self, config: Mapping[str, Any], *overlays: Path) -> Observations:
        """Runs a study as far as its swarm's losses; returns the runs as they were designed."""
        results = f"results/{config['study']}"
        tables = [f"{results}/design/swarm.parquet", f"{results}/losses/swarm.parquet"]
        self.snakemake(config, tables, *overlays)
        designed, losses = (self.folder / table for table in tables)
        return of_targets(read_observations([designed], [losses]))

    def domains(self, config: Mapping[str, Any]) -> dict[str, int]:
        """Returns domain -> tokens of its source, of a study whose text is counted."""
        name = f"results/{config['study']}/domains.parquet"
        self.snakemake(config, [name])
        counted = read(self.folder / name, DOMAINS)
        return dict(counted[counted.split == "train"].set_index("domain").source_tokens)

    def snakemake(self, config: Mapping[str, Any], wanted: list[str], *overlays: Path) -> None:
        path = self.folder / f"{config['study']}.yaml"
        path.write_text(yaml.safe_dump(dict(config), sort_keys=False))
        command = ["snakemake", "--snakefile", HOUSE / "Snakefile", "--directory", self.folder]
        command += ["--cores", self.cores, "--configfile", path, *overlays, "--", *wanted]
        subprocess.run([sys.executable, "-m", *map(str, command)], check=True)

    def stored(self) -> int:
        """Runs that were trained."""
        return len(list((self.folder / "results" / "store").glob("??/*.parquet")))


def shares(tokens: Mapping[str, int], *names: str) -> str:
    """Parts of a domain as `mixwright surgery` reads them, in proportion to their tokens."""
    total = sum(tokens[name] for name in names)
    return ",".join(f"{name}:{tokens[name] / total:.6f}" for name in names)


def options(way: str, before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """What a way changes, as it is typed."""
    if way == "come-and-go":
        return ["--drop", "peps", "--add", "wiki"]
    parts, joined = shares(after, "law", "german_law"), shares(before, "latex", "science")
    return ["--split", f"legal={parts}", "--merge", f"papers={joined}"]


def matching(runs: Observations, mixtures: Path) -> tuple[Array, Array]:
    """Returns weights and losses of the runs whose mixtures a table lists."""
    table = pd.read_csv(mixtures, index_col=0)
    places = []
    for weights in table[list(runs.domains)].to_numpy():
        apart = np.abs(runs.weights - weights).max(axis=1)
        assert apart.min() < 1e-6, "a mixture that is needed was not trained"
        places.append(int(apart.argmin()))
    return runs.weights[places], runs.losses[places]


def as_typed(weights: Array, domains: Sequence[str]) -> dict[str, float]:
    return {
        name: weight
        for name, weight in Mixture(tuple(domains), weights).as_dict().items()
        if weight > 0
    }


def tests(domains: Sequence[str]) -> list[dict[str, float]]:
    """Mixtures that no law has seen, drawn as a swarm is around equal weights."""
    count = len(domains)
    bounds = Bounds(np.zeros(count), np.ones(count))
    rngs = [np.random.default_rng([7, number]) for number in range(TESTS)]
    drawn = dirichlet.draw(np.full(count, 1 / count), (0.1, 5.0), bounds, rngs)
    return [as_typed(weights, domains) for weights in drawn]


def judged(laws: Mapping[str, Observations], test: Observations) -> pd.DataFrame:
    """Rank and error of each law over the test mixtures, and the rank less the new swarm's."""
    truth = test.losses.mean(axis=1)
    rng = np.random.default_rng(0)
    draws = rng.integers(len(truth), size=(DRAWS, len(truth)))
    predictions: dict[str, Array] = {}
    for name, runs in laws.items():
        fitted = mixers.create("effective-data").fit(runs)
        predictions[name] = fitted.predict(test.weights).mean(axis=1)
    rows = {}
    for name, predicted in predictions.items():
        redo = predictions["new swarm"]
        apart = [
            spearmanr(predicted[draw], truth[draw]).statistic
            - spearmanr(redo[draw], truth[draw]).statistic
            for draw in draws
        ]
        low, high = np.quantile(apart, (0.025, 0.975))
        rows[name] = {
            "runs": len(laws[name].runs),
            "rank": spearmanr(predicted, truth).statistic,
            "less the new swarm's": f"{np.mean(apart):+.3f} [{low:+.3f}, {high:+.3f}]",
            "error": np.abs(predicted - truth).mean(),
            "its best test mixture costs": truth[predicted.argmin()] - truth.min(),
        }
    return pd.DataFrame(rows).T


def proposals(laws: Mapping[str, Observations]) -> dict[str, dict[str, float]]:
    """Law -> the mixture that it proposes, without bounds."""
    chosen = {}
    for name, runs in laws.items():
        count = len(runs.domains)
        bounds = Bounds(np.zeros(count), np.ones(count))
        domains = tuple(Domain(domain, None, 1 / count) for domain in runs.domains)
        objective = dict.fromkeys(runs.targets, 1 / len(runs.targets))
        goal = Goal(domains, objective, 1.0, bounds)
        fitted = mixers.create("effective-data").fit(runs)
        chosen[name] = as_typed(fitted.propose(goal).weights, runs.domains)
    return chosen


def operated(workshop: Workshop, way: str) -> Iterator[str]:
    """One way, to its end; yields what came out."""
    before = study("before", BEFORE, {"swarm": {"runs": RUNS}})
    workshop.trained(before)
    domains = CHANGED[way]
    redo = study(f"{way}-redo", domains, {"swarm": {"runs": RUNS}})
    after = workshop.domains(redo)
    to = workshop.folder / way
    command = ["mixwright", "surgery", "--study", workshop.folder / "results/before/study.json"]
    command += [*options(way, workshop.domains(before), after), "--to", to]
    said = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    yield said.stdout + said.stderr
    trained = workshop.stored()
    changed = workshop.trained(study(way, domains, {}), to / "listed.yaml")
    needed = matching(changed, to / "to_train.csv")
    yield (
        f"{len(changed.runs)} runs in the new study, of which this call trained"
        f" {workshop.stored() - trained}; {len(needed[0])} are needed"
    )
    losses = ColumnOptions(unit=["nats/token"])
    carried = of_targets(
        read_observations([to / "mixtures.csv"], [to / "losses.csv"], options=losses)
    )
    laws = {
        "new swarm": workshop.trained(redo),
        "carried": carried,
        "carried and needed": with_more(carried, *needed),
    }
    names = laws["new swarm"].domains
    test = workshop.trained(study(f"{way}-tests", domains, listed(tests(names))))
    yield judged(laws, test).to_string()
    chosen = proposals(laws)
    every = [mixture for mixture in chosen.values() for _ in range(SEEDS)]
    runs = workshop.trained(study(f"{way}-choices", domains, listed(every)))
    for name, mixture in chosen.items():
        weights = np.array([mixture.get(domain, 0.0) for domain in runs.domains])
        same = np.abs(runs.weights - weights).max(axis=1) < 1e-6
        losses = runs.losses[same].mean(axis=1)
        error = losses.std(ddof=1) / np.sqrt(len(losses))
        yield f"{name}: {losses.mean():.4f} +- {error:.4f} nats/token of {json.dumps(mixture)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--ways", nargs="+", choices=CHANGED, default=list(CHANGED))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(args.folder.resolve(), args.cores)
    lines = [(way, line) for way in args.ways for line in operated(workshop, way)]
    console = Console(width=180, markup=False, highlight=False)
    for way, line in lines:
        console.print(f"{way}: {line}")


if __name__ == "__main__":
    main()
