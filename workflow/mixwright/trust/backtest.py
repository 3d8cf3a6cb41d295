"""Would what the smaller scales say have been right at the largest? It is left out, its runs are predicted and its optimum proposed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers.autoscale.scales import scales_with_runs
from mixwright.mixers.base import Mixer
from mixwright.mixers.laws.joint import ROLES, Joint
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.geometry import scale_into
from mixwright.trust.intervals import LEVEL, Interval, rank_interval
from mixwright.trust.refits import Rows, held_out_residuals, refitted

SCALE = 1.3  # totals within such a factor of a neighbour's are one scale, where no perturb runs say what one is
DRAWS = 40  # refits of the judge
KEEP, AUTOSCALE, JOINT = "keep", "autoscale", "joint"
CHOICES = {
    KEEP: "the optimum of the largest known scale, kept",
    AUTOSCALE: "AutoScale's extrapolation",
    JOINT: "the joint law's optimum",
}

OBJECTION = (
    "AutoScale predicted them better than the joint law, by this or by squared errors, so that its own law has a say:"
    " it puts no extrapolation ahead."
)


@dataclass(frozen=True)
class Prediction:
    """How a mixer that knows the smaller scales predicts the objective of the largest one's runs; nats/token."""

    mixer: str
    rmse: float
    bias: float  # mean of predicted minus measured
    scatter: float  # what is left of the error when the level is right, for mixtures are chosen by differences: 1.48 median deviations
    rank: Interval

    @property
    def about_level(self) -> tuple[float, float]:
        """The scatter, and the root mean square error about the level, which a few starved runs may make."""
        return self.scatter, float(np.sqrt(max(0.0, self.rmse**2 - self.bias**2)))


@dataclass(frozen=True)
class Choice:
    """A mixture for the largest scale chosen without it, and its regret there: nats/token above the best one, as judged."""

    choice: str
    weights: Mapping[str, float]
    regret: Interval  # by the joint law fitted to all runs
    autoscale_regret: float | None  # by AutoScale's law of the largest scale's own runs
    ahead: Interval | None = None  # of `keep`, by the joint law: regret of keep minus this one's


@dataclass(frozen=True)
class Backtest:
    """The largest scale as a test of the others."""

    scales: tuple[float, ...]  # tokens, smallest first; the last was left out
    runs: int  # left out
    predictions: tuple[Prediction, ...]
    choices: tuple[Choice, ...]
    notes: tuple[str, ...]

    @property
    def judged_by(self) -> str:
        """AutoScale, if without them it predicted the left-out runs with less scatter or less squared error about its level: its law of
        their scale then has a say. Else the joint law, which is no judge alone where it missed some runs widely."""
        told = {prediction.mixer: prediction for prediction in self.predictions}
        if AUTOSCALE not in told:
            return JOINT
        pairs = zip(told[AUTOSCALE].about_level, told[JOINT].about_level, strict=True)
        return AUTOSCALE if any(one < other for one, other in pairs) else JOINT

    @property
    def trusted(self) -> str:
        """The choice of least regret among those that beat keeping beyond the judge's interval; else keep. Where AutoScale predicted the
        left-out runs better, its own law must put a choice ahead of keeping too."""
        rivals = [
            choice
            for choice in self.choices
            if choice.choice in (AUTOSCALE, JOINT) and choice.ahead and choice.ahead.low > 0
        ]
        if self.judged_by == AUTOSCALE:
            kept = self._choice(KEEP).autoscale_regret or 0.0
            rivals = [
                choice
                for choice in rivals
                if choice.autoscale_regret is not None and choice.autoscale_regret < kept
            ]
        return min(rivals, key=lambda choice: choice.regret.value).choice if rivals else KEEP

    @property
    def verdict(self) -> str:
        """What this study trusts and why."""
        total, name = f"{self.scales[-1]:.3g} tokens", self.trusted
        errors = ", ".join(f"{p.mixer} {p.scatter:.4f}" for p in self.predictions)
        scatter = f"The runs left out were predicted with a scatter of (nats/token): {errors}."
        rivals = [
            f"{c.choice} {_said(c.ahead)}"
            for c in self.choices
            if c.choice in (AUTOSCALE, JOINT) and c.ahead
        ]
        ahead = f"Ahead of keeping at {total}, as the law of all runs judges: {', '.join(rivals)} nats/token."
        return f"Trust {CHOICES[name]}. {ahead} {scatter}" + (
            f" {OBJECTION}" if name == KEEP and self.judged_by == AUTOSCALE else ""
        )

    def _choice(self, name: str) -> Choice:
        return next(choice for choice in self.choices if choice.choice == name)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"trusted": self.trusted, "verdict": self.verdict}


