"""Planted truths: made-up losses whose optimum is known, in the law's family and outside it.

Each kind draws, from a seed, the losses of any mixture. A part of them bounds from above what
another mixture can gain, so that an optimum found by search has a certificate (see `optima`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mixwright.mixture import Array

# (mixtures, domains) weights -> (mixtures, targets) nats/token
Losses = Callable[[Array], Array]
# (..., domains) weights -> (..., domains) what each domain adds to a gain
Gains = Callable[[Array], Array]
# (targets,) importance and (domains,) a mixture -> an upper bound's gains (see `Truth.gains`)
Bounding = Callable[[Array, Array], Gains]
# how many times as much a domain teaches its own text as it teaches others
ITSELF = 10.0
# loss of an untrained model on a domain's text: that of guessing among 4,096 tokens, nats/token
UNTRAINED = 8.3


@dataclass(frozen=True)
class Truth:
    """Losses that are known for every mixture, and what bounds their optimum.

    With f = importance @ losses, and h what `gains` returns at w, for every other mixture v

        f(w) - f(v) <= sum_i h_i(v_i) - sum_i h_i(w_i)

    because f is convex in something that is a sum over the domains. Where f is convex in sums over
    pairs, `pairs` stands in its place:

        f(w) - f(v) <= sqrt(v)' M sqrt(v) - sqrt(w)' M sqrt(w)
    """

    losses: Losses
    gains: Bounding | None = None
    # (targets,) importance and (domains,) a mixture -> M (domains, domains)
    pairs: Callable[[Array, Array], Array] | None = None
    # whether f is convex in the weights
    convex: bool = True
    # (domains,) text of each domain, as a share of a final's tokens; None: no run repeats any
    held: Array | None = None
    # losses of amounts where each run reads a share of the text alone; only with `held`
    cut: Callable[[Array, Array], Array] | None = None

    def __call__(self, weights: Array) -> Array:
        """Returns (mixtures, targets) losses, nats/token, of weights (mixtures, domains)."""
        return self.losses(weights)

    def at(self, amounts: Array, text: Array) -> Array:
        """Returns (runs, targets) losses, nats/token, of runs shorter than a final.

        A final's amounts are its weights, so that it has the losses of `losses`.

        Args:
            amounts: (runs, domains) tokens of each domain, as shares of a final's tokens.
            text: (runs,) share of each domain's text that a run may read, as
                `proxy.simulated_epochs` cuts it.
        """
        if self.cut is None:
            return self.losses(amounts)
        return self.cut(amounts, text[:, None])


def law(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """A truth of the effective-data law's own family."""
    shape = (targets, domains)
    level = rng.uniform(1, 3, targets)
    scale = rng.uniform(0.5, 2, targets)
    power = rng.uniform(0.1, 0.6, targets)
    offset = rng.uniform(0.01, 0.2, targets)
    logs = rng.normal(-1, 1, shape)
    transfer = np.exp(logs)
    exponent = rng.uniform(0.4, 0.95, shape)
    return _law(level, scale, power, offset, transfer, exponent)


def domain_texts(rng: np.random.Generator, domains: int) -> Truth:
    """Losses of the domains' own texts, by the law: each domain teaches itself most.

    An untrained model has the same loss on all of them.
    """
    shape = (domains, domains)
    level = rng.uniform(1, 3, domains)
    power = rng.uniform(0.1, 0.6, domains)
    offset = rng.uniform(0.01, 0.2, domains)
    logs = rng.normal(-1, 1, shape)
    boost = np.where(np.eye(domains), ITSELF, 1.0)
    transfer = boost * np.exp(logs)
    exponent = rng.uniform(0.4, 0.95, shape)
    scale = (UNTRAINED - level) * offset**power
    return _law(level, scale, power, offset, transfer, exponent)


def _law(
    level: Array, scale: Array, power: Array, offset: Array, transfer: Array, exponent: Array
) -> Truth:
    """Returns the law of (targets,) and (targets, domains) parameters."""

    def terms(w: Array) -> Array:
        # (..., targets, domains) what each domain adds
        raised = w[..., None, :] ** exponent
        return transfer * raised

    def effective(w: Array) -> Array:
        added = terms(w)
        return offset + added.sum(axis=2)

    def losses(w: Array) -> Array:
        fallen = effective(w) ** -power
        return level + scale * fallen

    def gains(importance: Array, at: Array) -> Gains:
        effective_there = effective(at[None])
        there = effective_there[0]
        slope = there ** (-power - 1)
        worth = importance * scale * power * slope

        def of_law(w: Array) -> Array:
            return np.einsum("k,...kd->...d", worth, terms(w))

        return of_law

    return Truth(losses, gains)


