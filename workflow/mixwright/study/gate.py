"""Whether the samples hold what the finals can need, told before any proxy is trained."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mixwright.corpus.counts import ESTIMATED, Extent
from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixture import Array, Mixture
from mixwright.simplex.geometry import minimise_linear
from mixwright.study.study import Study

# By how much a final may exceed a sample before it is refused: it has whole sequences.
SLACK = 1.01


def check_samples(study: Study, goal: Goal, extents: Mapping[str, Extent]) -> None:
    """Refuses a goal inside whose bounds a final needs more of a domain than its sample holds.

    A domain whose sample is all there is may be repeated: that is what the bounds are for.

    Raises:
        MixwrightError: one line, with the sample to set.
    """
    if study.ends_at_proposals or not study.learner.sized:
        return
    short = []
    for name, weight in zip(goal.names, _most(study, goal).tolist(), strict=True):
        extent = extents.get(name)
        needed = weight * goal.tokens
        if extent and not extent.is_whole and needed > extent.tokens:
            short.append((extent, needed))
    _refuse(short, goal.tokens, "may take")


def check_mixtures(
    study: Study,
    mixtures: Sequence[Mixture],
    extents: Mapping[str, Extent],
) -> None:
    """Refuses mixtures whose finals would repeat a sample that is not all there is.

    Raises:
        MixwrightError: as above.
    """
    if not study.learner.sized:
        return
    largest: dict[str, float] = {}
    for mixture in mixtures:
        for name, weight in mixture.as_dict().items():
            largest[name] = max(largest.get(name, 0.0), weight)
    short = []
    for name, weight in largest.items():
        extent = extents.get(name)
        needed = weight * study.final_tokens
        if extent and not extent.is_whole and needed > SLACK * extent.tokens:
            short.append((extent, needed))
    _refuse(short, study.final_tokens, "takes")


def _most(study: Study, goal: Goal) -> Array:
    """(domains,) the greatest weight that a final may give each domain."""
    most = np.zeros(len(goal.names))
    for number in range(len(goal.names)):
        costs = np.zeros(len(goal.names))
        costs[number] = -1.0
        most[number] = minimise_linear(costs, *goal.bounds.parts)[number]
    if all(study.method(mixer).bounded for mixer in study.mixers):
        return most
    # a reference outside the bounds: the targets' own domains
    for name in study.goals:
        targets = study.targets_of(name)
        weights = np.array([targets.get(domain, 0.0) for domain in goal.names])
        most = np.maximum(most, weights)
    return most


def _refuse(short: Sequence[tuple[Extent, float]], total: float, takes: str) -> None:
    """Refuses domains that are short of so many tokens, the one with the largest need first."""
    if not short:
        return
    ordered = sorted(short, key=lambda pair: (-pair[1], pair[0].domain))
    extent, needed = ordered[0]
    name = extent.domain
    about = "about " if extent.counted == ESTIMATED else ""
    message = (
        f"domains: {name}: a final {takes} {needed:,.0f} tokens and its sample holds"
        f" {extent.tokens:,} of {about}{extent.source_tokens:,};"
        f" set domains.{name}.sample to {_sample(extent, needed)}"
    )
    cap = _rounded_down(extent.tokens / total)
    if cap > 0:
        message += f", or cap it: goal.caps.{name} {cap:g}"
    others = [
        f"domains.{other.domain}.sample {_sample(other, more)}" for other, more in ordered[1:]
    ]
    if others:
        message += f"; likewise {', '.join(others)}"
    raise MixwrightError(message)


def _sample(extent: Extent, needed: float) -> str:
    """The sample that suffices: a number of bytes, or all."""
    if needed >= extent.source_tokens:
        return "all"
    return f"{extent.bytes_for(needed)} or more"


def _rounded_down(share: float) -> float:
    """A share to two digits, never more than it."""
    if share <= 0:
        return 0.0
    digits = 1 - math.floor(math.log10(share))
    return math.floor(share * 10**digits) / 10**digits
