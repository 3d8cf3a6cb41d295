"""Passes over each domain: those of a proposal, beside the most that a run made.

Every mixer's proposal is set beside its runs so: what repetition costs outside them is unknown,
or a law's extrapolation.
"""

from collections.abc import Mapping
from dataclasses import replace

from mixwright import mixers
from mixwright.errors import shortened
from mixwright.goal import Goal, Proposal
from mixwright.observations import Observations

# Passes from which a domain counts as repeated, and by how much more than the runs' is outside.
REPEATED = 1.01
OUTSIDE = 1.05
# Domains that a note names.
NAMED = 6


def with_passes(proposal: Proposal, runs: Observations | None, goal: Goal) -> Proposal:
    """Returns the proposal with its passes, those that the runs cover, and notes on both.

    Args:
        proposal: of the goal.
        runs: those that the mixer was fitted to; None: it reads none.
        goal: its domains know their tokens where passes can be told.
    """
    run_passes = covered(proposal.mixer, runs)
    noted = replace(proposal, run_passes=run_passes)
    if goal.tokens <= 1:
        # weights alone, or rows of tables: passes say nothing
        return noted
    learns = runs is not None
    notes = notes_of(goal.passes(proposal.weights), run_passes, learns)
    return replace(noted, notes=(*proposal.notes, *notes))


def covered(mixer: str, runs: Observations | None) -> dict[str, float]:
    """Returns domain -> most passes of a run that the mixer reads; empty where none were counted.

    Passes are over what the run could read of the domain: under simulated epochs, the cut text.
    """
    if runs is None or runs.epochs is None:
        return {}
    roles = mixers.entry(mixer).reads
    read = runs.of_role(*roles)
    if read.epochs is None or not len(read.runs):
        return {}
    most = read.epochs.max(axis=0)
    return dict(zip(read.domains, most.tolist(), strict=True))


def is_outside(passes: float, most: float) -> bool:
    """Returns whether passes over a domain are repetition that no run made.

    Args:
        passes: of the proposal.
        most: of a run.
    """
    return passes > REPEATED and passes > OUTSIDE * max(most, 1.0)


def notes_of(
    passes: Mapping[str, float | None], run_passes: Mapping[str, float], learns: bool
) -> tuple[str, ...]:
    """Returns notes on domains that a proposal repeats; none where it repeats nothing.

    Args:
        passes: domain -> those of the proposal; None where its tokens are unknown.
        run_passes: domain -> the most of a run; empty: not counted.
        learns: whether the proposal rests on runs.
    """
    repeated = {}
    for name, number in passes.items():
        if number is not None and number > REPEATED:
            repeated[name] = number
    if not repeated:
        return ()
    words = []
    outside = []
    for name in sorted(repeated, key=lambda name: (-repeated[name], name)):
        word = f"{name} {repeated[name]:.3g}"
        if name in run_passes:
            word += f" (runs up to {run_passes[name]:.3g})"
            if is_outside(repeated[name], run_passes[name]):
                outside.append(name)
        words.append(word)
    notes = [f"passes over repeated domains: {shortened(words, NAMED)}"]
    if outside:
        notes.append(
            f"no run passed so often over {shortened(outside, NAMED)}: what repetition costs there"
            " is extrapolated; train proxies with proxy.simulated_epochs"
        )
    if learns and not run_passes:
        notes.append("how often the runs passed over their text was not counted")
    return tuple(notes)
