"""Fits scored on runs that no mixer learns from: the only place where test sets enter, and nothing is chosen here."""

import time
from collections.abc import Iterator, Mapping, Sequence
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
from mixwright.trust.validation import score

RANDOM, INFORMATIVE = "random", "informative"
Tests = Mapping[str, Observations]


def predict_tests(name: str, fitted: Mixer, tests: Tests) -> pd.DataFrame:
    """A tables.TESTED frame: what the fit predicts for every run of every test set, beside what was measured."""
    parts = [_frame(fitted, runs).assign(mixer=name, test=test) for test, runs in tests.items()]
    return pd.concat(parts, ignore_index=True)


def score_subsets(
    name: str,
    settings: Mapping[str, Any],
    swarm: Observations,
    tests: Tests,
    asked: Mapping[str, Any],
    seed: int,
    log: Log = say,
) -> pd.DataFrame:
    """A tables.SUBSETS frame: rank correlations on the tests of fits to nested subsets of the swarm, random and informative ones.

    asked: `runs` (sizes), `random` (orders), `informative` (whether). Order d is a function of (seed, d); all runs are fitted once.
    """
    chosen = list(_subsets(swarm, asked, seed))
    mixer, began, rows = mixers.create(name, settings), time.monotonic(), []
    for done, (way, draw, index) in enumerate(chosen, 1):
        fitted = mixer.fit(swarm.only(np.sort(index)))
        where = {"mixer": name, "way": way, "draw": draw, "runs": len(index)}
        rows += [
            where | {"test": test, **ranks}
            for test, runs in tests.items()
            for ranks in _ranks(fitted, runs)
        ]
        size = sum(len(subset) for _, _, subset in chosen[done:]) / sum(
            len(subset) for _, _, subset in chosen[:done]
        )
        log(
            f"{name}: {done}/{len(chosen)} subsets fitted, {(time.monotonic() - began) * size:,.0f} s to go"
        )
    return pd.DataFrame(rows)


def predict_mixtures(
    fits: Mapping[str, Mixer], proposals: Sequence[Mapping[str, Any]], files: Mapping[str, Path]
) -> pd.DataFrame:
    """A tables.PREDICTIONS frame: what every fit says of the published mixtures in `files` and of the proposals."""
    domains = next(iter(fits.values())).domains
    asked = {
        ("published", name): weights for name, weights in read_published(files, domains).items()
    }
    asked |= {
        ("proposed", record["mixer"]): np.array([record["weights"][name] for name in domains])
        for record in proposals
    }
    rows = []
    for mixer, fitted in fits.items():
        predicted = fitted.predict(np.stack(list(asked.values())))
        for (origin, mixture), losses in zip(asked, predicted.tolist(), strict=True):
            rows += [
                (mixer, origin, mixture, target, loss)
                for target, loss in zip(fitted.targets, losses, strict=True)
            ]
    return pd.DataFrame(rows, columns=["mixer", "origin", "mixture", "target", "loss"])


def mean_loss(frame: pd.DataFrame, targets: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Weighted mean over the targets (none: all alike) of measured and predicted loss, a row a mixer, test and run, in their order."""
    keys, weights = (
        ["mixer", "test", "run"],
        pd.Series(targets or dict.fromkeys(frame.target.unique(), 1.0)),
    )
    rows = frame[frame.target.isin(weights.index)]
    share = rows.target.map(weights / weights.sum())
    scaled = rows.assign(actual=rows.actual * share, predicted=rows.predicted * share)
    return scaled.groupby(keys, sort=False)[["actual", "predicted"]].sum().reset_index()


def _subsets(
    swarm: Observations, asked: Mapping[str, Any], seed: int
) -> Iterator[tuple[str, int, NDArray[np.int64]]]:
    every = len(swarm.runs)
    sizes = [size for size in asked["runs"] if size < every]
    too_many = [size for size in asked["runs"] if size > every]
    if too_many:
        raise MixwrightError(
            f"config: measured.subsets: {too_many[0]} runs are more than the {every} there are; lower the size"
        )
    for draw in range(asked["random"]):
        order = np.random.default_rng([seed, draw]).permutation(every)
        yield from ((RANDOM, draw, order[:size]) for size in sizes)
    chosen = np.array(
        choose(swarm.weights, max(sizes, default=0)) if asked["informative"] else [], dtype=np.int64
    )
    yield from ((INFORMATIVE, 0, chosen[:size]) for size in sizes if asked["informative"])
    if every in asked["runs"]:
        yield RANDOM, 0, np.arange(every)


def _ranks(fitted: Mixer, runs: Observations) -> Iterator[dict[str, Any]]:
    for target, part in _frame(fitted, runs).groupby("target"):
        yield {
            "target": target,
            "spearman": score(part.actual.to_numpy(), part.predicted.to_numpy())["spearman"],
        }


def _frame(fitted: Mixer, runs: Observations) -> pd.DataFrame:
    """Long rows of measured and predicted losses of the targets that both know; amounts are weights of 1 token, as in the fit."""
    unlike = sorted(set(runs.domains) ^ set(fitted.domains))
    if unlike:
        raise MixwrightError(
            f"tests: domain {unlike[0]} is in the swarm or in the test runs only; give both the same columns"
        )
    both = [target for target in fitted.targets if target in runs.targets]
    if not both:
        raise MixwrightError(
            f"tests: none of the swarm's targets was measured; a test set has some of {', '.join(fitted.targets)}"
        )
    predicted = fitted.predict(runs.amounts)[:, [fitted.targets.index(target) for target in both]]
    actual = runs.losses[:, [runs.targets.index(target) for target in both]]
    names = {"run": np.repeat(runs.runs, len(both)), "target": np.tile(both, len(runs.runs))}
    return pd.DataFrame(names | {"actual": actual.ravel(), "predicted": predicted.ravel()})
