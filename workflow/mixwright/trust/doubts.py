"""Which of several mixtures the runs cannot speak of: those of a front, or asked about by users."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mixwright import mixers
from mixwright.errors import TooFewRunsError, shortened
from mixwright.goal import Readout
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.cost import Cost
from mixwright.trust.evidence import CANNOT, Foreseen, HeldOut
from mixwright.trust.folds import held_out_residuals
from mixwright.trust.leverage import Cover
from mixwright.trust.odd_runs import OddRuns
from mixwright.trust.reach import Reach
from mixwright.trust.refitting import rows_read

# sentences at most before the objectives that remain are only listed
NAMED = 3
# names at most before a sentence
NAMES = 4


def doubts(
    mixer: Mixer,
    runs: Observations,
    mixtures: Array,
    objectives: Mapping[str, Sequence[str]],
) -> tuple[str, ...]:
    """Returns a sentence for each reason to doubt what a mixer predicts of mixtures.

    Args:
        mixer: fitted to `runs`.
        mixtures: (mixtures, domains) on the simplex.
        objectives: name -> its targets, of which it is the mean.
    """
    if not mixers.entry(mixer.name).can_refit:
        return ()
    rows = rows_read(mixer.name, runs)
    try:
        residuals = held_out_residuals(mixer, replace(runs, derived=True), rows, seed=0)
    except TooFewRunsError:
        return ()
    swarm = runs.only(rows)
    leverage = Cover.of(swarm.weights).of_runs
    names_of: dict[str, list[str]] = {}
    for name, targets in objectives.items():
        wanted = np.isin(runs.targets, list(targets))
        odd = OddRuns.of(swarm.losses, residuals, leverage, wanted)
        cost = Cost(Readout.of(dict.fromkeys(targets, 1.0), runs.targets, runs.metrics))
        held_out = HeldOut(
            runs=swarm.runs,
            weights=swarm.weights,
            actual=cost(swarm.losses),
            predicted=cost(swarm.losses - residuals),
            odd=odd.odd,
        )
        foreseen = Foreseen.of(*held_out.by_mixture())
        reach = Reach.of(swarm.runs, swarm.weights, odd.odd, runs.domains)
        for sentence in doubtful(reach, foreseen, mixtures):
            names_of.setdefault(sentence, []).append(name)
    return listed(names_of)


def listed(names_of: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Returns doubts with whom they are about: some in full, of many the names.

    Args:
        names_of: sentence -> names of objectives.
    """
    sentences: list[str] = []
    others: list[str] = []
    for sentence, names in names_of.items():
        if len(sentences) < NAMED:
            sentences.append(f"{shortened(names, NAMES)}: {sentence}")
        else:
            others.extend(names)
    if others:
        sentences.append(f"as doubtful are {', '.join(others)}")
    return tuple(sentences)


def doubtful(reach: Reach, foreseen: Foreseen, mixtures: Array) -> list[str]:
    """Returns of how many mixtures the runs cannot tell, and why of the first; empty: of none.

    Args:
        reach: of the runs.
        foreseen: how well these are predicted where they are held out.
        mixtures: (mixtures, domains).
    """
    reasons: list[str] = []
    for mixture in mixtures:
        reached = reach.of_mixture(mixture, reach.centre)
        every = [*reached.reasons, *foreseen.reasons]
        reasons.extend(every[:1])
    if not reasons:
        return []
    if len(mixtures) == 1:
        return [f"{CANNOT}: {reasons[0]}"]
    count = f"{len(reasons)} of {len(mixtures)} mixtures"
    return [f"{CANNOT} about {count}; the first: {reasons[0]}"]
