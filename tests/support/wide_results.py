"""Made-up results of a study with many domains and targets, whose names are long."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from mixwright import mixers, tables
from mixwright.goal import Goal
from mixwright.mixture import Domain
from mixwright.observations import observe
from mixwright.proposals.fits import Fit
from mixwright.simplex.bounds import Bounds
from mixwright.study.study import Study
from mixwright.trust.learning_curve import learning_curve
from mixwright.trust.surface.building import surface_of
from mixwright.trust.surface.record import record_of
from mixwright.trust.transfer import transfer

DOMAINS = tuple(f"web_pages_about_subject_{number:02}" for number in range(22))
DOMAINS += ("code", "a_very_long_name_of_a_source_of_text_indeed", "books_of_the_19th_century")
TARGETS = tuple(f"questions_on_field_{number:02}" for number in range(13))
TARGETS += ("math", "translation_from_old_languages")
MIXERS = ("additive", "effective-data", "log-linear", "regmix", "regmix-linear")
ARMS = (*MIXERS, "best-of-swarm", "effective-data-with-long-name", "unimax", "uniform", "natural")
TESTS = ("1M", "60M parameters", "1B parameters")
RUNS, REPEATS = 60, 4


@cache
def trained() -> dict[str, Any]:
    """Results of a study that trains its runs."""
    design, losses = proxies()
    return {
        "study": Study(config()),
        "design": design,
        "trained_runs": design,
        "losses": losses,
        "validation": _validation(),
        "mixtures": _mixtures(),
        "surfaces": surfaces(design, losses),
        "learning_curve": curve(design, losses),
        "scores": _scores(),
        "curves": _curves(),
        "finals": _finals(),
        "snapshot_scores": _snapshot_scores(),
        "documents": _documents(),
        "transfer": _transfer(),
    }


@cache
def measured() -> dict[str, Any]:
    """Results of a study of runs that others measured."""
    rng = np.random.default_rng(1)
    design, losses = proxies()
    sets = {test: {"mixtures": "m.csv", "losses": "l.csv"} for test in TESTS}
    goal = dict.fromkeys(TARGETS[:4], 0.25)
    study = Study({"study": "wide", "measured": {"tests": sets, "targets": goal}})
    return trained() | {
        "study": study,
        "tests": pd.concat([_validation().assign(test=test) for test in TESTS]),
        "subsets": _subsets(rng),
        "predictions": predictions(rng),
        "regions": [_region(mixer, rng) for mixer in MIXERS[:2]],
        "ladder": _ladder(),
        "design": design,
        "losses": losses,
    }


def config() -> dict[str, Any]:
    """The config of the study, as far as figures read it."""
    return {
        "study": "wide",
        "seed": 0,
        "domains": {name: {"source": "files"} for name in DOMAINS},
        "targets": {name: {"source": "files", "weight": 1.0} for name in TARGETS},
        "mixers": {name: {} for name in ARMS},
        "like": {"effective-data-with-long-name": "effective-data"},
    }


def proxies(
    domains: tuple[str, ...] = DOMAINS, targets: tuple[str, ...] = TARGETS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Design and losses of a swarm, of repeats of uniform, and of perturbations at two totals."""
    rng = np.random.default_rng(0)
    count = len(domains)
    pull = rng.uniform(0.05, 1.0, (count, len(targets))) ** 3
    mixtures = {f"swarm{k:03}": w for k, w in enumerate(rng.dirichlet(np.ones(count), RUNS))}
    amounts = {run: 1e6 * weights for run, weights in mixtures.items()}
    for k in range(REPEATS):
        amounts[f"repeat{k}"] = np.full(count, 1e6 / count)
    for total in (1e6, 4e6):
        base = np.full(count, total / count)
        amounts[f"perturb{total:g}_base"] = base
        for i in range(count):
            for factor in (1 / 3, 3.0):
                moved = base * np.where(np.arange(count) == i, factor, 1.0)
                amounts[f"perturb{total:g}_{i:02}x{factor:.2f}"] = moved
    design, losses = [], []
    for run, amount in amounts.items():
        role = run.rstrip("0123456789").partition("perturb")
        role = "perturb" if role[1] else role[0]
        tokens = int(amount.sum())
        weights = amount / amount.sum()
        for domain, weight in zip(domains, weights, strict=True):
            design.append((run, role, "tiny", tokens, 0, domain, weight))
        level = 5.0 - 0.8 * np.log1p(amount @ pull / 1e5) + rng.normal(0, 0.004, len(targets))
        for target, loss in zip(targets, level, strict=True):
            losses.append((run, target, 97, tokens, loss, loss / 1.4, 8192, loss + 0.5, "ok"))
    columns = ["run", "target", "step", "tokens", "loss", "bits_per_byte", "scored_tokens"]
    columns += ["unigram_loss", "status"]
    frame = pd.DataFrame(design, columns=tables.DESIGN.schema.names)
    return frame, pd.DataFrame(losses, columns=columns)


