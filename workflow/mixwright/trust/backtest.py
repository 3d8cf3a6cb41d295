"""Would what the smaller scales say have been right at the largest?

The largest scale is left out. The smaller ones predict its runs and propose a mixture for it.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError, quantity
from mixwright.goal import Goal, Proposal
from mixwright.mixers.autoscale.scales import scales_with_runs
from mixwright.mixers.laws.joint import ROLES
from mixwright.mixture import Array
from mixwright.numerics.spread import robust_deviation
from mixwright.observations import Observations
from mixwright.simplex.geometry import scale_into
from mixwright.trust.folds import Rows
from mixwright.trust.intervals import Interval, rank_interval
from mixwright.trust.judges import AUTOSCALE, JOINT, KEEP, JudgedMixture, Settings, create, judge
from mixwright.trust.noise import target_weights

# totals within such a factor of a neighbour's are one scale, where no perturb runs say what one is
SCALE = 1.3
# What to do for more tokens than were trained, by the choice that is trusted.
ADVICE = {
    KEEP: "keep the mixture that was best at the largest scale: extrapolating it did not help here",
    AUTOSCALE: "take AutoScale's extrapolation",
    JOINT: "take the joint law's optimum for that many tokens",
}
NAMES = {AUTOSCALE: "AutoScale's extrapolation", JOINT: "the joint law's optimum"}
LAWS = {AUTOSCALE: "AutoScale's law", JOINT: "the joint law"}
OBJECTION = (
    "AutoScale's law came closer to them than the joint law, by this or by squared errors, so that"
    " it has a say, too: it puts no extrapolation ahead."
)
TWO_JUDGES = (
    "two judges: the joint law fitted to all runs is of the joint law's own family,"
    " AutoScale's law of that scale of AutoScale's"
)
TWO_SCALES = (
    "one scale is left when the largest is out, and from one scale AutoScale extrapolates nothing:"
    " it keeps the mixture; train a third scale to test it"
)


@dataclass(frozen=True)
class Prediction:
    """How well a mixer that knows the smaller scales predicts the largest one's runs.

    Errors are those of the objective, predicted minus measured, nats/token.
    """

    mixer: str
    # root mean square
    rmse: float
    # mean
    bias: float
    # what is left of the error when the level is right, for mixtures are chosen by differences:
    # 1.48 median deviations
    scatter: float
    # rank correlation
    rank: Interval

    @property
    def about_level(self) -> tuple[float, float]:
        """The scatter, and the root mean square error about the level.

        A few starved runs may make the latter.
        """
        variance = max(0.0, self.rmse**2 - self.bias**2)
        return self.scatter, float(np.sqrt(variance))


@dataclass(frozen=True)
class Backtest:
    """The largest scale as a test of the others."""

    # tokens, smallest first; the last was left out
    scales: tuple[float, ...]
    # number of runs left out
    runs: int
    predictions: tuple[Prediction, ...]
    choices: tuple[JudgedMixture, ...]
    notes: tuple[str, ...]

    @property
    def judged_by(self) -> str:
        """The mixer whose law has a say: AutoScale or the joint law.

        AutoScale's law of the left-out scale has a say if, without that scale, AutoScale
        predicted its runs with less scatter or less squared error about its level. Else the
        joint law judges alone: it is no judge alone where it missed some runs widely.
        """
        predictions = {prediction.mixer: prediction for prediction in self.predictions}
        if AUTOSCALE not in predictions:
            return JOINT
        autoscale = predictions[AUTOSCALE].about_level
        joint = predictions[JOINT].about_level
        if autoscale[0] < joint[0] or autoscale[1] < joint[1]:
            return AUTOSCALE
        return JOINT

    @property
    def trusted(self) -> str:
        """The choice to trust: that of least regret among those that beat keeping, else keeping.

        It must beat keeping beyond the judge's interval. Where AutoScale has a say, its law must
        put the choice ahead of keeping too.
        """
        best = self._choice(KEEP)
        for choice in self._rivals:
            if not self._beats_keeping(choice):
                continue
            if best.choice == KEEP or choice.regret.value < best.regret.value:
                best = choice
        return best.choice

    @property
    def verdict(self) -> str:
        """What this study trusts, and why."""
        rivals = [_against_keeping(choice) for choice in self._rivals if choice.ahead]
        errors = []
        for prediction in self.predictions:
            errors.append(f"{prediction.scatter:.3f} by {LAWS[prediction.mixer]}")
        sentences = [
            f"For more tokens than were trained, {ADVICE[self.trusted]}.",
            f"The test: the runs of {quantity(self.scales[-1])} tokens were left out, and mixtures"
            f" for them chosen from the smaller scales. {'. '.join(rivals)}.",
            f"The losses of these runs were missed by {' and '.join(errors)}, in nats/token, once"
            " the mean error is taken off.",
        ]
        if self.trusted == KEEP and self.judged_by == AUTOSCALE:
            sentences.append(OBJECTION)
        return " ".join(sentences)

    def _beats_keeping(self, choice: JudgedMixture) -> bool:
        """Whether all judges that have a say put the choice ahead of keeping."""
        if choice.ahead is None or not choice.ahead.low > 0:
            return False
        if self.judged_by == JOINT:
            return True
        keep_regret = self._choice(KEEP).autoscale_regret or 0.0
        if choice.autoscale_regret is None:
            return False
        return choice.autoscale_regret < keep_regret

    @property
    def _rivals(self) -> list[JudgedMixture]:
        """The extrapolations."""
        return [choice for choice in self.choices if choice.choice in (AUTOSCALE, JOINT)]

    def _choice(self, name: str) -> JudgedMixture:
        return next(choice for choice in self.choices if choice.choice == name)

    def as_json(self) -> dict[str, Any]:
        """Returns the content of `backtest.json`."""
        return asdict(self) | {"trusted": self.trusted, "verdict": self.verdict}


@dataclass(frozen=True)
class FixedTotal:
    """A mixer that proposes for its own total, whatever the goal's."""

    mixer: Any
    # tokens
    total: float

    def propose(self, goal: Goal) -> Proposal:
        """Returns the mixer's proposal at its own total."""
        proposal: Proposal = self.mixer.propose(replace(goal, tokens=self.total))
        return proposal


