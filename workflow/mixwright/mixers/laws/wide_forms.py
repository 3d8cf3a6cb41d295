"""Forms of the wide law (see `wide`), and which of them predicts runs that a fit has not seen.

The forms are judged by folds of the swarm's own runs. First the least held-out error decides: a
wider law is taken only where its error is clearly below the plain one's, shapes where theirs is far
below all. Then the law of that form is fitted once more, with runs far from the best ones counting
less. It is taken where it predicts unseen runs near the best clearly better: a law that is not
quite right everywhere is then right where the best mixture lies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.laws.fit import fit_law, trust
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.prior import FADE, PLAIN, Form, Prior
from mixwright.mixers.laws.shapes import ShapedLaw
from mixwright.mixers.laws.shapes_fit import fit_shapes
from mixwright.mixture import Array
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations
from mixwright.simplex.alike import mixture_folds

# the greatest exponent of the wider forms
MOST = 2.5
# The forms that held-out errors choose from first.
FORMS: Mapping[str, Form] = {
    "plain": PLAIN,
    "steep": Form(MOST),
    "pairs": Form(MOST, pairs=True),
    "shapes": Form(shapes=True),
}
# standard deviations above the best at which a run counts half, where runs near the best count
NEAR_FADE = 0.25
# what the name of such a form ends with
NEAR = " near the best"
# Beyond so many domains there are too many pairs.
MOST_DOMAINS = 24
FOLDS = 6
# A wider law has to miss unseen runs by less than this share of the plain law's error, and one of
# runs near the best by less than this share of the usual law's, both of runs near the best.
CLEARLY = 0.95
# Shapes have to miss them by less than this share of every law's error.
FAR = 0.7
# steps of a fit to all folds but one, at most
FOLD_STEPS = 60
# fits of a form with pairs, each from where the one before rested
AGAIN = 3


@dataclass(frozen=True)
class Choice:
    """The form that is taken, and what unseen runs say of the forms."""

    # of FORMS; with NEAR at its end where runs near the best count
    form: str
    # (forms,) held-out errors in standard deviations of their target, in the order of FORMS
    errors: Array

    @classmethod
    def of(cls, swarm: Observations) -> Self:
        """Chooses by folds of a swarm's runs."""
        folds = _Folds.of(swarm)
        predicted = {}
        errors = {}
        for name, form in FORMS.items():
            if form.pairs and len(swarm.domains) > MOST_DOMAINS:
                errors[name] = np.inf
                continue
            predicted[name] = folds.predicted(form)
            errors[name] = folds.error(predicted[name], FADE)
        name = _least(errors)
        numbers = np.array(list(errors.values()))
        if FORMS[name].shapes:
            return cls(name, numbers)
        near = folds.predicted(form_of(name + NEAR))
        error = folds.error(predicted[name], NEAR_FADE)
        if folds.error(near, NEAR_FADE) < CLEARLY * error:
            name += NEAR
        return cls(name, numbers)


def form_of(name: str) -> Form:
    """Returns the form of a name."""
    base = base_of(name)
    form = FORMS[base]
    if name == base:
        return form
    return replace(form, fade=NEAR_FADE)


def base_of(name: str) -> str:
    """Returns the name of the form in FORMS, whichever runs count."""
    return name.removesuffix(NEAR)


def fitted(
    swarm: Observations, form: Form, iterations: int, near: Law | ShapedLaw | None = None
) -> Law | ShapedLaw:
    """Returns the law of a form, fitted to a swarm in at most so many steps.

    One with pairs is fitted on, from where a fit rested too soon.

    Args:
        near: a law of the form to start from.
    """
    if form.shapes:
        assert not isinstance(near, Law)
        return fit_shapes(swarm.weights, swarm.losses, near)
    assert not isinstance(near, ShapedLaw)
    law = near
    rounds = 1
    if form.pairs and near is None:
        rounds = AGAIN
    for _ in range(rounds):
        law = fit_law(
            swarm.weights, swarm.losses, Prior(), iterations, swarm.same_text, law, form=form
        )
    assert law is not None
    return law


def _least(errors: Mapping[str, float]) -> str:
    """Returns the name of the form that is taken, by the held-out errors of FORMS."""
    of_laws = dict(errors)
    of_shapes = of_laws.pop("shapes")
    least = min(of_laws, key=of_laws.__getitem__)
    if of_shapes < FAR * of_laws[least]:
        return "shapes"
    if of_laws[least] > CLEARLY * of_laws["plain"]:
        return "plain"
    return least


@dataclass(frozen=True)
class _Folds:
    """A swarm in folds: each run is predicted by a fit that has not seen it."""

    swarm: Observations
    # (runs,) number of the fold
    fold: NDArray[np.int64]
    spread: Spread

    @classmethod
    def of(cls, swarm: Observations) -> Self:
        # The shuffle is fixed: the same runs fall into the same folds in whatever order they came.
        rng = np.random.default_rng(0)
        fold = mixture_folds(swarm.weights, FOLDS, rng)
        return cls(swarm, fold, Spread.of(swarm.losses))

    def predicted(self, form: Form) -> Array:
        """Returns (runs, targets) losses, each predicted by the law of the other folds."""
        predicted = np.empty_like(self.swarm.losses)
        for part in np.unique(self.fold):
            outside = self.fold == part
            rest = self.swarm.only(~outside)
            law = fitted(rest, form, FOLD_STEPS)
            mixtures = self.swarm.weights[outside]
            predicted[outside] = law.predict(mixtures)
        return predicted

    def error(self, predicted: Array, fade: float) -> float:
        """Returns the mean error of predictions, in standard deviations of their target.

        A run counts as in a fit: half where its loss is `fade` deviations above the best.
        """
        spread = self.spread
        losses = self.swarm.losses
        missed = np.abs(predicted - spread.tame(losses))
        counted = trust(losses, spread, fade).T * spread.varies
        weighted = counted / spread.deviation * missed
        return float(weighted.mean())
