"""Stacks, the trees' search and C-Mixup: what they promise beyond the contracts."""

from dataclasses import fields

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixers.ensemble.stacking import combine, stack
from mixwright.mixers.regmix.c_mixup import augmented, helps
from mixwright.mixers.regmix.regmix import RegMix
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds


def swarm(runs=60, domains=5):
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(domains), runs)
    losses = 2 + (weights @ rng.gamma(1.0, 1.0, (domains, 2)) + 0.1) ** -0.3
    return Observations(
        domains=tuple(f"d{i:02}" for i in range(domains)),
        targets=("t00", "t01"),
        runs=tuple(f"r{i:02}" for i in range(runs)),
        roles=("swarm",) * runs,
        amounts=weights * 1e6,
        losses=losses + rng.normal(0, 1e-3, losses.shape),
    )


def everything(observations):
    domains = tuple(Domain(name, 10**7) for name in observations.domains)
    return Goal(domains, {"t00": 0.5, "t01": 0.5}, 1e6, Bounds.of(domains, 1e6))


def test_weights_go_to_who_predicts_unseen_runs():
    rng = np.random.default_rng(1)
    losses, fold = rng.normal(3, 1, (80, 3)), np.arange(80) % 4
    predicted = np.stack([losses + rng.normal(0, noise, losses.shape) for noise in (0.1, 0.2, 3.0)])
    weights = stack(predicted, losses, fold)
    assert (weights >= 0).all() and weights.sum(axis=0) == pytest.approx(np.ones(3))
    assert weights[0] == pytest.approx(np.full(3, 0.8), abs=0.12) and weights[2].max() < 0.05
    alone = ((predicted[0] - losses) ** 2).mean()
    assert ((combine(weights, predicted) - losses) ** 2).mean() < alone


def test_a_lone_member_proposes_with_its_own_certificate():
    observations = swarm()
    alone = create("ensemble", {"members": {"effective-data": {}}}).fit(observations)
    law = create("effective-data").fit(observations)
    assert (alone.predict(observations.amounts) == law.predict(observations.amounts)).all()
    assert alone.propose(everything(observations)).gap == law.propose(everything(observations)).gap


def test_members_must_predict_from_the_swarm():
    with pytest.raises(MixwrightError, match="ensemble: mixmin cannot be a member"):
        create("ensemble", {"members": {"mixmin": {}}}).fit(swarm())


class Everywhere(RegMix):
    """Walks every tree for every mixture."""

    def candidates(self, weights, importance, bar=float("inf")):
        return np.arange(len(weights))


def test_the_trees_search_drops_no_mixture_that_is_among_the_best():
    observations = swarm()
    settings = {"iterations": 200, "learning_rate": 0.03, "samples": 5_000, "keep": 16}
    mixer = create("regmix", settings).fit(observations)
    slow = Everywhere(**{field.name: getattr(mixer, field.name) for field in fields(mixer)})
    goal = everything(observations)
    assert mixer.propose(goal).weights.tolist() == slow.propose(goal).weights.tolist()
    drawn = observations.weights[np.random.default_rng(0).integers(0, 60, 3_000)]
    assert len(mixer.candidates(drawn, np.array([0.5, 0.5]))) < 3_000


def test_c_mixup_adds_mixtures_between_runs_of_like_loss():
    observations = swarm()
    weights, losses = augmented(observations.weights, observations.losses[:, 0])
    assert len(weights) == len(losses) == 4 * 60 and (weights[:60] == observations.weights).all()
    assert weights.sum(axis=1) == pytest.approx(np.ones(240)) and (weights >= 0).all()
    assert np.corrcoef(losses[60:120], losses[:60])[0, 1] > 0.9


def test_c_mixup_is_taken_only_where_it_helps_held_out_runs():
    observations = swarm()
    weights = observations.weights
    losses = observations.losses[:, 0]
    truth = {tuple(row): loss for row, loss in zip(weights, losses, strict=True)}

    def right_with_combined_rows(x, y, new):
        return np.array([truth[tuple(row)] * (len(y) > 60) for row in new])

    def right_with_runs_alone(x, y, new):
        return np.array([truth[tuple(row)] * (len(y) <= 60) for row in new])

    assert helps(right_with_combined_rows, weights, losses)
    assert not helps(right_with_runs_alone, weights, losses)
    settings = {"iterations": 40, "learning_rate": 0.1, "rows_per_leaf": 3, "mixup": True}
    mixer = create("regmix", settings).fit(observations)
    assert np.isfinite(mixer.predict(observations.amounts)).all()