def find_scales(observations: Observations) -> list[tuple[float, Rows]]:
    """Returns the tokens and the positions of the runs of each scale, smallest first.

    The perturb design says which scales there are, and other runs belong to the nearest one.
    Without such a design, totals that lie together are a scale.
    """
    roles = np.array(observations.roles)
    read = np.flatnonzero(np.isin(roles, ROLES))
    perturbed = np.flatnonzero(roles == "perturb")
    if len(perturbed):
        others = np.setdiff1d(read, perturbed)
        return _scales_of_design(observations, perturbed, others)
    logs = np.log(observations.tokens)
    order = read[np.argsort(logs[read], kind="stable")]
    steps = np.diff(logs[order])
    gaps = np.flatnonzero(steps > np.log(SCALE))
    scales = []
    for rows in np.split(order, gaps + 1):
        if len(rows):
            total = float(np.median(observations.tokens[rows]))
            scales.append((total, np.sort(rows)))
    return scales


def backtest(
    observations: Observations,
    goal: Goal,
    settings: Settings | None = None,
) -> Backtest:
    """Leaves the largest scale out, and tests what the others say of it.

    Args:
        observations: runs of two scales or more.
        goal: targets, and bounds of the weights that hold at the largest scale.
        settings: mixer -> its settings.

    Raises:
        MixwrightError: there is one scale only.
    """
    settings = settings or {}
    observations = observations.only(np.argsort(np.array(observations.runs)))
    scales = find_scales(observations)
    if len(scales) < 2:
        problem = "there are no runs"
        if scales:
            problem = f"all runs have about {scales[0][0]:.3g} tokens"
        raise MixwrightError(
            f"backtest: {problem}; a second scale is needed,"
            " such as another total in designs.perturb.tokens"
        )
    total, out = scales[-1]
    left_out = observations.only(out)
    everything = np.arange(len(observations.runs))
    known = observations.only(np.setdiff1d(everything, out))
    largest_known = observations.only(scales[-2][1])
    goal = replace(goal, tokens=total)
    importance = target_weights(goal.targets, observations.targets)
    fits, notes = _fits(known, largest_known, settings)
    if len(scales) == 2 and AUTOSCALE in fits:
        notes.append(TWO_SCALES)
    predictions = []
    for name, fit in fits.items():
        if name != KEEP:
            prediction = _prediction(name, fit, left_out, importance)
            predictions.append(prediction)
    mixtures = {name: fit.propose(goal).weights for name, fit in fits.items()}
    count = len(goal.domains)
    uniform = np.full(count, 1 / count)
    mixtures["natural"] = scale_into(goal.natural, *goal.bounds.parts)
    mixtures["uniform"] = scale_into(uniform, *goal.bounds.parts)
    return Backtest(
        scales=tuple(tokens for tokens, _ in scales),
        runs=len(out),
        predictions=tuple(predictions),
        choices=judge(
            observations,
            goal,
            importance,
            mixtures,
            settings,
        ),
        notes=tuple(notes),
    )


