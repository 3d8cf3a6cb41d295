"""Fits scored on test runs, which no mixer learns from.

Test sets enter here only, and nothing is chosen by them.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright import mixers
from mixwright.designs.informative import choose
from mixwright.errors import MixwrightError
from mixwright.measured.published import read_published
from mixwright.mixers.base import Mixer
from mixwright.observations import Observations
from mixwright.progress import Log, say
from mixwright.trust.shown import NO_METRICS, Metrics, mean_of_targets
from mixwright.trust.validation import score

RANDOM, INFORMATIVE = "random", "informative"
# name of a test set -> its runs
Tests = Mapping[str, Observations]


@dataclass(frozen=True)
class Subset:
    """Some runs of a swarm."""

    # RANDOM or INFORMATIVE
    way: str
    # number of the order that they are the first of
    draw: int
    # positions in the swarm
    rows: NDArray[np.int64]


def predict_tests(name: str, fitted: Mixer, tests: Tests) -> pd.DataFrame:
    """Sets what a fit predicts for every test run beside its losses, as a tables.TESTED frame."""
    parts = []
    for test, runs in tests.items():
        part = _frame(fitted, runs)
        parts.append(part.assign(mixer=name, test=test))
    return pd.concat(parts, ignore_index=True)


def score_subsets(
    name: str,
    settings: Mapping[str, Any],
    swarm: Observations,
    tests: Tests,
    subsets: Mapping[str, Any],
    seed: int,
    log: Log = say,
) -> pd.DataFrame:
    """Fits a mixer to nested subsets of the swarm and ranks the tests, as a tables.SUBSETS frame.

    Order d is a function of (seed, d). All runs are fitted once.

    Args:
        subsets: `runs`, the sizes; `random`, the number of random orders; `informative`,
            whether to take the most informative runs too.

    Raises:
        MixwrightError: a size is more than the runs there are.
    """
    chosen = list(_subsets(swarm, subsets, seed))
    mixer = mixers.create(name, settings)
    runs_to_fit = sum(len(subset.rows) for subset in chosen)
    runs_fitted = 0
    began = time.monotonic()
    scores: list[dict[str, Any]] = []
    for done, subset in enumerate(chosen, 1):
        fitted = mixer.fit(swarm.only(np.sort(subset.rows)))
        row = {
            "mixer": name,
            "way": subset.way,
            "draw": subset.draw,
            "runs": len(subset.rows),
        }
        for test, runs in tests.items():
            for target, rank in _ranks(fitted, runs):
                where = {"test": test, "target": target}
                scores.append(row | where | {"spearman": rank})
        # a fit takes about as long as it has runs
        runs_fitted += len(subset.rows)
        runs_left = runs_to_fit - runs_fitted
        seconds_taken = time.monotonic() - began
        seconds = seconds_taken * runs_left / runs_fitted
        log(f"{name}: {done}/{len(chosen)} subsets fitted, {seconds:,.0f} s to go")
    return pd.DataFrame(scores)


def predict_mixtures(
    fits: Mapping[str, Mixer],
    proposals: Sequence[Mapping[str, Any]],
    files: Mapping[str, Path],
) -> pd.DataFrame:
    """Predicts published mixtures and proposals by every fit, as a tables.PREDICTIONS frame.

    Args:
        fits: mixer -> its fit; all have the same domains.
        proposals: contents of `mixtures/<mixer>.json`.
        files: name of a published mixture -> its file.
    """
    domains = next(iter(fits.values())).domains
    mixtures = {}
    for name, weights in read_published(files, domains).items():
        mixtures["published", name] = weights
    for record in proposals:
        shares = record["weights"]
        weights = np.array([shares[name] for name in domains])
        mixtures["proposed", record["mixer"]] = weights
    table = np.stack(list(mixtures.values()))
    rows = []
    for mixer, fitted in fits.items():
        predicted = fitted.predict(table)
        for (origin, mixture), losses in zip(mixtures, predicted.tolist(), strict=True):
            for target, loss in zip(fitted.targets, losses, strict=True):
                rows.append((mixer, origin, mixture, target, loss))
    return pd.DataFrame(rows, columns=["mixer", "origin", "mixture", "target", "loss"])


def mean_loss(
    frame: pd.DataFrame,
    targets: Mapping[str, float] | None = None,
    metrics: Metrics = NO_METRICS,
) -> pd.DataFrame:
    """Returns the weighted mean over the targets of `actual` and `predicted` of a TESTED frame.

    There is one row a mixer, test and run, in their order.

    Args:
        targets: target -> weight; none: all count alike.
        metrics: target -> what its numbers are; the means are shown as their goal is.
    """
    weights = targets or dict.fromkeys(frame.target.unique(), 1.0)
    return mean_of_targets(
        frame,
        ["actual", "predicted"],
        ["mixer", "test", "run"],
        weights,
        metrics,
    )


def _subsets(swarm: Observations, subsets: Mapping[str, Any], seed: int) -> Iterator[Subset]:
    """The subsets that are asked for; all runs come last, once."""
    runs = len(swarm.runs)
    for size in subsets["runs"]:
        if size > runs:
            problem = f"{size} runs are more than the {runs} there are"
            raise MixwrightError(f"config: measured.subsets: {problem}; lower the size")
    sizes = [size for size in subsets["runs"] if size < runs]
    for draw in range(subsets["random"]):
        rng = np.random.default_rng([seed, draw])
        order = rng.permutation(runs)
        for size in sizes:
            yield Subset(RANDOM, draw, order[:size])
    if subsets["informative"]:
        most = max(sizes, default=0)
        order = np.array(choose(swarm.weights, most), dtype=np.int64)
        for size in sizes:
            yield Subset(INFORMATIVE, 0, order[:size])
    if runs in subsets["runs"]:
        yield Subset(RANDOM, 0, np.arange(runs))


def _ranks(fitted: Mixer, runs: Observations) -> Iterator[tuple[str, float]]:
    """Each target and the rank correlation of what is predicted and measured on it."""
    for target, part in _frame(fitted, runs).groupby("target"):
        actual = part.actual.to_numpy()
        predicted = part.predicted.to_numpy()
        measures = score(actual, predicted)
        yield str(target), measures["spearman"]


def _frame(fitted: Mixer, runs: Observations) -> pd.DataFrame:
    """Long rows of measured and predicted losses of the targets that both know.

    Amounts are weights of 1 token, as in the fit.
    """
    unlike = sorted(set(runs.domains) ^ set(fitted.domains))
    if unlike:
        problem = f"domain {unlike[0]} is in the swarm or in the test runs only"
        raise MixwrightError(f"tests: {problem}; give both the same columns")
    both = [target for target in fitted.targets if target in runs.targets]
    if not both:
        remedy = f"a test set has some of {', '.join(fitted.targets)}"
        raise MixwrightError(f"tests: none of the swarm's targets was measured; {remedy}")
    in_fit = [fitted.targets.index(target) for target in both]
    in_runs = [runs.targets.index(target) for target in both]
    predicted = fitted.predict(runs.amounts)[:, in_fit]
    columns = {
        "run": np.repeat(runs.runs, len(both)),
        "target": np.tile(both, len(runs.runs)),
        "actual": runs.losses[:, in_runs].ravel(),
        "predicted": predicted.ravel(),
    }
    return pd.DataFrame(columns)
