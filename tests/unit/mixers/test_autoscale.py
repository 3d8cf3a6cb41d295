from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixers.autoscale.scales import find_scales, fit_robust
from mixwright.mixers.autoscale.water_filling import extrapolate, water_filling
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds


def perturb(base, totals, truth, factor=3.0, jitter=0.0, seed=0):
    """The perturb design's amounts and the losses of `truth(amounts) -> (runs, targets)`."""
    rng = np.random.default_rng(seed)
    base = np.asarray(base)
    rows = [
        base * total * factor ** (sign * np.eye(len(base))[i])
        for total in totals
        for i in range(len(base))
        for sign in (-1, 1)
    ]
    rows += [base * total for total in totals]
    amounts = np.array(rows) * (1 + rng.uniform(-jitter, jitter, (len(rows), len(base))))
    order = rng.permutation(len(rows))
    return amounts[order], truth(amounts[order])


@pytest.mark.parametrize("seed", range(5))
def test_water_filling_is_the_exact_minimiser(seed):
    rng = np.random.default_rng(seed)
    m = 5
    a, b, c = rng.uniform(0, 1, m), rng.uniform(0.1, 2, m), rng.uniform(0.2, 3, m)
    lower, upper = rng.uniform(0, 0.5, m), rng.uniform(1.2, 3, m)
    best = water_filling(a, b, m, lower, upper, c)
    other = minimize(
        lambda n: (c * (n + a) ** -b).sum(),
        np.ones(m),
        bounds=list(zip(lower + 1e-12, upper, strict=True)),
        constraints={"type": "eq", "fun": lambda n: n.sum() - m},
        options={"ftol": 1e-14},
    ).x
    assert (
        best.sum() == pytest.approx(m, abs=1e-12)
        and (best >= lower).all()
        and (best <= upper).all()
    )
    assert (c * (best + a) ** -b).sum() <= (c * (other + a) ** -b).sum() + 1e-9


def test_water_filling_refuses_an_impossible_total():
    with pytest.raises(MixwrightError, match="widen the bounds"):
        water_filling([0.1, 0.1], [1, 1], 5, 0, [1, 2])


def test_pure_power_laws_make_the_extrapolation_exact():
    b, c = np.array([0.2, 0.5, 1.1]), np.array([1.0, 2.0, 0.5])
    first, second, third = (water_filling(0, b, total, scales=c) for total in (1e6, 4e6, 3e9))
    assert extrapolate(first, second, 3e9) == pytest.approx(third, rel=1e-6)


def test_extrapolation_refuses_what_has_no_answer():
    with pytest.raises(MixwrightError, match="different totals"):
        extrapolate([1.0, 2.0], [1.0, 2.0], 10)
    with pytest.raises(MixwrightError, match="more tokens"):
        extrapolate([1.0, 1.0], [4.0, 0.25], 0.5)


@pytest.mark.parametrize("base", [(0.6, 0.4), (0.2, 0.3, 0.5), (0.05, 0.15, 0.1, 0.3, 0.4)])
def test_scales_are_found_from_realised_amounts(base):
    amounts, losses = perturb(base, (1e5, 4e5), lambda n: n[:, :1], jitter=0.03)
    small, large = find_scales(amounts, losses)
    assert small.base.sum() == pytest.approx(1e5, rel=0.05) and large.base.sum() == pytest.approx(
        4e5, rel=0.05
    )
    assert small.points() == pytest.approx(np.tile([1 / 3, 1, 3], (len(base), 1)), rel=0.1)
    assert large.losses[0, 0] == large.base[0]


def test_an_incomplete_design_is_refused():
    amounts, losses = perturb((0.2, 0.3, 0.5), (1e5,), lambda n: n[:, :1])
    with pytest.raises(MixwrightError, match="whole perturb design"):
        find_scales(amounts[1:], losses[1:])


def test_a_robust_fit_holds_the_law_that_made_the_points():
    points = np.tile([1 / 3, 1, 3], (2, 1))
    truth = (points + np.array([[0.1], [0.3]])) ** -np.array([[0.05], [0.4]])
    laws = fit_robust(points, truth - truth[:, 1:2] + 1, 1e-4)
    a, b = laws.centre()
    # a law is known by its slope between the points, not by its parameters
    slopes = b * (1 + a) ** (-b - 1)
    assert slopes == pytest.approx([0.05 * 1.1**-1.05, 0.4 * 1.3**-1.4], rel=0.1)


OBJECTIVES = ("loss", "perplexity")


def study(totals, exponents=(0.1, 0.3, 0.2)):
    names = ("ants", "bees", "cats")
    amounts, losses = perturb(
        (0.2, 0.3, 0.5),
        totals,
        lambda n: 1 + 3 * ((n / 1e4) ** -np.array(exponents)).sum(axis=1, keepdims=True),
    )
    runs = tuple(f"{i:02}" for i in range(len(amounts)))
    return Observations(names, ("target",), runs, ("perturb",) * len(runs), amounts, losses)


def goal(tokens):
    domains = tuple(Domain(name, 10_000_000) for name in ("ants", "bees", "cats"))
    return Goal(domains, {"target": 1.0}, tokens, Bounds.of(domains, tokens))


