"""The law in wider forms: taken where unseen runs say so, and only there."""

import os
from dataclasses import replace

import numpy as np
import pytest

from mixwright.goal import Goal
from mixwright.mixers import create, load
from mixwright.mixers.laws.fit import fit_law, trust
from mixwright.mixers.laws.formula import formula_of
from mixwright.mixers.laws.pairs import PairLaw, pairs_of, roots_of
from mixwright.mixers.laws.prior import Prior
from mixwright.mixers.laws.shapes import ShapedLaw
from mixwright.mixers.laws.shapes_fit import fit_shapes
from mixwright.mixers.laws.wide_forms import FORMS, NEAR_FADE, Choice, base_of, form_of
from mixwright.mixture import Domain
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import scale_into
from mixwright.trust.planted import KINDS
from mixwright.trust.planted_optimum import optimum
from published_pile import pile

DOMAINS = 6
NAMES = tuple(f"d{number}" for number in range(DOMAINS))
TARGETS = ("north", "south", "west")
FREE = Bounds(np.zeros(DOMAINS), np.ones(DOMAINS))


def goal(bounds=FREE, never_worse=()):
    domains = tuple(Domain(name, 10) for name in NAMES)
    return Goal(domains, dict.fromkeys(TARGETS, 1 / 3), 1.0, bounds, 0, never_worse)


def swarm(truth, runs=64, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(DOMAINS, 0.7), runs)
    losses = truth(weights)
    losses = losses + 0.005 * losses.std(axis=0) * rng.standard_normal(losses.shape)
    labels = tuple(f"r{number:03}" for number in range(runs))
    return Observations(NAMES, TARGETS, labels, ("swarm",) * runs, weights, losses)


def random_law(seed):
    rng = np.random.default_rng(seed)
    shape = (3, DOMAINS)
    return PairLaw(
        level=rng.uniform(1, 2, 3),
        scale=rng.uniform(0.5, 1, 3),
        power=rng.uniform(0.2, 0.6, 3),
        offset=rng.uniform(0.02, 0.1, 3),
        transfer=rng.gamma(1, 1, shape),
        exponent=rng.uniform(0.4, 1.8, shape),
        linear=rng.normal(0, 0.1, shape),
        pairs=rng.gamma(0.5, 1, (3, pairs_of(DOMAINS))),
    )


def test_slopes_and_curvature_of_pairs_are_derivatives():
    law = random_law(0)
    w = np.random.default_rng(1).dirichlet(np.full(DOMAINS, 3.0))
    importance = np.array([0.5, 0.3, 0.2])
    steps = 1e-6 * np.eye(DOMAINS)
    rise = law.predict(w + steps) - law.predict(w - steps)
    assert law.slopes(w) == pytest.approx(rise.T / 2e-6, rel=1e-5)
    bent = [importance @ (law.slopes(w + step) - law.slopes(w - step)) for step in steps]
    assert law.curvature(importance, w) == pytest.approx(np.array(bent) / 2e-6, rel=1e-4)


