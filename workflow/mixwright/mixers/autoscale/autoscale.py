"""AutoScale (arXiv 2407.20177): each domain's amount up and down at small scales, the optimum of each scale, extrapolated to the goal's."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.autoscale.scales import Scale, find_scales, fit_published, fit_robust
from mixwright.mixers.autoscale.water_filling import extrapolate, water_filling
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.geometry import scale_into

__all__ = ["AutoScale", "extrapolate", "water_filling"]
Laws = tuple[Array, Array]  # offsets (in base amounts) and exponents, (domains,)
DRAWS = 48  # sets of laws within noise, for the interval


@dataclass(frozen=True)
class AutoScale(Fitted):
    """Per scale, minimises sum_i (n_i / base_i + a_i)^(-b_i); between scales, n_i grows by a constant factor a step.

    `objective: loss` weighs nats/token, `perplexity` their exponentials as published. `fit: robust` averages all laws within `noise`
    (relative, of the objective), `published` is scipy's curve_fit. `reduced` overrides the amount, in base amounts, at which the
    lower run is entered (the paper's code says 0.2 where its text says 1/3).
    """

    fit_with: str = "robust"
    objective: str = "loss"
    noise: float = 0.002
    least: float = 0.2  # of the base amount: no optimum of a scale goes below
    reduced: float | None = None
    amounts: Array = field(
        default=UNKNOWN, metadata=FITTED, repr=False
    )  # (scales, 2 domains + 1, domains) tokens
    losses: Array = field(
        default=UNKNOWN, metadata=FITTED, repr=False
    )  # (scales, 2 domains + 1, targets) nats/token
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

    def fit(self, seen: Observations) -> Self:
        runs = self.usable(seen, "perturb", least=2 * len(seen.domains) + 1)
        untouched = ~(runs.amounts > 0).any(axis=0)
        if untouched.any():
            name = seen.domains[int(untouched.argmax())]
            raise MixwrightError(
                f"autoscale: no run took any {name}; give it a share in designs.perturb.base or leave the domain out"
            )
        scales = find_scales(runs.amounts, runs.losses)
        starved = np.any([scale.points()[:, 0] <= 0 for scale in scales], axis=0)
        if starved.any():
            name = seen.domains[int(starved.argmax())]
            raise MixwrightError(
                f"autoscale: the run with less {name} took none of it; raise designs.perturb.tokens or its share of the base"
            )
        return self.learned(
            seen,
            amounts=np.stack([scale.amounts for scale in scales]),
            losses=np.stack([scale.losses for scale in scales]),
        )

    @property
    def scales(self) -> list[Scale]:
        return [
            Scale(amounts, losses)
            for amounts, losses in zip(self.amounts, self.losses, strict=True)
        ]

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, by the nearest scale's own laws, target by target."""
        totals = np.array([scale.base.sum() for scale in self.scales])
        nearest = np.abs(np.log(amounts.sum(axis=1))[:, None] - np.log(totals)).argmin(axis=1)
        predicted = np.empty((len(amounts), len(self.targets)))
        for s, scale in enumerate(self.scales):
            x = amounts[nearest == s] / scale.base
            for k, (a, b) in enumerate(self._target_laws[s]):
                predicted[nearest == s, k] = scale.losses[0, k] * (
                    1 + ((x + a) ** -b - (1 + a) ** -b).sum(axis=1)
                )
        return predicted

    def propose(self, goal: Goal) -> Proposal:
        importance = self.target_weights(goal)
        laws = [self._laws(scale, self._objective(scale, importance)) for scale in self.scales]
        amounts, notes = self._at_goal(
            [self._optimum(scale, law) for scale, law in zip(self.scales, laws, strict=True)], goal
        )
        weights = scale_into(amounts / amounts.sum(), *goal.bounds.parts)
        notes.append(self._other_objective(importance, goal))
        if goal.tokens < 0.95 * self.scales[-1].base.sum():
            notes.append(
                f"the goal's {goal.tokens:.3g} tokens are fewer than the largest scale's: its own optimum is the safer answer there"
            )
        if np.abs(weights - amounts / amounts.sum()).max() > 1e-6:
            notes.append("scaled into the bounds after extrapolation")
        notes += self._warnings(laws[-1]) + self._interval(importance, goal)
        return Proposal(
            "autoscale",
            goal.mixture(weights),
            self.in_goal(self.predict(weights[None] * goal.tokens)[0], goal),
            notes=tuple(notes),
        )

    @cached_property
    def _target_laws(self) -> list[list[Laws]]:
        return [[self._laws(scale, column) for column in scale.losses.T] for scale in self.scales]

    def _objective(self, scale: Scale, importance: Array) -> Array:
        """(runs,) what the scale's runs are judged by."""
        return (
            np.exp(scale.losses) if self.objective == "perplexity" else scale.losses
        ) @ importance

    def _points(self, scale: Scale) -> Array:
        points = scale.points()
        if self.reduced is not None:
            points[:, 0] = self.reduced
        return points

    def _laws(self, scale: Scale, values: Array) -> Laws:
        points, responses = self._points(scale), scale.responses(values)
        if self.fit_with == "published":
            return fit_published(points, responses)
        return fit_robust(points, responses, self.noise).centre()

    def _optimum(self, scale: Scale, laws: Laws) -> Array:
        """(domains,) tokens: the best budget of the scale's total."""
        a, b = laws
        b = np.maximum(
            b, 1e-9
        )  # a published fit may find that more data harms: such a domain gets the least
        return water_filling(
            a * scale.base,
            b,
            float(scale.base.sum()),
            self.least * scale.base,
            scales=scale.base**b,
        )

    def _at_goal(self, optima: list[Array], goal: Goal) -> tuple[Array, list[str]]:
        """Amounts for the goal's tokens: extrapolated from the two largest scales, or the only scale's proportions kept."""
        if len(optima) == 1:
            return optima[0], [
                f"one scale only ({optima[0].sum():.3g} tokens): its proportions are kept; add a second total to extrapolate"
            ]
        first, second = optima[-2:]
        notes = []
        shrinking = [
            name
            for name, before, after in zip(self.domains, first, second, strict=True)
            if after < before
        ]
        if shrinking:
            notes.append(
                f"the best amount falls with scale for {', '.join(shrinking)}: its extrapolation is doubtful"
            )
        floors = self.least * np.stack([scale.base for scale in self.scales[-2:]]) * (1 + 1e-6)
        clipped = [
            name
            for name, low in zip(
                self.domains, np.any(np.stack(optima[-2:]) <= floors, axis=0), strict=True
            )
            if low
        ]
        if clipped:
            notes.append(
                f"an optimum stood at its least allowed amount for {', '.join(clipped)}: its extrapolation is doubtful"
            )
        try:
            return extrapolate(first, second, goal.tokens), notes
        except MixwrightError as error:
            return second, [*notes, f"the larger scale's proportions are kept: {error}"]

    def _other_objective(self, importance: Array, goal: Goal) -> str:
        """The weights by the objective that was not asked for, in a sentence."""
        other = replace(self, objective="perplexity" if self.objective == "loss" else "loss")
        laws = [other._laws(scale, other._objective(scale, importance)) for scale in self.scales]
        said = ", ".join(
            f"{name} {weight:.3f}"
            for name, weight in zip(self.domains, other._drawn(laws, goal), strict=True)
        )
        return f"by {'log-loss' if other.objective == 'loss' else 'perplexity, as published,'} the weights would be {said}"

    def _warnings(self, laws: Laws) -> list[str]:
        large = [name for name, offset in zip(self.domains, laws[0], strict=True) if offset >= 0.5]
        if not large or len(self.scales) == 1:
            return []
        return [
            f"offsets of at least half the base amount for {', '.join(large)}: keeping the larger scale's weights would be safer"
        ]

    def _interval(self, importance: Array, goal: Goal) -> list[str]:
        """How far the weights move over the laws that explain the runs within noise."""
        if self.fit_with == "published":
            return [
                "three points do not identify a law of three parameters: no interval with fit_with: published"
            ]
        rng = np.random.default_rng(goal.seed)
        clouds = [
            fit_robust(self._points(s), s.responses(self._objective(s, importance)), self.noise)
            for s in self.scales
        ]
        draws = np.array(
            [self._drawn([cloud.draw(rng) for cloud in clouds], goal) for _ in range(DRAWS)]
        )
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        spans = ", ".join(
            f"{name} {a:.3f} to {b:.3f}" for name, a, b in zip(self.domains, low, high, strict=True)
        )
        return [f"weights within noise {self.noise:g} (5 to 95 % of draws): {spans}"]

    def _drawn(self, laws: list[Laws], goal: Goal) -> Array:
        amounts, _ = self._at_goal(
            [self._optimum(scale, law) for scale, law in zip(self.scales, laws, strict=True)], goal
        )
        return scale_into(amounts / amounts.sum(), *goal.bounds.parts)