def _scales_of_design(
    observations: Observations,
    perturbed: Rows,
    others: Rows,
) -> list[tuple[float, Rows]]:
    """The scales of the perturb runs; each of the other runs belongs to the nearest one."""
    scales = scales_with_runs(observations.amounts[perturbed], observations.losses[perturbed])
    totals = [float(scale.base.sum()) for _, scale in scales]
    logs = np.log(observations.tokens[others])
    distances = np.abs(logs[:, None] - np.log(totals))
    closest = distances.argmin(axis=1)
    result = []
    for number, (rows, _) in enumerate(scales):
        members = np.union1d(perturbed[rows], others[closest == number])
        result.append((totals[number], members))
    return result


def _fits(
    known: Observations,
    largest_known: Observations,
    settings: Settings,
) -> tuple[dict[str, Any], list[str]]:
    """keep, autoscale and joint, fitted without the largest scale, and notes on them.

    Where AutoScale cannot be fitted, `keep` is the joint law's optimum at the largest known
    scale.
    """
    joint = create(JOINT, settings).fit(known)
    fits: dict[str, Any] = {}
    notes = []
    try:
        keep = create(AUTOSCALE, settings).fit(largest_known)
        autoscale = create(AUTOSCALE, settings).fit(known)
    except MixwrightError as error:
        total = float(np.median(largest_known.tokens))
        fits[KEEP] = FixedTotal(joint, total)
        notes.append(
            f"AutoScale cannot be fitted ({error});"
            f" kept is the joint law's optimum at {total:.3g} tokens"
        )
    else:
        fits[KEEP] = keep
        fits[AUTOSCALE] = autoscale
    fits[JOINT] = joint
    notes.append(TWO_JUDGES)
    return fits, notes


def _prediction(name: str, fit: Any, left_out: Observations, importance: Array) -> Prediction:
    """How well the fit predicts the objective of the runs left out."""
    predicted = fit.predict(fit.amounts_of(left_out)) @ importance
    measured = left_out.losses @ importance
    errors = predicted - measured
    return Prediction(
        mixer=name,
        rmse=float(np.sqrt((errors**2).mean())),
        bias=float(errors.mean()),
        # by medians, for a starved run must not outweigh the others
        scatter=float(robust_deviation(errors)),
        rank=rank_interval(measured, predicted),
    )


def _against_keeping(choice: JudgedMixture) -> str:
    """How an extrapolation did beside keeping the mixture, in words."""
    assert choice.ahead is not None
    name = NAMES[choice.choice]
    start = name[:1].upper() + name[1:]
    ahead = choice.ahead
    if ahead.value == ahead.low == ahead.high == 0:
        return f"{start} is the mixture that was kept"
    side = "better" if ahead.value > 0 else "worse"
    low, high = ahead.low, ahead.high
    if ahead.value < 0:
        low, high = -ahead.high, -ahead.low
    size = f"{abs(ahead.value):.3f} nats/token [{low:.3f}, {high:.3f}]"
    return f"{start} came out {size} {side} than keeping it, by a law of all runs"
