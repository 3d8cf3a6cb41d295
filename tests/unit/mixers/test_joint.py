"""The joint law: what it recovers at a scale nobody trained, and what repetition costs in it.

Tested too: its notes on both.
"""

from dataclasses import replace

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.mixers import MIXERS, create, missing_runs
from mixwright.mixers.laws.optimum import best_mixture
from mixwright.mixers.laws.repetition import ScaledLaw, amounts_worth, effective_tokens, fit_decay
from mixwright.mixture import Domain
from mixwright.proposals import fits
from planted_scales import NAMES, UNIT, goal, observed, planted


def least(law, tokens):
    return best_mixture(
        ScaledLaw.of(law, tokens / UNIT, np.full(4, 1e9), 15.39),
        np.full(2, 0.5),
        np.zeros(4),
        np.ones(4),
    )[0]


@pytest.mark.parametrize("seed", [10, 12])  # 14 of the seeds 10 to 29 pass, AutoScale none
def test_a_planted_optimum_at_ten_times_the_largest_scale_is_recovered_where_autoscale_misses_it(
    seed,
):
    law = planted(seed)
    far = goal(10 * UNIT)
    observations = observed(law, noise=1e-3)

    def objective(weights):
        return float(law.predict(weights[None] * 10)[0].mean())

    best = objective(least(law, 10 * UNIT))
    uniform = objective(np.full(4, 0.25)) - best
    joint, autoscale = (
        create(name).fit(observations).propose(far) for name in ("joint", "autoscale")
    )
    assert joint.gap < 1e-6
    assert objective(joint.weights) - best < 0.01 * uniform < objective(autoscale.weights) - best


def test_more_tokens_are_never_worse():
    fitted = create("joint").fit(observed(planted(1), noise=0.02))
    amounts = np.random.default_rng(0).dirichlet(np.ones(4), 40) * UNIT
    for i in range(4):
        assert (fitted.predict(amounts + 1e5 * np.eye(4)[i]) <= fitted.predict(amounts)).all()


def test_effective_tokens_are_the_published_ones():
    tokens = effective_tokens(np.array([0.5, 1.0, 2.0, 1e6]), np.ones(4))
    assert tokens == pytest.approx([0.5, 1.0, 1 + 15.39 * (1 - np.exp(-1 / 15.39)), 1 + 15.39])
    assert effective_tokens(np.array([3.0]), np.array([0.0])).tolist() == [0.0]


def test_repetition_is_convex_certified_and_moves_the_optimum():
    fitted = create("joint").fit(observed(planted(2)))
    domains = tuple(
        Domain(name, tokens)
        for name, tokens in zip(NAMES, (10**5, 10**7, 10**7, 10**7), strict=True)
    )
    free = goal(10 * UNIT, floors={"ants": 0.05})
    scarce = replace(free, domains=domains)
    first, second = fitted.propose(free), fitted.propose(scarce)
    assert (
        second.gap < 1e-6
        and second.weights[0] <= first.weights[0] + 1e-9
        and any("ants repeated" in note for note in second.notes)
    )
    law, rng = fitted.at(scarce).law, np.random.default_rng(0)
    for a, b in rng.dirichlet(np.ones(4), (200, 2)):
        low, middle, high = law.predict(np.stack([a, (a + b) / 2, b]))
        assert (middle <= (low + high) / 2 + 1e-12).all()
    tried = rng.dirichlet(np.ones(4), 20_000)
    tried = tried[tried[:, 0] >= 0.05]
    assert (
        law.predict(second.weights[None]).mean()
        <= law.predict(tried).mean(axis=1).min() + second.gap
    )


def test_the_scaled_laws_derivatives_are_those_of_its_values():
    law = ScaledLaw.of(planted(3), 10.0, np.array([0.4, 5.0, 1.0, 0.2]), 15.39)
    w, importance, step = np.array([0.3, 0.2, 0.4, 0.1]), np.array([0.3, 0.7]), 1e-6
    slopes = np.stack(
        [
            (law.predict((w + step * e)[None]) - law.predict((w - step * e)[None]))[0] / (2 * step)
            for e in np.eye(4)
        ],
        axis=1,
    )
    curvature = np.stack(
        [
            importance @ (law.slopes(w + step * e) - law.slopes(w - step * e)) / (2 * step)
            for e in np.eye(4)
        ]
    )
    assert law.slopes(w) == pytest.approx(slopes, rel=1e-6) and law.curvature(
        importance, w
    ) == pytest.approx(curvature, rel=1e-5)


