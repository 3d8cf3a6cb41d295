"""A proposal from a fit of one's own, without a study: chosen inside options, with intervals."""

from dataclasses import replace

from mixwright.goal import Proposal
from mixwright.proposals.fits import Fit
from mixwright.proposals.mean_accuracy import for_mean_accuracy
from mixwright.proposals.options import Options
from mixwright.trust import bootstrap
from mixwright.trust.chance import at_chance


def propose_within(fit: Fit, options: Options, draws: int = bootstrap.DRAWS) -> Proposal:
    """Returns the best mixture of a fit inside the options, and how far to trust it.

    Args:
        draws: refits of the mixer that give the intervals; 0: no intervals.

    Raises:
        MixwrightError: the bounds leave no mixture, the goal is a plain mean of different units, or
            there are too few draws.
    """
    options.check_units(fit.source)
    metrics = fit.source.metrics
    goal = for_mean_accuracy(fit.mixer, options.goal(fit.source), metrics)
    proposal = bootstrap.propose(fit.mixer, fit.runs, goal, draws)
    noted = replace(proposal, notes=(*proposal.notes, *at_chance(fit.runs, goal.targets)))
    return options.annotate(noted, fit.source)
