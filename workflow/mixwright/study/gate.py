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
# A domain, and the tokens that a final needs of it.
Short = tuple[Extent, float]


def check_samples(study: Study, goal: Goal, extents: Mapping[str, Extent]) -> None:
    """Refuses a goal inside whose bounds a final needs more of a domain than its sample holds.

    A domain whose sample is all there is may be repeated: that is what the bounds are for.

    Raises:
        MixwrightError: one line, with the sample to set.
    """
    if study.ends_at_proposals or not study.learner.sized:
        return
    inside = _short(goal.names, _most(goal), goal.tokens, extents)
    _refuse(inside, goal.tokens, "may take")
    for mixer in study.mixers:
        # a reference outside the bounds: the targets' own domains
        if not study.method(mixer).bounded:
            outside = _short(goal.names, _of_targets(study, goal), goal.tokens, extents)
            _refuse(outside, goal.tokens, "may take", f"leave {mixer} out")


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
    names = mixtures[0].names
    largest = np.max([mixture.over(names).weights for mixture in mixtures], axis=0)
    short = _short(names, largest, study.final_tokens, extents, SLACK)
    _refuse(short, study.final_tokens, "takes")


def _most(goal: Goal) -> Array:
    """(domains,) the greatest weight that the bounds leave each domain."""
    most = np.zeros(len(goal.names))
    for number in range(len(goal.names)):
        costs = np.zeros(len(goal.names))
        costs[number] = -1.0
        most[number] = minimise_linear(costs, *goal.bounds.parts)[number]
    return most


def _of_targets(study: Study, goal: Goal) -> Array:
    """(domains,) the greatest weight that the targets' own domains have in the study's goals."""
    most = np.zeros(len(goal.names))
    for name in study.goals:
        targets = study.targets_of(name)
        weights = np.array([targets.get(domain, 0.0) for domain in goal.names])
        most = np.maximum(most, weights)
    return most


def _short(
    names: Sequence[str],
    weights: Array,
    tokens: float,
    extents: Mapping[str, Extent],
    slack: float = 1.0,
) -> list[Short]:
    """The domains whose samples hold less than weights (domains,) of so many tokens take.

    `slack` is by how much a sample may be exceeded.
    """
    short = []
    for name, weight in zip(names, weights.tolist(), strict=True):
        extent = extents.get(name)
        needed = weight * tokens
        if extent and not extent.is_whole and needed > slack * extent.tokens:
            short.append((extent, needed))
    return short


def _refuse(short: Sequence[Short], total: float, takes: str, remedy: str = "") -> None:
    """Refuses domains that are short of so many tokens, the one with the largest need first.

    Args:
        short: the domains.
        total: training tokens of a final.
        takes: the verb, may take or takes.
        remedy: what to do in place of raising the sample; a cap where nothing is said.
    """
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
    if remedy:
        message += f", or {remedy}"
    elif cap > 0:
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