def surfaces(design: pd.DataFrame, losses: pd.DataFrame, draws: int = 10) -> list[dict[str, Any]]:
    """The response surfaces of two mixers, in the form of their files."""
    swarm = design[design.role.isin(["swarm", "repeat"])]
    runs = observe(swarm, losses[losses.run.isin(swarm.run)])
    domains = tuple(Domain(name, 1_000_000 + 1000 * k) for k, name in enumerate(runs.domains))
    goal = Goal(
        domains=domains,
        targets=dict.fromkeys(runs.targets, 1 / len(runs.targets)),
        tokens=1e6,
        bounds=Bounds.of(domains, 1e6),
    )
    records = []
    for mixer in ("effective-data", "log-linear"):
        fit = Fit.of(runs, mixer, {})
        records.append(record_of(surface_of(fit, goal, draws)))
    return records


def curve(design: pd.DataFrame, losses: pd.DataFrame) -> dict[str, Any]:
    """The learning curve of the quickest mixer."""
    swarm = design[design.role == "swarm"]
    runs = observe(swarm, losses[losses.run.isin(swarm.run)])
    assert mixers.entry("regmix-linear").predicts
    return learning_curve("regmix-linear", {"samples": 1000}, runs, folds=4).as_json()


def _validation() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    rows = []
    for error, mixer in enumerate(MIXERS, start=1):
        for number, target in enumerate(TARGETS):
            for run in range(RUNS):
                actual = 3.0 + 0.01 * run + 0.05 * number
                predicted = actual + 0.02 * error * rng.standard_normal()
                rows.append((mixer, target, f"swarm{run:03}", run % 8, actual, predicted))
    return pd.DataFrame(rows, columns=tables.VALIDATION.schema.names)


def _mixtures() -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    records = []
    for arm in ARMS:
        weights = rng.dirichlet(np.ones(len(DOMAINS)))
        ends = {}
        if arm in MIXERS:
            ends = {n: [0.7 * w, 1.3 * w] for n, w in zip(DOMAINS, weights, strict=True)}
        record = {
            "mixer": arm,
            "seed": 0,
            "weights": dict(zip(DOMAINS, weights.tolist(), strict=True)),
            "intervals": {"weights": ends} if ends else {},
            "active_bounds": [f"{DOMAINS[3]}<=0.1"],
            "notes": [],
        }
        records.append(record)
    return records


def _scores() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = []
    for number, arm in enumerate(ARMS):
        for seed in (1, 2, 3):
            for task in TARGETS:
                loss = 4.0 - 0.02 * number + rng.normal(0, 0.01)
                for metric, scale in (("loss", 1.0), ("bits_per_byte", 0.5)):
                    rows.append((arm, seed, task, metric, scale * loss, 0.02, 60, 5.0))
    columns = ["mixer", "seed", "task", "metric", "value", "stderr", "n", "unigram"]
    return pd.DataFrame(rows, columns=columns)


def _finals() -> pd.DataFrame:
    rows = []
    for arm in ARMS:
        for seed in (1, 2, 3):
            rows.append(
                (arm, None, seed, f"{arm}{seed}", None, 120_000_000, 1.0, 4.0, None, None, [])
            )
    return pd.DataFrame(rows, columns=tables.FINALS.schema.names)


