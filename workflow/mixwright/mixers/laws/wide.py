"""The effective-data law as wide as the runs support: chosen by runs that a fit has not seen.

Three forms are fitted, for all targets together. The one of least held-out error is taken, a
wider one only where its error is clearly below the plain one's:

    plain    the effective-data law (see `law`)
    steep    exponents up to MOST, so that the first tokens of a domain may be worth little
    pairs    steep, and what two domains are worth together (see `pairs`)

The plain form has a certified optimum. The wider ones are not convex: their optimum is the best of
searches from several mixtures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mixwright.goal import Goal
from mixwright.mixers.base import FITTED, UNKNOWN
from mixwright.mixers.laws.fit import FIRST_BLOCK, fit_law, trust
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.mixer import LEAST, REFIT_STEPS, LawMixer, columns_of
from mixwright.mixers.laws.optimum import best_mixture
from mixwright.mixers.laws.pairs import PairLaw
from mixwright.mixers.laws.prior import PLAIN, Form, Prior
from mixwright.mixers.limits import Limits
from mixwright.mixers.starts import best_from
from mixwright.mixture import Array
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations
from mixwright.simplex.alike import mixture_folds
from mixwright.simplex.geometry import scale_into

# the greatest exponent of the wider forms
MOST = 2.5
FORMS: Mapping[str, Form] = {
    "plain": PLAIN,
    "steep": Form(MOST),
    "pairs": Form(MOST, pairs=True),
}
# Beyond so many domains there are too many pairs.
MOST_DOMAINS = 24
FOLDS = 6
# A wider form has to miss unseen runs by less than this share of the plain law's error.
CLEARLY = 0.95
# steps of a fit to all folds but one, at most
FOLD_STEPS = 60
# fits of a form with pairs, each from where the one before rested
AGAIN = 3
# searches from mixtures that lean to one domain
LEANING = 4
# steps on the way back to natural, where a limit is broken
WAY = 1_001


@dataclass(frozen=True)
class WideLaw(LawMixer):
    """Fits the law in each of three forms and keeps the one that predicts unseen runs best."""

    # the form that was taken, of FORMS
    form: str = field(default="plain", metadata=FITTED, repr=False)
    # (forms,) held-out error of each in standard deviations of its target, in the order of FORMS
    errors: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    name = "wide-law"

    def fit(self, observations: Observations) -> Self:
        """Returns a copy fitted to the swarm in the form of least held-out error."""
        swarm = self.usable(observations, "swarm", least=LEAST)
        self.check_length(swarm)
        errors = held_out_errors(swarm)
        form = list(FORMS)[int(errors.argmin())]
        if errors.min() > CLEARLY * errors[0]:
            form = "plain"
        law = _fitted(swarm, FORMS[form], self.iterations)
        return self._of_form(swarm, law, form, errors)

    def refit(self, observations: Observations) -> Self:
        """Returns a copy after a few steps from where this fit ended; the form stays."""
        swarm = self.usable(observations, "swarm", least=LEAST)
        steps = min(REFIT_STEPS, self.iterations)
        law = _fitted(swarm, FORMS[self.form], steps, self.law)
        return self._of_form(swarm, law, self.form, self.errors)

    @property
    def law(self) -> Law:
        """The fitted law; with pairs where the form has some."""
        if not FORMS[self.form].pairs:
            return super().law
        m = len(self.domains)
        parts = np.split(self.parameters, np.cumsum([1, 1, 1, 1, m, m, m]), axis=1)
        columns = [part[:, 0] for part in parts[:FIRST_BLOCK]]
        return PairLaw(*columns, *parts[FIRST_BLOCK:])

    def optimum(self, importance: Array, goal: Goal, limits: Limits) -> tuple[Array, float | None]:
        """Returns the best mixture (domains,); its certified gap where the form is plain."""
        if self.form == "plain":
            return super().optimum(importance, goal, limits)
        law = self.law

        def value(weights: Array) -> Array:
            losses: Array = law.predict(weights) @ importance
            return losses

        best = best_from(value, goal.bounds, self._starts(importance, goal, limits))
        if not limits.limited.any():
            return best, None
        start = limits.start
        on_the_way = start + np.linspace(0, 1, WAY)[:, None] * (best - start)
        values = np.where(limits.keep(law.predict(on_the_way)), value(on_the_way), np.inf)
        return on_the_way[int(values.argmin())], None

    def note(self, importance: Array, weights: Array) -> str:
        """Returns a sentence on the law: its form, and which domains hold most effective data."""
        errors = dict(zip(FORMS, self.errors.tolist(), strict=True))
        words = f"form {self.form}: unseen runs are missed by {errors[self.form]:.3f}"
        words += " standard deviations"
        if self.form != "plain":
            words += f", by the plain law by {errors['plain']:.3f}"
            words += "; not convex: the best of several searches"
        return f"{words}; {super().note(importance, weights)}"

    def _starts(self, importance: Array, goal: Goal, limits: Limits) -> list[Array]:
        """Mixtures where searches start: a convex law's optimum, an even one, leaning ones.

        They are the same in whatever order the domains come.
        """
        lower, upper, groups = goal.bounds.parts
        m = len(lower)
        even = scale_into(np.full(m, 1 / m), lower, upper, groups)
        plain = self.law.tamed()
        convex, _ = best_mixture(plain, importance, lower, upper, groups)
        leaning = []
        for domain in np.eye(m):
            leaning.append(scale_into((even + domain) / 2, lower, upper, groups))
        losses = self.law.predict(np.stack(leaning)) @ importance
        order = np.argsort(losses, kind="stable")[:LEANING]
        return [convex, even, *(leaning[place] for place in order.tolist())]

    def _of_form(self, runs: Observations, law: Law, form: str, errors: Array) -> Self:
        return self.learned(runs, parameters=columns_of(law), form=form, errors=errors)


def held_out_errors(swarm: Observations) -> Array:
    """Returns (forms,) mean errors of runs that a fit has not seen, in the order of FORMS.

    They are in standard deviations of their target; a run counts as in a fit, less where its loss
    is far above the best. A form with too many pairs has an infinite one.
    """
    losses = swarm.losses
    spread = Spread.of(losses)
    measured = spread.tame(losses)
    weight = trust(losses, spread).T * spread.varies / spread.deviation
    # The shuffle is fixed: the same runs fall into the same folds in whatever order they came.
    fold = mixture_folds(swarm.weights, FOLDS, np.random.default_rng(0))
    errors = []
    for form in FORMS.values():
        if form.pairs and len(swarm.domains) > MOST_DOMAINS:
            errors.append(np.inf)
            continue
        predicted = np.empty_like(losses)
        for part in np.unique(fold):
            outside = fold == part
            law = _fitted(swarm.only(~outside), form, FOLD_STEPS)
            predicted[outside] = law.predict(swarm.weights[outside])
        errors.append(float((weight * np.abs(predicted - measured)).mean()))
    return np.array(errors)


def _fitted(swarm: Observations, form: Form, iterations: int, near: Law | None = None) -> Law:
    """Returns the law of a form; one with pairs is fitted on, from where a fit rested too soon."""
    law = near
    rounds = AGAIN if form.pairs and near is None else 1
    for _ in range(rounds):
        law = fit_law(
            swarm.weights, swarm.losses, Prior(), iterations, swarm.same_text, law, form=form
        )
    assert law is not None
    return law
