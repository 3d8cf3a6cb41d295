"""A small made-up study: all the tables that figures and report read, from one seed."""

from typing import Any

import numpy as np
import pandas as pd

DOMAINS = ("cpp", "doctest", "prose", "pycode", "reference", "stubs", "tables")
TARGETS = ("comments", "cython", "pytests")
AVAILABLE = np.array([1.6, 1.7, 1.3, 1.4, 1.4, 0.8, 2.1]) * 1e6
ARMS = {  # mixer -> true advantage over natural, nats/token
    "natural": 0.0,
    "uniform": 0.012,
    "unimax": 0.012,
    "best-of-swarm": 0.031,
    "regmix": 0.044,
    "effective-data": 0.058,
    "mixmin": 0.003,
    "autoscale": -0.040,
}
READS = {
    "best-of-swarm": ["swarm"],
    "regmix": ["swarm"],
    "effective-data": ["swarm"],
    "mixmin": ["vertex"],
    "autoscale": ["perturb"],
}


def study() -> dict[str, Any]:
    """The config of the study, as far as figures and report read it."""
    return {
        "study": "demo",
        "seed": 0,
        "domains": {name: {"source": "installed"} for name in DOMAINS},
        "targets": {name: {"source": "installed", "weight": 1.0} for name in TARGETS},
        "corpus": {"validation_share": 0.1, "validation_bytes": 2_000_000},
        "proxy": {"model": "tiny", "tokens": 100_000},
        "designs": {"swarm": {"rounds": 1}},
        "goal": {"tokens": 200_000, "max_epochs": 4.0},
        "final": {"model": "small", "seeds": [1, 2]},
        "mixers": {name: {} for name in ARMS},
    }


