"""A proposal in the units that were measured, with intervals, for own tables and for studies."""

from collections.abc import Mapping
from dataclasses import replace

from mixwright.goal import Goal, Proposal, check_worst_units
from mixwright.learners import Metric
from mixwright.mixers.base import Proposer
from mixwright.observations import Observations
from mixwright.proposals.fits import Fit
from mixwright.proposals.mean_accuracy import for_mean_accuracy
from mixwright.proposals.options import Options
from mixwright.trust import bootstrap
from mixwright.trust.chance import at_chance
from mixwright.trust.passes import with_passes
from mixwright.trust.refitting import Refitting


def propose_within(
    fit: Fit,
    options: Options,
    draws: int = bootstrap.DRAWS,
    refitting: Refitting | None = None,
) -> Proposal:
    """Returns the best mixture of a fit inside the options, and how far to trust it.

    Args:
        draws: refits of the mixer that give the intervals; 0: no intervals.
        refitting: of the fit, where others ask for the same refits.

    Raises:
        MixwrightError: the bounds leave no mixture, the goal is a plain mean of different units, or
            there are too few draws.
    """
    options.check_units(fit.source)
    proposal = propose_in_units(
        fit.mixer,
        fit.runs,
        options.goal(fit.source),
        fit.source.metrics,
        draws,
        refitting,
    )
    return options.annotate(proposal, fit.source)


def propose_in_units(
    mixer: Proposer,
    runs: Observations | None,
    goal: Goal,
    metrics: Mapping[str, Metric],
    draws: int = bootstrap.DRAWS,
    refitting: Refitting | None = None,
) -> Proposal:
    """Returns the best mixture for a goal, with what is predicted in the targets' units.

    Args:
        mixer: fitted, where it reads runs.
        runs: those that it was fitted to; None: it reads none.
        metrics: target -> what its numbers are; losses in nats/token where nothing stands.
        draws: refits of the mixer that give the intervals; 0: no intervals.
        refitting: of the mixer and its runs, where others ask for the same refits.
    """
    notes: tuple[str, ...] = ()
    if goal.worst:
        check_worst_units(list(goal.targets), metrics)
    if runs is not None:
        runs = replace(runs, metrics=metrics)
        notes = at_chance(runs, goal.targets)
    goal = for_mean_accuracy(runs, goal)
    proposal = bootstrap.propose(
        mixer,
        runs,
        goal,
        draws,
        refitting,
    )
    noted = replace(proposal, notes=(*proposal.notes, *notes))
    return with_passes(noted, runs, goal).in_units(metrics)
