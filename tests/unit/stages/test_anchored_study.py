"""A study's runs of a larger size enter the fit that proposes: planted tables, no training."""

import copy
import json

import numpy as np
import pandas as pd
import pytest

from least_study import CONFIG, LEAST
from mixwright import tables
from mixwright.mixers.laws.law import Law
from mixwright.proposals.fits import Fit
from mixwright.stages.mixers import fit_mixer
from mixwright.stages.proposals import propose_mixture
from mixwright.study.anchoring import anchor_place
from mixwright.study.config import resolve
from mixwright.study.study import Study

NAMES = ("cpp", "prose", "pycode")
TABLES = {"design": tables.DESIGN, "losses": tables.LOSSES, "realised": tables.REALISED}


def planted(mixtures=20, **transfer):
    config = copy.deepcopy(LEAST)
    config["mixers"] = {"effective-data": {}}
    config["designs"] = {"swarm": {"runs": 48}}
    config["goal"] = {"tokens": 1_000_000}
    config["validation"] = {"draws": 10}
    config["transfer"] = {"models": ["tiny", "small"], "rates": [1, 3], "mixtures": mixtures}
    config["transfer"] |= transfer
    return Study(resolve(config, CONFIG))


def law(transfer, level=2.0):
    one = np.ones(1)
    exponent = np.full((1, 3), 0.7)
    return Law(level * one, one, 0.4 * one, 0.05 * one, transfer, exponent, np.zeros((1, 3)))


# What a larger model needs more of: the small one's optimum is not its own.
SMALL = law(np.array([[0.5, 0.3, 0.05]]), 3.0)
LARGE = law(np.array([[0.2, 0.5, 0.15]]), 2.0)


def mixtures_of(study):
    """Runs of the swarm, then of every combination of `transfer`, with their mixtures."""
    rng = np.random.default_rng(0)
    swarm = rng.dirichlet([1, 1, 1], len(study.runs["swarm"]))
    number = study.config["transfer"]["mixtures"]
    combinations = len(study.runs["transfer"]) // number
    return {"swarm": swarm, "transfer": np.tile(swarm[:number], (combinations, 1))}


def losses_of(study, role, weights):
    """At the recipe's own rate the larger size has its own law; at others, and smaller, noise."""
    rng = np.random.default_rng(1)
    if role == "swarm":
        losses = SMALL.predict(weights)[:, 0]
        return losses + 0.002 * rng.standard_normal(len(weights))
    losses = LARGE.predict(weights)[:, 0]
    losses = losses + 0.002 * rng.standard_normal(len(weights))
    combinations = study.config["transfer"]["combinations"]
    for row, run in enumerate(study.runs["transfer"]):
        combination = combinations[study.combination_of(run.name)]
        if combination["model"] != "small" or combination["rate"] != 1:
            losses[row] = 9 + rng.standard_normal()
    return losses


def written(study, folder):
    """Writes the tables of a study whose losses follow planted laws."""
    paths = {}
    for role, weights in mixtures_of(study).items():
        runs = study.runs[role]
        losses = losses_of(study, role, weights)
        rows = {"design": [], "losses": [], "realised": []}
        for run, mixture, loss in zip(runs, weights, losses, strict=True):
            for name, weight in zip(NAMES, mixture, strict=True):
                facts = (run.name, role, run.model, run.tokens, run.seed, name, weight)
                rows["design"].append(facts)
                rows["realised"].append((run.name, name, round(weight * run.tokens), 0.1))
            fact = (run.name, "pytests", run.steps, run.tokens, loss, loss / 1.4, 8192, 9.0, "ok")
            rows["losses"].append(fact)
        for name, table in TABLES.items():
            columns = [column for column in table.schema.names if column not in table.optional]
            frame = pd.DataFrame(rows[name], columns=columns)
            path = folder / f"{name}-{role}.parquet"
            tables.write(frame, path, table)
            paths[name, role] = path
    counts = [(name, "train", 10**6, 4 * 10**6, 100, "0") for name in NAMES]
    columns = ["domain", "split", "tokens", "bytes", "documents", "sha256"]
    tables.write(pd.DataFrame(counts, columns=columns), folder / "domains.parquet", tables.DOMAINS)
    study.write(folder / "study.json")
    return paths


def proposed(study, folder, anchors=True):
    """The fit and the proposal of a study, by the stages that its rules call."""
    paths = written(study, folder)
    swarm = [[paths[name, "swarm"]] for name in ("design", "losses", "realised")]
    larger = [paths[name, "transfer"] for name in ("design", "losses", "realised")]
    fit_mixer(
        "effective-data",
        swarm[0],
        swarm[1],
        folder / "fit",
        swarm[2],
        study=folder / "study.json",
        anchors=larger if anchors else [],
    )
    mixture = folder / "mixture.json"
    place = folder / "study.json"
    propose_mixture(place, "effective-data", folder / "domains.parquet", mixture, folder / "fit")
    content = json.loads(mixture.read_text())
    weights = np.array([content["weights"][name] for name in NAMES])
    return Fit.load(folder / "fit"), content, weights


def regret(weights):
    grid = np.random.default_rng(2).dirichlet([1, 1, 1], 20_000)
    return float(LARGE.predict(weights[None])[0, 0] - LARGE.predict(grid).min())


def test_runs_of_a_larger_size_lead_nearer_to_its_best_mixture(tmp_path):
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    study = planted()
    fit, content, weights = proposed(study, tmp_path / "with")
    _, plain, small = proposed(study, tmp_path / "without", anchors=False)
    assert regret(weights) < 0.2 * regret(small)
    assert len(fit.runs.runs) == 20 and fit.mixer.around is not None
    truth = LARGE.predict(weights[None])[0, 0]
    assert content["predicted"]["pytests"] == pytest.approx(truth, abs=0.02)
    note = "the law is fitted to 20 runs of small, 100,000 tokens, around the law of the proxies"
    assert any(note in text for text in content["notes"])
    assert not any("around the law" in text for text in plain["notes"])
    assert plain["predicted"]["pytests"] > 3


def test_too_few_that_did_not_diverge_leave_the_fit_of_the_swarm(tmp_path):
    study = planted(mixtures=16)
    study = Study({**study.config, "diverged": "drop"})
    (tmp_path / "few").mkdir()
    paths = written(study, tmp_path / "few")
    frame = tables.read(paths["losses", "transfer"], tables.LOSSES)
    place = [study.combination_of(run) for run in frame.run]
    first = place.index(anchor_place(study.config))
    frame.loc[first, ["loss", "bits_per_byte"]] = np.nan
    frame.loc[first, "status"] = "diverged"
    tables.write(frame, paths["losses", "transfer"], tables.LOSSES)
    names = ("design", "losses", "realised")
    fit_mixer(
        "effective-data",
        [paths["design", "swarm"]],
        [paths["losses", "swarm"]],
        tmp_path / "fit",
        [paths["realised", "swarm"]],
        study=tmp_path / "few" / "study.json",
        anchors=[paths[name, "transfer"] for name in names],
    )
    fit = Fit.load(tmp_path / "fit")
    assert fit.mixer.around is None and len(fit.runs.runs) == 48