def log_linear(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """c + exp(t.w)."""
    effect = rng.normal(-0.5, 0.8, (targets, domains))

    def losses(w: Array) -> Array:
        logs = w @ effect.T
        return 2 + np.exp(logs)

    def gains(importance: Array, at: Array) -> Gains:
        logs = effect @ at
        worth = importance * np.exp(logs)
        slope = worth @ effect
        return lambda w: -slope * w

    return Truth(losses, gains)


def powers(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """Sums of separate powers: each domain is needed for itself."""
    shape = (targets, domains)
    needs = 0.05 * rng.gamma(1, 1, shape)

    def lack(w: Array) -> Array:
        return (w + 0.02) ** -0.4

    def losses(w: Array) -> Array:
        lacks = lack(w)
        of_domains = needs * lacks[:, None, :]
        return 2 + of_domains.sum(axis=2)

    def gains(importance: Array, at: Array) -> Gains:
        need = importance @ needs
        return lambda w: -need * lack(w)

    return Truth(losses, gains)


def complements(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """Domains help in pairs: geometric means of two shares."""
    everywhere = np.ones((domains, domains))
    upper = np.triu(everywhere, 1)
    shape = (targets, domains, domains)
    pairs = rng.gamma(0.5, 1, shape) * upper

    def effective(w: Array) -> Array:
        first = w[:, :, None]
        second = w[:, None, :]
        both = np.sqrt(first * second)
        added = np.einsum("rij,kij->rk", both, pairs)
        return 0.1 + added

    def losses(w: Array) -> Array:
        fallen = effective(w) ** -0.3
        return 2 + fallen

    def gains(importance: Array, at: Array) -> Array:
        effective_there = effective(at[None])
        there = effective_there[0]
        slope = there**-1.3
        worth = importance * 0.3 * slope
        weighted = np.einsum("k,kij->ij", worth, pairs)
        both_ways = weighted + weighted.T
        return both_ways / 2

    return Truth(losses, pairs=gains)


def synergy(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """The law, less a gain by products of two shares: not convex."""
    plain = law(rng, domains, targets)
    shape = (targets, domains, domains)
    products = rng.gamma(0.3, 2, shape)

    def losses(w: Array) -> Array:
        together = np.einsum("ri,rj,kij->rk", w, w, products)
        return plain(w) - together

    return Truth(losses, convex=False)


def saturating(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """More of a domain is worth nothing from some share on."""
    shape = (targets, domains)
    worth = 0.3 * rng.gamma(0.7, 1, shape)
    share = rng.uniform(0.02, 0.2, domains)

    def reached(w: Array) -> Array:
        left = np.exp(-w / share)
        return 1 - left

    def gains(importance: Array, at: Array) -> Gains:
        worths = importance @ worth
        return lambda w: worths * reached(w)

    def losses(w: Array) -> Array:
        shares = reached(w)
        of_domains = worth * shares[:, None, :]
        return 4 - of_domains.sum(axis=2)

    return Truth(losses, gains)


def harmful(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """The law, and domains that raise the loss."""
    plain = law(rng, domains, targets)
    shape = (targets, domains)
    degree = rng.gamma(1, 0.6, shape)
    does_harm = rng.random(domains) < 0.4
    harm = degree * does_harm

    def gains(importance: Array, at: Array) -> Gains:
        of_law = _gains_of(plain, importance, at)
        harms = importance @ harm

        def less_harm(w: Array) -> Array:
            harmed = harms * w**1.5
            return of_law(w) - harmed

        return less_harm

    def losses(w: Array) -> Array:
        raised = w[:, None, :] ** 1.5
        harmed = harm * raised
        return plain(w) + harmed.sum(axis=2)

    return Truth(losses, gains)


def repeating(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """The law in data that are worth less each time they are repeated."""
    plain = law(rng, domains, targets)
    held = rng.uniform(0.03, 0.3, domains)

    whole = np.ones(1)

    def again(w: Array, text: Array = whole) -> Array:
        passes = w / (held * text)
        return np.maximum(passes - 1, 0)

    def worth(w: Array, text: Array = whole) -> Array:
        some = held * text
        once = np.minimum(w, some)
        repeats = again(w, text)
        left = np.exp(-repeats / 3)
        more = some * 3 * (1 - left)
        return once + more

    def gains(importance: Array, at: Array) -> Gains:
        amounts_there = worth(at)
        of_law = _gains_of(plain, importance, amounts_there)
        harms = 0.05 * importance.sum() * held

        def less_harm(w: Array) -> Array:
            harmed = harms * again(w) ** 2
            amounts = worth(w)
            return of_law(amounts) - harmed

        return less_harm

    def losses(w: Array, text: Array = whole) -> Array:
        squares = again(w, text) ** 2
        harm = squares @ held
        harmed = 0.05 * harm[:, None]
        amounts = worth(w, text)
        return plain(amounts) + harmed

    return Truth(losses, gains, held=held, cut=losses)


def thresholds(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """A domain helps once its share is over a threshold: not convex."""
    shape = (targets, domains)
    worth = 0.3 * rng.gamma(0.7, 1, shape)
    from_share = rng.uniform(0.03, 0.25, domains)

    def risen(w: Array) -> Array:
        over = w - from_share
        left = np.exp(-over / 0.015)
        return 1 / (1 + left)

    def losses(w: Array) -> Array:
        shares = risen(w)
        gained = shares @ worth.T
        return 4 - gained

    def gains(importance: Array, at: Array) -> Gains:
        worths = importance @ worth
        return lambda w: worths * risen(w)

    return Truth(losses, gains, convex=False)


def _gains_of(truth: Truth, importance: Array, at: Array) -> Gains:
    """Returns the gains of a truth that has some."""
    assert truth.gains is not None
    return truth.gains(importance, at)


KINDS: Mapping[str, Callable[..., Truth]] = {
    "law": law,
    "log-linear": log_linear,
    "powers": powers,
    "complements": complements,
    "synergy": synergy,
    "saturating": saturating,
    "harmful": harmful,
    "repeating": repeating,
    "thresholds": thresholds,
}
