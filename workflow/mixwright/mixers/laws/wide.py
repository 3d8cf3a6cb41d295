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
from numpy.typing import NDArray

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
        names = list(FORMS)
        least = int(errors.argmin())
        form = names[least]
        clearly = CLEARLY * errors[0]
        if errors[least] > clearly:
            form = "plain"
        shape = FORMS[form]
        law = _fitted(swarm, shape, self.iterations)
        return self._of_form(swarm, law, form, errors)

    def refit(self, observations: Observations) -> Self:
        """Returns a copy after a few steps from where this fit ended; the form stays."""
        swarm = self.usable(observations, "swarm", least=LEAST)
        steps = min(REFIT_STEPS, self.iterations)
        form = FORMS[self.form]
        law = _fitted(swarm, form, steps, self.law)
        return self._of_form(swarm, law, self.form, self.errors)

    @property
    def law(self) -> Law:
        """The fitted law; with pairs where the form has some."""
        if not FORMS[self.form].pairs:
            return super().law
        m = len(self.domains)
        widths = [1, 1, 1, 1, m, m, m]
        ends = np.cumsum(widths)
        parts = np.split(self.parameters, ends, axis=1)
        numbers = parts[:FIRST_BLOCK]
        columns = [part[:, 0] for part in numbers]
        blocks = parts[FIRST_BLOCK:]
        return PairLaw(*columns, *blocks)

    def optimum(self, importance: Array, goal: Goal, limits: Limits) -> tuple[Array, float | None]:
        """Returns the best mixture (domains,); its certified gap where the form is plain."""
        if self.form == "plain":
            return super().optimum(importance, goal, limits)
        law = self.law

        def value(weights: Array) -> Array:
            losses = law.predict(weights)
            weighted: Array = losses @ importance
            return weighted

        starts = self._starts(importance, goal, limits)
        best = best_from(value, goal.bounds, starts)
        if not limits.limited.any():
            return best, None
        start = limits.start
        way = best - start
        shares = np.linspace(0, 1, WAY)
        steps = shares[:, None] * way
        on_the_way = start + steps
        losses = law.predict(on_the_way)
        allowed = limits.keep(losses)
        values = value(on_the_way)
        values = np.where(allowed, values, np.inf)
        place = int(values.argmin())
        return on_the_way[place], None

    def note(self, importance: Array, weights: Array) -> str:
        """Returns a sentence on the law: its form, and which domains hold most effective data."""
        errors = dict(zip(FORMS, self.errors.tolist(), strict=True))
        error = errors[self.form]
        words = f"form {self.form}: unseen runs are missed by {error:.3f}"
        words += " standard deviations"
        if self.form != "plain":
            plain = errors["plain"]
            words += f", by the plain law by {plain:.3f}"
            words += "; not convex: the best of several searches"
        of_law = super().note(importance, weights)
        return f"{words}; {of_law}"

    def _starts(self, importance: Array, goal: Goal, limits: Limits) -> list[Array]:
        """Mixtures where searches start: a convex law's optimum, an even one, leaning ones.

        They are the same in whatever order the domains come.
        """
        lower, upper, groups = goal.bounds.parts
        m = len(lower)
        uniform = np.full(m, 1 / m)
        even = scale_into(uniform, lower, upper, groups)
        law = self.law
        plain = law.tamed()
        convex, _ = best_mixture(plain, importance, lower, upper, groups)
        leaning = []
        for domain in np.eye(m):
            between = (even + domain) / 2
            inside = scale_into(between, lower, upper, groups)
            leaning.append(inside)
        mixtures = np.stack(leaning)
        losses = law.predict(mixtures)
        values = losses @ importance
        order = np.argsort(values, kind="stable")
        first = order[:LEANING]
        return [convex, even, *mixtures[first]]

    def _of_form(self, runs: Observations, law: Law, form: str, errors: Array) -> Self:
        parameters = columns_of(law)
        return self.learned(runs, parameters=parameters, form=form, errors=errors)


def held_out_errors(swarm: Observations) -> Array:
    """Returns (forms,) mean errors of runs that a fit has not seen, in the order of FORMS.

    They are in standard deviations of their target; a run counts as in a fit, less where its loss
    is far above the best. A form with too many pairs has an infinite one.
    """
    losses = swarm.losses
    spread = Spread.of(losses)
    measured = spread.tame(losses)
    trusted = trust(losses, spread).T
    counted = trusted * spread.varies
    weight = counted / spread.deviation
    # The shuffle is fixed: the same runs fall into the same folds in whatever order they came.
    rng = np.random.default_rng(0)
    fold = mixture_folds(swarm.weights, FOLDS, rng)
    many = len(swarm.domains) > MOST_DOMAINS
    errors = []
    for form in FORMS.values():
        if form.pairs and many:
            errors.append(np.inf)
            continue
        predicted = _predicted_by_others(swarm, form, fold)
        missed = np.abs(predicted - measured)
        weighted = weight * missed
        errors.append(float(weighted.mean()))
    return np.array(errors)


def _predicted_by_others(swarm: Observations, form: Form, fold: NDArray[np.int64]) -> Array:
    """Returns (runs, targets) losses, each predicted by the law of the other folds."""
    predicted = np.empty_like(swarm.losses)
    for part in np.unique(fold):
        outside = fold == part
        rest = swarm.only(~outside)
        law = _fitted(rest, form, FOLD_STEPS)
        mixtures = swarm.weights[outside]
        predicted[outside] = law.predict(mixtures)
    return predicted


def _fitted(swarm: Observations, form: Form, iterations: int, near: Law | None = None) -> Law:
    """Returns the law of a form; one with pairs is fitted on, from where a fit rested too soon."""
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