def find_scales(seen: Observations) -> list[tuple[float, Rows]]:
    """Tokens and rows of the runs of each scale, smallest first: those of the perturb design, other runs to the nearest one; without such
    a design, totals that lie together."""
    read = np.flatnonzero(np.isin(seen.roles, ROLES))
    perturbed = np.flatnonzero(np.array(seen.roles) == "perturb")
    logs = np.log(seen.tokens)
    if len(perturbed):
        found = scales_with_runs(seen.amounts[perturbed], seen.losses[perturbed])
        totals = [float(scale.base.sum()) for _, scale in found]
        others = np.setdiff1d(read, perturbed)
        nearest = np.abs(logs[others, None] - np.log(totals)).argmin(axis=1)
        return [
            (total, np.union1d(perturbed[rows], others[nearest == k]))
            for k, (total, (rows, _)) in enumerate(zip(totals, found, strict=True))
        ]
    order = read[np.argsort(logs[read], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(logs[order]) > np.log(SCALE)) + 1)
    return [(float(np.median(seen.tokens[rows])), np.sort(rows)) for rows in parts if len(rows)]


def backtest(
    seen: Observations, goal: Goal, settings: Mapping[str, Mapping[str, Any]] | None = None
) -> Backtest:
    """Leaves the largest scale out. The goal's weights' bounds hold at it; `settings` are the mixers', by name."""
    seen = seen.only(np.argsort(np.array(seen.runs)))
    scales = find_scales(seen)
    if len(scales) < 2:
        only = f"all runs have about {scales[0][0]:.3g} tokens" if scales else "there are no runs"
        raise MixwrightError(
            f"backtest: {only}; a second scale is needed, such as another total in designs.perturb.tokens"
        )
    total, out = scales[-1]
    known = seen.only(np.setdiff1d(np.arange(len(seen.runs)), out))
    there, importance = (
        replace(goal, tokens=total),
        np.array([goal.targets.get(target, 0.0) for target in seen.targets]),
    )
    fits, notes = _fits(seen, known, seen.only(scales[-2][1]), settings or {})
    if len(scales) == 2 and AUTOSCALE in fits:
        notes.append(
            "one scale is left when the largest is out: AutoScale keeps its proportions, so that it is `keep` here; train a third"
        )
    predictions = tuple(
        _predicted(name, fit, seen.only(out), importance)
        for name, fit in fits.items()
        if name != KEEP
    )
    uniform = scale_into(np.full(len(goal.domains), 1 / len(goal.domains)), *goal.bounds.parts)
    proposed = {name: fit.propose(there).weights for name, fit in fits.items()}
    natural = scale_into(goal.natural, *goal.bounds.parts)
    choices = _judged(
        seen, there, importance, proposed | {"natural": natural, "uniform": uniform}, settings or {}
    )
    return Backtest(
        tuple(tokens for tokens, _ in scales), len(out), predictions, choices, tuple(notes)
    )


