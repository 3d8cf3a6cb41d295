"""The effective-data law as wide as the runs support: chosen by runs that a fit has not seen.

Four forms are fitted, for all targets together, and held-out errors choose one (see `wide_forms`):

    plain    the effective-data law (see `law`)
    steep    exponents up to MOST, so that the first tokens of a domain may be worth little
    pairs    steep, and what two domains are worth together (see `pairs`)
    shapes   no effective data: a sum over the domains, each with a shape of its own, so that a
             domain may help from a threshold on, or be worth nothing more (see `shapes`)

A law may be fitted with runs near the best counting more. The plain form has a certified optimum.
The wider ones are not convex: their optimum is the best of searches from several mixtures. One of
these, of shapes, is the best on a grid of weights.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mixwright.goal import Goal
from mixwright.mixers.base import FITTED, UNKNOWN
from mixwright.mixers.laws.fit import FIRST_BLOCK
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.mixer import LEAST, REFIT_STEPS, LawMixer, columns_of
from mixwright.mixers.laws.optimum import best_mixture
from mixwright.mixers.laws.pairs import PairLaw
from mixwright.mixers.laws.shapes import ShapedLaw
from mixwright.mixers.laws.wide_forms import FORMS, Choice, base_of, fitted, form_of
from mixwright.mixers.limits import Limits
from mixwright.mixers.starts import best_from
from mixwright.mixture import Array
from mixwright.numerics.allocation import Allocation
from mixwright.observations import Observations
from mixwright.simplex.geometry import scale_into

# searches from mixtures that lean to one domain
LEANING = 4
# steps on the way back to natural, where a limit is broken
WAY = 1_001
# steps of the grid on which the best mixture of shapes is found
STEPS = 500
# domains that a note names
NAMED = 3


@dataclass(frozen=True)
class WideLaw(LawMixer):
    """Fits the law in each of four forms and keeps the one that predicts unseen runs best."""

    # the form that was taken (see `wide_forms`)
    form: str = field(default="plain", metadata=FITTED, repr=False)
    # (forms,) held-out error of each in standard deviations of its target, in the order of FORMS
    errors: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    name = "wide-law"

    def fit(self, observations: Observations) -> Self:
        """Returns a copy fitted to the swarm in the form of least held-out error."""
        swarm = self.usable(observations, "swarm", least=LEAST)
        self.check_length(swarm)
        choice = Choice.of(swarm)
        form = form_of(choice.form)
        law = fitted(swarm, form, self.iterations)
        return self._of_form(swarm, law, choice.form, choice.errors)

    def refit(self, observations: Observations) -> Self:
        """Returns a copy after a few steps from where this fit ended; the form stays."""
        swarm = self.usable(observations, "swarm", least=LEAST)
        steps = min(REFIT_STEPS, self.iterations)
        form = form_of(self.form)
        law = fitted(swarm, form, steps, self.predictor)
        return self._of_form(swarm, law, self.form, self.errors)

    @property
    def is_convex(self) -> bool:
        """Whether the form is the effective-data law, whichever runs count most."""
        return base_of(self.form) == "plain"

    @property
    def predictor(self) -> Law | ShapedLaw:
        """The fitted law, or the sum of shapes where that is the form."""
        if not form_of(self.form).shapes:
            return self.law
        m = len(self.domains)
        ends = np.cumsum([1, m, m, m])
        level, *blocks = np.split(self.parameters, ends, axis=1)
        return ShapedLaw(level[:, 0], *blocks)

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) nats/token of (mixtures, domains) tokens."""
        totals = amounts.sum(axis=1, keepdims=True)
        return self.predictor.predict(amounts / totals)

    @property
    def law(self) -> Law:
        """The fitted law, with pairs where the form has some; the form of shapes has no law."""
        if not form_of(self.form).pairs:
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
        if self.is_convex:
            return super().optimum(importance, goal, limits)
        law = self.predictor

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
        error = errors[base_of(self.form)]
        words = f"form {self.form}: unseen runs are missed by {error:.3f}"
        words += " standard deviations"
        if not self.is_convex:
            plain = errors["plain"]
            words += f", by the plain law by {plain:.3f}"
            words += "; not convex: the best of several searches"
        predictor = self.predictor
        if not isinstance(predictor, ShapedLaw):
            of_law = super().note(importance, weights)
            return f"{words}; {of_law}"
        gains = predictor.gains(importance, weights[None])[0]
        order = np.argsort(-gains)[:NAMED]
        names = [self.domains[place] for place in order]
        return f"{words}; a sum over the domains, of which {', '.join(names)} lower losses most"

    def _starts(self, importance: Array, goal: Goal, limits: Limits) -> list[Array]:
        """Mixtures where searches start: an optimum, an even one, leaning ones.

        The optimum is that of a convex law, or of shapes on a grid. They are the same in whatever
        order the domains come.
        """
        lower, upper, groups = goal.bounds.parts
        m = len(lower)
        uniform = np.full(m, 1 / m)
        even = scale_into(uniform, lower, upper, groups)
        law = self.predictor
        if isinstance(law, ShapedLaw):

            def gains(weights: Array) -> Array:
                return law.gains(importance, weights)

            allocation = Allocation.of(gains, goal.bounds, STEPS)
            first = allocation.mixture(goal.bounds)
        else:
            plain = law.tamed()
            first, _ = best_mixture(plain, importance, lower, upper, groups)
        leaning = []
        for domain in np.eye(m):
            between = (even + domain) / 2
            inside = scale_into(between, lower, upper, groups)
            leaning.append(inside)
        mixtures = np.stack(leaning)
        losses = law.predict(mixtures)
        values = losses @ importance
        order = np.argsort(values, kind="stable")
        best = order[:LEANING]
        return [first, even, *mixtures[best]]

    def _of_form(self, runs: Observations, law: Law | ShapedLaw, form: str, errors: Array) -> Self:
        parameters = columns_of(law)
        return self.learned(runs, parameters=parameters, form=form, errors=errors)