def mixtures(seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    natural, uniform = AVAILABLE / AVAILABLE.sum(), np.full(7, 1 / 7)
    chosen = {name: rng.dirichlet(6 * natural) for name in ARMS} | {
        "natural": natural,
        "uniform": uniform,
        "unimax": uniform,
    }
    chosen["mixmin"] = np.array([0.0, 0.28, 0.002, 0.45, 0.1, 0.168, 0.1])
    return [
        {
            "mixer": name,
            "seed": 0,
            "weights": dict(zip(DOMAINS, weights.tolist(), strict=True)),
            "tokens": dict(zip(DOMAINS, (2e5 * weights).tolist(), strict=True)),
            "epochs": dict(zip(DOMAINS, (2e5 * weights / AVAILABLE).tolist(), strict=True)),
            "predicted": dict.fromkeys(TARGETS, 5.0)
            if name in READS and name != "best-of-swarm"
            else {},
            "intervals": intervals(weights) if name == "effective-data" else {},
            "active_bounds": ["pycode<=0.45"] if name == "mixmin" else [],
            "gap": 2.5e-7 if name == "mixmin" else None,
            "notes": ["32 runs: min_child_samples is 3"] if name == "regmix" else [],
        }
        for name, weights in chosen.items()
    ]


def intervals(weights: np.ndarray) -> dict[str, Any]:
    """Made-up ones, in the form of mixwright.trust.bootstrap."""
    return {
        "level": 0.95,
        "draws": 20,
        "weights": {
            name: [0.8 * weight, min(1.0, 1.25 * weight)]
            for name, weight in zip(DOMAINS, weights.tolist(), strict=True)
        },
        "predicted": {name: [4.9, 5.1] for name in TARGETS},
        "objective": {"value": 5.0, "low": 4.95, "high": 5.05},
        "gain": {"value": 0.21, "low": 0.12, "high": 0.3},
        "noise": None,
        "verdict": "better than natural by 0.210 nats/token [0.120, 0.300]",
    }


def proxies(seed: int = 0, swarm: int = 32, repeats: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Design and losses of a swarm, repeats of uniform, seven vertices and a few perturbations."""
    rng = np.random.default_rng(seed)
    roles = ["swarm"] * swarm + ["repeat"] * repeats + ["vertex"] * 7 + ["perturb"] * 5
    weights = rng.dirichlet(4 * AVAILABLE / AVAILABLE.sum(), len(roles))
    weights[swarm : swarm + repeats] = 1 / 7
    weights[swarm + repeats : swarm + repeats + 7] = np.eye(7)
    design, losses = [], []
    pull = rng.uniform(0.1, 1.2, (7, 10))
    for index, (role, mixture) in enumerate(zip(roles, weights, strict=True)):
        run = f"{role}{index:03d}"
        design += [
            (run, role, "tiny", 100_000, index, domain, w)
            for domain, w in zip(DOMAINS, mixture, strict=True)
        ]
        level = (
            5.2
            - 0.9 * np.log1p(8 * mixture @ pull)
            + rng.normal(0, [0.02, 0.01, 0.09, *[0.02] * 7])
        )
        for target, loss in zip(TARGETS + DOMAINS, level, strict=True):
            unigram = 4.6 if target == "tables" else 5.4
            for step, extra in ((10, 0.8), (97, 0.0)):
                losses.append(
                    (run, target, step, step * 1024, loss + extra, loss / 1.4, 8192, unigram, "ok")
                )
    columns = [
        "run",
        "target",
        "step",
        "tokens",
        "loss",
        "bits_per_byte",
        "scored_tokens",
        "unigram_loss",
        "status",
    ]
    return (
        pd.DataFrame(
            design, columns=["run", "role", "model", "tokens", "seed", "domain", "weight"]
        ),
        pd.DataFrame(losses, columns=columns),
    )


def curves(seeds: tuple[int, ...] = (1, 2), rows: int = 30) -> pd.DataFrame:
    """Finals whose losses fall, each by its own noise."""
    rng = np.random.default_rng(0)
    pieces = []
    for arm in ARMS:
        for seed in seeds:
            step = np.arange(1, rows + 1)
            curve = pd.DataFrame({"step": step, "tokens": 1000 * step})
            noise = rng.normal(0, 0.02, rows)
            curve["loss"] = 4.0 + 3.0 / step + noise
            curve["learning_rate"] = 0.01
            pieces.append(curve.assign(mixer=arm, goal=None, seed=seed))
    return pd.concat(pieces, ignore_index=True)


def scores(
    seed: int = 0,
    seeds: tuple[int, ...] = (1, 2),
    noise: float = 0.008,
    arms: dict[str, float] = ARMS,
) -> pd.DataFrame:
    """Finals whose true advantages are `arms`; unimax is uniform again.

    Every seed has an effect that all arms share, and every arm and seed has `noise` of its own.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for final_seed in seeds:
        shared = rng.normal(0, 0.03)
        errors = {arm: rng.normal(0, noise) for arm in arms}
        for arm, advantage in arms.items():
            for number, task in enumerate(TARGETS + DOMAINS):
                loss = (
                    4.5
                    + 0.1 * number
                    - advantage
                    + shared
                    + errors["uniform" if arm == "unimax" else arm]
                )
                rows.append((arm, final_seed, task, "loss", loss, 0.03, 60, 5.6))
                rows.append(
                    (arm, final_seed, task, "bits_per_byte", loss / 1.9, 0.012, 60, 5.6 / 1.9)
                )
    return pd.DataFrame(
        rows, columns=["mixer", "seed", "task", "metric", "value", "stderr", "n", "unigram"]
    )


def finals(seeds: tuple[int, ...] = (1, 2), tokens: int = 200_000) -> pd.DataFrame:
    """Finals of all arms, as far as figures read them."""
    rows = []
    for arm in ARMS:
        for seed in seeds:
            rows.append(
                {
                    "mixer": arm,
                    "goal": None,
                    "seed": seed,
                    "store_key": f"{arm}{seed}",
                    "folder": f"store/{arm}{seed}/model",
                    "tokens": tokens,
                    "seconds": 1.0,
                    "train_loss": 4.0,
                    "status": None,
                    "step": None,
                    "realised": [],
                }
            )
    return pd.DataFrame(rows)


def snapshot_scores(ends: pd.DataFrame, tokens: int = 200_000) -> pd.DataFrame:
    """Copies on the way to the scores of finals: each halving of the tokens costs 0.1 nats/token.

    Args:
        ends: the scores of finals.
        tokens: of a final.
    """
    pieces = []
    for part in (8, 4, 2):
        lost = 0.1 * np.log2(part)
        on_targets = ends[ends.task.isin(TARGETS)].drop(columns="unigram")
        pieces.append(on_targets.assign(tokens=tokens // part, value=on_targets.value + lost))
    return pd.concat(pieces, ignore_index=True)


def documents(
    seed: int = 0,
    arms: dict[str, float] = ARMS,
    seeds: tuple[int, ...] = (1, 2),
    spread: float = 0.4,
) -> pd.DataFrame:
    """Log-likelihoods per document.

    Documents differ by `spread` nats/token, arms on one document by a tenth of that.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for task in TARGETS:
        tokens, level = rng.integers(200, 900, 60), rng.normal(4.7, spread, 60)
        for arm, advantage in arms.items():
            for final_seed in seeds:
                loss = level - advantage + rng.normal(0, spread / 10, 60)
                rows += [
                    (arm, final_seed, task, j, -loss[j] * tokens[j], int(tokens[j]))
                    for j in range(60)
                ]
    return pd.DataFrame(
        rows, columns=["mixer", "seed", "task", "example", "loglikelihood", "scored_tokens"]
    )


def validation(seed: int = 0, runs: int = 32) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for mixer, error in {
        "regmix": 0.08,
        "effective-data": 0.02,
        "mixmin": 0.15,
        "autoscale": 0.3,
    }.items():
        truth = 5.0 + 0.2 * np.random.default_rng(1).standard_normal(runs)
        for number, target in enumerate(TARGETS):
            for run in range(runs):
                actual = truth[run] + 0.1 * number
                rows.append(
                    (
                        mixer,
                        target,
                        f"swarm{run:03d}",
                        run % 8,
                        actual,
                        actual + rng.normal(0, error),
                    )
                )
    return pd.DataFrame(rows, columns=["mixer", "target", "run", "fold", "actual", "predicted"])