def _fits(
    seen: Observations,
    known: Observations,
    last: Observations,
    settings: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Any], list[str]]:
    """keep, autoscale and joint, fitted without the largest scale; where AutoScale cannot be, the joint law's word is kept."""
    found: dict[str, Any]
    joint, notes = mixers.create(JOINT, settings.get(JOINT)).fit(known), list[str]()
    try:
        found = {KEEP: mixers.create(AUTOSCALE, settings.get(AUTOSCALE)).fit(last)}
        found[AUTOSCALE] = mixers.create(AUTOSCALE, settings.get(AUTOSCALE)).fit(known)
    except MixwrightError as error:
        found = {KEEP: Kept(joint, float(np.median(last.tokens)))}
        notes.append(
            f"AutoScale cannot be fitted ({error}); kept is the joint law's optimum at {np.median(last.tokens):.3g} tokens"
        )
    notes.append(
        "two judges: the joint law fitted to all runs is of the joint law's own family, AutoScale's law of that scale of AutoScale's"
    )
    return found | {JOINT: joint}, notes


@dataclass(frozen=True)
class Kept:
    """A mixer that proposes for its own total, whatever the goal's."""

    mixer: Any
    total: float

    def propose(self, goal: Goal) -> Any:
        return self.mixer.propose(replace(goal, tokens=self.total))


def _predicted(name: str, fit: Any, out: Observations, importance: Array) -> Prediction:
    predicted, measured = fit.predict(fit.amounts_of(out)) @ importance, out.losses @ importance
    off = predicted - measured
    scatter = 1.4826 * float(
        np.median(np.abs(off - np.median(off)))
    )  # a starved run must not outweigh the others
    return Prediction(
        name,
        float(np.sqrt((off**2).mean())),
        float(off.mean()),
        scatter,
        rank_interval(measured, predicted),
    )


def _judged(
    seen: Observations,
    goal: Goal,
    importance: Array,
    weights: Mapping[str, Array],
    settings: Mapping[str, Mapping[str, Any]],
) -> tuple[Choice, ...]:
    """Regrets at the goal's tokens: the judge's, with intervals of its refits, and the second judge's."""
    judge = mixers.create(JOINT, settings.get(JOINT)).fit(seen)
    rows = np.flatnonzero(np.isin(seen.roles, ROLES))
    held_out = held_out_residuals(judge, seen, rows, goal.seed)
    mixtures = np.stack(list(weights.values()))
    own = _regrets(judge, goal, importance, mixtures)
    drawn = np.stack(
        [
            _regrets(fit, goal, importance, mixtures)
            for fit in refitted(judge, seen, rows, held_out, DRAWS, goal.seed)
        ]
    )
    second, kept = _second(seen, goal, importance, mixtures, settings), list(weights).index(KEEP)
    return tuple(
        Choice(
            name,
            dict(zip(goal.names, mixtures[k].tolist(), strict=True)),
            _interval(own[k], drawn[:, k]),
            None if second is None else float(second[k]),
            None if k == kept else _interval(own[kept] - own[k], drawn[:, kept] - drawn[:, k]),
        )
        for k, name in enumerate(weights)
    )


def _regrets(judge: Mixer, goal: Goal, importance: Array, mixtures: Array) -> Array:
    best = judge.propose(goal).weights
    values = (
        cast(Joint, judge).at(goal).predict(np.concatenate([best[None], mixtures])) @ importance
    )
    return np.asarray(np.maximum(values[1:] - values[0], 0.0))


def _second(
    seen: Observations,
    goal: Goal,
    importance: Array,
    mixtures: Array,
    settings: Mapping[str, Mapping[str, Any]],
) -> Array | None:
    try:
        judge = mixers.create(AUTOSCALE, settings.get(AUTOSCALE)).fit(seen)
    except MixwrightError:
        return None
    tried = np.concatenate([mixtures, judge.propose(goal).weights[None]])
    values = judge.predict(tried * goal.tokens) @ importance
    return np.asarray(values[:-1] - values.min())


def _interval(value: float, drawn: Array) -> Interval:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(min(low, value)), float(max(high, value)))


def _said(interval: Interval) -> str:
    return f"{interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
