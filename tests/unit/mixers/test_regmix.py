from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from mixwright.goal import Goal
from mixwright.mixers import create, load
from mixwright.mixers.regmix.tree_search import survivors
from mixwright.mixture import Domain
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds

NAMES = ("a", "b", "c", "d")


def swarm(weights):
    losses = 3 + weights @ np.array([[0.1], [0.5], [0.3], [0.0]])
    runs = tuple(f"{i:02}" for i in range(len(weights)))
    return Observations(NAMES, ("t",), runs, ("swarm",) * len(runs), weights * 1e5, losses)


def test_a_domain_that_no_run_holds_does_not_look_free_of_loss():
    drawn = np.random.default_rng(0).dirichlet(np.ones(3), 40)
    observations = swarm(np.column_stack([drawn, np.zeros(40)]))
    domains = tuple(Domain(name, 400_000) for name in NAMES)
    goal = Goal(domains, {"t": 1.0}, 1e5, Bounds.of(domains, 1e5))
    mixer = create("regmix-linear", {"samples": 5_000}).fit(observations)
    assert mixer.predict(observations.amounts) == pytest.approx(observations.losses, abs=1e-9)
    # Between those of the other domains.
    assert mixer.coefficients[3, 0] == pytest.approx(3.3)
    assert mixer.propose(goal).weights[0] > 0.8


def test_targets_side_by_side_do_not_change_a_tree_and_a_job_keeps_its_threads(monkeypatch):
    observations = swarm(np.random.default_rng(0).dirichlet(np.ones(4), 40))
    models = [
        create("regmix", {"iterations": 20, "workers": workers}).fit(observations).models
        for workers in (1, 3, 0)
    ]
    assert models[0] == models[1] == models[2]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert create("regmix")._threads == 3 and create("regmix", {"workers": 2})._threads == 2


def test_trees_grow_as_lightgbm_s_own_training_grows_them():
    observations = swarm(np.random.default_rng(1).dirichlet(np.ones(4), 40))
    mixer = create("regmix", {"iterations": 30})
    parameters = mixer._parameters(40)
    spread = Spread.of(observations.losses)
    standard = ((observations.losses - spread.centre) / spread.deviation)[:, 0]
    booster = lightgbm.train(
        parameters,
        lightgbm.Dataset(observations.weights, standard, params=parameters),
        num_boost_round=30,
    )
    assert booster.model_to_string() == mixer.fit(observations).models[0].text


def test_a_refit_has_fewer_trees_at_a_higher_rate():
    observations = swarm(np.random.default_rng(2).dirichlet(np.ones(4), 60))
    full = create("regmix").fit(observations)
    again = full.refit(observations)
    assert (again.iterations, again.samples, again.keep) == (303, 5_000, 64)
    assert again.learning_rate == pytest.approx(0.033)
    difference = again.predict(observations.amounts) - full.predict(observations.amounts)
    assert np.abs(difference).max() < 0.05 * observations.losses.std()


def test_the_last_trees_are_walked_only_for_mixtures_that_they_can_still_lift():
    rng = np.random.default_rng(3)
    rounds = 400
    mixtures = 2_000
    size = 0.01 * 0.99 ** np.arange(rounds)
    leaves = size * rng.uniform(-1, 1, (mixtures, rounds))
    walked = []

    def partial(weights, first, last):
        walked.append(len(weights) * (last - first))
        return leaves[weights[:, 0].astype(int), first:last].sum(axis=1)

    alive = survivors(partial, -size, size, np.arange(mixtures)[:, None], keep=50)
    best = np.argsort(leaves.sum(axis=1))[:50]
    assert set(best) == set(alive)
    assert sum(walked) < 0.75 * mixtures * rounds


def test_a_refit_that_is_read_for_the_goal_grows_the_same_trees_and_no_others():
    observations = swarm(np.random.default_rng(6).dirichlet(np.ones(4), 40))
    twice = np.column_stack([observations.losses, observations.losses[:, ::-1] ** 2])
    several = replace(observations, targets=("t", "u"), losses=twice[:, [0, -1]])
    domains = tuple(Domain(name, 400_000) for name in NAMES)
    goal = Goal(domains, {"u": 1.0}, 1e5, Bounds.of(domains, 1e5))
    full = create("regmix", {"iterations": 30}).fit(several)
    all_targets, narrow = full.refit(several), full.narrowed(goal).refit(several)
    assert narrow.models[1] == all_targets.models[1]
    assert narrow.models[0].bare and not all_targets.models[0].bare
    assert narrow.propose(goal) == all_targets.propose(goal)
    predicted = narrow.predict(several.amounts)
    assert (predicted[:, 1] == all_targets.predict(several.amounts)[:, 1]).all()
    # what nobody reads is the target's median
    assert (predicted[:, 0] == np.median(several.losses[:, 0])).all()


def test_trees_in_memory_and_trees_of_their_text_predict_the_same_bits(tmp_path):
    observations = swarm(np.random.default_rng(7).dirichlet(np.ones(4), 40))
    mixer = create("regmix", {"iterations": 30}).fit(observations)
    predicted = mixer.predict(observations.amounts)
    mixer.save(tmp_path)
    again = load("regmix", tmp_path)
    assert (again.predict(observations.amounts) == predicted).all()
    assert again.models == tuple(trees.text for trees in mixer.models)