def test_two_scales_are_extrapolated_towards_the_true_optimum():
    proposal = create("autoscale", {"noise": 2e-4}).fit(study((1e5, 4e5))).propose(goal(1.6e6))
    best = water_filling(0, [0.1, 0.3, 0.2], 160)
    assert proposal.weights == pytest.approx(best / best.sum(), abs=0.06)
    assert any("within noise" in note for note in proposal.notes)


def test_one_scale_is_kept_and_said():
    mixer = create("autoscale").fit(study((1e5,)))
    near, far = mixer.propose(goal(1e5)), mixer.propose(goal(1e7))
    assert near.weights == pytest.approx(far.weights, abs=1e-12)
    assert "one scale only" in far.notes[0]


def test_predictions_are_exact_at_the_base_and_fall_with_tokens():
    mixer = create("autoscale").fit(study((1e5, 4e5)))
    base = np.array([[0.2, 0.3, 0.5]]) * 1e5
    at_base, more, truth = (
        mixer.predict(base),
        mixer.predict(base * 1.5),
        1 + 3 * ((base / 1e4) ** -np.array([0.1, 0.3, 0.2])).sum(),
    )
    assert at_base[0, 0] == pytest.approx(truth, rel=1e-12)
    assert more[0, 0] < at_base[0, 0]


def test_settings_are_checked():
    with pytest.raises(MixwrightError, match="robust or published"):
        create("autoscale", {"fit_with": "hope"})
    with pytest.raises(MixwrightError, match="loss or perplexity"):
        create("autoscale", {"objective": "x"})


def test_the_other_objective_stands_beside_the_one_asked_for():
    first, second = (
        create("autoscale", {"objective": objective}).fit(study((1e5, 4e5))).propose(goal(1.6e6))
        for objective in OBJECTIVES
    )
    for one, other, called in ((first, second, "perplexity"), (second, first, "log-loss")):
        sentence = next(note for note in one.notes if note.startswith(f"by {called}"))
        assert all(
            f"{name} {weight:.3f}" in sentence
            for name, weight in zip(("ants", "bees", "cats"), other.weights, strict=True)
        )


def test_what_makes_an_extrapolation_doubtful_is_said_by_domain():
    needy = study((1e5, 4e5))
    losses = 1 + sum(
        3 * (needy.amounts[:, [i]] / 1e4 + a) ** -b
        for i, (a, b) in enumerate(((0.0, 0.2), (30.0, 4.0), (0.0, 0.3)))
    )
    notes = (
        create("autoscale", {"noise": 1e-5, "least": 0.6})
        .fit(replace(needy, losses=losses))
        .propose(goal(1.6e6))
        .notes
    )
    clipped = next(note for note in notes if "stood at its least allowed amount" in note)
    offsets = next(note for note in notes if "offsets of at least half the base" in note)
    assert "bees" in clipped and "cats" not in clipped
    assert "bees" in offsets and "ants" not in offsets


def test_a_falling_amount_is_said_by_domain():
    mixer = create("autoscale").fit(study((1e5, 4e5)))
    _, notes = mixer._at_goal([np.array([4e4, 3e4, 3e4]), np.array([3e4, 1.7e5, 2e5])], goal(1.6e6))
    assert "falls with scale for ants" in notes[0]


def test_two_identical_scales_are_one():
    once, twice = study((1e5,)), study((1e5, 1e5))
    first = create("autoscale").fit(once).propose(goal(1e6))
    second = create("autoscale").fit(twice).propose(goal(1e6))
    assert second.weights == pytest.approx(first.weights, abs=1e-9)
    assert "one scale only" in second.notes[0]


def test_a_goal_smaller_than_the_trained_scales_is_said():
    notes = create("autoscale").fit(study((1e5, 4e5))).propose(goal(5e4)).notes
    assert any("fewer than the largest scale's" in note for note in notes)


def test_a_domain_without_tokens_is_named():
    observations = study((1e5, 4e5))
    with pytest.raises(MixwrightError, match="no run took any bees"):
        create("autoscale").fit(replace(observations, amounts=observations.amounts * [1, 0, 1]))


def test_an_optimum_of_nothing_is_not_extrapolated():
    observations = study((1e5, 4e5))
    useless = replace(observations, losses=1 + 3 * (observations.amounts[:, :1] / 1e4) ** -0.1)
    proposal = create("autoscale", {"least": 0, "noise": 1e-4}).fit(useless).propose(goal(1.6e6))
    assert proposal.weights.sum() == pytest.approx(1) and proposal.weights[0] > 0.8
    assert any("set autoscale.least above 0" in note for note in proposal.notes)


def test_a_perturbed_run_that_took_none_of_its_domain_is_refused():
    observations = study((1e5, 4e5))
    amounts = observations.amounts
    lowest = amounts == amounts.min(axis=0)
    starved = replace(observations, amounts=np.where(lowest, 0, amounts))
    with pytest.raises(MixwrightError, match="the run with less ants took none of it"):
        create("autoscale").fit(starved)
