"""Runs of old domains as evidence for new ones: what the law moves, which few are to train.

A run that read other text than a mixture of the new domains does is moved to the nearest mixture
that reads its text as far as it can. Its loss moves by what the effective-data law, fitted to the
old runs, says of the difference:

    loss' = loss + L(w') - L(w)

So a run keeps its own noise and what the law misses of it. The runs to train are the informative
ones beside those that are there, until the most uncertain mixture of the new domains is as certain
as that of the old ones was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixwright import mixers
from mixwright.designs import dirichlet, informative
from mixwright.designs.surgery import LOST, MOVED, Carried, Surgery, carry
from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.alike import EQUAL, same_mixture
from mixwright.simplex.bounds import Bounds

# whose differences move a run
MIXER = "effective-data"
# runs of these roles are one swarm's, or repeat one of its mixtures
ROLES = ("swarm", "repeat")
# mixtures that the new runs are chosen from, or so many times their number
CANDIDATES = 512
CANDIDATES_OF_A_RUN = 4
# they are drawn as a swarm is (RegMix, arXiv 2407.01492)
TEMPERATURE = 0.5
STRENGTHS = (0.1, 5.0)
# streams of random numbers of one seed: candidates over the old domains and over the new ones
OLD, NEW = 1, 2


@dataclass(frozen=True, eq=False)
class Evidence:
    """Runs of before over the new domains, and what each is worth."""

    carried: Carried
    # the runs as they were measured, in the order of `carried`
    before: Observations
    # those that are evidence, over the new domains
    runs: Observations
    # (runs of before, targets) what the law added to what mixers minimise; 0 of a run as it was
    shifts: Array
    # (runs,) variance of each run of `runs` for the choice of further ones, as a share of the
    # predictions' variance
    noise: Array

    @classmethod
    def of(cls, observations: Observations, surgery: Surgery, law: bool = True) -> "Evidence":
        """Returns what runs of the old domains are worth for the new ones.

        Args:
            observations: runs of the surgery's old domains; those of ROLES count.
            law: whether runs may be moved by a law fitted to all of them.

        Raises:
            MixwrightError: no run is evidence, or the law cannot be fitted.
        """
        before = observations.of_role(*ROLES)
        carried = carry(surgery, before.weights, law)
        used = carried.used
        if not len(used):
            raise MixwrightError(
                "surgery: no run is evidence for the new domains; train a new swarm"
            )
        moved = np.array([state == MOVED for state in carried.states])
        shifts = np.zeros_like(before.losses)
        noise = np.full(len(before.runs), informative.NOISE)
        if moved.any():
            shifts[moved] = _shifts(before, carried, moved)
            noise[moved] += informative.difference(
                carried.same_text[moved], carried.before[moved], carried.before
            )
        losses = before.losses + shifts
        amounts = carried.weights * before.tokens[:, None]
        runs = replace(
            before.only(used),
            domains=surgery.new,
            amounts=amounts[used],
            losses=losses[used],
            epochs=None,
            learned=None,
            texts=_texts(before, surgery),
        )
        return cls(carried, before, runs, shifts, noise[used])

    @property
    def counts(self) -> dict[str, int]:
        """State -> how many runs have it, those that no run has left out."""
        numbers: dict[str, int] = {}
        for state in self.carried.states:
            numbers[state] = numbers.get(state, 0) + 1
        return numbers

    @property
    def lost(self) -> tuple[str, ...]:
        """Names of the runs that are no evidence."""
        pairs = zip(self.before.runs, self.carried.states, strict=True)
        return tuple(name for name, state in pairs if state == LOST)


@dataclass(frozen=True, eq=False)
class Needed:
    """Mixtures of the new domains to train, and how certain they leave all others."""

    # (runs, new)
    weights: Array
    # greatest variance of a mixture's loss, as a share of the predictions': of the old domains
    # with the old runs, of the new ones with what is carried, and with the new runs
    before: float
    carried: float
    after: float


def needed(
    evidence: Evidence,
    bounds: Bounds,
    middle: Array,
    seed: int = 0,
    runs: int | None = None,
) -> Needed:
    """Returns which mixtures to train next, inside the bounds of the new domains.

    Args:
        middle: (new,) the mixture around which candidates are drawn.
        seed: the same seed and evidence give the same mixtures.
        runs: how many; None: until the most uncertain candidate is as certain as that of the old
            domains was, and no more than there were runs.
    """
    old = evidence.carried.before
    there = evidence.runs.weights
    most = len(old) if runs is None else runs
    count = max(CANDIDATES, CANDIDATES_OF_A_RUN * most)
    everything = np.ones(old.shape[1])
    free = Bounds(0 * everything, everything)
    old_pool = _drawn(old.mean(axis=0), free, count, [seed, OLD])
    pool = _untried(_drawn(middle, bounds, count, [seed, NEW]), there)
    before = float(informative.uncertainty(old_pool, old).max())
    carried = float(informative.uncertainty(pool, there, evidence.noise).max())
    level = before if runs is None else 0.0
    order = informative.choose(pool, most, there, evidence.noise, level)
    chosen = pool[order]
    noise = np.concatenate([evidence.noise, np.full(len(chosen), informative.NOISE)])
    every = np.concatenate([there, chosen])
    after = float(informative.uncertainty(pool, every, noise).max())
    return Needed(chosen, before, carried, after)


def _shifts(before: Observations, carried: Carried, moved: NDArray[np.bool_]) -> Array:
    """(moved runs, targets) by how much the law says that losses differ."""
    fitted = mixers.create(MIXER).fit(before)
    tokens = before.tokens[moved][:, None]
    there = fitted.predict(carried.same_text[moved] * tokens)
    here = fitted.predict(carried.before[moved] * tokens)
    places = [fitted.targets.index(target) for target in before.targets]
    return np.asarray((there - here)[:, places])


def _texts(before: Observations, surgery: Surgery) -> dict[str, str]:
    """Target -> the domain whose text it is, of domains that stay."""
    return {target: name for target, name in before.texts.items() if name in surgery.untouched}


def _drawn(middle: Array, bounds: Bounds, count: int, seed: Sequence[int]) -> Array:
    """(count, domains) mixtures as a swarm around this one draws them, inside the bounds."""
    rngs = [np.random.default_rng([*seed, number]) for number in range(count)]
    return dirichlet.draw(middle**TEMPERATURE, STRENGTHS, bounds, rngs)


def _untried(pool: Array, there: Array) -> Array:
    """Those of the pool that differ from each other and from the runs that are there."""
    group = same_mixture(np.concatenate([there, pool]), EQUAL)
    _, first = np.unique(group, return_index=True)
    fresh = np.sort(first[first >= len(there)]) - len(there)
    return pool[fresh] if len(fresh) else pool