def repeated(decay, noise=1e-3, available=(3e4, 1e5, 1e5, 3e5), seed=10):
    """Runs that go over their domains up to thirty times."""
    observations = observed(planted(seed), seed=seed)
    observations = replace(observations, epochs=observations.amounts / np.array(available))
    losses = planted(seed).predict(amounts_worth(observations, decay) / UNIT)
    return replace(
        observations,
        losses=losses + noise * np.random.default_rng(seed).standard_normal(losses.shape),
    )


@pytest.mark.parametrize("decay", [3.0, 15.39])
def test_a_planted_decay_of_repetition_is_recovered(decay):
    observations = repeated(decay)
    fitted = create("joint", {"repetition": "fit"}).fit(observations)
    decay_of_runs, low, high = fitted.decay_interval
    assert decay_of_runs == pytest.approx(decay, rel=0.25)
    assert low <= decay_of_runs <= high < 2 * low
    assert fitted.decay == decay_of_runs
    notes = fitted.propose(goal(UNIT)).notes
    assert any(f"R* of the runs {decay_of_runs:.3g}" in note for note in notes)
    assumed = create("joint", {"repetition": 4 * decay}).fit(observations)
    errors = [
        np.abs(fit.predict(fit.amounts_of(observations)) - observations.losses).mean()
        for fit in (fitted, assumed)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_runs_that_repeat_nothing_cannot_tell_the_decay_and_are_fitted_as_without():
    observations = observed(planted(2), noise=1e-3)
    for counted in (
        observations,
        replace(observations, epochs=np.minimum(observations.amounts / UNIT, 1.0)),
    ):
        fitted, plain = (
            create("joint", {"repetition": "fit"}).fit(counted),
            create("joint").fit(counted),
        )
        assert (
            fitted.decay_interval == () and fitted.parameters.tolist() == plain.parameters.tolist()
        )
        assert any(
            "too little to tell R*: 15.39 is used" in note
            for note in fitted.propose(goal(UNIT)).notes
        )
    with pytest.raises(MixwrightError, match=r"joint\.repetition is fast; write a number or fit"):
        create("joint", {"repetition": "fast"})


def test_a_flat_profile_has_an_open_interval():
    assert fit_decay(lambda decay: np.ones(2), 10)[1:] == (0.0, np.inf)
    decay, low, high = fit_decay(lambda tried: np.full(2, 1 + np.log(tried / 10.0) ** 2), 40)
    assert decay == pytest.approx(10, rel=0.13) and 0 < low < decay < high < np.inf


def test_passes_are_kept_with_the_runs_of_a_fit(tmp_path):
    observations = repeated(8.0)
    fits.save(tmp_path / "fit", "joint", create("joint").fit(observations), observations)
    np.testing.assert_array_equal(fits.read_runs(tmp_path / "fit").epochs, observations.epochs)
    assert (
        observations.only(np.array([3, 1])).epochs.tolist() == observations.epochs[[3, 1]].tolist()
    )


def test_whatever_roles_there_are_will_do():
    observations = observed(planted(4))
    for part in (
        observations.of_role("perturb"),
        observations.of_role("swarm"),
        replace(observations, roles=("vertex",) * len(observations.roles)),
    ):
        assert create("joint").fit(part).propose(goal(UNIT)).weights.sum() == pytest.approx(1)
    notes = create("joint").fit(observations.of_role("swarm")).propose(goal(10 * UNIT)).notes
    assert any("the prior alone" in note for note in notes)


def test_a_total_outside_the_trained_ones_has_a_note():
    fitted = create("joint").fit(observed(planted(4)))
    assert any(
        "10 times the tokens of the largest run" in note
        for note in fitted.propose(goal(18 * UNIT)).notes
    )
    assert any(
        "nothing so short was trained" in note for note in fitted.propose(goal(UNIT / 100)).notes
    )
    assert not any("predicted for" in note for note in fitted.propose(goal(UNIT / 2)).notes)


def test_runs_without_token_counts_are_not_scaled():
    swarm = observed(planted(5)).of_role("swarm")
    fitted = create("joint").fit(replace(swarm, amounts=swarm.weights))
    near, far = fitted.propose(goal(1.0)), fitted.propose(goal(1e9))
    assert near.weights.tolist() == far.weights.tolist() and "without token counts" in far.notes[0]


def test_a_study_trains_no_vertices_for_it_but_reads_those_there_are():
    entry = MIXERS["joint"]
    assert entry.trained == {"swarm", "perturb"} and "vertex" in entry.reads


def test_some_of_the_roles_it_reads_are_enough():
    assert not missing_runs("joint", ["swarm"]) and not missing_runs(
        "joint", ["perturb", "perturb"]
    )
    assert "perturb or swarm" in missing_runs("joint", ["vertex"])
