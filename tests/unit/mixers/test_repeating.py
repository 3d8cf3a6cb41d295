"""The law that learns repetition: planted R* and falls, and what the runs do not support."""

from dataclasses import replace

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.mixers import create
from mixwright.mixers.laws import repeating
from mixwright.mixers.laws.falling import LEFT, FallingLaw, worth
from mixwright.mixers.laws.repeating import Repeating
from mixwright.mixers.laws.repetition import effective_tokens
from planted_scales import UNIT, goal, observed, planted

# with at most 22 to 30, 8, 9 and 4 passes
AVAILABLE = np.array([3e4, 1e5, 1e5, 3e5])
DECAYS = np.array([3.0, 15.0, 15.0, 40.0])


def repeated(seed, decays=DECAYS, fall=0.0, noise=1e-3):
    runs = observed(planted(seed), seed=seed)
    runs = replace(runs, epochs=runs.amounts / AVAILABLE)
    amounts = worth(runs.amounts, AVAILABLE, decays, fall)
    losses = planted(seed).predict(amounts / UNIT)
    rng = np.random.default_rng(seed)
    return replace(runs, losses=losses + noise * rng.standard_normal(losses.shape))


def learned(runs):
    span = (float(runs.tokens.min()), float(runs.tokens.max()))
    mixer = replace(Repeating(), span=span, strength=repeating.FIRST)
    return repeating._with_decays(mixer, runs, repeating.ROUNDS)


def test_intervals_of_planted_decays_cover_them():
    """Of seeds 10 to 29, 76 of 80 intervals do."""
    inside = []
    for seed in range(10, 16):
        fitted = learned(repeated(seed))
        inside += list((fitted.lows <= DECAYS) & (fitted.highs >= DECAYS))
    assert np.mean(inside) >= 0.9
    # four passes tell nothing of R*: it stays at the centre, within a factor
    assert fitted.decays[3] == pytest.approx(15.39)
    assert fitted.lows[3] < 3 and fitted.highs[3] > 80


def test_what_held_out_runs_support_is_used_and_predicts_better():
    runs = repeated(12)
    fitted, joint = create("repeating").fit(runs), create("joint").fit(runs)
    assert fitted.decays[0] == pytest.approx(3.0, rel=0.25) and fitted.fall == 0
    fresh = repeated(12, noise=0.0)
    errors = []
    for fit in (fitted, joint):
        errors.append(np.abs(fit.predict(fit.amounts_of(fresh)) - fresh.losses).mean())
    assert errors[0] < 0.5 * errors[1]


def test_a_planted_fall_is_recognised_and_makes_a_proposal_repeat_less():
    runs = repeated(12, np.full(4, 15.39), fall=0.03)
    fitted = create("repeating").fit(runs)
    assert 0.01 <= fitted.fall <= 0.1
    far = goal(3 * UNIT, 10**5)
    joint = create("joint").fit(runs)
    most = [mixer.propose(far).weights.max() * 30 for mixer in (fitted, joint)]
    assert most[0] < most[1]
    notes = " ".join(fitted.propose(far).notes)
    assert "more than 4 passes undo what a domain taught" in notes


def test_the_published_decay_is_kept_where_nothing_better_is_shown():
    runs = repeated(10, np.full(4, 15.39))
    fitted = create("repeating").fit(runs)
    assert fitted.decays == () and fitted.fall == 0
    assert fitted.parameters.tolist() == create("joint").fit(runs).parameters.tolist()


@pytest.mark.parametrize("passes", [None, 1.0, 4.0])
def test_runs_that_do_not_repeat_leave_the_plain_law(passes):
    runs = observed(planted(2), noise=1e-3)
    if passes is not None:
        runs = replace(runs, epochs=np.minimum(runs.amounts / 3e4, passes))
    fitted, joint = create("repeating").fit(runs), create("joint").fit(runs)
    assert fitted.parameters.tolist() == joint.parameters.tolist()
    mine, plain = fitted.propose(goal(UNIT)), joint.propose(goal(UNIT))
    assert mine.weights.tolist() == plain.weights.tolist() and mine.gap == plain.gap
    assert any("the runs support no R* of their own: 15.39 is used" in n for n in mine.notes)


def test_worth_is_concave_and_at_least_a_twentieth_of_a_first_pass():
    tokens = np.linspace(0, 60, 601)[:, None]
    values = worth(tokens, np.ones(1), np.array([5.0]), 0.02)[:, 0]
    spent = values <= LEFT + 1e-12
    bends = np.diff(values[~spent | (tokens[:, 0] <= 1)], 2)
    assert (bends <= 1e-12).all() and values.min() >= 0 and spent[-1]
    assert worth(tokens, np.ones(1), np.array([5.0]), 0.0) == pytest.approx(
        effective_tokens(tokens, np.ones(1), 5.0)
    )
    assert worth(tokens, np.array([np.inf]), np.array([5.0]), 0.02) == pytest.approx(tokens)


def test_slopes_and_curvature_of_a_falling_law_are_the_derivatives():
    law = FallingLaw(
        **vars(planted(3)),
        total=3.0,
        available=np.array([0.05, 0.2, 0.4, 5.0]),
        decay=np.array([3.0, 10.0, 15.0, 40.0]),
        fall=0.02,
    )
    w, step, importance = np.array([0.1, 0.35, 0.35, 0.2]), 1e-6, np.array([0.3, 0.7])
    slopes, curvature = [], []
    for e in np.eye(4):
        ahead, behind = w + step * e, w - step * e
        slopes.append((law.predict(ahead[None])[0] - law.predict(behind[None])[0]) / (2 * step))
        change = law.slopes(ahead) - law.slopes(behind)
        curvature.append(importance @ change / (2 * step))
    assert law.slopes(w) == pytest.approx(np.stack(slopes, axis=1), rel=1e-5)
    assert law.curvature(importance, w) == pytest.approx(np.array(curvature), rel=1e-4)


def test_a_word_is_no_centre():
    with pytest.raises(MixwrightError, match=r"repeating\.repetition is fit; write a number"):
        create("repeating", {"repetition": "fit"})