def _snapshot_scores() -> pd.DataFrame:
    ends = _scores().drop(columns="unigram")
    pieces = []
    for number, part in enumerate((0.05, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)):
        # lower than at the end, for natural's last value is the lowest there
        lost = 0.05 * (8 - number) - 0.15 * (ends.mixer != "natural")
        copy = ends.assign(tokens=int(120_000_000 * part), value=ends.value + lost)
        pieces.append(copy)
    return pd.concat(pieces, ignore_index=True)


def _documents() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for task in TARGETS:
        for number, arm in enumerate(ARMS):
            for seed in (1, 2, 3):
                for example in range(6):
                    loss = 4.0 - 0.02 * number + 0.1 * example + rng.normal(0, 0.01)
                    rows.append((arm, seed, task, example, -300 * loss, 300))
    columns = ["mixer", "seed", "task", "example", "loglikelihood", "scored_tokens"]
    return pd.DataFrame(rows, columns=columns)


def _curves() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    pieces = []
    for number, arm in enumerate(ARMS):
        for seed in (1, 2):
            step = np.arange(1, 121)
            loss = 4.0 + 3.0 / step - 0.02 * number + rng.normal(0, 0.02, 120)
            curve = pd.DataFrame({"step": step, "tokens": 1_000_000 * step, "loss": loss})
            named = curve.assign(learning_rate=0.01, mixer=arm, goal=None, seed=seed)
            pieces.append(named)
    return pd.concat(pieces, ignore_index=True)


def _transfer() -> dict[str, Any]:
    rng = np.random.default_rng(7)
    small = rng.normal(5.0, 0.1, (12, len(TARGETS)))
    large = small - 1 + rng.normal(0, 0.08, small.shape)
    names = [f"swarm{number:03}" for number in range(len(small))]
    return transfer(names, TARGETS, small, large).as_json()


def _subsets(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for mixer in MIXERS:
        for way, draw in (("random", 0), ("random", 1), ("informative", 0)):
            for runs in (16, 32, 48):
                for test in TESTS:
                    for target in TARGETS:
                        spearman = 1 - rng.uniform(1, 2) / runs
                        rows.append((mixer, way, draw, runs, test, target, spearman))
    return pd.DataFrame(rows, columns=tables.SUBSETS.schema.names)


def predictions(
    rng: np.random.Generator,
    published: str = "by_hand_of_many_people",
    arms: Sequence[str] = ARMS,
    judges: Sequence[str] = MIXERS,
    targets: Sequence[str] = TARGETS,
) -> pd.DataFrame:
    """Made-up predictions of a published mixture and of proposals, by each of the judges."""
    mixtures = [("published", published), *(("proposed", arm) for arm in arms)]
    rows = []
    for mixer in judges:
        for origin, mixture in mixtures:
            for target in targets:
                rows.append((mixer, origin, mixture, target, rng.uniform(3.0, 3.2)))
    return pd.DataFrame(rows, columns=tables.PREDICTIONS.schema.names)


def _region(mixer: str, rng: np.random.Generator) -> dict[str, Any]:
    shares = rng.dirichlet(np.ones(len(DOMAINS)))
    weights = dict(zip(DOMAINS, shares.tolist(), strict=True))
    ranges = {}
    for width, way in ((0.1, "alike"), (0.05, "refits"), (0.02, "seeds")):
        ends = {name: [max(0.0, w - width), w + width] for name, w in weights.items()}
        ranges[way] = ends
    return {"mixer": mixer, "weights": weights, "ranges": ranges, "worse": 0.002}


def _ladder() -> pd.DataFrame:
    rows = []
    for step in np.arange(0, 3.5, 0.5):
        for number, domain in enumerate(DOMAINS):
            rows.append((float(step), domain, 1e9 * (1.5 + 0.1 * number) ** step))
    return pd.DataFrame(rows, columns=tables.LADDER.schema.names)
