"""A proposal from a surface alone: the best mixture of its law, with intervals of predictions."""

from dataclasses import replace

from mixwright.goal import Proposal
from mixwright.mixers.laws.joint import Joint
from mixwright.proposals.mean_accuracy import for_mean_of
from mixwright.proposals.options import Options
from mixwright.trust.intervals import LEVEL
from mixwright.trust.passes import with_passes
from mixwright.trust.surface.surface import RUNS, Surface


def propose_from(surface: Surface, options: Options) -> Proposal:
    """Returns the best mixture of a surface inside the options.

    It has no gain over natural, and no intervals of weights: these need the runs.

    Raises:
        MixwrightError: the bounds leave no mixture, or the goal is a plain mean of different units.
    """
    source = surface.source
    options.check_units(source)
    best = {}
    for target, trust in zip(surface.targets, surface.trust, strict=True):
        best[target] = trust.best
    goal = for_mean_of(best, source.metrics, options.goal(source))
    proposal = with_passes(surface.mixer.propose(goal), None, goal)
    proposal = proposal.in_units(source.metrics)
    notes = [*proposal.notes, *_notes(surface, proposal)]
    noted = replace(
        proposal,
        mixer=surface.law,
        intervals=_intervals(surface, proposal),
        notes=tuple(notes),
    )
    return options.annotate(noted, source)


def _intervals(surface: Surface, proposal: Proposal) -> dict[str, object]:
    """Of what is predicted, where it is predicted at the scale of the runs."""
    if not surface.refits or isinstance(surface.mixer, Joint):
        return {}
    _, low, high = surface.intervals(proposal.weights[None], RUNS)
    ends = {}
    for target, least, most in zip(surface.targets, low[0], high[0], strict=True):
        if target in proposal.predicted:
            ends[target] = [float(least), float(most)]
    return {"level": LEVEL, "draws": len(surface.refits), "predicted": ends}


def _notes(surface: Surface, proposal: Proposal) -> tuple[str, ...]:
    """What a proposal from a surface cannot say, and where it is in doubt."""
    notes = [*surface.doubts(proposal.weights[None], proposal.predicted)]
    if surface.stands_for:
        notes.append(
            f"the {surface.law} law stands for {surface.source.mixer}, which has no formula"
        )
    if surface.wish.bounds is not None:
        notes.append("the study's own bounds are not applied: give them as options")
    notes.append("from a surface: propose from the fit itself for the gain over natural")
    return tuple(notes)
