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

    def __call__(self, weights: Array) -> Array:
        """Returns (mixtures, targets) losses, nats/token, of weights (mixtures, domains)."""
        return self.losses(weights)


def law(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """A truth of the effective-data law's own family."""
    shape = (targets, domains)
    level, scale = rng.uniform(1, 3, targets), rng.uniform(0.5, 2, targets)
    power, offset = rng.uniform(0.1, 0.6, targets), rng.uniform(0.01, 0.2, targets)
    transfer = np.exp(rng.normal(-1, 1, shape))
    exponent = rng.uniform(0.4, 0.95, shape)

    def effective(w: Array) -> Array:
        return offset + (transfer * w[:, None, :] ** exponent).sum(axis=2)

    def losses(w: Array) -> Array:
        return level + scale * effective(w) ** -power

    def gains(importance: Array, at: Array) -> Gains:
        there = effective(at[None])[0]
        worth = importance * scale * power * there ** (-power - 1)
        return lambda w: np.einsum("k,...kd->...d", worth, transfer * w[..., None, :] ** exponent)

    return Truth(losses, gains)


def log_linear(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """c + exp(t.w)."""
    effect = rng.normal(-0.5, 0.8, (targets, domains))

    def gains(importance: Array, at: Array) -> Gains:
        slope = (importance * np.exp(effect @ at)) @ effect
        return lambda w: -slope * w

    return Truth(lambda w: 2 + np.exp(w @ effect.T), gains)


def powers(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """Sums of separate powers: each domain is needed for itself."""
    needs = 0.05 * rng.gamma(1, 1, (targets, domains))

    def gains(importance: Array, at: Array) -> Gains:
        need = importance @ needs
        return lambda w: -need * (w + 0.02) ** -0.4

    return Truth(lambda w: 2 + (needs * (w[:, None, :] + 0.02) ** -0.4).sum(axis=2), gains)


def complements(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """Domains help in pairs: geometric means of two shares."""
    upper = np.triu(np.ones((domains, domains)), 1)
    pairs = rng.gamma(0.5, 1, (targets, domains, domains)) * upper

    def effective(w: Array) -> Array:
        both = np.sqrt(w[:, :, None] * w[:, None, :])
        return 0.1 + np.einsum("rij,kij->rk", both, pairs)

    def gains(importance: Array, at: Array) -> Array:
        worth = importance * 0.3 * effective(at[None])[0] ** -1.3
        weighted = np.einsum("k,kij->ij", worth, pairs)
        return (weighted + weighted.T) / 2

    return Truth(lambda w: 2 + effective(w) ** -0.3, pairs=gains)


def synergy(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """The law, less a gain by products of two shares: not convex."""
    plain = law(rng, domains, targets)
    products = rng.gamma(0.3, 2, (targets, domains, domains))

    def losses(w: Array) -> Array:
        return plain(w) - np.einsum("ri,rj,kij->rk", w, w, products)

    return Truth(losses, convex=False)


def saturating(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """More of a domain is worth nothing from some share on."""
    worth = 0.3 * rng.gamma(0.7, 1, (targets, domains))
    share = rng.uniform(0.02, 0.2, domains)

    def gains(importance: Array, at: Array) -> Gains:
        worths = importance @ worth
        return lambda w: worths * (1 - np.exp(-w / share))

    def losses(w: Array) -> Array:
        return 4 - (worth * (1 - np.exp(-w[:, None, :] / share))).sum(axis=2)

    return Truth(losses, gains)


def harmful(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """The law, and domains that raise the loss."""
    plain = law(rng, domains, targets)
    harm = rng.gamma(1, 0.6, (targets, domains)) * (rng.random(domains) < 0.4)

    def gains(importance: Array, at: Array) -> Gains:
        of_law = _gains_of(plain, importance, at)
        harms = importance @ harm
        return lambda w: of_law(w) - harms * w**1.5

    def losses(w: Array) -> Array:
        return plain(w) + (harm * w[:, None, :] ** 1.5).sum(axis=2)

    return Truth(losses, gains)


def repeating(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """The law in data that are worth less each time they are repeated."""
    plain = law(rng, domains, targets)
    held = rng.uniform(0.03, 0.3, domains)

    def again(w: Array) -> Array:
        return np.maximum(w / held - 1, 0)

    def worth(w: Array) -> Array:
        return np.minimum(w, held) + held * 3 * (1 - np.exp(-again(w) / 3))

    def gains(importance: Array, at: Array) -> Gains:
        of_law = _gains_of(plain, importance, worth(at))
        harms = 0.05 * importance.sum() * held
        return lambda w: of_law(worth(w)) - harms * again(w) ** 2

    def losses(w: Array) -> Array:
        return plain(worth(w)) + 0.05 * (again(w) ** 2 @ held)[:, None]

    return Truth(losses, gains)


def thresholds(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """A domain helps once its share is over a threshold: not convex."""
    worth = 0.3 * rng.gamma(0.7, 1, (targets, domains))
    from_share = rng.uniform(0.03, 0.25, domains)

    def risen(w: Array) -> Array:
        return 1 / (1 + np.exp(-(w - from_share) / 0.015))

    def gains(importance: Array, at: Array) -> Gains:
        worths = importance @ worth
        return lambda w: worths * risen(w)

    return Truth(lambda w: 4 - risen(w) @ worth.T, gains, convex=False)


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
