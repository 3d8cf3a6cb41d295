"""AutoScale (arXiv 2407.20177): the best budgets of small scales, extrapolated to the goal's.

At each scale every domain's amount is moved up and down from a base budget, a power law is fitted
to each domain, and the scale's best budget is

    n* = argmin sum_i (n_i / base_i + a_i)^(-b_i)   over sum_i n_i = sum_i base_i

Between scales a domain's best amount grows by a constant factor a step (water_filling.py):

    n_i(t) = n1*_i (n2*_i / n1*_i)^t,  with t such that sum_i n_i(t) = the goal's tokens

    n_i       amount of domain i, tokens
    base_i    its amount in the base run of the scale, tokens
    a_i, b_i  offset (in base amounts) and exponent of domain i's law (scales.py)
    n1*, n2*  best budgets of the two largest scales, tokens
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.autoscale.scales import Scale, find_scales, fit_published, fit_robust
from mixwright.mixers.autoscale.water_filling import extrapolate, water_filling
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted
from mixwright.mixture import Array
from mixwright.numerics.spread import varying
from mixwright.observations import Observations
from mixwright.simplex.geometry import scale_into

__all__ = ["AutoScale", "extrapolate", "water_filling"]
# (domains,) offsets a, in base amounts, and (domains,) exponents b
Laws = tuple[Array, Array]
# Sets of laws within noise, for the interval.
DRAWS = 48


@dataclass(frozen=True)
class AutoScale(Fitted):
    """Fits one power law a domain at each scale; between scales, amounts grow geometrically."""

    # robust: the mean of all laws within `noise`; published: scipy's curve_fit
    fit_with: str = "robust"
    # loss: nats/token; perplexity: their exponentials, as published
    objective: str = "loss"
    # standard deviation of the objective, relative to the base run's
    noise: float = 0.002
    # of the base amount: no optimum of a scale goes below
    least: float = 0.2
    # in base amounts, where the run with less is entered; None: where it was. The paper's code
    # has 0.2 where its text says 1/3.
    reduced: float | None = None
    # (scales, 2 domains + 1, domains) tokens, in the order of Scale
    amounts: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    # (scales, 2 domains + 1, targets) nats/token
    losses: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    spares = False
    name = "autoscale"

    def __post_init__(self) -> None:
        if self.fit_with not in ("robust", "published"):
            raise MixwrightError(
                f"mixers: autoscale.fit_with is {self.fit_with}; write robust or published"
            )
        if self.objective not in ("loss", "perplexity"):
            raise MixwrightError(
                f"mixers: autoscale.objective is {self.objective}; write loss or perplexity"
            )

    def fit(self, observations: Observations) -> Self:
        """Sorts the perturbed runs into scales; the laws are fitted when they are asked for."""
        domains = observations.domains
        runs = self.usable(observations, "perturb", least=2 * len(domains) + 1)
        untouched = ~(runs.amounts > 0).any(axis=0)
        if untouched.any():
            name = domains[int(untouched.argmax())]
            raise MixwrightError(
                f"autoscale: no run took any {name};"
                " give it a share in designs.perturb.base or leave the domain out"
            )
        self._refuse_negative(runs)
        scales = find_scales(runs.amounts, runs.losses)
        starved = np.zeros(len(domains), dtype=bool)
        for scale in scales:
            starved |= scale.points()[:, 0] <= 0
        if starved.any():
            name = domains[int(starved.argmax())]
            raise MixwrightError(
                f"autoscale: the run with less {name} took none of it;"
                " raise designs.perturb.tokens or its share of the base"
            )
        return self.learned(
            observations,
            amounts=np.stack([scale.amounts for scale in scales]),
            losses=np.stack([scale.losses for scale in scales]),
        )

    def _refuse_negative(self, runs: Observations) -> None:
        """Refuses targets whose ratio to the base run's says nothing: losses at 0 or below.

        A target that never varies may be 0: its part in the objective is a constant.
        """
        doubtful = (runs.losses <= 0).any(axis=0) & varying(runs.losses)
        if not doubtful.any():
            return
        name = runs.targets[int(doubtful.argmax())]
        raise MixwrightError(
            f"autoscale: {name} has a loss of 0 or below, and its laws are of ratios to the base"
            " run's loss; use joint, whose laws take any constant"
        )

    @property
    def scales(self) -> list[Scale]:
        """The scales, smallest first."""
        scales = []
        for amounts, losses in zip(self.amounts, self.losses, strict=True):
            scales.append(Scale(amounts, losses))
        return scales

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) nats/token, by the laws of the nearest scale.

        L_k(n) = L_k(base) (1 + sum_i ((n_i / base_i + a_ki)^(-b_ki) - (1 + a_ki)^(-b_ki)))

        Args:
            amounts: (mixtures, domains) tokens.
        """
        nearest = self._nearest_scale(amounts)
        shape = (len(amounts), len(self.targets))
        predicted = np.empty(shape)
        for s, scale in enumerate(self.scales):
            rows = nearest == s
            x = amounts[rows] / scale.base
            base_losses = scale.losses[0]
            for k, (a, b) in enumerate(self._target_laws[s]):
                change = (x + a) ** -b - (1 + a) ** -b
                factor = 1 + change.sum(axis=1)
                predicted[rows, k] = base_losses[k] * factor
        return predicted

    def _nearest_scale(self, amounts: Array) -> NDArray[np.int64]:
        """(mixtures,) position of the scale whose total is nearest, as a ratio."""
        totals = np.array([scale.base.sum() for scale in self.scales])
        logs = np.log(amounts.sum(axis=1))
        distance = np.abs(logs[:, None] - np.log(totals))
        return distance.argmin(axis=1)

    def propose(self, goal: Goal) -> Proposal:
        """Extrapolates the scales' best budgets, and says what makes the answer doubtful."""
        importance = self.target_weights(goal)
        laws = self._goal_laws(importance)
        amounts, notes = self._at_goal(self._optima(laws), goal)
        extrapolated = amounts / amounts.sum()
        weights = scale_into(extrapolated, *goal.bounds.parts)
        notes.append(self._other_objective(importance, goal))
        largest = self.scales[-1].base.sum()
        if goal.tokens < 0.95 * largest:
            notes.append(
                f"the goal's {goal.tokens:.3g} tokens are fewer than the largest scale's:"
                " its own optimum is the safer answer there"
            )
        if np.abs(weights - extrapolated).max() > 1e-6:
            notes.append("scaled into the bounds after extrapolation")
        notes += self._offset_notes(laws[-1])
        notes.append(self._interval(importance, goal))
        predicted = self.predict(weights[None] * goal.tokens)[0]
        return Proposal(
            mixer="autoscale",
            mixture=goal.mixture(weights),
            predicted=self.in_goal(predicted, goal),
            notes=tuple(notes),
        )

    @cached_property
    def _target_laws(self) -> list[list[Laws]]:
        """Of each scale, each target's laws."""
        targets = []
        for scale in self.scales:
            laws = [self._laws(scale, losses) for losses in scale.losses.T]
            targets.append(laws)
        return targets

    def _goal_laws(self, importance: Array) -> list[Laws]:
        """Of each scale, the laws of the goal's objective."""
        laws = []
        for scale in self.scales:
            values = self._objective(scale, importance)
            laws.append(self._laws(scale, values))
        return laws

    def _objective(self, scale: Scale, importance: Array) -> Array:
        """(runs,) what the scale's runs are judged by, from (targets,) weights in the goal."""
        values = scale.losses
        if self.objective == "perplexity":
            values = np.exp(values)
        return values @ importance

    def _points(self, scale: Scale) -> Array:
        points = scale.points()
        if self.reduced is not None:
            points[:, 0] = self.reduced
        return points

    def _laws(self, scale: Scale, values: Array) -> Laws:
        """The laws of (runs,) values of a scale's runs."""
        points = self._points(scale)
        responses = scale.responses(values)
        if self.fit_with == "published":
            return fit_published(points, responses)
        return fit_robust(points, responses, self.noise).centre()

    def _optima(self, laws: list[Laws]) -> list[Array]:
        """Of each scale, the best budget of its total, (domains,) tokens."""
        optima = []
        for scale, (a, b) in zip(self.scales, laws, strict=True):
            # A published fit may find that more data harms: such a domain gets the least.
            b = np.maximum(b, 1e-9)
            budget = water_filling(
                offsets=a * scale.base,
                exponents=b,
                total=float(scale.base.sum()),
                lower=self.least * scale.base,
                scales=scale.base**b,
            )
            optima.append(budget)
        return optima

    def _at_goal(self, optima: list[Array], goal: Goal) -> tuple[Array, list[str]]:
        """(domains,) amounts for the goal's tokens, and notes on how sure they are.

        They are extrapolated from the two largest scales. A single scale's proportions are kept.
        """
        if len(optima) == 1:
            note = (
                f"one scale only ({optima[0].sum():.3g} tokens): its proportions are kept;"
                " add a second total to extrapolate"
            )
            return optima[0], [note]
        first, second = optima[-2:]
        notes = []
        falling = self._names(second < first)
        if falling:
            notes.append(
                f"the best amount falls with scale for {falling}: its extrapolation is doubtful"
            )
        bases = np.stack([scale.base for scale in self.scales[-2:]])
        floors = self.least * bases * (1 + 1e-6)
        at_floor = np.stack([first, second]) <= floors
        clipped = self._names(np.any(at_floor, axis=0))
        if clipped:
            notes.append(
                f"an optimum stood at its least allowed amount for {clipped}:"
                " its extrapolation is doubtful"
            )
        try:
            return extrapolate(first, second, goal.tokens), notes
        except MixwrightError as error:
            notes.append(f"the larger scale's proportions are kept: {error}")
            return second, notes

    def _names(self, chosen: NDArray[np.bool_]) -> str:
        """Names of the domains where `chosen` (domains,) is true, in a row."""
        return ", ".join(self.domains[i] for i in np.flatnonzero(chosen))

    def _other_objective(self, importance: Array, goal: Goal) -> str:
        """The weights by the objective that was not chosen, in a sentence."""
        if self.objective == "loss":
            other = replace(self, objective="perplexity")
            name = "perplexity, as published,"
        else:
            other = replace(self, objective="loss")
            name = "log-loss"
        weights = other._weights(other._goal_laws(importance), goal)
        shares = []
        for domain, weight in zip(self.domains, weights, strict=True):
            shares.append(f"{domain} {weight:.3f}")
        return f"by {name} the weights would be {', '.join(shares)}"

    def _offset_notes(self, laws: Laws) -> list[str]:
        """A warning where offsets are large: the extrapolation is exact only for offsets of 0."""
        offsets, _ = laws
        large = self._names(offsets >= 0.5)
        if not large or len(self.scales) == 1:
            return []
        return [
            f"offsets of at least half the base amount for {large}:"
            " keeping the larger scale's weights would be safer"
        ]

    def _interval(self, importance: Array, goal: Goal) -> str:
        """How far the weights move over the laws that explain the runs within noise."""
        if self.fit_with == "published":
            return (
                "three points do not identify a law of three parameters:"
                " no interval with fit_with: published"
            )
        clouds = []
        for scale in self.scales:
            points = self._points(scale)
            responses = scale.responses(self._objective(scale, importance))
            clouds.append(fit_robust(points, responses, self.noise))
        rng = np.random.default_rng(goal.seed)
        draws = []
        for _ in range(DRAWS):
            laws = [cloud.draw(rng) for cloud in clouds]
            draws.append(self._weights(laws, goal))
        low, high = np.quantile(np.array(draws), [0.05, 0.95], axis=0)
        spans = []
        for name, least, most in zip(self.domains, low, high, strict=True):
            spans.append(f"{name} {least:.3f} to {most:.3f}")
        return f"weights within noise {self.noise:g} (5 to 95 % of draws): {', '.join(spans)}"

    def _weights(self, laws: list[Laws], goal: Goal) -> Array:
        """(domains,) weights for the goal, by these laws of each scale."""
        amounts, _ = self._at_goal(self._optima(laws), goal)
        return scale_into(amounts / amounts.sum(), *goal.bounds.parts)
