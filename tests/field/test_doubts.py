"""Fronts and predictions say of which of their mixtures the runs cannot speak."""

import logging

import numpy as np
import pandas as pd
import pytest

from mixwright.stages.mixers import fit_mixer, predict
from mixwright.stages.proposals import pareto

# not in the order of their names
DOMAINS = ["web", "code", "books", "news"]
TARGETS = ["prose", "questions"]
NEEDS = np.array([[0.3, 0.2, 1.0, 0.5], [0.4, 1.2, 0.2, 0.2]])
CANNOT = "these runs cannot tell"


def spread_out(runs=40):
    return np.random.default_rng(0).dirichlet(np.ones(4), runs)


def losses_of(weights, targets=TARGETS):
    data = weights**0.6 @ NEEDS.T
    losses = 2.2 + 0.9 * (0.05 + data) ** -0.4
    losses = losses[:, np.arange(len(targets)) % 2]
    return losses + 0.003 * np.random.default_rng(1).standard_normal(losses.shape)


def table(path, values, columns):
    frame = pd.DataFrame(values, columns=columns)
    frame.insert(0, "run", [f"run-{i:03}" for i in range(len(frame))])
    frame.to_csv(path, index=False)
    return path


def fitted(folder, weights, losses, mixer="effective-data"):
    targets = [f"target{k}" for k in range(losses.shape[1])]
    if len(targets) == len(TARGETS):
        targets = TARGETS
    mixtures = table(folder / "mixtures.csv", weights, DOMAINS)
    measured = table(folder / "losses.csv", losses, targets)
    fit_mixer(mixer, [mixtures], [measured], folder / "fit")
    return folder / "fit"


def asked(folder, weights, losses, new, caplog, mixer="effective-data"):
    """What `predict` and `pareto` log."""
    place = fitted(folder, weights, losses, mixer)
    requested = table(folder / "new.csv", new, DOMAINS)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        predict(place, requested, folder / "predicted.csv")
    of_predict = caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        pareto(place, list(pd.read_csv(folder / "losses.csv").columns[1:3]), folder / "front.csv")
    return of_predict, caplog.text


@pytest.mark.parametrize("mixer", ["effective-data", "additive", "regmix-linear"])
def test_good_runs_leave_no_doubt(tmp_path, caplog, mixer):
    weights = spread_out()
    losses = losses_of(weights)
    if mixer == "regmix-linear":
        losses = 3 - weights @ NEEDS.T / 10
    for text in asked(tmp_path, weights, losses, np.full((1, 4), 0.25), caplog, mixer):
        assert CANNOT not in text


def test_domains_that_no_run_took(tmp_path, caplog):
    weights = spread_out()
    weights[:, 1] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    new = [[0.4, 0.2, 0.2, 0.2], [0.4, 0.0, 0.3, 0.3]]
    of_predict, of_front = asked(tmp_path, weights, losses_of(weights), new, caplog)
    assert f"{CANNOT} about 1 of 2 mixtures; the first: no run took code" in of_predict
    assert f"{CANNOT} about" in of_front
    assert "no run took code" in of_front


def test_runs_alike(tmp_path, caplog):
    noise = np.random.default_rng(0).normal(0, 5e-4, (20, 4))
    weights = 0.25 + noise - noise.mean(axis=1, keepdims=True)
    for text in asked(tmp_path, weights, losses_of(weights), np.eye(4), caplog):
        assert "the 20 runs are of one mixture" in text


def test_noise_in_many_targets_takes_few_lines(tmp_path, caplog):
    losses = np.random.default_rng(0).normal(3, 0.05, (40, 12))
    of_predict, of_front = asked(tmp_path, spread_out(), losses, np.full((1, 4), 0.25), caplog)
    assert "no better than by chance" in of_front
    assert of_predict.count(CANNOT) <= 3
    assert "as doubtful are" in of_predict


def test_columns_in_another_order_are_the_same_mixture(tmp_path, caplog):
    weights = spread_out()
    weights[:, 0] *= 0.05
    weights /= weights.sum(axis=1, keepdims=True)
    new = [[0.7, 0.1, 0.1, 0.1]]
    of_predict, _ = asked(tmp_path, weights, losses_of(weights), new, caplog)
    assert "this mixture holds 70% web" in of_predict
