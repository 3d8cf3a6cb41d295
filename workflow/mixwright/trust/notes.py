"""What a proposal's notes say beside its verdict."""

from scipy.special import stdtrit

from mixwright.goal import Goal, Proposal
from mixwright.learners import Metric
from mixwright.numerics.spread import varying
from mixwright.observations import Observations
from mixwright.trust.intervals import LEVEL, Interval
from mixwright.trust.noise import NoiseFloor

# of an interval: from this share on, the error of the form is most of it
MOSTLY = 0.8
# a weight below this is not mentioned
LITTLE = 1e-3


def untried(
    proposal: Proposal,
    observations: Observations | None,
    goal: Goal,
) -> tuple[str, ...]:
    """Returns a note on the domains that the proposal takes and no run took."""
    if observations is None:
        return ()
    most = observations.amounts.max(axis=0)
    names = []
    for name, weight, amount in zip(goal.names, proposal.weights, most, strict=True):
        if weight > LITTLE and not amount > 0:
            names.append(name)
    if not names:
        return ()
    prior = f"the share is {proposal.mixer}'s prior, nothing measured"
    return (f"no run took any of {', '.join(names)}: {prior}",)


def barred(goal: Goal) -> tuple[str, ...]:
    """Returns a note where natural, which the gain is over, lies outside the bounds."""
    if goal.bounds.contain(goal.natural[None])[0]:
        return ()
    if goal.worst:
        return ("natural lies outside the bounds: the gain is over natural brought inside them",)
    return ("natural lies outside the bounds: the gain is over a mixture they bar",)


def silent_targets(observations: Observations, goal: Goal) -> tuple[str, ...]:
    """Returns the goal's targets that are the same in every run, by name."""
    names = []
    varies = varying(observations.losses)
    for target, differs in zip(observations.targets, varies.tolist(), strict=True):
        if target in goal.targets and not differs:
            names.append(target)
    return tuple(names)


def silent(observations: Observations, goal: Goal) -> tuple[str, ...]:
    """Returns a note on targets that are the same in every run."""
    names = silent_targets(observations, goal)
    if not names:
        return ()
    return (f"{', '.join(names)}: the same in every run, so it tells no mixtures apart",)


def of_form(
    mixer: str,
    gain: Interval,
    error: float,
    draws: int,
    metric: Metric,
) -> tuple[str, ...]:
    """Returns a note where a gain is in doubt for what the mixer's form cannot follow.

    Args:
        error: standard error of the gain by the form.
        draws: refits that the interval rests on.
    """
    half = gain.high - gain.value
    of_form = float(stdtrit(draws - 1, (1 + LEVEL) / 2)) * error
    if gain.low > 0 or not of_form > MOSTLY * half:
        return ()
    unit = f" {metric.unit}".rstrip()
    return (
        f"{of_form:.3f}{unit} of the gain's {half:.3f} either way is what the form of {mixer}"
        " cannot follow: runs near this mixture narrow it, more seeds do not",
    )


def of_refits(mixer: str, draws: int, done: int, noise: NoiseFloor | None) -> tuple[str, ...]:
    """Returns notes on fewer draws than asked for, and on a noise that nobody measured."""
    notes = []
    if done < draws:
        notes.append(f"intervals from {done} refits, not {draws}: {mixer} takes long to fit")
    if noise is None:
        notes.append(
            "no mixture was trained twice: intervals count the noise of a run as the mixer's error"
        )
    return tuple(notes)
