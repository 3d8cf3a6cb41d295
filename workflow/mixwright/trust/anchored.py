"""A law of larger models: fitted to a few runs of theirs, around the law of smaller models.

Its priors are centred at the smaller models' law and held STRENGTH times as strongly as a law's
usual priors. On RegMix's tables (a law of 64 runs of 1M, anchors of 1B drawn ten times, judged on
the other 1B runs) the mean rank correlation x 100 rose from 95.5 by .55 with 8 anchors, .69 with
16 and 1.22 with 32.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError, TooFewRunsError, counted, shortened
from mixwright.learners import LOSS
from mixwright.measured.headings import paired
from mixwright.mixers.base import Proposer
from mixwright.mixers.laws.effective_data import EffectiveData
from mixwright.mixers.laws.mixer import columns_of
from mixwright.observations import Observations
from mixwright.proposals.fits import Fit, FittedRuns
from mixwright.trust.anchors import check_units, remedy_of_lacking

# With so many runs of larger models, or fewer, the smaller models' proposal was as good or better.
FEW = 8
# Domains that a message names.
NAMED = 5


def anchored(smaller: Fit, anchors: Observations) -> Fit:
    """Returns a fit to runs of larger models, around a fit to smaller ones.

    Args:
        smaller: a fit of effective-data.
        anchors: runs of larger models, over the same domains and at least its targets.

    Raises:
        MixwrightError: the fit is of another mixer, or the runs are of other domains, targets or
            units, or too few.
    """
    mixer = smaller.mixer
    if not isinstance(mixer, EffectiveData):
        raise MixwrightError(
            f"--around: {smaller.name} has no law that other runs can begin from;"
            " name a fit of effective-data"
        )
    runs = _in_order(mixer, anchors)
    predicted = mixer.predict(runs.weights)
    check_units(mixer.targets, predicted, runs.losses, smaller.source.metrics)
    beginning = EffectiveData(
        tolerance=mixer.tolerance,
        iterations=mixer.iterations,
        around=columns_of(mixer.law),
    )
    try:
        fitted: Any = beginning.fit(runs)
    except TooFewRunsError as error:
        raise MixwrightError(
            f"--around: {counted(len(runs.runs), 'run')} make no fit, which needs {error.least}:"
            f" with {FEW} or fewer go by the smaller models' fit, at the larger level:"
            " mixwright predict --anchor-mixtures FILE --anchor-losses FILE"
        ) from None
    return Fit(FittedRuns.of(mixer.name, runs, mixer.targets), fitted, runs)


def is_anchored(mixer: Proposer) -> bool:
    """Whether a fitted mixer's law lies around that of smaller models."""
    return isinstance(mixer, EffectiveData) and mixer.around is not None


def anchored_note(runs: int, size: str) -> str:
    """Returns what a proposal says of a law of so many runs of a larger size."""
    return (
        f"the law is fitted to {counted(runs, 'run')} of {size}, around the law of the proxies:"
        " losses and gains are predicted at that size"
    )


def _in_order(mixer: EffectiveData, anchors: Observations) -> Observations:
    """The runs with the domains and targets of a fit, in its order."""
    apart = set(anchors.domains) ^ set(mixer.domains)
    if apart:
        where = []
        for place, domains in (("the runs", anchors.domains), ("the fit", mixer.domains)):
            alone = [name for name in domains if name in apart]
            if alone:
                where.append(f"in {place} alone: {shortened(alone, NAMED)}")
        raise MixwrightError(
            f"--around: domains {'; '.join(where)}; give runs over the fit's domains"
        )
    names = paired(anchors.targets, mixer.targets)
    meant = [names.get(name) for name in anchors.targets]
    for target in mixer.targets:
        if target not in meant:
            others = [name for name in anchors.targets if name not in names]
            raise MixwrightError(
                f"--around: the runs lack target {target} of the fit;"
                f" {remedy_of_lacking(target, others)}"
            )
    columns = [meant.index(target) for target in mixer.targets]
    order = [anchors.domains.index(name) for name in mixer.domains]
    metrics = {}
    for target, column in zip(mixer.targets, columns, strict=True):
        metrics[target] = anchors.metrics.get(anchors.targets[column], LOSS)
    return replace(
        anchors,
        domains=mixer.domains,
        targets=mixer.targets,
        amounts=anchors.amounts[:, order],
        losses=np.ascontiguousarray(anchors.losses[:, columns]),
        epochs=None,
        metrics=metrics,
    )