def test_a_pair_is_worth_nothing_where_one_of_it_is_missing():
    weights = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    assert roots_of(weights) == pytest.approx(np.array([[0.5, 0.0, 0.0], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("kind", ["complements", "synergy"])
def test_domains_that_help_in_pairs_are_seen_and_lead_nearer_to_the_best_mixture(kind):
    regrets = {"effective-data": [], "wide-law": []}
    for seed in range(3):
        truth = KINDS[kind](np.random.default_rng(seed), DOMAINS)
        runs = swarm(truth, seed=seed)
        best = optimum(truth, np.full(3, 1 / 3), FREE)
        even = truth(np.full((1, DOMAINS), 1 / DOMAINS)).mean()
        for name, shares in regrets.items():
            fitted = create(name).fit(runs)
            missed = truth(fitted.propose(goal()).weights[None]).mean() - best.loss
            shares.append(missed / (even - best.loss))
            if name == "wide-law":
                assert fitted.form != "plain"
    assert np.mean(regrets["wide-law"]) < 0.8 * np.mean(regrets["effective-data"])


@pytest.mark.parametrize("kind", ["thresholds", "saturating"])
def test_shapes_of_domains_are_seen_and_lead_nearer_to_the_best_mixture(kind):
    regrets = {"effective-data": [], "wide-law": []}
    for seed in range(2):
        truth = KINDS[kind](np.random.default_rng(seed), DOMAINS)
        runs = swarm(truth, seed=seed)
        best = optimum(truth, np.full(3, 1 / 3), FREE)
        even = truth(np.full((1, DOMAINS), 1 / DOMAINS)).mean()
        for name, shares in regrets.items():
            fitted = create(name).fit(runs)
            missed = truth(fitted.propose(goal()).weights[None]).mean() - best.loss
            shares.append(missed / (even - best.loss))
        assert fitted.form == "shapes"
    assert np.mean(regrets["wide-law"]) < 0.3 * np.mean(regrets["effective-data"])


def test_the_law_s_own_family_is_not_taken_for_shapes():
    truth = KINDS["law"](np.random.default_rng(0), DOMAINS)
    fitted = create("wide-law").fit(swarm(truth))
    assert fitted.form != "shapes" and fitted.errors[3] > 2 * fitted.errors[:3].min()


ERRORS = {"plain": 1.0, "steep": 0.5, "pairs": 0.6, "shapes": 0.4}


@pytest.mark.parametrize(
    ("errors", "near", "form"),
    [
        ({}, 0.49, "steep"),
        ({}, 0.4, "steep near the best"),
        ({"shapes": 0.3}, 0.1, "shapes"),
        ({"steep": 0.96, "pairs": 0.97, "shapes": 0.9}, 2.0, "plain"),
        ({"steep": 0.96, "pairs": 0.97, "shapes": 0.9}, 0.9, "plain near the best"),
    ],
)
def test_unseen_runs_choose_the_form_and_which_runs_count(monkeypatch, errors, near, form):
    rng = np.random.default_rng(0)
    runs = swarm(KINDS["law"](rng, DOMAINS), runs=24)
    of_form = {**ERRORS, **errors}
    names = {id(shape): name for name, shape in FORMS.items()}

    def predicted(folds, shape):
        return runs.losses + of_form.get(names.get(id(shape)), near)

    monkeypatch.setattr("mixwright.mixers.laws.wide_forms._Folds.predicted", predicted)
    choice = Choice.of(runs)
    assert choice.form == form
    assert choice.errors / choice.errors[0] == pytest.approx(list(of_form.values()))


def test_a_form_near_the_best_is_that_form_with_another_trust():
    assert base_of("pairs near the best") == "pairs"
    assert form_of("pairs near the best") == replace(FORMS["pairs"], fade=NEAR_FADE)
    losses = np.array([[1.0], [2.0], [3.0], [4.0]])
    usual, near = (trust(losses, Spread.of(losses), fade)[0] for fade in (2.0, NEAR_FADE))
    assert near[0] > usual[0] and near[-1] < usual[-1]


def random_shapes():
    rng = np.random.default_rng(3)
    everywhere = np.ones((3, 1))
    return ShapedLaw(
        level=rng.uniform(3, 4, 3),
        gain=rng.gamma(2, 0.2, (3, DOMAINS)),
        linear=np.zeros((3, DOMAINS)),
        half=everywhere * np.array([0.03, 0.1, 0.1, 0.2, 0.3, 1.0]),
        steepness=everywhere * np.array([1.0, 1.0, 8.0, 8.0, 2.0, 1.0]),
    )


def test_planted_thresholds_are_recovered():
    truth = random_shapes()
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(DOMAINS, 0.7), 128)
    fitted = fit_shapes(weights, truth.predict(weights))
    # a grid holds few of the planted numbers
    assert fitted.half[0, 2:4] == pytest.approx(truth.half[0, 2:4], rel=0.1)
    assert (fitted.steepness[0, 2:4] >= 5).all()
    unseen = rng.dirichlet(np.full(DOMAINS, 0.7), 200)
    losses = truth.predict(unseen)
    error = np.abs(fitted.predict(unseen) - losses)
    plain = fit_law(weights, truth.predict(weights), Prior())
    plain_error = np.abs(plain.predict(unseen) - losses)
    assert (error.mean(axis=0) < 0.3 * plain_error.mean(axis=0)).all()


def test_gains_of_shapes_sum_to_what_is_predicted():
    law = random_shapes()
    weights = np.random.default_rng(0).dirichlet(np.ones(DOMAINS), 5)
    importance = np.array([0.5, 0.3, 0.2])
    gained = law.gains(importance, weights).sum(axis=1)
    assert law.predict(weights) @ importance == pytest.approx(law.level @ importance - gained)


def test_a_target_that_never_varies_has_no_shape():
    truth = random_shapes()
    weights = np.random.default_rng(0).dirichlet(np.full(DOMAINS, 0.7), 32)
    losses = truth.predict(weights)
    losses[:, 1] = 2.0
    fitted = fit_shapes(weights, losses)
    assert (fitted.predict(weights)[:, 1] == 2.0).all()


@pytest.fixture(scope="module")
def shaped():
    truth = KINDS["thresholds"](np.random.default_rng(0), DOMAINS)
    return create("wide-law").fit(swarm(truth))


def test_shapes_keep_limits_groups_and_bounds_and_are_saved(shaped, tmp_path):
    bounds = Bounds.of(
        goal().domains,
        1.0,
        dict.fromkeys(NAMES, 0.4),
        {"d0": 0.1},
        groups={"few": {"domains": ["d1", "d2"], "most": 0.15}},
    )
    proposal = shaped.propose(goal(bounds, TARGETS))
    assert bounds.contain(proposal.weights[None]).all()
    natural = scale_into(goal().natural, *bounds.parts)
    start, there = shaped.predict(np.stack([natural, proposal.weights]))
    assert (there <= start + 1e-6).all()
    assert proposal.gap is None and formula_of(shaped) is None
    assert any("form shapes" in note and "lower losses most" in note for note in proposal.notes)
    shaped.save(tmp_path / "fit")
    again = load("wide-law", tmp_path / "fit")
    mixtures = np.random.default_rng(0).dirichlet(np.ones(DOMAINS), 5)
    assert (again.predict(mixtures) == shaped.predict(mixtures)).all()


def test_no_mixture_of_many_is_better_than_the_proposal_by_shapes(shaped):
    importance = np.full(3, 1 / 3)
    mixtures = np.random.default_rng(0).dirichlet(np.full(DOMAINS, 0.5), 20_000)
    values = shaped.predict(mixtures) @ importance
    proposed = shaped.predict(shaped.propose(goal()).weights[None]) @ importance
    assert proposed[0] <= values.min()


def test_shapes_are_the_same_in_whatever_order_the_domains_come(shaped):
    truth = KINDS["thresholds"](np.random.default_rng(0), DOMAINS)
    runs = swarm(truth)
    order = np.array([3, 0, 5, 1, 4, 2])
    turned = fit_shapes(runs.weights[:, order], runs.losses)
    usual = shaped.predictor
    assert turned.half[0] == pytest.approx(usual.half[0, order])
    assert turned.gain == pytest.approx(usual.gain[:, order])


def test_a_refit_by_shapes_stays_in_its_form_and_near(shaped):
    truth = KINDS["thresholds"](np.random.default_rng(0), DOMAINS)
    runs = swarm(truth)
    again = shaped.refit(runs)
    assert again.form == "shapes"
    assert again.predict(runs.amounts) == pytest.approx(shaped.predict(runs.amounts), abs=1e-9)


@pytest.fixture(scope="module")
def paired():
    truth = KINDS["complements"](np.random.default_rng(0), DOMAINS)
    return create("wide-law").fit(swarm(truth))


def test_a_wider_form_says_so_has_no_certificate_and_no_formula(paired, tmp_path):
    assert paired.form == "pairs"
    proposal = paired.propose(goal())
    assert proposal.gap is None and formula_of(paired) is None
    assert any("form pairs" in note and "not convex" in note for note in proposal.notes)
    paired.save(tmp_path / "fit")
    again = load("wide-law", tmp_path / "fit")
    mixtures = np.random.default_rng(0).dirichlet(np.ones(DOMAINS), 5)
    assert (again.predict(mixtures) == paired.predict(mixtures)).all()


def test_a_wider_form_keeps_limits_groups_and_bounds(paired):
    bounds = Bounds.of(
        goal().domains,
        1.0,
        dict.fromkeys(NAMES, 0.4),
        {"d0": 0.1},
        groups={"few": {"domains": ["d1", "d2"], "most": 0.15}},
    )
    limited = paired.propose(goal(bounds, TARGETS))
    assert bounds.contain(limited.weights[None]).all()
    natural = scale_into(goal().natural, *bounds.parts)
    start, there = paired.predict(np.stack([natural, limited.weights]))
    assert (there <= start + 1e-6).all()


def test_a_refit_stays_in_its_form_and_near(paired):
    truth = KINDS["complements"](np.random.default_rng(0), DOMAINS)
    runs = swarm(truth)
    again = paired.refit(replace(runs, losses=runs.losses + 0.0))
    assert again.form == "pairs"
    assert again.predict(runs.amounts) == pytest.approx(paired.predict(runs.amounts), abs=2e-3)


@pytest.mark.skipif("MIXWRIGHT_MIRROR" not in os.environ, reason="needs public tables")
def test_on_published_runs_the_plain_law_is_taken_with_its_certificate():
    published = pile("train_mixture_1m", "train_pile_loss_1m")
    runs = published.only(np.arange(64) * 8)
    wide = create("wide-law").fit(runs)
    plain = create("effective-data").fit(runs)
    assert wide.form == "plain" and wide.errors[0] < 1.05 * wide.errors.min()
    assert (wide.predict(runs.amounts) == plain.predict(runs.amounts)).all()
